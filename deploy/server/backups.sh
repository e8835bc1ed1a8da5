# shellcheck shell=bash
# Backups of Redis: made while everything runs, found, and looked at. After common.sh.
#   backups/lovage-<UTC time>.rdb.gz            made by backup.sh; the newest are kept
#   backups/before-restore-<UTC time>.rdb.gz    made by restore.sh, so that it can be undone
#   backups/….rdb.gz.sha256                     beside each; there first, so that no backup is without

: "${root:?common.sh comes first}"
backups=$root/backups

in_redis() { docker exec lovage-redis "$@" </dev/null; }
redis_cli() { in_redis sh /etc/lovage/redis/start.sh cli "$@" | tr -d '\r'; }

# One field of Redis' INFO.
redis_info() { redis_cli info | sed -n "s/^$1://p"; }

# Megabytes free where a path lies, or will lie. Docker's folder may be closed to us; its file system is not.
free_megabytes() {
  local place=$1
  while [[ ! -e $place ]]; do place=$(dirname "$place"); done
  df -Pm "$place" | awk 'NR == 2 { print $4 }'
}

docker_folder() { docker info --format '{{.DockerRootDir}}' 2>/dev/null || echo /; }

# require_disk MEGABYTES WHAT: where Docker's volumes lie and where backups do.
require_disk() {
  local place free
  for place in "$backups" "$(docker_folder)"; do
    free=$(free_megabytes "$place")
    ((free >= $1)) || fail "only $free MB are free at $place; $2 needs up to $1" \
      "make room: docker image prune; older backups in $backups"
  done
}

# The newest backups first, of those whose names begin with PREFIX.
newest_first() { (cd "$backups" 2>/dev/null && printf '%s\n' "$1"-[0-9]*.rdb.gz | grep -vF '*' | sort -r) || true; }

# take_backup PREFIX KEEP: makes a backup and keeps the newest KEEP of its kind. Sets `backup` to its name. Who calls it
# may be cut off at any point: what is not whole has another name, and is cleared away by the next.
take_backup() {
  local prefix=$1 keep=$2 begun=$SECONDS checked keys size packed part hash
  mkdir -p "$backups"
  chmod 700 "$backups"
  exec 8>>"$backups/.lock"
  flock -w 600 8 || fail "another backup has been at work for ten minutes" "look what holds it: fuser -v $backups/.lock"
  clear_unfinished
  is_running redis || fail "Redis does not run, so there is nothing to ask for a backup" "./scripts/deploy.sh, ./scripts/logs.sh redis"
  require_disk $((2 * $(redis_info used_memory) / 1048576 + 50)) "a backup"
  say "Redis writes a snapshot; everything goes on meanwhile"
  with_signs_of_life "the snapshot" write_snapshot ||
    fail "Redis did not give a whole snapshot" "./scripts/logs.sh redis says why; then run this again"
  checked=$(in_redis redis-check-rdb /data/backup.rdb) ||
    fail "redis-check-rdb finds the snapshot broken: $(tail -n 1 <<<"$checked")" "run this again"
  keys=$(awk '$3 == "keys" && $4 == "read" { print $2 }' <<<"$checked")
  while backup=$prefix-$(date -u +%Y%m%dT%H%M%SZ).rdb.gz && [[ -e $backups/$backup ]]; do sleep 0.2; done
  part=$backups/.$backup.part
  with_signs_of_life "packing" pack_snapshot "$part" || fail "the backup could not be written" "df -h $backups"
  # What lies on the disk now, unpacked, is what was checked.
  hash=$(in_redis sha256sum /data/backup.rdb | cut -d ' ' -f 1)
  [[ $(gzip -dc "$part" | sha256sum | cut -d ' ' -f 1) == "$hash" ]] ||
    fail "the backup on the disk differs from Redis' snapshot" "is the disk full, or broken? df -h $backups"
  size=$(in_redis stat -c %s /data/backup.rdb)
  packed=$(stat -c %s "$part")
  (umask 077 && cd "$backups" && sha256sum <"$part" | sed "s/-\$/$backup/" >"$backup.sha256")
  sync "$part" "$backups/$backup.sha256"
  mv "$part" "$backups/$backup"
  in_redis rm -f /data/backup.rdb
  prune_backups "$prefix" "$keep"
  flock -u 8
  say "backup $backup: $keys keys, $(bytes "$size"), packed $(bytes "$packed"), in $((SECONDS - begun)) s"
}

# shellcheck disable=SC2016 # expanded in the container
write_snapshot() { in_redis sh -c 'umask 077; sh /etc/lovage/redis/start.sh cli --rdb /data/backup.rdb'; }

pack_snapshot() { (umask 077 && in_redis cat /data/backup.rdb | gzip >"$1"); }

bytes() { numfmt --to=iec --suffix=B "$1"; }

# What a backup that was cut short left behind.
clear_unfinished() {
  local checksum
  rm -f "$backups"/.*.part
  for checksum in "$backups"/*.sha256; do
    if [[ -e $checksum && ! -e ${checksum%.sha256} ]]; then rm -f "$checksum"; fi
  done
  if is_running redis; then in_redis rm -f /data/backup.rdb; fi
}

# Spares the backup that is being restored: who is cut short needs it again.
prune_backups() {
  local name
  newest_first "$1" | tail -n +$(($2 + 1)) | { grep -vxF "${being_restored:-none}" || true; } | while read -r name; do
    rm -f "$backups/$name" "$backups/$name.sha256"
    say "let go of $name: the newest $2 are kept"
  done
}

# find_backup NAME: `latest` is the newest that was made as such; those before a restore must be named. Sets `backup`.
find_backup() {
  backup=$1
  if [[ $1 == latest ]]; then backup=$(newest_first lovage | head -n 1); fi
  [[ -n $backup && $backup != */* && -r $backups/$backup ]] ||
    fail "there is no backup ${1} in $backups" "there are: $(cd "$backups" 2>/dev/null && printf '%s\n' *.rdb.gz | sort -r | head -n 8 | tr '\n' ' ')"
}

check_backup() {
  if [[ ! -e $backups/$1.sha256 ]]; then
    say "$1 has no checksum beside it; its content is checked all the same"
  elif ! (cd "$backups" && sha256sum --quiet --strict -c "$1.sha256" >/dev/null 2>&1); then
    fail "$1 is not what its checksum was made of: it is damaged, or was changed" "take another; ls $backups"
  fi
}

# What a restore of NAME would do, for whoever has to decide.
tell_restore() {
  local backup others
  find_backup "$1"
  check_backup "$backup"
  printf 'Redis on %s would hold again what is in %s, of %s.\n' "$(hostname)" "$backup" "$(date -r "$backups/$backup" '+%F %T %Z')"
  if is_running redis; then
    printf 'It holds %s keys now, which are backed up first.\n' "$(redis_cli dbsize)"
    others=$(connections_from_elsewhere)
    if [[ -n $others ]]; then printf 'Stop these first, or they work on with what is restored:\n%s\n' "$others"; fi
  else
    printf 'It does not run now.\n'
  fi
}
