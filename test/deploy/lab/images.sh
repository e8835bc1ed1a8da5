# shellcheck shell=bash disable=SC2154 # settings.sh sets them
# The base images of a server, which can pull none. They are named as what they stand for, so that Dockerfiles and
# compose files run unchanged.

# Changes with everything that the images are made of.
images_id() {
  {
    stat -c '%s %Y' "$cache/debian.tar" "$cache/node-$(node_version)/bin/node"
    basename "$(npm_stamp)"
    cat "$lab"/images/*
  } | sha256sum | cut -c 1-12
}

load_images() {
  local server=$1 id
  id=$(images_id)
  if [[ $(inside "$server" docker image inspect -f '{{ index .Config.Labels "lab" }}' node:24-bookworm-slim 2>/dev/null) == "$id" ]]; then
    return
  fi
  exec 7>"$cache/.lock"
  flock 7
  if [[ ! -s $cache/images-$id.tar ]]; then
    step "$server: building the base images" build_images "$server" "$id"
    # Another checkout may still use the one before.
    find "$cache" -maxdepth 1 -name 'images-*' -printf '%T@ %p\n' | sort -rn | tail -n +2 | cut -d ' ' -f 2 | xargs -r rm -f
    inside "$server" docker save debian:bookworm-slim redis:7-alpine node:24-bookworm-slim >"$cache/images-$id.part"
    mv "$cache/images-$id.part" "$cache/images-$id.tar"
  else
    step "$server: loading the base images" inside "$server" docker load --quiet <"$cache/images-$id.tar"
  fi
  exec 7>&-
  local tag
  for tag in 7 7-bookworm 7.0 alpine; do inside "$server" docker tag redis:7-alpine "redis:$tag"; done
  for tag in 24 24-slim 24-bookworm 24-alpine; do inside "$server" docker tag node:24-bookworm-slim "node:$tag"; done
}

build_images() {
  local server=$1 id=$2
  inside "$server" docker import --change 'CMD ["bash"]' - debian:bookworm-slim <"$cache/debian.tar"
  tar -c -C "$lab/images" redis.Dockerfile redis-entrypoint.sh -C "$cache" redis |
    inside "$server" docker build --tag redis:7-alpine --file redis.Dockerfile -
  tar -c -C "$lab/images" node.Dockerfile node-entrypoint.sh npmrc -C "$cache" npm "node-$(node_version)" |
    inside "$server" docker build --tag node:24-bookworm-slim --file node.Dockerfile --label "lab=$id" \
      --build-arg "NODE_VERSION=$(node_version)" --build-arg "REGISTRY=$(npm config get registry)" -
}
