#!/usr/bin/env bash
# Changes a secret of this host while everything goes on. scripts/rotate.sh starts it, apart from its own connection.
#   rotate.sh worker|client|admin|dashboard [--finish]
# How far it came stands in .env: a REDIS_…_PASSWORD_PREVIOUS is a password that is still good and is to go. So a run that
# was cut short is gone on with by the next, and a deploy in between makes Redis and all containers equal to .env.
here=$(cd "$(dirname "${BASH_SOURCE[0]}")" && pwd)
# shellcheck source=deploy/server/common.sh
source "$here/common.sh"
# shellcheck source=deploy/server/releases.sh
source "$here/releases.sh"
# shellcheck source=deploy/server/containers.sh
source "$here/containers.sh"
# shellcheck source=deploy/server/certificates.sh
source "$here/certificates.sh"
# shellcheck source=deploy/server/trial.sh
source "$here/trial.sh"
# shellcheck source=deploy/server/backups.sh
source "$here/backups.sh"
# shellcheck source=deploy/server/connections.sh
source "$here/connections.sh"

# Whether a password opens Redis for a user; it goes by standard input, never in an argument.
opens() { printf '%s' "$2" | docker exec -i lovage-redis sh /etc/lovage/redis/start.sh login "$1"; }

# rotate_redis USER NAME FINISH: gives a user of Redis a new password, and takes the old one away when nobody needs
# it any more.
rotate_redis() {
  local user=$1 name=$2 finish=$3 old waits all=()
  [[ $(services) == *redis* ]] || fail "Redis is not on this host" "run this for the host that has it"
  read -ra all <<<"$(services)"
  old=$(setting "${name}_PREVIOUS")
  if [[ -n $old ]]; then
    say "a change of $user's password is under way: going on from there"
  elif [[ $finish == yes ]]; then
    say "no change of $user's password is under way"
  else
    old=$(setting "$name")
    set_settings "$name=$(new_secret)" "${name}_PREVIOUS=$old"
    say "made a new $name; the old one stays good for now"
  fi
  # Redis takes over both before any container is replaced.
  apply "${all[@]}" || fail "the old password of $user is good as well, but a container does not become ready" \
    "./scripts/logs.sh; then run this again"
  opens "$user" "$(setting "$name")" || fail "Redis does not take the new password of $user" "./scripts/logs.sh redis; then run this again"
  smoke "${all[@]}" || fail "the old password of $user is good as well, but the smoke test fails" "what stands above; then run this again"
  waits=$(who_waits "$user")
  if [[ $finish == no && -n $waits ]]; then
    say "$user has a new password, and the old one is still good"
    tell "$user" "$waits"
    return
  fi
  set_settings "${name}_PREVIOUS="
  load_users
  # Who came in by the old password does not stay. Ours come back by the new one and send again what was not answered.
  redis_cli client kill user "$user" >/dev/null
  if [[ $user == admin ]]; then redis_cli client kill user default >/dev/null; fi
  if [[ -n $old ]] && opens "$user" "$old"; then fail "Redis still takes the old password of $user" "run this again with --finish"; fi
  opens "$user" "$(setting "$name")" || fail "Redis does not take the new password of $user" "run this again"
  say "$user has a new password, and the old one is refused"
  tell "$user" ""
}

# Who has the old password and cannot be told by this host.
who_waits() {
  case $1 in
    client) echo "programs that enqueue with it" ;;
    worker) if [[ -s $root/joined ]]; then cat "$root/joined"; else connections_from_elsewhere worker; fi ;;
  esac
}

# What is left to do by people.
tell() {
  local host
  case $1:${2:+waits} in
    client:waits)
      say "give the new one to each program that connects as client; on this host, this shows it:"
      say "  sed -n 's/^REDIS_CLIENT_PASSWORD=//p' $root/.env"
      connections_from_elsewhere client
      say "when all have it: ./scripts/rotate.sh client --finish"
      ;;
    worker:waits)
      say "these hosts have workers with the old one:"
      while read -r host; do say "  $host"; done <<<"$2"
      say "for each: ./scripts/join.sh HOST; then: ./scripts/rotate.sh worker --finish"
      ;;
    admin:) say "on this host, this shows it: sed -n 's/^REDIS_PASSWORD=//p' $root/.env" ;;
  esac
}

rotate_dashboard() {
  local prefix all=()
  [[ $(services) == *dashboard* ]] || fail "there is no dashboard on this host" "run this for the host that has it"
  read -ra all <<<"$(services)"
  set_settings "DASHBOARD_PASSWORD=$(new_secret)"
  say "made a new DASHBOARD_PASSWORD"
  # Cookies are signed with it. The dashboard that starts makes another, and all logins have ended.
  prefix=$(setting REDIS_PREFIX)
  redis_cli unlink "${prefix:-lovage}:session-secret" >/dev/null
  apply "${all[@]}" || fail "the dashboard does not become ready" "./scripts/logs.sh dashboard; then run this again"
  smoke "${all[@]}" || fail "the smoke test fails" "what stands above; then run this again"
  say "the dashboard has a new password, and whoever was logged in must log in again"
  say "on this host, this shows it: sed -n 's/^DASHBOARD_PASSWORD=//p' $root/.env"
}

finish=no
if [[ ${2:-} == --finish ]]; then finish=yes; fi
lock "rotate.sh $*"
case ${1:-} in
  worker) rotate_redis worker REDIS_WORKER_PASSWORD "$finish" ;;
  client) rotate_redis client REDIS_CLIENT_PASSWORD "$finish" ;;
  admin) rotate_redis admin REDIS_PASSWORD "$finish" ;;
  dashboard) rotate_dashboard ;;
  *) fail "rotate.sh worker|client|admin|dashboard [--finish]" ;;
esac
