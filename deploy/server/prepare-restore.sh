#!/bin/sh
# Makes Redis' files of a backup, in a container of its own on Redis' volume: an append-only file in /data/restore, which
# Redis would ignore as a snapshot. Nothing else is touched; start.sh of deploy/redis takes the files over later. The
# backup comes by standard input, packed. It runs in Redis' image, whose shell may be BusyBox'.
#   prepare-restore.sh PREFIX     prints "prepared KEYS" at the end: how many there are
set -eu
prefix=$1
folder=/data/restore

complain() {
  echo "error: $1" >&2
  exit 1
}
cli() { redis-cli -s /tmp/redis.sock "$@" | tr -d '\r'; }
info() { cli info persistence | sed -n "s/^$1://p"; }

rm -rf "$folder"
mkdir "$folder"
cd "$folder"
gzip -dc >dump.rdb || complain "the backup cannot be unpacked"
redis-check-rdb dump.rdb >/tmp/check || complain "redis-check-rdb finds the backup broken: $(tail -n 1 /tmp/check)"
keys=$(awk '$3 == "keys" && $4 == "read" { print $2 }' /tmp/check)
echo "the backup is whole: $keys keys"

docker-entrypoint.sh redis-server --port 0 --unixsocket /tmp/redis.sock --dir "$folder" --dbfilename dump.rdb --save "" \
  --appendonly no --logfile /tmp/log &
server=$!
until [ "$(cli ping 2>/dev/null)" = PONG ]; do
  kill -0 "$server" 2>/dev/null || complain "Redis cannot load the backup: $(tail -n 1 /tmp/log)"
  sleep 0.2
done
loaded=$(info rdb_last_load_keys_loaded)
expired=$(info rdb_last_load_keys_expired)
echo "loaded $loaded keys; $expired had expired"
[ $((loaded + expired)) -eq "$keys" ] || complain "the backup has $keys keys, and $((loaded + expired)) were loaded"
# Whoever logged out of the dashboard since then must not be logged in again.
cli unlink "$prefix:session-secret" >/dev/null

cli config set appendonly yes | grep -qx OK || complain "Redis refuses to write an append-only file"
until [ "$(info aof_rewrite_in_progress)$(info aof_rewrite_scheduled)" = 00 ]; do
  echo "writing the append-only file: $(info current_save_keys_processed) of $(info current_save_keys_total) keys"
  sleep 0.5
done
[ "$(info aof_last_bgrewrite_status)" = ok ] || complain "the append-only file could not be written: $(tail -n 1 /tmp/log)"
left=$(cli dbsize)
cli shutdown nosave >/dev/null 2>&1 || true
wait "$server" || complain "Redis did not end well: $(tail -n 1 /tmp/log)"
rm dump.rdb
sync
echo "prepared $left"
