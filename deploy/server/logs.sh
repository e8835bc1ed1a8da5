# shellcheck shell=bash
# The containers' logs, each line with its service before it. After common.sh.
#   logs FOLLOW SINCE LINES SERVICE…

: "${root:?common.sh comes first}"

logs() {
  local follow=$1 since=$2 lines=$3 service all options=() pids=()
  shift 3
  if [[ -n $since ]]; then options+=(--since "$since"); fi
  if [[ -n $lines ]]; then options+=(--tail "$lines"); fi
  if [[ $follow == yes ]]; then options+=(--follow); fi
  if (($# == 0)); then read -ra all <<<"$(services)" && set -- "${all[@]}"; fi
  # Whoever watched has gone: the followers must not stay behind.
  trap 'kill 0' PIPE TERM
  for service in "$@"; do
    if [[ -z $(inspect "$service" '{{.Id}}') ]]; then
      printf 'there is no container lovage-%s\n' "$service" >&2
      continue
    fi
    docker logs "${options[@]}" "lovage-$service" 2>&1 | sed -u "s/^/$(printf '%-14s' "$service") | /" &
    pids+=("$!")
  done
  wait "${pids[@]+"${pids[@]}"}"
}
