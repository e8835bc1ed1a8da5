#!/usr/bin/env bash
# TLS at Redis and the dashboard of this host: on, off, or with new certificates. scripts/tls.sh starts it.
#   tls.sh on [--new-authority] [--days N] [--name NAME]… | on --given FOLDER | renew [--days N] | off
here=$(cd "$(dirname "${BASH_SOURCE[0]}")" && pwd)
# shellcheck source=deploy/server/common.sh
source "$here/common.sh"
# shellcheck source=deploy/server/releases.sh
source "$here/releases.sh"
# shellcheck source=deploy/server/containers.sh
source "$here/containers.sh"
# shellcheck source=deploy/server/certificates.sh
source "$here/certificates.sh"
# shellcheck source=deploy/server/given-certificates.sh
source "$here/given-certificates.sh"
# shellcheck source=deploy/server/trial.sh
source "$here/trial.sh"

# The state before, to go back to.
remember() {
  local name folder
  before=()
  for name in REDIS_TLS REDIS_CA_FILE DASHBOARD_TLS_CERT_FILE DASHBOARD_TLS_KEY_FILE REDIS_HOST LOVAGE_REDIS_CONFIG; do
    before+=("$name=$(setting "$name")")
  done
  rm -rf "$tls/before"
  (umask 077 && mkdir -p "$tls/before")
  for folder in authority public redis dashboard names; do
    if [[ -e $tls/$folder ]]; then cp -a "$tls/$folder" "$tls/before/"; fi
  done
}

# The folders stay: containers look into them.
restore_files() {
  local file
  for file in authority/ca.key authority/ca.crt public/ca.crt redis/{ca.crt,redis.crt,redis.key} dashboard/dashboard.{crt,key} names; do
    if [[ -e $tls/before/$file ]]; then cp -p "$tls/before/$file" "$tls/$file.new" && mv "$tls/$file.new" "$tls/$file"
    else rm -f "$tls/$file"; fi
  done
}

go_back() {
  say "that does not work: going back"
  restore_files
  set_settings "${before[@]}"
  if switch_over; then fail "TLS is as it was before, and all works again" "what was wrong stands above; ./scripts/logs.sh has more"; fi
  fail "going back did not work either" "./scripts/status.sh and ./scripts/logs.sh"
}

# switch_settings NAME=VALUE…
switch_settings() {
  set_settings "$@"
  # Redis reads its part of .env when it starts: Compose sees only this.
  set_settings "LOVAGE_REDIS_CONFIG=$(redis_config_of "$(current_release)")"
}

turned_on() {
  switch_settings REDIS_TLS=true REDIS_CA_FILE=/etc/lovage/tls/ca.crt "REDIS_HOST=$(own_address redis)" \
    DASHBOARD_TLS_CERT_FILE=/etc/lovage/dashboard-tls/dashboard.crt \
    DASHBOARD_TLS_KEY_FILE=/etc/lovage/dashboard-tls/dashboard.key
}

# Everything that talks to Redis ends while it still can, then Redis; and all start with what .env and the files say.
switch_over() {
  local service running=()
  for service in "${chosen[@]}"; do
    if [[ $service != redis ]] && is_running "$service"; then running+=("$service"); fi
  done
  drain "${running[@]+"${running[@]}"}"
  if is_running redis; then
    say "stopping redis"
    docker stop --time 60 lovage-redis >/dev/null || return 1
  fi
  apply "${chosen[@]}" && smoke "${chosen[@]}"
}

# What a service shows to whom connects.
served() {
  local port
  if [[ $1 == redis ]]; then port=$(setting REDIS_PORT | grep . || echo 6380); else port=$(setting DASHBOARD_PORT | grep . || echo 5555); fi
  { timeout 5 openssl s_client -connect "127.0.0.1:$port" </dev/null 2>/dev/null |
    openssl x509 -noout -fingerprint -sha256 2>/dev/null | cut -d= -f2; } || true
}

serves_new() { [[ $(served "$1") == "$(fingerprint "$tls/$1/$1.crt")" ]]; }

