# shellcheck shell=bash
# What the server's halves of the scripts share. They come over ssh's standard input, this file first, or lie in a
# release's folder; they run in ~/lovage, or whatever LOVAGE_DIR says.
set -euo pipefail
export LC_ALL=C.UTF-8

root=${LOVAGE_DIR:-lovage}
[[ $root == /* ]] || root=$HOME/$root
all_services="redis worker-ml worker-data worker-default scheduler dashboard"

say() { printf '[%(%H:%M:%S)T] %s\n' -1 "$*"; }

fail() {
  printf 'error: %s\n' "$1" >&2
  if [[ -n ${2:-} ]]; then printf '  %s\n' "$2" >&2; fi
  exit 1
}

# The last value of a variable of .env, without quotes around it; nothing where there is none.
stored() {
  [[ -r $root/.env ]] || return 0
  sed -n "s/^$1=//p" "$root/.env" | tail -n 1 | sed -e "s/^'\(.*\)'\$/\1/" -e 's/^"\(.*\)"$/\1/'
}

# The same, but on a host that is only looked at as if it had other settings.
setting() { stored "$1"; }

# Writes variables (NAME=VALUE …) into .env, all of them or none, also if the power is cut; it never becomes readable for
# others. NAME= takes one away. A program's arguments can be seen by others; a function's cannot.
set_settings() {
  local pair name
  (
    umask 077
    if [[ -e $root/.env ]]; then cp "$root/.env" "$root/.env.new"; else : >"$root/.env.new"; fi
    for pair in "$@"; do
      name=${pair%%=*}
      sed -i "/^$name=/d" "$root/.env.new"
      if [[ -n ${pair#*=} ]]; then printf '%s\n' "$pair" >>"$root/.env.new"; fi
    done
    sync "$root/.env.new"
    mv "$root/.env.new" "$root/.env"
  )
}

# Letters and digits only: Compose, sh and Redis' URLs read them the same way.
new_secret() { head -c 512 /dev/urandom | tr -dc 'A-Za-z0-9' | cut -c 1-40; }

# Compose v1 or v2, whichever is there; LOVAGE_COMPOSE chooses.
compose_program() {
  if [[ -n ${LOVAGE_COMPOSE:-} ]]; then echo "$LOVAGE_COMPOSE"
  elif command -v docker-compose >/dev/null; then echo docker-compose
  elif docker compose version >/dev/null 2>&1; then echo "docker compose"
  fi
}

compose_version() {
  local program version
  read -ra program <<<"$(compose_program)"
  version=$("${program[@]}" version --short)
  echo "${version#v}"
}

# The services of this host: all six, or the workers only where Redis is on another.
services() {
  local chosen
  chosen=$(setting LOVAGE_SERVICES)
  echo "${chosen:-$all_services}" | tr ',' ' '
}

file_of() { if [[ $1 == redis ]]; then echo docker-compose.redis.yml; else echo docker-compose.workers.yml; fi; }

# compose FILE ARG…: in ~/lovage, where .env lies. The other file's containers belong to the same project.
compose() {
  local file=$1 program
  shift
  read -ra program <<<"$(compose_program)"
  (cd "$root" && COMPOSE_IGNORE_ORPHANS=true COMPOSE_PROJECT_NAME=lovage "${program[@]}" -f "$file" "$@")
}

# One field of a service's container by Go template; nothing where there is no container.
inspect() { docker inspect -f "$2" "lovage-$1" 2>/dev/null || true; }

is_running() { [[ $(inspect "$1" '{{.State.Running}}') == true ]]; }

# `lovage ARG…` in the container that runs and knows the most; the dashboard knows its own password.
lovage() {
  local service
  for service in dashboard worker-default worker-data worker-ml; do
    if is_running "$service"; then
      docker exec "lovage-$service" lovage "$@" </dev/null
      return
    fi
  done
  fail "no container runs in which lovage could" "see ./scripts/status.sh, and ./scripts/logs.sh for why"
}

# Runs a long command whose output goes to a file, and says every ten seconds that it lives.
with_signs_of_life() {
  local what=$1 begun=$SECONDS output status=0 pid
  shift
  output=$(mktemp)
  "$@" >"$output" 2>&1 </dev/null &
  pid=$!
  while kill -0 "$pid" 2>/dev/null; do
    sleep 0.5
    if (((SECONDS - begun) >= 10 && (SECONDS - begun) % 10 == 0)); then
      say "  $what … $((SECONDS - begun)) s: $(tail -n 1 "$output" | tr -d '\r' | cut -c 1-80)"
      sleep 0.6
    fi
  done
  wait "$pid" || status=$?
  if ((status != 0)); then
    say "$what failed; its last lines:"
    tail -n 30 "$output" | sed 's/^/    /'
  fi
  rm -f "$output"
  return "$status"
}

# One operation at a time changes this host. The kernel drops the lock when its holder ends, however that comes.
lock() {
  mkdir -p "$root"
  chmod 700 "$root"
  exec 9>>"$root/deploy.lock"
  flock -n 9 || fail "another operation is changing this host: $(cat "$root/deploy.lock")" \
    "wait until it has ended; its log is the newest in $root/logs"
  : >"$root/deploy.lock"
  echo "$1, since $(date -u +%FT%TZ), process $$" >"$root/deploy.lock"
}
