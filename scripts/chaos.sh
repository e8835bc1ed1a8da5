#!/usr/bin/env bash
# Lets one thing after another go wrong under load, and balances the books after each: nothing may be lost or done twice.
# --quick: one round each; --only name,…; --rounds N; --seed N repeats a run; --json: one document on standard output.
set -euo pipefail
cd "$(dirname "${BASH_SOURCE[0]}")/.."
# Standard output is the report's alone.
# shellcheck source=scripts/setup.sh
source scripts/setup.sh >&2
exec node test/chaos/chaos.ts "$@"
