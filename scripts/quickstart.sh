#!/usr/bin/env bash
# From a fresh checkout to the main job on real data: installs what is needed inside the project, starts Redis, Ray and
# three workers on this machine, and runs the job. --once stops everything at the end.
set -euo pipefail
cd "$(dirname "${BASH_SOURCE[0]}")/.."
# shellcheck source=scripts/setup.sh
source scripts/setup.sh
exec node scripts/quickstart/main.ts "$@"