# New certificates of the same authority: nobody has to be told, and nothing has to end.
take_over() {
  local tries=0
  if ! serves_new redis; then
    docker exec lovage-redis sh /etc/lovage/redis/start.sh certificates </dev/null || return 1
    serves_new redis || return 1
    say "redis serves its new certificate; nobody was disconnected"
  fi
  if serves_new dashboard; then return; fi
  until serves_new dashboard; do
    if ((tries++ >= 20)); then
      say "the dashboard does not take its new certificate by itself; it is started again"
      docker restart lovage-dashboard >/dev/null && wait_ready dashboard && serves_new dashboard || return 1
      break
    fi
    sleep 1
  done
  say "the dashboard serves its new certificate"
}

tell_joined() {
  local other
  if [[ ! -s $root/joined ]]; then return; fi
  while read -r other; do say "$other must be told: ./scripts/join.sh $other"; done <"$root/joined"
}

# make_certificates DAYS keep|new: those that are missing, or no longer good.
make_certificates() {
  local service
  if [[ $2 == new || ! -e $tls/authority/ca.key ]]; then make_authority || return 1; fi
  for service in redis dashboard; do is_signed "$service" || sign "$service" "$1" || return 1; done
  install_authority "$tls/authority/ca.crt"
}

on() {
  local given="" days=$longest_days authority=keep
  mkdir -p "$tls"
  while (($# > 0)); do
    case $1 in
      --given) given=$2 && shift ;;
      --days) days=$2 && shift ;;
      --name) grep -qxF -e "$2" "$tls/names" 2>/dev/null || echo "$2" >>"$tls/names" && shift ;;
      --new-authority) authority=new ;;
    esac
    shift
  done
  if [[ -n $given ]]; then
    take_given "$given"
  elif ! make_certificates "$days" "$authority"; then
    restore_files
    exit 1
  fi
  if tls_is_on && cmp -s "$tls/before/public/ca.crt" "$tls/public/ca.crt"; then
    turned_on
    if ! apply "${chosen[@]}" || ! take_over || ! smoke "${chosen[@]}"; then go_back; fi
    say "TLS is on, as before"
    return
  fi
  turned_on
  try_out "$(current_release)" || go_back
  switch_over || go_back
  say "TLS is on, at Redis and the dashboard; their authority: $(fingerprint "$tls/public/ca.crt")"
  say "who uses them must trust it (./scripts/tls.sh trust FILE), and connect by rediss:// and https://"
  tell_joined
}

renew() {
  local service days=$longest_days
  if [[ ${1:-} == --days ]]; then days=$2; fi
  tls_is_on || fail "TLS is off" "./scripts/tls.sh on makes certificates and uses them"
  is_own || fail "these certificates were not made here" "bring new ones: ./scripts/tls.sh on --certificate FILE --key FILE --ca FILE"
  for service in redis dashboard; do
    if ! sign "$service" "$days"; then restore_files && exit 1; fi
  done
  if ! take_over || ! smoke "${chosen[@]}"; then go_back; fi
  say "renewed; the authority is the same, so nobody has to be told"
}

off() {
  if ! tls_is_on; then
    say "TLS is off already"
    return
  fi
  switch_settings REDIS_TLS=false REDIS_CA_FILE= DASHBOARD_TLS_CERT_FILE= DASHBOARD_TLS_KEY_FILE=
  switch_over || go_back
  say "TLS is off: passwords, jobs and logins travel in plain text"
  tell_joined
}

# However this ends, keys that came or were put aside do not stay.
put_away=()
if [[ ${1:-} == on && ${2:-} == --given ]]; then put_away=("$3"); fi
trap 'rm -rf "${put_away[@]+"${put_away[@]}"}"' EXIT

read -ra chosen <<<"$(services)"
if [[ " ${chosen[*]} " != *" redis "* ]]; then
  fail "there is no Redis on this host" "TLS is turned on where Redis is; then this host joins it again: ./scripts/join.sh"
fi
if [[ -n $(setting REDIS_URL) ]]; then
  fail "REDIS_URL in $root/.env says how Redis is reached" "remove it: REDIS_HOST, REDIS_PORT and REDIS_TLS say the same"
fi
lock "tls.sh ${1:-}"
put_away+=("$tls/before")
remember
case ${1:-} in
  on | off | renew) "$@" ;;
  *) fail "tls.sh on, off or renew" ;;
esac
