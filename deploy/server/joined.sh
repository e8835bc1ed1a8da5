# shellcheck shell=bash
# What the host of Redis has to do with hosts that joined it. After common.sh, certificates.sh, and for what is sent
# carried.sh.
#   joined   who did, as the laptop calls them, one a line

: "${root:?common.sh comes first}" "${tls:?certificates.sh comes before}"

is_loopback() { [[ $1 == localhost || $1 == 127.* || $1 == ::1 || $1 == "[::1]" ]]; }

# Whether others can join, by which release; as lines NAME=VALUE for the laptop. Nothing secret is among them.
facts() {
  local address=$1 bind outside=no place release
  [[ -r $root/.env ]] || fail "Lovage was not deployed to $root on $(hostname)" "./scripts/deploy.sh first; or name the host of Redis: --to"
  [[ " $(services) " == *" redis "* ]] || fail "$(hostname) joined another host itself" "name the host of Redis: --to TARGET"
  release=$(setting LOVAGE_RELEASE)
  [[ -e $root/releases/$release/deploy/server/join.sh ]] || fail "the release on $(hostname), ${release:-none}, cannot be joined" \
    "deploy this version there first: ./scripts/deploy.sh"
  [[ -z $(setting REDIS_URL) ]] || fail "REDIS_URL is set in $root/.env: Redis is somewhere else" "hosts can join one whose Redis was deployed with it"
  bind=$(setting REDIS_BIND)
  for place in $(tr ',' ' ' <<<"${bind:-0.0.0.0}"); do is_loopback "$place" || outside=yes; done
  if [[ $outside == no ]]; then
    fail "Redis on $(hostname) listens on loopback only (REDIS_BIND=$bind in $root/.env): no other host can reach it" \
      "let it listen: REDIS_BIND=0.0.0.0 there, and ./scripts/deploy.sh; encrypt it: ./scripts/tls.sh on; and let only those in who need it: ./scripts/firewall.sh"
  fi
  is_loopback "$address" && fail "the other host cannot reach this one as $address" "name an address that it can: --address ADDRESS"
  if tls_is_on && ! covers "$tls/redis/redis.crt" "$address"; then
    fail "Redis' certificate on $(hostname) is not good for $address" "./scripts/tls.sh on --name $address; or name another of its addresses: --address"
  fi
  printf '%s=%s\n' fact_release "$release" fact_tls "$(setting REDIS_TLS)" fact_port "$(setting REDIS_PORT | grep . || echo 6380)" \
    fact_ray "$(ray_address "$address")" fact_hostname "$(hostname)" \
    fact_datasets "$(setting HOST_DATASETS_DIR)" fact_models "$(setting HOST_MODELS_DIR)"
}

# Ray's address as the other host sees it.
ray_address() {
  local url place host port
  url=$(setting RAY_ADDRESS)
  url=${url:-http://127.0.0.1:8265}
  place=${url#*://}
  place=${place%%/*}
  port=${place##*:}
  host=${place%:*}
  if [[ $port == "$place" ]]; then port=; fi
  if is_loopback "$host"; then echo "${url%%://*}://$1${port:+:$port}"; else echo "$url"; fi
}

# settings_for ADDRESS: what a host of workers needs, for a pipe into it. There are secrets among them.
settings_for() {
  local name file
  : "${carried:?carried.sh comes before}"
  echo "set REDIS_HOST=$1"
  echo "set RAY_ADDRESS=$(ray_address "$1")"
  while IFS= read -r name; do
    case $name in REDIS_HOST | RAY_ADDRESS) ;; *) echo "set $name=$(setting "$name")" ;; esac
  done < <(grep -oE "^($carried)=" "$root/.env" | tr -d = | sort -u)
  # Where its own folders may be others.
  for name in HOST_DATASETS_DIR HOST_MODELS_DIR; do
    if [[ -n $(setting "$name") ]]; then echo "default $name=$(setting "$name")"; fi
  done
  # Certificates that settings name: of Redis' authority, and of Ray's, if it has one.
  for file in "$tls"/public/*; do
    if [[ -f $file ]]; then echo "file ${file##*/} $(base64 -w 0 "$file")"; fi
  done
  echo end
}

# A file of a name that was never there before, to be looked for on the other host.
mark_storage() {
  local name folder mark
  mark=.lovage-$(new_secret)
  for name in HOST_DATASETS_DIR HOST_MODELS_DIR; do
    folder=$(setting "$name")
    : >"${folder:-$(default_folder "$name")}/$mark" 2>/dev/null || true
  done
  echo "$mark"
}

unmark_storage() {
  local name folder
  for name in HOST_DATASETS_DIR HOST_MODELS_DIR; do
    folder=$(setting "$name")
    rm -f "${folder:-$(default_folder "$name")}/$1"
  done
}

note_joined() {
  forget_joined "$1"
  echo "$1" >>"$root/joined"
}

forget_joined() {
  touch "$root/joined"
  grep -vxF -e "$1" "$root/joined" >"$root/joined.new" || true
  mv "$root/joined.new" "$root/joined"
}

# Waits until workers of a host are known in Redis, one a service, and shows them.
show_workers_of() {
  local seen tries=0
  until seen=$(lovage inspect workers | grep -F "@$1") && (($(wc -l <<<"$seen") >= $2)); do
    if ((tries++ >= 30)); then fail "of $1's workers $2 should be known here, and are not" "./scripts/status.sh of both hosts"; fi
    sleep 1
  done
  lovage inspect workers
}
