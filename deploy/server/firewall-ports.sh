# shellcheck shell=bash
# What of this host others may want to reach, and who does. After common.sh.

: "${root:?common.sh comes first}"

# Ports of Redis and the dashboard; health ports are on loopback alone.
firewall_ports() {
  local ports=()
  [[ -r $root/.env ]] || fail "Lovage was not deployed to $root on $(hostname)" "./scripts/deploy.sh"
  if [[ " $(services) " == *" redis "* ]]; then ports+=("$(setting REDIS_PORT | grep . || echo 6380)"); fi
  if [[ " $(services) " == *" dashboard "* ]]; then ports+=("$(setting DASHBOARD_PORT | grep . || echo 5555)"); fi
  ((${#ports[@]} > 0)) || fail "on $(hostname) nothing of Lovage's listens for others" "it has workers only; nothing needs to be closed"
  (IFS=, && echo "${ports[*]}")
}

number_of() {
  local a b c d
  IFS=. read -r a b c d <<<"$1"
  echo $(((a << 24) + (b << 16) + (c << 8) + d))
}

# contains NETWORK ADDRESS, of IPv4
contains() {
  local bits=32 mask
  if [[ $1 == */* ]]; then bits=${1#*/}; fi
  mask=$((bits == 0 ? 0 : (0xffffffff << (32 - bits)) & 0xffffffff))
  (($(number_of "${1%/*}") & mask)) || ((bits == 0)) || return 1
  ((($(number_of "${1%/*}") & mask) == ($(number_of "$2") & mask)))
}

# Says who uses Redis or the dashboard now, or sits at this connection, and would be shut out. Of IPv4; by /proc.
tell_left_out() {
  local networks=() network address inside
  while (($# > 0)); do
    if [[ $1 != --allow && $1 != *:* ]]; then networks+=("$1"); fi
    shift
  done
  while read -r address; do
    inside=no
    for network in "${networks[@]+"${networks[@]}"}"; do if contains "$network" "$address"; then inside=yes; fi; done
    if [[ $inside == no ]]; then echo "warning: $address would be shut out"; fi
  done < <(
    {
      cut -d ' ' -f 1 <<<"${SSH_CONNECTION:-}"
      connected_from
    } | grep -E '^[0-9.]+$' | grep -v '^127\.' | grep -vxF "$(hostname -I | tr ' ' '\n' | grep .)" | sort -u
  )
}

# Who is connected to these ports.
connected_from() {
  local ports hex port
  ports=$(firewall_ports | tr ',' ' ')
  for port in $ports; do
    printf -v hex '%04X' "$port"
    awk -v port="$hex" '$4 == "01" && substr($2, 10) == port { print substr($3, 1, 8) }' /proc/net/tcp
  done | while read -r hex; do
    printf '%d.%d.%d.%d\n' "0x${hex:6:2}" "0x${hex:4:2}" "0x${hex:2:2}" "0x${hex:0:2}"
  done
}
