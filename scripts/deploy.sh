#!/usr/bin/env bash
# Takes this working copy to a server and brings it up there: Redis, three workers, scheduler, dashboard.
# See --help. Runs with the bash 3.2 of macOS, too.
set -euo pipefail
cd "$(dirname "${BASH_SOURCE[0]}")/.."
# shellcheck source=scripts/remote.sh
source scripts/remote.sh
# shellcheck source=scripts/release.sh
source scripts/release.sh

usage() {
  cat <<'HELP'
Usage: ./scripts/deploy.sh [TARGET] [--check | --dry-run | --rollback] [--only SERVICE]

Takes this working copy to TARGET over ssh (default wizardsofts@10.0.0.84; or LOVAGE_TARGET) and brings it up:
checks, builds the image, drains the workers, replaces what changed, waits for health, tests, and goes back to the
release before when something fails. A second run without changes changes nothing; one that was cut short is mended
by the next.

  --check         only look whether everything that a deploy needs is there
  --dry-run       print what would change
  --only WHAT     workers, redis, scheduler or dashboard; several times for several
  --rollback      bring the release before back
  --require-ray   a cluster that does not answer is a fault, not a warning

Environment: LOVAGE_TARGET, LOVAGE_DIR (folder on the server, default lovage), LOVAGE_SSH_OPTIONS, LOVAGE_COMPOSE
("docker compose" for v2 where both are), LOVAGE_MIN_DISK_MB (3000), LOVAGE_READY_TIMEOUT (120 s).
Exit codes: 0 done, 1 failed (and rolled back where there was something to go back to), 2 wrong usage.
HELP
}

wrong_usage() {
  printf 'error: %s\n\n' "$1" >&2
  usage >&2
  exit 2
}

mode=up
only=
if (($# > 0)) && is_target "$1"; then
  target=$1
  shift
fi
set_mode() {
  [[ $mode == up ]] || wrong_usage "--$mode and --$1 exclude each other"
  mode=$1
}
while (($# > 0)); do
  case $1 in
    --check | --dry-run | --rollback) set_mode "${1#--}" ;;
    --only)
      case ${2:-} in
        workers) only="$only worker-ml worker-data worker-default" ;;
        redis | scheduler | dashboard | worker-ml | worker-data | worker-default) only="$only $2" ;;
        *) wrong_usage "--only takes workers, redis, scheduler or dashboard, not ${2:-nothing}" ;;
      esac
      shift
      ;;
    --require-ray) export LOVAGE_REQUIRE_RAY=1 ;;
    --help | -h) usage && exit ;;
    *) wrong_usage "unknown: $1" ;;
  esac
  shift
done
[[ -z $only || $mode == up || $mode == dry-run ]] || wrong_usage "--only does not go with --$mode"

for tool in ssh git tar gzip; do
  command -v "$tool" >/dev/null || complain "$tool is missing on this machine" "install it"
done
git rev-parse --git-dir >/dev/null 2>&1 || complain "this is no git checkout" "clone the project; what is sent is what git knows or would add"

work=$(mktemp -d)
trap 'rm -rf "$work"; disconnect' EXIT

make_release "$work"

require_connection "$target"
run_there certificates.sh check.sh -- run_checks || exit 1
[[ $mode != check ]] || exit 0

if [[ $mode == rollback ]]; then
  # By the program of the release that runs: it knows how it was brought up.
  # shellcheck disable=SC2016 # expanded on the server
  run_there start.sh -- 'start "$(setting LOVAGE_RELEASE)" deploy.sh rollback'
  exit
fi

if [[ $mode == dry-run ]]; then
  run_there settings.sh releases.sh containers.sh plan.sh -- "manifest=$(printf %q "$(cat "$work/MANIFEST")"); plan $release $only"
  exit
fi

if has_release "$target" "$release"; then
  echo "Release $release is on the server already"
else
  echo "Sending release $release: $(wc -l <"$work/files" | tr -d ' ') files"
  # COPYFILE_DISABLE: macOS would add files of its own.
  COPYFILE_DISABLE=1 tar -czf "$work/release.tgz" -T "$work/files" -C "$work" MANIFEST
  receive_release "$target" "$release" <"$work/release.tgz"
fi
trap 'rm -rf "$work"; disconnect; echo "What was begun on the server goes on there; run this again to see how it stands." >&2; exit 130' INT
run_there start.sh -- "start $release deploy.sh up $release $only"
