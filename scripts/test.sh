#!/usr/bin/env bash
# Sets everything up and runs all tests: lint, types, Vitest on a real Valkey and a real Ray, pytest on the Ray programs.
# The dashboard is driven in Chromium where there is one. Arguments go to Vitest, and only Vitest runs then:
# ./scripts/test.sh test/core
set -euo pipefail
cd "$(dirname "${BASH_SOURCE[0]}")/.."
# shellcheck source=scripts/setup.sh
source scripts/setup.sh

# TEST_REPORTS: a folder that keeps the runners' reports, for whoever adds further ones.
reports=${TEST_REPORTS:-$(mktemp -d)}
mkdir -p "$reports"
if [[ -z ${TEST_REPORTS:-} ]]; then trap 'rm -rf "$reports"' EXIT; fi
failed=0
: >"$reports/endings"

# Where nobody watches, how a failed step ended is said once more at the end: the log may be cut, and starts far above.
step() {
  local what=$1 begun=$SECONDS passed=0
  shift
  printf '\n== %s\n' "$what"
  if [[ -t 1 ]]; then
    "$@" && passed=1
  else
    # Not a pipe, which a process that is left over would keep open; so what is written may come a moment later.
    "$@" > >(tee "$reports/output") 2>&1 && passed=1
    if ((passed == 0)); then
      sleep 1
      printf '\n== %s FAILED, and ended with:\n' "$what" >>"$reports/endings"
      tail -n 60 "$reports/output" >>"$reports/endings"
    fi
  fi
  if ((passed)); then
    printf '== %s: done in %d s\n' "$what" $((SECONDS - begun))
  else
    printf '== %s: FAILED after %d s\n' "$what" $((SECONDS - begun))
    failed=1
  fi
}

if (($# == 0)); then
  step "lint" biome check .
  step "types" tsc --noEmit
fi
step "vitest" vitest run --reporter=default --reporter=junit --outputFile.junit="$reports/vitest.xml" "$@"
if (($# == 0)); then
  # Pictures of the pages lie in test-results/screenshots afterwards.
  if [[ -x ${CHROMIUM:-/usr/bin/chromium} ]]; then
    step "browser" vitest run -c vitest.browser.config.ts --reporter=default --reporter=junit \
      --outputFile.junit="$reports/browser.xml"
  elif [[ -n ${CI:-} ]]; then
    step "browser: no Chromium (set CHROMIUM)" false
  else
    printf '\n== browser: left out, there is no Chromium (set CHROMIUM)\n'
  fi
  # The same cases each time: what makes it fail is a change, not chance.
  step "fuzz" ./test/fuzz/fuzz.sh --max-time 150 --seed 1 --report junit --report-junit-path "$reports/fuzz.xml"
  step "pytest" .venv/bin/python -m pytest test/ray_jobs -q --junitxml="$reports/pytest.xml"
fi

if [[ -s $reports/endings ]]; then cat "$reports/endings"; fi
# A runner that crashed leaves no report; the failed step still counts.
shopt -s nullglob
.venv/bin/python scripts/count_tests.py "$failed" "$reports"/*.xml
