#!/usr/bin/env bash
# Lets only some networks reach Redis and the dashboard of this host. Runs as root; ./scripts/firewall.sh prints the command.
#
#   firewall.sh set --ports 6380,5555 --allow CIDR [--allow CIDR]…   these networks and loopback, nobody else
#   firewall.sh start                                                what was set, anew: at boot
#   firewall.sh show | remove
#   firewall.sh set … --dry-run                                      only prints it; needs no root
#
# It makes a chain LOVAGE in iptables and ip6tables, and one rule in INPUT that sends TCP connections to these ports
# through it. It closes and opens nothing: what other rules forbid stays forbidden. No other port is touched, ssh neither.
# It writes /etc/lovage-firewall (what was set), /usr/local/sbin/lovage-firewall (itself), and for the next boot
# /etc/systemd/system/lovage-firewall.service, or without systemd one line of /etc/rc.local.
set -euo pipefail

chain=LOVAGE
kept=/etc/lovage-firewall
program=/usr/local/sbin/lovage-firewall
unit=/etc/systemd/system/lovage-firewall.service
boot_line="$program start # Lovage: who may reach Redis and the dashboard"

fail() {
  printf 'error: %s\n' "$1" >&2
  if [[ -n ${2:-} ]]; then printf '  %s\n' "$2" >&2; fi
  exit 1
}

operation=${1:-}
(($# > 0)) && shift
ports="" dry=no networks=()
while (($# > 0)); do
  case $1 in
    --ports) ports=${2:-} && shift ;;
    --allow) networks+=("${2:-}") && shift ;;
    --dry-run) dry=yes ;;
    *) fail "unknown: $1" "set --ports 6380,5555 --allow CIDR…, start, show or remove" ;;
  esac
  shift
done

# Networks of one family: 4 or 6.
of_family() {
  local network
  for network in "${networks[@]+"${networks[@]}"}"; do
    if [[ $network == *:* ]]; then [[ $1 == 4 ]] || echo "$network"; else [[ $1 == 6 ]] || echo "$network"; fi
  done
}

