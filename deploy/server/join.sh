#!/usr/bin/env bash
# Makes this host one of workers that belong to the Redis of another, or no longer. scripts/join.sh starts it.
#   join.sh take SERVICES [NAME=VALUE…] < settings   takes over what the host of Redis sent (joined.sh, settings_for)
#   join.sh leave                                    drains and removes the containers, and everything secret
here=$(cd "$(dirname "${BASH_SOURCE[0]}")" && pwd)
# shellcheck source=deploy/server/common.sh
source "$here/common.sh"
# shellcheck source=deploy/server/containers.sh
source "$here/containers.sh"
# shellcheck source=deploy/server/carried.sh
source "$here/carried.sh"

remove_containers() {
  local service running=()
  for service in "$@"; do if is_running "$service"; then running+=("$service"); fi; done
  drain "${running[@]+"${running[@]}"}"
  for service in "$@"; do docker rm --force "lovage-$service" >/dev/null 2>&1 || true; done
}

take() {
  local chosen=$1 kind text own=() defaults=() pair service gone=() whole=no
  shift
  umask 077
  mkdir -p "$root"
  rm -rf "$root/tls/public.new"
  mkdir -p "$root/tls/public.new"
  while read -r kind text; do
    case $kind in
      set) own+=("$text") ;;
      default) defaults+=("$text") ;;
      file) base64 -d <<<"${text#* }" >"$root/tls/public.new/${text%% *}" ;;
      end) whole=yes ;;
    esac
  done
  [[ $whole == yes ]] || fail "the settings of the host of Redis did not come whole; nothing was changed" "run this again"
  if [[ ! -e $root/.env ]]; then
    printf '%s\n' "# Settings of a host of Lovage's workers, $(hostname). ./scripts/join.sh writes them anew." >"$root/.env"
  fi
  for pair in "${defaults[@]+"${defaults[@]}"}"; do
    if [[ -z $(setting "${pair%%=*}") ]]; then own+=("$pair"); fi
  done
  # What the other host no longer has is not kept here.
  sed -E "/^($carried)=/d" "$root/.env" >"$root/.env.new"
  mv "$root/.env.new" "$root/.env"
  set_settings "${own[@]}" "LOVAGE_SERVICES=$chosen" "$@"
  mkdir -p "$root/tls/public"
  chmod -R a+rX "$root/tls/public.new"
  # The folder stays: containers look into it.
  rm -f "$root/tls/public/"*
  find "$root/tls/public.new" -type f -exec mv {} "$root/tls/public/" \;
  rm -rf "$root/tls/public.new"
  for service in $all_services; do
    if [[ ",$chosen," != *",$service,"* && -n $(inspect "$service" '{{.Id}}') ]]; then gone+=("$service"); fi
  done
  if ((${#gone[@]} > 0)); then remove_containers "${gone[@]}"; fi
  say "took over $((${#own[@]})) settings; this host has $chosen"
}

leave() {
  local services_
  [[ " $(services) " != *" redis "* ]] || fail "$(hostname) has a Redis of its own; it did not join another host"
  read -ra services_ <<<"$all_services"
  remove_containers "${services_[@]}"
  rm -rf "$root/.env" "$root/.env.new" "$root/tls"
  say "left: containers and secrets are gone; releases, logs and images stay, and what tasks wrote"
}

lock "join.sh ${1:-}"
case ${1:-} in
  take | leave) "$@" ;;
  *) fail "join.sh take or leave" ;;
esac
