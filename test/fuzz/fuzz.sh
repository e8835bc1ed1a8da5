#!/usr/bin/env bash
# Fuzzes the HTTP API with schemathesis, in a Python environment and a world of its own. Needs the project to be set up.
# Arguments go to schemathesis: ./test/fuzz/fuzz.sh --max-time 60 --include-operation-id enqueue
set -euo pipefail
here=$(cd "$(dirname "${BASH_SOURCE[0]}")" && pwd)
venv=$here/.venv

stamp=$(cksum "$here/requirements.txt")
if [[ $(cat "$venv/.lovage-stamp" 2>/dev/null) != "$stamp" ]]; then
  echo "Installing schemathesis …"
  "${PYTHON:-python3}" -m venv --clear "$venv"
  "$venv/bin/python" -m pip install --quiet --disable-pip-version-check -r "$here/requirements.txt"
  echo "$stamp" >"$venv/.lovage-stamp"
fi
exec node "$here/run.ts" "$@"