check_wanted() {
  local network
  [[ $ports =~ ^[1-9][0-9]{0,4}(,[1-9][0-9]{0,4})*$ ]] || fail "--ports takes numbers, separated by commas, not ${ports:-nothing}"
  [[ ,$ports, != *,22,* ]] || fail "port 22 is ssh's" "this is for Redis and the dashboard"
  ((${#networks[@]} > 0)) || fail "nobody but this host itself could reach them" "name who may: --allow 10.0.0.0/24; for nobody: --allow 127.0.0.1"
  for network in "${networks[@]}"; do
    [[ $network =~ ^[0-9]{1,3}(\.[0-9]{1,3}){3}(/[0-9]{1,2})?$ || $network =~ ^[0-9A-Fa-f:]*:[0-9A-Fa-f:.]*(/[0-9]{1,3})?$ ]] ||
      fail "$network is no network" "such as 10.0.0.0/24, 10.0.0.7 or fd00::/64"
  done
}

# The chain of one family as iptables-restore reads it. Declared anew, it is emptied first: all at once.
chain_of() {
  local network
  echo "*filter"
  echo ":$chain - [0:0]"
  echo "-A $chain -i lo -j RETURN"
  while read -r network; do if [[ -n $network ]]; then echo "-A $chain -s $network -j RETURN"; fi; done < <(of_family "$1")
  echo "-A $chain -j DROP"
  echo COMMIT
}

families() { if [[ -e /proc/net/if_inet6 ]]; then echo "4 6"; else echo 4; fi; }
tables() { if [[ $1 == 6 ]]; then echo ip6tables; else echo iptables; fi; }

input_rules() { "$1" -w 5 -S INPUT | grep '^-A' || true; }

# remove_jumps TABLES FIRST: rules of INPUT that lead into the chain, from this number on; the last first, as the others
# then keep their numbers.
remove_jumps() {
  local number
  for number in $(input_rules "$1" | grep -nE -- "-j $chain\$" | cut -d : -f 1 | sort -rn); do
    if ((number >= $2)); then "$1" -w 5 -D INPUT "$number"; fi
  done
}

start() {
  local family table jump
  for family in $(families); do
    table=$(tables "$family")
    command -v "$table" >/dev/null || fail "there is no $table on this host" "install it; on Debian: apt install iptables"
    chain_of "$family" | "$table-restore" -w 5 --noflush || fail "$table does not take these rules; nothing was changed in it"
    jump="-A INPUT -p tcp -m multiport --dports $ports -j $chain"
    # At the top, before a rule that lets everybody in.
    # shellcheck disable=SC2086 # words of a rule
    if [[ $(input_rules "$table" | head -n 1) != "$jump" ]]; then "$table" -w 5 -I ${jump#-A }; fi
    remove_jumps "$table" 2
  done
}

keep_for_boot() {
  install -D -m 755 "${BASH_SOURCE[0]}" "$program.new"
  mv "$program.new" "$program"
  {
    echo "# Who may reach Redis and the dashboard of Lovage; written by $program set, read at boot."
    echo "ports=$ports"
    echo "networks=(${networks[*]})"
  } >"$kept.new"
  mv "$kept.new" "$kept"
  if [[ -d /run/systemd/system ]]; then
    cat >"$unit" <<UNIT
[Unit]
Description=Who may reach Redis and the dashboard of Lovage
# After those that may empty INPUT, before anything of Lovage listens.
After=network-pre.target ufw.service nftables.service netfilter-persistent.service firewalld.service
Before=docker.service

[Service]
Type=oneshot
RemainAfterExit=yes
ExecStart=$program start

[Install]
WantedBy=multi-user.target
UNIT
    systemctl daemon-reload
    systemctl enable --quiet lovage-firewall.service
    echo "kept for the next boot by $unit"
  else
    if [[ ! -e /etc/rc.local ]]; then echo '#!/bin/sh' >/etc/rc.local; fi
    # At its beginning: many end with "exit 0".
    if ! grep -qxF -e "$boot_line" /etc/rc.local; then sed -i "1a $boot_line" /etc/rc.local; fi
    chmod +x /etc/rc.local
    echo "kept for the next boot by a line of /etc/rc.local"
  fi
}

remove() {
  local family table
  for family in $(families); do
    table=$(tables "$family")
    remove_jumps "$table" 1
    if "$table" -w 5 -S "$chain" >/dev/null 2>&1; then
      "$table" -w 5 -F "$chain"
      "$table" -w 5 -X "$chain"
    fi
  done
  if [[ -e $unit ]]; then
    systemctl disable --quiet lovage-firewall.service || true
    rm -f "$unit"
    systemctl daemon-reload
  fi
  if [[ -e /etc/rc.local ]]; then
    grep -vxF -e "$boot_line" /etc/rc.local >/etc/rc.local.new || true
    cat /etc/rc.local.new >/etc/rc.local
    rm -f /etc/rc.local.new
  fi
  rm -f "$program" "$kept"
  echo "removed: whoever reaches this host reaches these ports"
}

show() {
  local family table
  for family in $(families); do
    table=$(tables "$family")
    echo "$table:"
    { input_rules "$table" | grep -E -- "-j $chain\$" && "$table" -w 5 -S "$chain" 2>/dev/null; } | sed 's/^/  /' | grep . || echo "  no rules of Lovage's"
  done
}

if [[ $operation == set && $dry == yes ]]; then
  check_wanted
  for family in 4 6; do
    echo "$(tables "$family"):"
    echo "  -I INPUT -p tcp -m multiport --dports $ports -j $chain"
    chain_of "$family" | grep '^-A' | sed 's/^/  /'
  done
  exit
fi
((EUID == 0)) || fail "the firewall is root's" "sudo bash ${BASH_SOURCE[0]} …"
PATH=/usr/local/sbin:/usr/sbin:/sbin:$PATH
case $operation in
  set)
    check_wanted
    start
    keep_for_boot
    show
    ;;
  start)
    [[ -r $kept ]] || fail "nothing was set on this host: there is no $kept"
    # shellcheck source=/dev/null
    source "$kept"
    check_wanted
    start
    ;;
  show | remove) "$operation" ;;
  *) fail "set, start, show or remove" ;;
esac
