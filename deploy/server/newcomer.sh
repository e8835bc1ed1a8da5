# shellcheck shell=bash
# Looks at a host that would join, as if it had the settings that it would get. After common.sh, settings.sh.
# Needs `would_be`: NAME=VALUE each.

: "${root:?common.sh comes first}" "${would_be:=}"

# What really stands in .env.
eval "$(declare -f setting | sed '1s/^setting/written/')"

setting() {
  local pair
  for pair in "${would_be[@]}"; do
    if [[ ${pair%%=*} == "$1" ]]; then
      echo "${pair#*=}"
      return
    fi
  done
  written "$1"
}

refuse_main_host() {
  local chosen
  [[ -e $root/.env ]] || return 0
  chosen=$(written LOVAGE_SERVICES)
  if [[ -z $chosen || ,$chosen, == *,redis,* ]]; then
    fail "Lovage was deployed to $(hostname) with a Redis of its own" "a host belongs to one Redis; take that one down first, or use another folder: LOVAGE_DIR"
  fi
}

# Whether the two folders are the other host's, by the file that it made there: datasets_shared, models_shared.
look_for_mark() {
  local name folder
  for name in HOST_DATASETS_DIR HOST_MODELS_DIR; do
    folder=$(written "$name" | grep . || setting "$name")
    folder=${folder:-$(default_folder "$name")}
    if [[ -e $folder/$1 ]]; then echo "shared_$name=yes"; else echo "shared_$name=no"; fi
    printf 'folder_%s=%q\n' "$name" "$folder"
  done
  printf 'chosen_before=%q host_of_workers=%q\n' "$(written LOVAGE_SERVICES)" "$(hostname)"
}
