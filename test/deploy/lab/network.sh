# shellcheck shell=bash disable=SC2154 # settings.sh sets them
# The lab's wire: a switch in a namespace of its own, and one cable from each machine to it. Nothing else leads into or
# out of these namespaces, and none has a default route: 10.0.0.84 can only be the server made here.

# Adds this lab's switch, and makes the labs' addresses unreachable from this machine's own network: a script run by
# mistake outside the laptop must not find its way to somebody else's 10.0.0.84.
lay_network() {
  local switch
  switch=$(namespace_of switch)
  exec 8>"$states/.routes"
  flock 8
  # A metric of its own keeps this route apart from any other for the same addresses.
  ip route replace unreachable "$servers_range" metric 84
  if [[ ! -e /run/netns/$switch ]]; then ip netns add "$switch"; fi
  exec 8>&-
  if ! ip -n "$switch" link show bridge >/dev/null 2>&1; then ip -n "$switch" link add bridge type bridge; fi
  ip -n "$switch" link set bridge up
}

# Takes the lab's namespaces away, and with the last lab the unreachable route.
remove_network() {
  local namespace
  exec 8>"$states/.routes"
  flock 8
  for namespace in $(ip netns list | awk '{ print $1 }' | grep -E "^lovage-$lab_name-(switch|laptop|server[0-9]+)\$" || true); do
    ip netns delete "$namespace"
  done
  if ! ip netns list | grep -qE '^lovage-.*-switch'; then
    ip route del unreachable "$servers_range" metric 84 2>/dev/null || true
  fi
  exec 8>&-
}

# A machine's namespace with a cable to the switch. Both ends are born inside: no address of the lab ever exists on this
# machine's own network. The hardware address stays the same over a reboot, as a real card's does.
plug_in() {
  local machine=$1 namespace switch address
  namespace=$(namespace_of "$machine")
  switch=$(namespace_of switch)
  address=$(address_of "$machine")
  if [[ ! -e /run/netns/$namespace ]]; then ip netns add "$namespace"; fi
  if ! ip -n "$namespace" link show eth0 >/dev/null 2>&1; then
    ip -n "$switch" link delete "$machine" 2>/dev/null || true
    ip -n "$namespace" link add eth0 address "$(printf '02:00:0a:00:00:%02x' "${address##*.}")" type veth \
      peer name "$machine" netns "$switch"
  fi
  ip -n "$switch" link set "$machine" master bridge up
  ip -n "$namespace" link set lo up
  ip -n "$namespace" address replace "$address/24" dev eth0
  ip -n "$namespace" link set eth0 up
}

# From here on the others hear nothing of the machine any more, not even that its connections end.
pull_cable() { ip -n "$(namespace_of switch)" link set "$1" down; }

# A machine that is off has no network: its firewall rules and connections end with it.
drop_namespace() {
  local namespace
  namespace=$(namespace_of "$1")
  if [[ -e /run/netns/$namespace ]]; then ip netns delete "$namespace"; fi
}

# Fails unless what is sent from this lab's machines can only reach this lab's machines.
guard() {
  local machine namespace links extra
  running laptop || fail "lab $lab_name is not up: test/deploy/lab/lab.sh up"
  for machine in laptop $(servers); do
    running "$machine" || continue
    namespace=$(namespace_of "$machine")
    if [[ ! /proc/$(pid_of "$machine")/ns/net -ef /run/netns/$namespace ]] ||
      [[ /proc/self/ns/net -ef /run/netns/$namespace ]]; then
      fail "$machine is not in its own network: nothing is sent"
    fi
    if [[ -n $(ip -n "$namespace" route show default)$(ip -n "$namespace" -6 route show default) ]]; then
      fail "$machine has a default route: nothing is sent"
    fi
  done
  links=$(ip -n "$(namespace_of laptop)" -o link show | awk -F': ' '{ sub(/@.*/, "", $2); print $2 }' | sort | xargs)
  [[ $links == "eth0 lo" ]] || fail "the laptop has other networks than the lab's ($links): nothing is sent"
  extra=$(ip -n "$(namespace_of switch)" -o link show |
    awk -F': ' '{ sub(/@.*/, "", $2); print $2 }' | grep -vE '^(lo|bridge|laptop|server[0-9]+)$' || true)
  [[ -z $extra ]] || fail "the lab's switch has other cables than the machines' ($extra): nothing is sent"
}
