# shellcheck shell=bash
# Looks at a host that would join, as if it had the settings that it would get. After common.sh, settings.sh.
# Needs `would_be`: NAME=VALUE each.

: "${root:?common.sh comes first}" "${would_be:=}"

setting() {
  local pair
  for pair in "${would_be[@]}"; do
    if [[ ${pair%%=*} == "$1" ]]; then
      echo "${pair#*=}"
      return
    fi
  done
  stored "$1"
}

refuse_main_host() {
  local chosen
  [[ -e $root/.env ]] || return 0
  chosen=$(stored LOVAGE_SERVICES)
  if [[ -z $chosen || ,$chosen, == *,redis,* ]]; then
    fail "Lovage was deployed to $(hostname) with a Redis of its own" "a host belongs to one Redis; take that one down first, or use another folder: LOVAGE_DIR"
  fi
}

# Whether the two folders are the other host's, by the file that it made there: datasets_shared, models_shared.
look_for_mark() {
  local name folder
  for name in HOST_DATASETS_DIR HOST_MODELS_DIR; do
    folder=$(stored "$name" | grep . || setting "$name")
    folder=${folder:-$(default_folder "$name")}
    if [[ -e $folder/$1 ]]; then echo "shared_$name=yes"; else echo "shared_$name=no"; fi
    printf 'folder_%s=%s\n' "$name" "$folder"
  done
  printf 'chosen_before=%s\nhost_of_workers=%s\n' "$(stored LOVAGE_SERVICES)" "$(hostname)"
}
