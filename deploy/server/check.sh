# shellcheck shell=bash
# Looks at everything a deploy needs, and changes nothing. Every fault is told at once, with what to do.
# After common.sh, certificates.sh. Environment: LOVAGE_MIN_DISK_MB (default 3000).

: "${root:?common.sh comes first}" "${tls:?certificates.sh comes before}"
faults=0
warnings=0
ok() { printf '  ok     %s\n' "$1"; }
fault() {
  faults=$((faults + 1))
  printf '  FAULT  %s\n         %s\n' "$1" "$2"
}
warn() {
  warnings=$((warnings + 1))
  printf '  warn   %s\n         %s\n' "$1" "$2"
}

has_service() { [[ " $(services) " == *" $1 "* ]]; }

check_tools() {
  local tool missing=()
  for tool in docker flock sha256sum tar openssl; do command -v "$tool" >/dev/null || missing+=("$tool"); done
  if ((${#missing[@]} > 0)); then
    fault "missing on the server: ${missing[*]}" "install them; on Debian: apt install docker.io docker-compose util-linux coreutils tar openssl"
  else ok "tools: docker, flock, sha256sum, tar, openssl"; fi
}

check_docker() {
  local version compose
  if ! version=$(docker version --format '{{.Server.Version}}' 2>&1); then
    fault "Docker cannot be used by $(whoami): $(tail -n 1 <<<"$version")" \
      "start it (systemctl start docker), and put the user into its group: sudo usermod -aG docker $(whoami), then log in anew"
    return
  fi
  ok "Docker $version"
  compose=$(compose_program)
  if [[ -z $compose ]]; then
    fault "there is no Docker Compose" "install docker-compose 1.27 or later (Debian: apt install docker-compose), or the plugin docker compose"
    return
  fi
  version=$(compose_version)
  if [[ $version == 1.* ]] && (($(cut -d. -f2 <<<"$version") < 27)); then
    fault "$compose is $version; these files need 1.27 or later" "upgrade it"
  elif [[ $version == 2.* ]] && (($(cut -d. -f2 <<<"$version") < 20)); then
    fault "$compose is $version; of v2, 2.20 or later is needed" "upgrade it, or use v1 where it is: LOVAGE_COMPOSE=docker-compose"
  else ok "$compose $version"; fi
}

check_folder() {
  local above=$root
  while [[ ! -e $above ]]; do above=$(dirname "$above"); done
  if [[ ! -w $above ]]; then
    fault "$root cannot be written by $(whoami)" \
      "choose another folder with LOVAGE_DIR (default: lovage in the home); /opt is read-only on some hosts"
  else ok "folder $root"; fi
}

check_disk() {
  local place free need=${LOVAGE_MIN_DISK_MB:-3000}
  for place in "$HOME" "$(docker info --format '{{.DockerRootDir}}' 2>/dev/null || echo /)"; do
    # Docker's folder may be closed to us; its file system is not.
    while [[ ! -e $place ]]; do place=$(dirname "$place"); done
    free=$(df -Pm "$place" | awk 'NR == 2 { print $4 }')
    if ((free < need)); then
      fault "only $free MB are free at $place; $need are wanted" \
        "make room (docker image prune; older backups in $root/backups), or lower LOVAGE_MIN_DISK_MB"
    else ok "disk: $free MB free at $place"; fi
  done
}

# Whether somebody listens on a TCP port of this host.
listens() {
  local hex
  hex=$(printf ':%04X' "$1")
  cat /proc/net/tcp /proc/net/tcp6 2>/dev/null | awk -v port="$hex" '$4 == "0A" && substr($2, length($2) - 4) == port { found = 1 } END { exit !found }'
}

check_port() {
  local service=$1 name=$2 port
  has_service "$service" || return 0
  port=$(setting "$name")
  port=${port:-$3}
  if ! listens "$port"; then return; fi
  if [[ $(inspect "$service" '{{.State.Status}}') =~ ^(running|restarting)$ ]]; then return; fi
  fault "port $port, which $service needs, is taken by another program" \
    "stop that program (ss -ltnp 'sport = :$port' names it), or set $name in $root/.env"
  ports_taken=1
}

check_ports() {
  local ports_taken=0
  check_port redis REDIS_PORT 6380
  check_port worker-ml ML_HEALTH_PORT 9101
  check_port worker-data DATA_HEALTH_PORT 9102
  check_port worker-default DEFAULT_HEALTH_PORT 9103
  check_port scheduler SCHEDULER_HEALTH_PORT 9104
  check_port dashboard DASHBOARD_HEALTH_PORT 9105
  check_port dashboard DASHBOARD_PORT 5555
  if ((ports_taken == 0)); then ok "ports are free, or ours"; fi
}

# Whether HOST:PORT of a URL takes a connection. With a bridge network between, it would not.
reaches() {
  local place=${1#*://}
  place=${place%%/*}
  local host=${place%:*} port=${place##*:}
  if [[ $port == "$place" ]]; then
    host=$place
    port=80
    if [[ $1 == https:* ]]; then port=443; fi
  fi
  timeout 5 bash -c "exec 3<>/dev/tcp/$host/$port" 2>/dev/null
}

check_ray() {
  local address
  address=$(setting RAY_ADDRESS)
  address=${address:-http://127.0.0.1:8265}
  if reaches "$address"; then
    ok "Ray answers at $address"
  else
    local what="Ray does not answer at $address, seen from the server"
    local todo="start the cluster, or set RAY_ADDRESS in $root/.env; jobs of the queues ml and data wait meanwhile"
    if [[ -n ${LOVAGE_REQUIRE_RAY:-} ]]; then fault "$what" "$todo"; else warn "$what" "$todo"; fi
  fi
}

check_redis_elsewhere() {
  has_service redis && return 0
  local place
  place="$(setting REDIS_HOST):$(setting REDIS_PORT | grep . || echo 6380)"
  if reaches "redis://$place"; then ok "Redis answers at $place"
  else fault "Redis does not answer at $place, seen from this host" \
    "is REDIS_BIND on its server open to this host, and its firewall (./scripts/firewall.sh)?"; fi
}

check_settings() {
  local name value bad=0 mode
  if [[ ! -e $root/.env ]]; then
    ok "$root/.env will be made$(has_service redis && echo ", with new secrets")"
    return
  fi
  mode=$(stat -c %a "$root/.env")
  if [[ $mode != 600 ]]; then
    bad=1
    fault "$root/.env has mode $mode: others may read its secrets" "chmod 600 $root/.env"
  fi
  for name in REDIS_PASSWORD REDIS_WORKER_PASSWORD REDIS_CLIENT_PASSWORD; do
    value=$(setting "$name")
    if [[ -n $value && ! $value =~ ^[A-Za-z0-9_.-]+$ ]]; then
      bad=1
      fault "$name in $root/.env has characters that Compose, sh or a URL would read as something else" \
        "use letters, digits, _ . - only; or remove the line, and a new one is made"
    fi
  done
  value=$(setting REDIS_PREFIX)
  if [[ ! $value =~ ^[A-Za-z0-9_.-]*$ ]]; then
    bad=1
    fault "REDIS_PREFIX in $root/.env has characters that mean something in the patterns of Redis' users" "use letters, digits, _ . - only"
  fi
  value=$(setting DASHBOARD_PASSWORD)
  if [[ -n $value && ${#value} -lt 8 ]]; then
    bad=1
    fault "DASHBOARD_PASSWORD in $root/.env is shorter than 8 characters" "make it longer, or remove the line"
  fi
  for name in REDIS_WORKER_PASSWORD $(has_service dashboard && echo DASHBOARD_PASSWORD); do
    if [[ -z $(setting "$name") ]] && ! has_service redis; then
      bad=1
      fault "$name is empty in $root/.env" "this host has no Redis of its own: let ./scripts/join.sh write it"
    fi
  done
  if ((bad == 0)); then ok "$root/.env, mode 600; what is missing in it will be made"; fi
}

check_certificates() {
  local file days soonest=100000
  tls_is_on && has_service redis || return 0
  for file in public/ca redis/redis dashboard/dashboard; do
    if [[ ! -e $tls/$file.crt ]]; then
      fault "$tls/$file.crt is missing" "./scripts/tls.sh on makes what is missing"
      return
    fi
    days=$(days_left "$tls/$file.crt")
    if ((days < soonest)); then soonest=$days; fi
    if ((days < 0)); then fault "$tls/$file.crt has ended" "./scripts/tls.sh renew; given ones: ./scripts/tls.sh on --certificate …"
    elif ((days < 30)); then
      warn "$tls/$file.crt ends in $days days" "./scripts/tls.sh renew; given ones: ./scripts/tls.sh on --certificate …"
    fi
  done
  if ((soonest >= 30)); then ok "TLS; its certificates are good for $soonest days"; fi
}

run_checks() {
  printf 'Checking %s@%s\n' "$(whoami)" "$(hostname)"
  check_tools
  check_docker
  check_folder
  check_disk
  check_ports
  check_settings
  check_certificates
  check_redis_elsewhere
  check_ray
  if ((faults > 0)); then
    printf '%d faults; nothing was changed\n' "$faults"
    return 1
  fi
}
