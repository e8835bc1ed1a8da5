#!/usr/bin/env bash
# Brings a backup of this host's Redis back. scripts/restore.sh starts it, apart from its own connection.
#   restore.sh NAME      a file of backups/, or latest
# Cut short at any point, nothing is lost, and a second run or a deploy ends it: until the new files are said to be ready,
# Redis starts with those it has; from then on whoever starts it puts those aside first (take_restored in
# deploy/redis/start.sh).
here=$(cd "$(dirname "${BASH_SOURCE[0]}")" && pwd)
# shellcheck source=deploy/server/common.sh
source "$here/common.sh"
# shellcheck source=deploy/server/releases.sh
source "$here/releases.sh"
# shellcheck source=deploy/server/containers.sh
source "$here/containers.sh"
# shellcheck source=deploy/server/certificates.sh
source "$here/certificates.sh"
# shellcheck source=deploy/server/trial.sh
source "$here/trial.sh"
# shellcheck source=deploy/server/backups.sh
source "$here/backups.sh"
kept_before_restore=3

# A container of Redis' image on its volume, and nothing else.
on_volume() {
  docker run --rm -i --name lovage-restore --network none --read-only --tmpfs /tmp:size=16m --memory 2g \
    -v "$volume:/data" -v "$here/prepare-restore.sh:/prepare-restore.sh:ro" "$image" "$@"
}

prepare() { on_volume sh /prepare-restore.sh "$prefix" <"$backups/$backup" | tee "$prepared"; }

# Redis as it is now, if it can be had: after an interrupted restore it may be stopped, and then it is whole.
wake_redis() {
  is_running redis && is_ready redis && return
  say "Redis does not run; starting it, so that what it holds can be backed up first"
  apply redis
}

restore() {
  local backup being_restored volume image prefix size keys service running=() awake=yes aside
  [[ $(services) == *redis* ]] || fail "Redis is not on this host" "run this for the host that has it"
  find_backup "$1"
  check_backup "$backup"
  being_restored=$backup
  say "restoring $backup"
  # A container that a run before left behind; before Redis might start on what it writes.
  docker rm -f lovage-restore >/dev/null 2>&1 || true
  wake_redis || awake=no
  volume=$(inspect redis '{{range .Mounts}}{{if eq .Destination "/data"}}{{.Name}}{{end}}{{end}}')
  image=$(inspect redis '{{.Image}}')
  [[ -n $volume ]] || fail "there is no container of Redis yet" "./scripts/deploy.sh makes it; then restore"
  prefix=$(setting REDIS_PREFIX)
  prefix=${prefix:-lovage}
  size=$(gzip -dc "$backups/$backup" | wc -c)
  # The snapshot, the file made of it, and the backup of what is there now.
  require_disk $((4 * size / 1048576 + 100)) "a restore"

  say "making Redis' files of it; everything runs on meanwhile"
  with_signs_of_life "preparing" prepare || fail "the backup cannot be brought back; nothing was changed"
  keys=$(sed -n 's/^prepared //p' "$prepared")
  [[ -n $keys ]] || fail "the backup cannot be brought back; nothing was changed"
  say "ready: $keys keys"

  for service in "${all[@]}"; do
    if [[ $service != redis ]] && is_running "$service"; then running+=("$service"); fi
  done
  stopped=yes
  drain "${running[@]+"${running[@]}"}"
  if [[ $awake == yes ]]; then
    take_backup before-restore "$kept_before_restore"
  else
    say "Redis does not start, so its files are kept as they are, and there is no backup of them"
  fi
  say "stopping redis"
  docker stop --time 60 lovage-redis >/dev/null
  aside=before-restore-$(date -u +%Y%m%dT%H%M%SZ)
  # With this, the restored state counts.
  # shellcheck disable=SC2016 # expanded in the container
  on_volume sh -c 'printf %s "$1" >/data/restore/ready.new; sync; mv /data/restore/ready.new /data/restore/ready; sync' sh "$aside" </dev/null
  stopped=no
  apply redis || fail "Redis does not start with the restored files" "./scripts/logs.sh redis; then restore another backup"
  verify "$keys"
  apply "${all[@]}" || fail "the data is restored, and a container does not become ready" "./scripts/logs.sh; ./scripts/deploy.sh tries again"
  smoke "${all[@]}" || fail "the data is restored, and the smoke test fails" "what stands above; ./scripts/status.sh"
  tidy
  say "$being_restored is restored"
  if [[ $awake == yes ]]; then say "to undo it: ./scripts/restore.sh $backup"; fi
}

# By what Redis says it loaded: programs of other hosts may be at work already.
verify() {
  local loaded expired
  loaded=$(redis_info rdb_last_load_keys_loaded)
  expired=$(redis_info rdb_last_load_keys_expired)
  if ((loaded + expired != $1)); then
    fail "Redis loaded $((loaded + expired)) keys, not $1" "./scripts/logs.sh redis; what was there is in $(newest_first before-restore | head -n 1)"
  fi
  say "Redis has them: $loaded keys$(if ((expired > 0)); then echo ", and $expired that expired meanwhile"; fi)"
}

# Of the files that were put aside, the newest stay.
tidy() {
  # shellcheck disable=SC2016 # expanded in the container
  in_redis sh -c 'cd /data && ls -d before-restore-* 2>/dev/null | sort -r | tail -n +2 | xargs -r rm -rf' || true
}

# Whatever went wrong before anything was restored: what was stopped for it runs again.
leave() {
  local status=$?
  rm -f "$prepared"
  if [[ $stopped == yes ]]; then
    say "nothing was restored; starting again what was stopped"
    apply "${all[@]}" || true
  fi
  exit "$status"
}

lock "restore.sh $*"
read -ra all <<<"$(services)"
stopped=no
prepared=$(mktemp)
trap leave EXIT
restore "${1:-latest}"
