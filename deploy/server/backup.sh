#!/usr/bin/env bash
# Backs Redis up on this host: for cron, which needs no laptop. It says nothing unless something is wrong, or it is
# asked to: backup.sh [--verbose] [--keep N]
here=$(cd "$(dirname "${BASH_SOURCE[0]}")" && pwd)
if [[ -z ${LOVAGE_DIR:-} && -e $here/../../.env ]]; then LOVAGE_DIR=$(cd "$here/../.." && pwd); fi
# shellcheck source=deploy/server/common.sh
source "$here/common.sh"
# shellcheck source=deploy/server/backups.sh
source "$here/backups.sh"

keep=14 verbose=no
while (($# > 0)); do
  case $1 in
    --verbose) verbose=yes ;;
    --keep)
      [[ ${2:-} =~ ^[1-9][0-9]*$ ]] || fail "--keep takes how many backups stay, not ${2:-nothing}"
      keep=$2
      shift
      ;;
    *) fail "unknown: $1" "backup.sh [--verbose] [--keep N]" ;;
  esac
  shift
done
if [[ $verbose == no ]]; then exec >/dev/null; fi
take_backup lovage "$keep"
