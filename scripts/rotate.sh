#!/usr/bin/env bash
# Changes a secret of a server; see --help. Runs with the bash 3.2 of macOS, too.
set -euo pipefail
cd "$(dirname "${BASH_SOURCE[0]}")/.."
# shellcheck source=scripts/remote.sh
source scripts/remote.sh

usage() {
  cat <<'HELP'
Usage: ./scripts/rotate.sh [TARGET] worker | client | admin | dashboard [--finish]

Makes a new secret on the server (default wizardsofts@10.0.0.84; or LOVAGE_TARGET) and takes the old one away. It is never
shown, and no job is lost: the old one stays good until all that runs there has the new one.

  worker      Redis' password of workers, scheduler and dashboard, which are replaced, the workers drained first
  client      Redis' password of programs that enqueue. The old one stays good until --finish: tell them first
  admin       Redis' password of administrators
  dashboard   the dashboard's first user's; all logins end
  --finish    the old one goes now: for client, and for worker where other hosts joined

Cut short at any point, the same command again goes on from there. Other secrets (RAY_AUTH_TOKEN, NOTIFY_SMTP_URL, …):
edit .env on the server, then ./scripts/deploy.sh.
HELP
}

whose="" finish=""
if (($# > 0)) && is_target "$1"; then
  target=$1
  shift
fi
while (($# > 0)); do
  case $1 in
    worker | client | admin | dashboard)
      [[ -z $whose ]] || complain "one at a time, not $whose and $1"
      whose=$1
      ;;
    --finish) finish=--finish ;;
    --help | -h) usage && exit ;;
    *) complain "unknown: $1" "worker, client, admin, dashboard; --finish" ;;
  esac
  shift
done
[[ -n $whose ]] || complain "which secret?" "worker, client, admin or dashboard; ./scripts/rotate.sh --help"
[[ -z $finish || $whose != dashboard ]] || complain "--finish goes with worker, client and admin" "the dashboard's old password is refused at once"
require_connection "$target"
trap 'disconnect; echo "What was begun on the server goes on there; run this again to see how it stands." >&2; exit 130' INT
# shellcheck disable=SC2016 # expanded on the server
run_there start.sh -- 'start "$(setting LOVAGE_RELEASE)" rotate.sh '"$whose $finish"
