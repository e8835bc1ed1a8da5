# shellcheck shell=bash
# Who is connected to this host's Redis. After common.sh, backups.sh.

: "${root:?common.sh comes first}"

# connections_from_elsewhere [USER]: the addresses of other hosts that are connected, a line each with how many.
connections_from_elsewhere() {
  redis_cli client list | awk -v user="${1:-}" -v own="127.0.0.1 ::1 $(hostname -I)" '
    BEGIN { split(own, list, " "); for (i in list) local_[list[i]] = 1 }
    {
      address = name = ""
      for (i = 1; i <= NF; i++) {
        if ($i ~ /^addr=/) address = substr($i, 6)
        if ($i ~ /^user=/) name = substr($i, 6)
      }
      sub(/:[0-9]+$/, "", address)
      gsub(/[][]/, "", address)
      if ((user == "" || name == user) && !(address in local_)) count[name " from " address]++
    }
    END { for (who in count) printf "  %s: %d connections\n", who, count[who] }' | sort
}
