# shellcheck shell=bash
# Makes what is missing in .env, and the folders that the containers see. After common.sh. Never prints a value.

: "${root:?common.sh comes first}"

# What every host has; secrets only where Redis is: other hosts get theirs from there.
make_settings() {
  local made=() name folder
  if [[ ! -e $root/.env ]]; then
    (umask 077 && printf '%s\n' "# Settings and secrets of Lovage on $(hostname). Every variable: .env.example in the project." >"$root/.env")
  fi
  chmod 600 "$root/.env"
  make_setting COMPOSE_PROJECT_NAME lovage
  make_setting COMPOSE_IGNORE_ORPHANS true
  make_setting LOVAGE_UID "$(id -u)"
  make_setting LOVAGE_GID "$(id -g)"
  if [[ $(services) == *redis* ]]; then
    for name in REDIS_PASSWORD REDIS_WORKER_PASSWORD REDIS_CLIENT_PASSWORD DASHBOARD_PASSWORD; do
      make_setting "$name" "$(new_secret)"
    done
  fi
  if [[ $HOME != /home/wizardsofts ]]; then
    make_setting HOST_DATASETS_DIR "$HOME/ml-datasets"
    make_setting HOST_MODELS_DIR "$HOME/ml-models"
  fi
  if ((${#made[@]} > 0)); then
    set_settings "${made[@]}"
    say "made in .env: $(printf '%s\n' "${made[@]%%=*}" | tr '\n' ' ')(values stay on this host)"
  fi
  for folder in tls/public tls/redis tls/dashboard users logs releases backups; do mkdir -p "$root/$folder"; done
  for name in HOST_DATASETS_DIR HOST_MODELS_DIR; do
    folder=$(setting "$name")
    [[ -n $folder ]] || folder=$(default_folder "$name")
    mkdir -p "$folder" || fail "the folder $folder cannot be made" "make it, owned by $(whoami), or set $name in $root/.env"
  done
}

default_folder() {
  if [[ $1 == HOST_DATASETS_DIR ]]; then echo /home/wizardsofts/ml-datasets; else echo /home/wizardsofts/ml-models; fi
}

# Adds to `made` of the caller what .env does not have.
make_setting() {
  if [[ -z $(setting "$1") ]]; then made+=("$1=$2"); fi
}
