#!/usr/bin/env bash
# `lovage ARG…` on a server, in its own container: ./scripts/lovage.sh [TARGET] ARG…
set -euo pipefail
cd "$(dirname "${BASH_SOURCE[0]}")/.."
# shellcheck source=scripts/remote.sh
source scripts/remote.sh
if (($# > 0)) && [[ $1 == *@* ]]; then
  target=$1
  shift
fi
if [[ ${1:-} == -- ]]; then shift; fi
require_connection "$target"
# A terminal here becomes one there: tables as wide, colours, and `lovage top` live.
if [[ -t 0 && -t 1 ]]; then
  on "$target" -t "docker exec -it $(printf '%q ' -e "TERM=${TERM:-xterm}" lovage-dashboard lovage "$@")"
else
  on "$target" "docker exec -i lovage-dashboard lovage $(printf '%q ' "$@")"
fi
