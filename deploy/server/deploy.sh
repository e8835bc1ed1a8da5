#!/usr/bin/env bash
# Brings a release that lies in releases/<id> up on this host, or an earlier one back. scripts/deploy.sh starts it,
# apart from its own connection: what it begins it ends, also when that is cut.
#   deploy.sh up ID [SERVICE…] | deploy.sh rollback
here=$(cd "$(dirname "${BASH_SOURCE[0]}")" && pwd)
# shellcheck source=deploy/server/common.sh
source "$here/common.sh"
# shellcheck source=deploy/server/settings.sh
source "$here/settings.sh"
# shellcheck source=deploy/server/releases.sh
source "$here/releases.sh"
# shellcheck source=deploy/server/containers.sh
source "$here/containers.sh"
# shellcheck source=deploy/server/certificates.sh
source "$here/certificates.sh"
# shellcheck source=deploy/server/trial.sh
source "$here/trial.sh"

# Files, settings and containers of a release, and whether all of it works then.
bring_up() {
  local id=$1
  shift
  install_files "$id" &&
    set_settings "LOVAGE_RELEASE=$id" "LOVAGE_REDIS_CONFIG=$(redis_config_of "$id")" &&
    apply "$@" &&
    smoke "$@"
}

up() {
  local id=$1 good before chosen
  shift
  chosen=("$@")
  if ((${#chosen[@]} == 0)); then read -ra chosen <<<"$(services)"; fi
  before=$(current_release)
  good=$(good_release_but "$id")
  make_settings
  build_image "$id" || fail "the image could not be built; nothing that runs was touched"
  if [[ $before != "$id" ]] || would_change "${chosen[@]}"; then
    try_out "$id" || fail "the release does not start with this host's settings; nothing that runs was touched" \
      "correct what stands above (settings are in $root/.env), and deploy again"
  fi
  if [[ $before == "$id" ]]; then say "release $id, as before"; else say "release $id (before: ${before:-none})"; fi
  if bring_up "$id" "${chosen[@]}"; then
    keep_release "$id"
    say "release $id is up"
    if [[ -s $root/joined && $before != "$id" ]]; then
      say "hosts that joined have theirs still: $(sed 's|^|./scripts/deploy.sh |' "$root/joined" | paste -sd , | sed 's/,/, /g')"
    fi
    return 0
  fi
  if [[ -z $good ]]; then
    fail "release $id does not work, and there is no earlier one that did; it is left as it is, to be looked at" \
      "./scripts/logs.sh; then correct it and deploy again"
  fi
  say "release $id does not work: rolling back to $good"
  if bring_up "$good" "${chosen[@]}"; then
    fail "release $id did not work; $good runs again" "what was wrong stands above; ./scripts/logs.sh has more"
  fi
  fail "release $id did not work, and neither does $good now" "./scripts/status.sh and ./scripts/logs.sh; something else is wrong"
}

rollback() {
  local before target services_
  before=$(current_release)
  target=$(good_release_but "$before")
  [[ -n $target ]] || fail "there is no earlier release that worked" "releases that did: $(tr '\n' ' ' <"$root/releases/history" 2>/dev/null)"
  [[ -d $root/releases/$target ]] || fail "the files of release $target are gone from $root/releases"
  read -ra services_ <<<"$(services)"
  build_image "$target" || fail "the image could not be built; nothing that runs was touched"
  say "rolling back from ${before:-none} to $target"
  bring_up "$target" "${services_[@]}" || fail "release $target does not work now" "./scripts/status.sh and ./scripts/logs.sh"
  # The one that was left is no longer the newest good one, but may be deployed again.
  sed -i "/^$before\$/d" "$root/releases/history"
  keep_release "$target"
  say "release $target is up again"
}

lock "deploy.sh $*"
case ${1:-} in
  up) shift && up "$@" ;;
  rollback) rollback ;;
  *) fail "deploy.sh up ID [SERVICE…] | deploy.sh rollback" ;;
esac
