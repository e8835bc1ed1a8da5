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
# The container that knows the most; a host that joined has workers only.
# shellcheck disable=SC2016 # expanded on the server
container='$(docker ps --format "{{.Names}}" | grep -xE "lovage-(dashboard|worker-.*)" | sort | head -n 1 | grep . || echo lovage-dashboard)'
# A terminal here becomes one there: tables as wide, colours, and `lovage top` live.
if [[ -t 0 && -t 1 ]]; then
  on "$target" -t "docker exec -it -e $(printf %q "TERM=${TERM:-xterm}") $container lovage $(printf '%q ' "$@")"
else
  on "$target" "docker exec -i $container lovage $(printf '%q ' "$@")"
fi
