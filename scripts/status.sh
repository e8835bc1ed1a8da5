#!/usr/bin/env bash
# How a server does: ./scripts/status.sh [TARGET]. Exit code 1 when something there is not well.
set -euo pipefail
cd "$(dirname "${BASH_SOURCE[0]}")/.."
# shellcheck source=scripts/remote.sh
source scripts/remote.sh
case ${1:-} in
  --help | -h) echo "Usage: ./scripts/status.sh [TARGET]   containers, Redis, workers and queues of a server (default $target)" && exit ;;
  "") ;;
  *) target=$1 ;;
esac
require_connection "$target"
run_there releases.sh certificates.sh status.sh -- status
