#!/usr/bin/env bash
# Who may reach Redis and the dashboard of a server; see --help. Runs with the bash 3.2 of macOS, too.
set -euo pipefail
cd "$(dirname "${BASH_SOURCE[0]}")/.."
# shellcheck source=scripts/remote.sh
source scripts/remote.sh

usage() {
  cat <<'HELP'
Usage: ./scripts/firewall.sh [TARGET] --allow CIDR [CIDR…] [--apply]
       ./scripts/firewall.sh [TARGET] --remove [--apply]

Prints the firewall rules that let only these networks, and the server itself, reach Redis and the dashboard, and the
command that sets them: it needs root on the server. With --apply it is run, where sudo asks for no password.
The rules are deploy/firewall.sh's: nothing but these two ports is touched; they stay over a reboot; again is no change.
HELP
}

wrong_usage() {
  printf 'error: %s\n\n' "$1" >&2
  usage >&2
  exit 2
}

if (($# > 0)) && is_target "$1" && [[ $1 != */* ]]; then
  target=$1
  shift
fi
operation="" networks="" apply=no
while (($# > 0)); do
  case $1 in
    --allow)
      operation="set"
      while [[ -n ${2:-} && $2 != --* ]]; do
        [[ $2 =~ ^[0-9A-Fa-f:./]+$ ]] || wrong_usage "$2 is no network, such as 10.0.0.0/24"
        networks="$networks --allow $2"
        shift
      done
      ;;
    --remove) operation=remove ;;
    --apply) apply=yes ;;
    --help | -h) usage && exit ;;
    *) wrong_usage "unknown: $1" ;;
  esac
  shift
done
[[ -n $operation ]] || wrong_usage "--allow or --remove is needed"
[[ $operation == remove || -n $networks ]] || wrong_usage "--allow needs a network, such as 10.0.0.0/24"
[[ $operation == set || -z $networks ]] || wrong_usage "--allow and --remove exclude each other"

require_connection "$target"
arguments=$operation
if [[ $operation == set ]]; then
  ports=$(run_there firewall-ports.sh -- firewall_ports) || exit 1
  arguments="set --ports $ports$networks"
fi
# shellcheck disable=SC2016 # expanded on the server
program=$(run_there -- 'file=$root/releases/$(setting LOVAGE_RELEASE)/deploy/firewall.sh
  [[ -e $file ]] || fail "the release on $(hostname) has no firewall.sh" "./scripts/deploy.sh first"
  echo "$file"') || exit 1
if [[ $operation == set ]]; then
  echo "Rules on $target:"
  # shellcheck disable=SC2029 # named here
  on "$target" "bash $program $arguments --dry-run" </dev/null | sed 's/^/  /'
  run_there firewall-ports.sh -- "tell_left_out$networks"
fi
if [[ $apply == no ]]; then
  printf '\nNothing was changed. This does it (read deploy/firewall.sh first):\n  ssh -t %s sudo bash %s %s\n' "$target" "$program" "$arguments"
  exit
fi
if ! on "$target" "sudo -n true" >/dev/null 2>&1 </dev/null; then
  complain "sudo on $target asks for a password, or is not there" "as somebody who may: ssh -t $target sudo bash $program $arguments"
fi
# shellcheck disable=SC2029 # named here
on "$target" "sudo -n bash $program $arguments" </dev/null
