#!/usr/bin/env bash
# A laptop, 10.0.0.1, and servers such as 10.0.0.84, on one machine: the real deploy runs between them. Needs root and
# the packages of packages.txt (install-packages.sh).
#
#   lab.sh prepare             downloads what labs are made of, and builds Compose v2 where there is Go
#   lab.sh up [SERVER…]        switches on what is off: the laptop and the servers, default server84
#   lab.sh down [--purge]      switches all off; --purge forgets their disks and keys too
#   lab.sh on MACHINE CMD…     runs a command as root on laptop (in the current folder) or on a server
#   lab.sh guard               fails unless nothing of the lab can leave the lab
#   lab.sh boot MACHINE        switches one on
#   lab.sh shut-down MACHINE   switches one off in good order
#   lab.sh power-cut MACHINE   pulls its cable and its plug
#   lab.sh new-disk SERVER     switches it off and on again with an empty disk, as after `up` on a new lab
#   lab.sh ray SERVER          starts a Ray head of 2 CPUs there, from the checkout's .venv: port 8265 of its address
#   lab.sh ray-stop SERVER     ends it
#   lab.sh compose-v2 SERVER   gives the server's user `docker compose`, beside docker-compose v1
#
# In the environment: LAB_NAME, LAB_STATE and LAB_CACHE; see settings.sh.
set -euo pipefail
here=$(dirname "${BASH_SOURCE[0]}")
# shellcheck source=test/deploy/lab/settings.sh
source "$here/settings.sh"
# shellcheck source=test/deploy/lab/network.sh
source "$here/network.sh"
# shellcheck source=test/deploy/lab/machines.sh
source "$here/machines.sh"
# shellcheck source=test/deploy/lab/downloads.sh
source "$here/downloads.sh"
# shellcheck source=test/deploy/lab/images.sh
source "$here/images.sh"
# shellcheck source=test/deploy/lab/ray.sh
source "$here/ray.sh"
# shellcheck source=test/deploy/lab/compose-v2.sh
source "$here/compose-v2.sh"

up() {
  local begun=$SECONDS server
  if (($# == 0)); then set -- server84; fi
  for server in "$@"; do require_server "$server"; done
  for program in debootstrap dockerd docker-compose ip iptables npm nsenter rsync ssh sshd unshare; do
    PATH=$PATH:/usr/sbin:/sbin type -P "$program" >/dev/null ||
      fail "$program is missing: test/deploy/lab/install-packages.sh installs what the lab needs"
  done
  fetch_all
  lay_network
  for server in "$@"; do boot "$server"; done
  boot laptop
  guard
  for server in "$@"; do
    until_ready "$server"
    load_images "$server"
  done
  say "up in $((SECONDS - begun)) s: laptop $*"
}

down() {
  local machine
  for machine in $(servers); do shut_down "$machine"; done
  power_cut laptop
  remove_network
  if [[ ${1:-} == --purge ]]; then rm -rf --one-file-system "$state" "$states/.$lab_name.lock"; fi
  say "down"
}

new_disk() {
  shut_down "$1"
  rm -rf --one-file-system "$state/$1/disk"
  boot "$1"
  until_ready "$1"
  load_images "$1"
}

require_server() {
  [[ ${1:-} == server* ]] || fail "which server? such as server84"
  address_of "$1" >/dev/null
}

# Two commands that switch machines of one lab on or off would meet half-way.
alone() {
  mkdir -p "$states"
  exec 9>"$states/.$lab_name.lock"
  flock 9
  "$@"
}

# All is read before anything runs: an edit in the meantime changes nothing.
main() {
  local command=${1:-} machine
  [[ $(id -u) == 0 ]] || fail "the lab needs root"
  if (($# > 0)); then shift; fi
  case $command in
    prepare)
      fetch_all
      if command -v go >/dev/null; then build_compose; fi
      ;;
    up) alone up "$@" ;;
    down) alone down "$@" ;;
    guard) guard ;;
    on)
      guard
      running "${1:-}" || fail "${1:-nothing} is not on"
      machine=$1
      shift
      # A signal to all of a terminal's or a test's processes is the command's to answer: this waits for how it ends.
      trap '' INT TERM HUP
      inside "$machine" env --default-signal=INT,TERM,HUP "$@"
      ;;
    boot | shut-down | power-cut)
      address_of "${1:-}" >/dev/null
      alone "${command//-/_}" "$1"
      if [[ $command == boot && $1 == server* ]]; then until_ready "$1"; fi
      ;;
    new-disk | ray | ray-stop | compose-v2)
      require_server "${1:-}"
      alone "${command//-/_}" "$1"
      ;;
    *)
      sed -n '2,/^set/ { /^#/ s/^# \{0,1\}//p }' "${BASH_SOURCE[0]}" >&2
      exit 2
      ;;
  esac
}

main "$@"
