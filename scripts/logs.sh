#!/usr/bin/env bash
# The logs of a server's containers; see --help.
set -euo pipefail
cd "$(dirname "${BASH_SOURCE[0]}")/.."
# shellcheck source=scripts/remote.sh
source scripts/remote.sh

usage() {
  cat <<'HELP'
Usage: ./scripts/logs.sh [TARGET] [SERVICE…] [--follow] [--since 1h] [--lines 200] [--deploy]

The logs of redis, worker-ml, worker-data, worker-default, scheduler and dashboard, or of those named; the last 200 lines
of each unless --since or --lines say otherwise. --deploy: the log of the last deploy instead.
HELP
}

follow=no since="" lines="" services=""
if (($# > 0)) && is_target "$1"; then
  target=$1
  shift
fi
while (($# > 0)); do
  case $1 in
    --follow | -f) follow=yes ;;
    --since | --lines)
      [[ -n ${2:-} && $2 =~ ^[0-9A-Za-z:.+-]+$ ]] || complain "$1 needs a value" "such as --since 1h, --lines 500"
      printf -v "${1#--}" %s "$2"
      shift
      ;;
    --deploy) services="--deploy" ;;
    --help | -h) usage && exit ;;
    redis | worker-ml | worker-data | worker-default | scheduler | dashboard) services="$services $1" ;;
    workers) services="$services worker-ml worker-data worker-default" ;;
    *) complain "there is no service $1" "redis, worker-ml, worker-data, worker-default, workers, scheduler, dashboard" ;;
  esac
  shift
done
if [[ -z $since && -z $lines ]]; then lines=200; fi
require_connection "$target"
if [[ $services == --deploy ]]; then
  # shellcheck disable=SC2016 # expanded on the server
  run_there -- 'cat "$(find "$root/logs" -name "deploy-*.log" | sort | tail -n 1 | grep . || echo /dev/null)"'
else
  run_there logs.sh -- "logs '$follow' '$since' '$lines' $services"
fi
