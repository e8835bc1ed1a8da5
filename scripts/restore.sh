#!/usr/bin/env bash
# Brings a backup of a server's Redis back; see --help. Runs with the bash 3.2 of macOS, too.
set -euo pipefail
cd "$(dirname "${BASH_SOURCE[0]}")/.."
# shellcheck source=scripts/remote.sh
source scripts/remote.sh

usage() {
  cat <<'HELP'
Usage: ./scripts/restore.sh [TARGET] BACKUP [--yes]

Replaces what Redis on the server (default wizardsofts@10.0.0.84; or LOVAGE_TARGET) holds by what it held when the backup
was made. Jobs that were enqueued or ended since are as they were then: docs/backup-and-restore.md says what that means.
What is there now is backed up first.

  BACKUP    latest, a name (./scripts/backup.sh --list), or a file of this machine, with a slash: ./lovage-….rdb.gz
  --yes     do not ask for the server's name to be typed

Cut short at any point, the same command again or ./scripts/deploy.sh ends it.
HELP
}

backup="" sure=no
if (($# > 0)) && [[ $1 != *.rdb.gz ]] && is_target "$1"; then
  target=$1
  shift
fi
while (($# > 0)); do
  case $1 in
    --yes) sure=yes ;;
    --help | -h) usage && exit ;;
    -*) complain "unknown: $1" "./scripts/restore.sh --help" ;;
    *)
      [[ -z $backup ]] || complain "one backup, not both $backup and $1"
      backup=$1
      ;;
  esac
  shift
done
[[ -n $backup ]] || complain "which backup?" "latest, or one of ./scripts/backup.sh --list"
if [[ $backup == */* ]]; then
  [[ -r $backup ]] || complain "there is no file $backup"
  [[ ${backup##*/} =~ ^[A-Za-z0-9][A-Za-z0-9._-]*\.rdb\.gz$ ]] || complain "$backup is not named as a backup, ….rdb.gz"
else
  [[ $backup =~ ^[A-Za-z0-9][A-Za-z0-9._-]*$ ]] || complain "$backup is no name of a backup" "a file of this machine has a slash: ./$backup"
fi
require_connection "$target"

if [[ $backup == */* ]]; then
  file=$backup
  backup=${file##*/}
  if command -v sha256sum >/dev/null; then sha256="sha256sum"; else sha256="shasum -a 256"; fi
  hash=$($sha256 <"$file" | cut -c 1-64)
  if [[ -r $file.sha256 && $(cut -c 1-64 "$file.sha256") != "$hash" ]]; then
    complain "$file is not what its checksum was made of: it is damaged, or was changed" "take another"
  fi
  echo "Sending $file"
  place="$there; cd \"\$d/backups\""
  on "$target" "umask 077; $place && if [ -e $backup ] && ! echo '$hash  $backup' | sha256sum --status -c; then
      echo 'error: another backup of that name is on the server' >&2; exit 1; fi
    cat >.$backup.part && echo '$hash  .$backup.part' | sha256sum --status -c &&
    echo '$hash  $backup' >$backup.sha256 && mv .$backup.part $backup" <"$file" ||
    complain "the backup could not be sent" "is Lovage deployed there? ./scripts/deploy.sh; or rename the file"
fi

if [[ $sure == no ]]; then
  # shellcheck disable=SC2016 # expanded on the server
  name=$(run_there -- hostname)
  run_there backups.sh connections.sh -- "tell_restore $backup"
  [[ -t 0 ]] || complain "nobody can be asked at this terminal" "--yes, if you are sure"
  printf 'Type the name of the server, %s, to go on: ' "$name"
  read -r typed
  [[ $typed == "$name" ]] || complain "that is not $name; nothing was changed"
fi
trap 'disconnect; echo "What was begun on the server goes on there; run this again to see how it stands." >&2; exit 130' INT
# shellcheck disable=SC2016 # expanded on the server
run_there start.sh -- 'start "$(setting LOVAGE_RELEASE)" restore.sh '"$backup"
