#!/usr/bin/env bash
# The four tasks that spread over a cluster, on nine Ray nodes and 25 CPUs on this machine; prints how many nodes each
# used and how long it took. --compare runs them on one node too, and compares the results; --json prints one document
# instead. Takes minutes, and about 4 GB of memory; nothing is left behind.
set -euo pipefail
cd "$(dirname "${BASH_SOURCE[0]}")/.."
# Standard output is the result's alone.
exec 3>&1 1>&2
# shellcheck source=scripts/setup.sh
source scripts/setup.sh
exec node test/scaling/nine-nodes.ts "$@" >&3
