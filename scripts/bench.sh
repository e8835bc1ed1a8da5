#!/usr/bin/env bash
# Measures Lovage side by side with raw BullMQ, Celery, and Asynq where there is Go: --help lists the options.
# --json prints one JSON document, of which `node bench/plots.ts` makes docs/performance.md; else it is a table.
set -euo pipefail
cd "$(dirname "${BASH_SOURCE[0]}")/.."
# Standard output is the document's alone.
exec 3>&1 1>&2
# shellcheck source=scripts/setup.sh
source scripts/setup.sh

# In an environment of its own: Celery asks for other versions than the project has of what both use.
bench_stamp=$(stamp_of bench/requirements.txt)
if [[ $(cat bench/.venv/.lovage-stamp 2>/dev/null) != "$bench_stamp" ]]; then
  echo "Installing Celery, to compare with …"
  .venv/bin/python -m venv --clear bench/.venv
  with_signs_of_life "pip install" \
    bench/.venv/bin/python -m pip install --disable-pip-version-check -r bench/requirements.txt
  echo "$bench_stamp" >bench/.venv/.lovage-stamp
fi

exec node bench/bench.ts "$@" >&3
