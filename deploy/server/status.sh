# shellcheck shell=bash
# How this host does, for people. After common.sh, releases.sh, certificates.sh.

: "${root:?common.sh comes first}" "${tls:?certificates.sh comes before}"

status() {
  local service bad=0 state
  [[ -r $root/.env ]] || fail "Lovage was not deployed to $root on $(hostname)" "./scripts/deploy.sh"
  printf 'Release %s on %s; before it: %s\n' "$(current_release)" "$(hostname)" "$(good_release_but "$(current_release)" | grep . || echo none)"
  printf '\n%-16s %-10s %-10s %-22s %-14s %s\n' SERVICE STATE HEALTH SINCE MEMORY RESTARTS
  for service in $(services); do
    state=$(inspect "$service" '{{.State.Status}}')
    if [[ $state != running || $(inspect "$service" '{{.State.Health.Status}}') != healthy ]]; then bad=$((bad + 1)); fi
    printf '%-16s %-10s %-10s %-22s %-14s %s\n' "$service" "${state:-missing}" \
      "$(inspect "$service" '{{if and .State.Running .State.Health}}{{.State.Health.Status}}{{end}}')" \
      "$(inspect "$service" '{{.State.StartedAt}}' | cut -c 1-19 | tr T ' ')" \
      "$(if [[ $state == running ]]; then docker stats --no-stream --format '{{.MemUsage}}' "lovage-$service" | tr -d ' '; fi)" \
      "$(inspect "$service" '{{.RestartCount}}')"
  done
  printf '\n'
  if is_running redis; then
    docker exec lovage-redis sh /etc/lovage/redis/start.sh cli info </dev/null | tr -d '\r' | awk -F: '
      { value[$1] = $2 }
      END {
        printf "Redis %s: %s of %s used, %s clients, append-only file %s (last write: %s)\n", value["redis_version"],
          value["used_memory_human"], value["maxmemory_human"], value["connected_clients"],
          value["aof_enabled"] == 1 ? "on" : "OFF", value["aof_last_write_status"]
      }'
  fi
  tls_line
  passwords_line
  df -Pm "$HOME" | awk 'NR == 2 { printf "Disk: %d MB free\n", $4 }'
  printf 'Backups: %s\n\n' "$(find "$root/backups" -name '*.rdb.gz' 2>/dev/null | sort | tail -n 1 | xargs -r basename | grep . || echo none)"
  if ((bad == 0)) || is_running dashboard; then
    lovage inspect workers || bad=$((bad + 1))
    printf '\n'
    lovage inspect queues || bad=$((bad + 1))
  fi
  if ((bad > 0)); then
    printf '\n%d of these are not well: ./scripts/logs.sh SERVICE, and docs/troubleshooting.md\n' "$bad"
    return 1
  fi
}

tls_line() {
  local file days soonest=
  if ! tls_is_on; then
    echo "TLS: off"
    return
  fi
  for file in "$tls"/public/ca.crt "$tls"/redis/redis.crt "$tls"/dashboard/dashboard.crt; do
    [[ -e $file ]] || continue
    days=$(days_left "$file")
    if [[ -z $soonest ]] || ((days < soonest)); then soonest=$days; fi
  done
  echo "TLS: on; the certificate that ends first is good for ${soonest:-no} days"
}

# Whoever began to change a password must be reminded to end it.
passwords_line() {
  local whose
  for whose in worker client; do
    if [[ -n $(setting "REDIS_${whose^^}_PASSWORD_PREVIOUS") ]]; then
      echo "Passwords: the old one of $whose is still good; ./scripts/rotate.sh $whose --finish"
    fi
  done
  if [[ -n $(setting REDIS_PASSWORD_PREVIOUS) ]]; then
    echo "Passwords: the old one of admin is still good; ./scripts/rotate.sh admin"
  fi
}
