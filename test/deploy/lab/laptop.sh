#!/usr/bin/env bash
# Process 1 of the laptop: this machine's files, but a ~/.ssh with the lab's key and a /run of its own. A deploy script
# there uses plain ssh and rsync, and reaches the servers only over the lab's wire. Started by lab.sh.
set -euo pipefail

main() {
  # shellcheck source=test/deploy/lab/settings.sh
  source "$(dirname "${BASH_SOURCE[0]}")/settings.sh"
  [[ $$ == 1 ]] || fail "laptop.sh is started by lab.sh, as process 1"
  local ssh_folder
  # ssh looks in the folder of the passwd file, whatever HOME says.
  ssh_folder=$(getent passwd root | cut -d : -f 6)/.ssh
  hostname laptop
  mkdir -p "$ssh_folder"
  mount --bind "$state/laptop/ssh" "$ssh_folder"
  mount -t tmpfs -o mode=755 tmpfs /run
  trap 'exit 0' TERM
  # As process 1 it also reaps what others leave behind.
  while true; do
    sleep 3600 &
    wait $! || true
  done
}

main "$@"
