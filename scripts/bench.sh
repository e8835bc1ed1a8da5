#!/usr/bin/env bash
# Measures Lovage side by side with what it stands on, and ends with one table of figures, ratios and goals.
# --quick takes small counts. Ends with 1 when a goal is missed. BENCH_REPORTS=<folder> keeps each benchmark's JSON.
set -euo pipefail
cd "$(dirname "${BASH_SOURCE[0]}")/.."
# shellcheck source=scripts/setup.sh
source scripts/setup.sh

for argument in "$@"; do
  [[ $argument == --quick ]] || fail "the only option is --quick; single benchmarks have more: node bench/drain.ts --jobs 5000"
done

if [[ -n ${BENCH_REPORTS:-} ]]; then
  reports=$BENCH_REPORTS
  mkdir -p "$reports"
else
  reports=$(mktemp -d)
  trap 'rm -rf "$reports"' EXIT
fi

if ! .venv/bin/python -c "import celery" 2>/dev/null; then
  with_signs_of_life "pip install, what is compared with" \
    .venv/bin/python -m pip install --disable-pip-version-check -r bench/requirements.txt
fi

benchmarks=(drain round-trip idle-worker workflows search ray-job)
files=()
for name in "${benchmarks[@]}"; do
  printf '\n== %s\n' "$name"
  begun=$SECONDS
  node "bench/$name.ts" --json "$@" >"$reports/$name.json"
  printf '== %s: done in %d s\n' "$name" $((SECONDS - begun))
  files+=("$reports/$name.json")
done
node bench/summary.ts "${files[@]}"
