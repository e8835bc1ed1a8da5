# shellcheck shell=bash
# Releases on this host: the files as they were sent, an image each, and which of them proved good. After common.sh.
#   releases/<id>/     the files; the id is the hash of their content
#   releases/history   the ids that passed all checks, the newest last

: "${root:?common.sh comes first}"
kept_releases=5

current_release() { setting LOVAGE_RELEASE; }

# The newest release that proved good, other than the one given.
good_release_but() {
  [[ -r $root/releases/history ]] || return 0
  grep -vx "${1:-none}" "$root/releases/history" | tail -n 1 || true
}

has_image() { docker image inspect "lovage:$1" >/dev/null 2>&1; }

build_image() {
  local folder=$root/releases/$1
  if has_image "$1"; then
    say "image lovage:$1 is there already"
    return
  fi
  say "building the image lovage:$1"
  # The first stage has a name of its own, so that the packages stay in the builder's cache.
  with_signs_of_life "building packages" docker build -f "$folder/deploy/Dockerfile" --target dependencies \
    -t lovage:packages "$folder" || return 1
  with_signs_of_life "building" docker build -f "$folder/deploy/Dockerfile" -t "lovage:$1" "$folder" || return 1
  say "image lovage:$1: $(($(docker image inspect -f '{{.Size}}' "lovage:$1") / 1048576)) MB"
}

# The hash of what Redis is started with; it stands in a label, so that Compose sees a change. Passwords are not in it:
# Redis takes new ones over while it runs.
redis_config_of() {
  local name
  {
    cat "$root/releases/$1"/deploy/redis/*
    for name in REDIS_PORT REDIS_BIND REDIS_TLS REDIS_PREFIX; do echo "$name=$(setting "$name")"; done
  } | sha256sum | cut -c 1-12
}

# Puts a release's files where Compose and an operator find them. The folder itself stays: a container looks into it.
install_files() {
  local from=$root/releases/$1 file
  mkdir -p "$root"/deploy/{redis,server}
  # Those of deploy/server are for cron.
  for file in docker-compose.redis.yml docker-compose.workers.yml deploy/redis/{redis.conf,start.sh,users.acl.rules} \
    deploy/server/{common,backups,backup}.sh; do
    cp "$from/$file" "$root/$file.new" && mv "$root/$file.new" "$root/$file" || return 1
  done
}

# Remembers a release as good, and lets go of those that are old.
keep_release() {
  local id keep
  touch "$root/releases/history"
  grep -vx "$1" "$root/releases/history" >"$root/releases/history.new" || true
  echo "$1" >>"$root/releases/history.new"
  tail -n "$kept_releases" "$root/releases/history.new" >"$root/releases/history"
  rm -f "$root/releases/history.new"
  keep=$(cat "$root/releases/history")
  for id in $(cd "$root/releases" && find . -mindepth 1 -maxdepth 1 -type d | cut -c 3-); do
    if ! grep -qx "$id" <<<"$keep"; then rm -rf "${root:?}/releases/$id"; fi
  done
  for id in $(docker image ls --format '{{.Tag}}' lovage); do
    # A container that runs keeps its image: --only leaves some on an older release.
    if [[ $id != packages ]] && ! grep -qx "$id" <<<"$keep"; then docker rmi "lovage:$id" >/dev/null 2>&1 || true; fi
  done
  docker image prune -f --filter label=com.wizardsofts=lovage >/dev/null
}
