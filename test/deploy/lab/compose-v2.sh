# shellcheck shell=bash disable=SC2154 # settings.sh sets them
# Docker Compose v2, which Debian 12 has no package of: built from its Go module, in about five minutes of one core.

compose_version=v2.40.3

build_compose() {
  if [[ -x $cache/docker-compose-v2 ]]; then return; fi
  command -v go >/dev/null || fail "Compose v2 is built with go, which is not installed"
  mkdir -p "$cache"
  exec 7>"$cache/.compose.lock"
  flock 7
  if [[ ! -x $cache/docker-compose-v2 ]]; then step "building Compose $compose_version" compile_compose; fi
  exec 7>&-
}

# Its go.mod has exclude directives, which `go install` refuses; a module that requires it may be built.
compile_compose() {
  local work
  work=$(mktemp -d)
  (
    cd "$work" || exit 1
    export GOFLAGS=-buildvcs=false
    printf 'module lab/compose\n\ngo 1.24\n' >go.mod
    go get -tool "github.com/docker/compose/v2/cmd@$compose_version"
    nice go build -trimpath -ldflags "-s -w -X github.com/docker/compose/v2/internal.Version=$compose_version" \
      -o docker-compose github.com/docker/compose/v2/cmd
  )
  mv "$work/docker-compose" "$cache/docker-compose-v2"
  rm -rf "$work"
}

# For the server's user only, as a plugin: docker-compose stays the v1 it is.
compose_v2() {
  local folder=/home/$server_user/.docker/cli-plugins
  build_compose
  inside "$1" install -d -o "$server_user" -g "$server_user" "${folder%/*}" "$folder"
  inside "$1" sh -c "cat >$folder/docker-compose && chmod 755 $folder/docker-compose" <"$cache/docker-compose-v2"
}
