#!/usr/bin/env bash
# Installs what the project needs, inside the project: node_modules and .venv. Quick when nothing changed.
# The other scripts source it; it puts the project's Node and Python first in PATH.
set -euo pipefail
cd "$(dirname "${BASH_SOURCE[0]}")/.."

fail() {
  printf 'error: %s\n' "$1" >&2
  exit 1
}

# Runs a long step and says that it lives: every second on a terminal, every ten in a log.
with_signs_of_life() {
  local what=$1 begun=$SECONDS log status=0 seconds
  shift
  log=$(mktemp)
  "$@" >"$log" 2>&1 &
  local pid=$!
  # What a script starts in the background does not hear Ctrl-C.
  trap 'kill "$pid" 2>/dev/null; exit 130' INT TERM
  while kill -0 "$pid" 2>/dev/null; do
    sleep 1
    seconds=$((SECONDS - begun))
    if [[ -t 1 ]]; then
      printf '\r\033[K  %s … %d s  %.60s' "$what" "$seconds" "$(tail -n 1 "$log" | tr -d '\r')"
    elif ((seconds % 10 == 0)); then
      printf '  %s … %d s\n' "$what" "$seconds"
    fi
  done
  wait "$pid" || status=$?
  trap - INT TERM
  if [[ -t 1 ]]; then printf '\r\033[K'; fi
  if ((status != 0)); then
    tail -n 30 "$log" >&2
    rm -f "$log"
    fail "$what failed; what it printed last stands above"
  fi
  rm -f "$log"
  printf '  %s: done in %d s\n' "$what" $((SECONDS - begun))
}

# Whether a Python has all of these modules and is of a version that Ray runs on.
python_fits() {
  "$1" -c "import sys, $2; sys.exit(not (3, 11) <= sys.version_info < (3, 14))" 2>/dev/null
}

find_python() {
  local candidate
  for candidate in "${PYTHON:-}" python3.13 python3.12 python3.11 python3; do
    if [[ -n $candidate ]] && command -v "$candidate" >/dev/null && python_fits "$candidate" "venv, ensurepip"; then
      echo "$candidate"
      return
    fi
  done
  fail "Python 3.11, 3.12 or 3.13 with its venv module is needed (on Debian: apt install python3-venv)"
}

command -v node >/dev/null || fail "Node.js 20 or later is needed: https://nodejs.org"
command -v npm >/dev/null || fail "npm is needed; it comes with Node.js"
node -e 'process.exit(Number(process.versions.node.split(".")[0]) >= 20 ? 0 : 1)' ||
  fail "Node.js 20 or later is needed; this one is $(node --version)"

# A stamp holds what was installed; the same stamp means that there is nothing to do.
stamp_of() {
  cat "$@" | node -e 'process.stdin.pipe(crypto.createHash("sha256").setEncoding("hex")).pipe(process.stdout)'
}
npm_stamp=$(stamp_of package.json package-lock.json)
pip_stamp=$(stamp_of requirements.txt)

# What lacks is told before anything is installed. A .venv whose making was cut short has no pip.
python=
if [[ $(cat .venv/.lovage-stamp 2>/dev/null) != "$pip_stamp" ]] && ! python_fits .venv/bin/python pip; then
  python=$(find_python)
fi

if [[ $(cat node_modules/.lovage-stamp 2>/dev/null) != "$npm_stamp" ]]; then
  echo "Installing Node packages, a pinned Node.js among them …"
  with_signs_of_life "npm ci" npm ci --no-audit --no-fund --loglevel=error
  # So that npx finds the checkout's own program: without it npx installs the checkout anew, and warns of an old Node.
  ln -sf ../../src/bin/lovage.ts node_modules/.bin/lovage
  echo "$npm_stamp" >node_modules/.lovage-stamp
fi

if [[ $(cat .venv/.lovage-stamp 2>/dev/null) != "$pip_stamp" ]]; then
  echo "Installing Python packages, Ray among them (about 1 GB on disk; a few minutes the first time) …"
  if [[ -n $python ]]; then with_signs_of_life "python -m venv" "$python" -m venv --clear .venv; fi
  with_signs_of_life "pip install" .venv/bin/python -m pip install --disable-pip-version-check -r requirements.txt
  echo "$pip_stamp" >.venv/.lovage-stamp
fi

# The pinned Node comes first: the machine's may be too old to run TypeScript as it stands.
PATH="$PWD/node_modules/.bin:$PATH"
export PATH
node -e 'process.exit(Number(process.versions.node.split(".")[0]) >= 24 ? 0 : 1)' ||
  fail "the pinned Node.js was not installed; remove node_modules and run this again"
