# shellcheck shell=bash
# shellcheck disable=SC2034 # used by those that source it
# Names, addresses and paths of a lab. Sourced by lab.sh and by process 1 of each machine, never run.
#
# LAB_NAME   which lab: two of different names run side by side. Default: lab
# LAB_STATE  where labs keep their disks, keys, logs and process ids. Default: /tmp/lovage-lab
# LAB_CACHE  what was downloaded or built once, for all labs. Default: ~/.cache/lovage-lab
set -euo pipefail

lab_name=${LAB_NAME:-lab}
states=${LAB_STATE:-/tmp/lovage-lab}
state=$states/$lab_name
cache=${LAB_CACHE:-${HOME:-/root}/.cache/lovage-lab}
lab=$(cd "$(dirname "${BASH_SOURCE[0]}")" && pwd)
checkout=$(cd "$lab/../../.." && pwd)
server_user=wizardsofts
# Servers are named after the last number of their address: server84 is 10.0.0.84.
servers_range=10.0.0.80/28

say() { printf '[%(%H:%M:%S)T] %s: %s\n' -1 "$lab_name" "$1"; }

fail() {
  printf 'error: %s\n' "$1" >&2
  exit 1
}

[[ $lab_name =~ ^[a-z][a-z0-9-]{0,19}$ ]] || fail "LAB_NAME must be small letters, digits and -, at most 20: $lab_name"

address_of() {
  case $1 in
    laptop) echo 10.0.0.1 ;;
    server8[1-9] | server9[0-4]) echo "10.0.0.${1#server}" ;;
    *) fail "no machine of a lab is called $1: there are laptop and server81 to server94" ;;
  esac
}

# The network namespace of a machine, or of the lab's switch.
namespace_of() { echo "lovage-$lab_name-$1"; }

# The servers that this lab has ever had.
servers() {
  local folder
  for folder in "$state"/server*/; do
    if [[ -d $folder ]]; then basename "$folder"; fi
  done
}

# Runs a long step and says every ten seconds that it lives; what it prints is kept, and shown only when it fails.
step() {
  local what=$1 begun=$SECONDS log ticker status
  shift
  log=$(mktemp)
  say "$what …"
  (
    # A pipe that nobody writes to: unlike a sleep, it leaves nothing behind that holds our output open.
    exec {never}<> <(:)
    until read -rt 10 -u "$never" || ! kill -0 $$ 2>/dev/null; do say "$what … $((SECONDS - begun)) s"; done
  ) &
  ticker=$!
  # Not as a condition, in which errexit would not hold.
  set +e
  (
    set -e
    "$@" >"$log" 2>&1
  )
  status=$?
  set -e
  kill "$ticker" 2>/dev/null || true
  wait "$ticker" 2>/dev/null || true
  if ((status != 0)); then
    tail -n 30 "$log" >&2
    rm -f "$log"
    fail "$what failed; what it printed last stands above"
  fi
  rm -f "$log"
  say "$what: done in $((SECONDS - begun)) s"
}
