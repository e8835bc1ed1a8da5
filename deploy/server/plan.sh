# shellcheck shell=bash
# Says what a deploy would change, and changes nothing. After common.sh, settings.sh, releases.sh, containers.sh.
# Needs `manifest`: the files of the release that would come, a hash and a path each.

: "${root:?common.sh comes first}" "${manifest:=}"

plan() {
  local id=$1 before service name changes=0
  shift
  before=$(current_release)
  local chosen=("$@") missing=()
  if ((${#chosen[@]} == 0)); then read -ra chosen <<<"$(services)"; fi
  if [[ $before == "$id" ]]; then echo "Release: $id, as before"
  else
    echo "Release: $id (before: ${before:-none})"
    plan_files "$before"
  fi
  if has_image "$id"; then echo "Image: lovage:$id is there"; else echo "Image: lovage:$id would be built"; fi
  for name in REDIS_PASSWORD REDIS_WORKER_PASSWORD REDIS_CLIENT_PASSWORD DASHBOARD_PASSWORD; do
    if [[ $(services) == *redis* && -z $(setting "$name") ]]; then missing+=("$name"); fi
  done
  if ((${#missing[@]} > 0)); then echo "Secrets that would be made: ${missing[*]}"; fi
  # shellcheck disable=SC2034 # `differs` reads it
  local wanted=
  if [[ -n $before ]]; then read_wanted; fi
  echo "Containers:"
  for service in "${chosen[@]}"; do
    if [[ -z $(inspect "$service" '{{.Id}}') ]]; then
      echo "  $service: would be made"
    elif [[ $service == redis && $before != "$id" ]]; then
      if [[ -d $root/releases/$id && $(redis_config_of "$id") == "$(setting LOVAGE_REDIS_CONFIG)" ]] || ! redis_files_change; then
        echo "  $service: stays"
        continue
      fi
      echo "  $service: would be replaced (its files change)"
    elif [[ $before != "$id" ]]; then
      echo "  $service: would be replaced$([[ $service == worker-* ]] && echo ", drained before")"
    elif differs "$service"; then
      echo "  $service: would be replaced or started"
    else
      echo "  $service: stays"
      continue
    fi
    changes=$((changes + 1))
  done
  if ((changes == 0 && ${#missing[@]} == 0)) && [[ $before == "$id" ]]; then echo "Nothing would change."; fi
}

# Files that differ from those of the release that runs.
plan_files() {
  local old=$root/releases/$1/MANIFEST
  if [[ -z $1 || ! -r $old ]]; then
    echo "Files: $(wc -l <<<"$manifest") are new"
    return
  fi
  echo "Files:"
  # Lines of one side only: a path on both sides changed.
  { sed "s|^|- |" "$old"; sed "s|^|+ |" < <(echo "$manifest"); } | sort -k 2 | uniq -u -f 1 |
    awk '{ side[$3] = side[$3] $1 } END { for (path in side) print "  " (side[path] ~ /\+/ ? (side[path] ~ /-/ ? "changed " : "new     ") : "gone    ") path }' |
    sort -k 2
}

redis_files_change() {
  local old
  old=$root/releases/$(current_release)/MANIFEST
  [[ -r $old ]] || return 0
  ! diff -q <(grep -E '  (docker-compose.redis.yml|deploy/redis/)' "$old") \
    <(grep -E '  (docker-compose.redis.yml|deploy/redis/)' <<<"$manifest") >/dev/null
}
