#!/usr/bin/env bash
# A backup of a server's Redis; see --help. Runs with the bash 3.2 of macOS, too.
set -euo pipefail
cd "$(dirname "${BASH_SOURCE[0]}")/.."
# shellcheck source=scripts/remote.sh
source scripts/remote.sh

usage() {
  cat <<'HELP'
Usage: ./scripts/backup.sh [TARGET] [--download FOLDER] [--keep N] [--list]

Writes what Redis holds into backups/lovage-<UTC time>.rdb.gz on the server (default wizardsofts@10.0.0.84; or
LOVAGE_TARGET), while everything runs, checked, with its SHA-256 beside it. ./scripts/restore.sh brings it back.

  --download FOLDER   copies the new backup to this machine as well. Inputs and results of all jobs are in it, and hashes
                      of API keys: without this, they do not leave the server
  --keep N            how many stay on the server, the newest (14)
  --list              only says which there are

Daily, without a laptop: a line in the server's crontab; see docs/backup-and-restore.md.
HELP
}

folder="" keep=14 list=no
if (($# > 0)) && is_target "$1"; then
  target=$1
  shift
fi
while (($# > 0)); do
  case $1 in
    --download)
      [[ -n ${2:-} ]] || complain "--download needs a folder of this machine"
      mkdir -p "$2"
      folder=$(cd "$2" && pwd)
      shift
      ;;
    --keep)
      [[ ${2:-} =~ ^[1-9][0-9]*$ ]] || complain "--keep takes how many backups stay, not ${2:-nothing}"
      keep=$2
      shift
      ;;
    --list) list=yes ;;
    --help | -h) usage && exit ;;
    *) complain "unknown: $1" "./scripts/backup.sh --help" ;;
  esac
  shift
done
require_connection "$target"
if [[ $list == yes ]]; then
  # shellcheck disable=SC2016 # expanded on the server
  run_there backups.sh -- 'for name in $(newest_first lovage) $(newest_first before-restore); do
    printf "%s  %s\n" "$name" "$(bytes "$(stat -c %s "$backups/$name")")"; done'
  exit
fi
said=$(mktemp)
trap 'rm -f "$said"; disconnect' EXIT
# shellcheck disable=SC2016 # expanded on the server
run_there backups.sh -- "take_backup lovage $keep; echo \"backup: \$backups/\$backup\"" | tee "$said" | sed '/^backup: /d'
[[ -n $folder ]] || exit 0

from=$(sed -n 's/^backup: //p' "$said")
name=${from##*/}
if command -v sha256sum >/dev/null; then sha256="sha256sum"; else sha256="shasum -a 256"; fi
umask 077
on "$target" "cat $(printf %q "$from")" >"$folder/.$name.part"
on "$target" "cat $(printf %q "$from.sha256")" >"$folder/$name.sha256"
[[ $($sha256 <"$folder/.$name.part" | cut -c 1-64) == $(cut -c 1-64 "$folder/$name.sha256") ]] ||
  complain "the download is not what lies on the server" "run this again"
mv "$folder/.$name.part" "$folder/$name"
echo "Downloaded to $folder/$name (mode 600): inputs and results of all jobs are on this machine now"
