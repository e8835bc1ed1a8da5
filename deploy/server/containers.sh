# shellcheck shell=bash
# Which containers would change, and changing them: drained first, waited for afterwards. After common.sh, releases.sh.

: "${root:?common.sh comes first}"

# Asks Compose which containers are as they should be; before `differs`, and again when files or .env changed. v1 tells
# the hash that a container of each service would have as its label. What v2 tells as that is another one for services with
# an env_file; it can say what it would do.
read_wanted() {
  local others
  others=$(services | tr ' ' '\n' | grep -vx redis | tr '\n' ' ')
  wanted=$(
    if [[ -d $root/releases/$(current_release) ]]; then
      # As it would be written into .env: a setting of Redis' may have changed since.
      LOVAGE_REDIS_CONFIG=$(redis_config_of "$(current_release)")
      export LOVAGE_REDIS_CONFIG
    fi
    if [[ $(compose_version) == 1.* ]]; then
      echo hashes
      if [[ " $(services) " == *" redis "* ]]; then compose docker-compose.redis.yml config --hash '*'; fi
      compose docker-compose.workers.yml config --hash '*'
    else
      if [[ " $(services) " == *" redis "* ]]; then compose docker-compose.redis.yml up -d --dry-run redis 2>&1; fi
      # shellcheck disable=SC2086 # a word a service
      compose docker-compose.workers.yml up -d --no-build --dry-run $others 2>&1
    fi
  )
}

# Whether a service's container is missing, stopped, or made of something else than the files and .env say now.
differs() {
  local service=$1 hash image
  is_running "$service" || return 0
  if [[ $wanted != hashes* ]]; then
    ! grep -qE "Container lovage-$service +Running" <<<"$wanted"
    return
  fi
  hash=$(awk -v service="$service" '$1 == service { print $2 }' <<<"$wanted")
  [[ $(inspect "$service" '{{index .Config.Labels "com.docker.compose.config-hash"}}') == "$hash" ]] || return 0
  # A base image that was pulled anew makes another image of the same name.
  image=$(inspect "$service" '{{.Config.Image}}')
  [[ $(inspect "$service" '{{.Image}}') == "$(docker image inspect -f '{{.Id}}' "$image" 2>/dev/null)" ]] || return 0
  return 1
}

# Whether any of these services' containers would be made anew.
would_change() {
  local service wanted
  read_wanted || return 0
  for service in "$@"; do
    if differs "$service"; then return 0; fi
  done
  return 1
}

health_port() {
  local port
  case $1 in
    worker-ml) port=$(setting ML_HEALTH_PORT) && echo "${port:-9101}" ;;
    worker-data) port=$(setting DATA_HEALTH_PORT) && echo "${port:-9102}" ;;
    worker-default) port=$(setting DEFAULT_HEALTH_PORT) && echo "${port:-9103}" ;;
    scheduler) port=$(setting SCHEDULER_HEALTH_PORT) && echo "${port:-9104}" ;;
    dashboard) port=$(setting DASHBOARD_HEALTH_PORT) && echo "${port:-9105}" ;;
  esac
}

is_ready() {
  if [[ $1 == redis ]]; then docker exec lovage-redis sh /etc/lovage/redis/start.sh health >/dev/null 2>&1 </dev/null
  else docker exec "lovage-$1" node deploy/healthcheck.mjs "http://127.0.0.1:$(health_port "$1")/readyz" >/dev/null 2>&1 </dev/null; fi
}

# Waits until all of these services serve; tells the last lines of one that does not.
wait_ready() {
  local begun=$SECONDS limit=${LOVAGE_READY_TIMEOUT:-120} service waiting=("$@") still restarts
  while ((${#waiting[@]} > 0)); do
    still=()
    for service in "${waiting[@]}"; do
      if is_running "$service" && is_ready "$service"; then
        say "$service is ready"
        continue
      fi
      restarts=$(inspect "$service" '{{.RestartCount}}')
      if ((${restarts:-0} >= 3 || SECONDS - begun > limit)); then
        say "$service does not become ready ($(inspect "$service" '{{.State.Status}}'), started again ${restarts:-0} times); its last lines:"
        docker logs --tail 20 "lovage-$service" 2>&1 | sed 's/^/    /'
        return 1
      fi
      still+=("$service")
    done
    waiting=("${still[@]+"${still[@]}"}")
    if ((${#waiting[@]} > 0)); then
      if (((SECONDS - begun) % 10 == 9)); then say "  waiting for ${waiting[*]} … $((SECONDS - begun)) s"; fi
      sleep 1
    fi
  done
}

# Lets workers end: they take no more jobs, hand Ray jobs back (which run on), and finish the others.
drain() {
  local service begun=$SECONDS pids=() pid running
  (($# > 0)) || return 0
  say "draining $*"
  for service in "$@"; do
    docker stop --time "$(inspect "$service" '{{.Config.StopTimeout}}' | grep -x '[0-9]*' || echo 150)" "lovage-$service" >/dev/null &
    pids+=("$!")
  done
  while running=$(for pid in "${pids[@]}"; do kill -0 "$pid" 2>/dev/null && echo "$pid"; done) && [[ -n $running ]]; do
    sleep 1
    if (((SECONDS - begun) % 10 == 9)); then
      for service in "$@"; do
        if is_running "$service"; then
          say "  $service … $((SECONDS - begun)) s: $(docker logs --tail 1 "lovage-$service" 2>&1 | cut -c 1-160)"
        fi
      done
    fi
  done
  for pid in "${pids[@]}"; do wait "$pid" || true; done
  say "drained in $((SECONDS - begun)) s"
}

# Redis takes over what .env says of its users, without a restart and without an end of connections.
load_users() {
  docker exec -i lovage-redis sh /etc/lovage/redis/start.sh users <"$root/.env"
}

# Makes the containers of these services equal to the files and .env; those that are stay untouched.
apply() {
  local service wanted changed=() others=() ending=()
  read_wanted || return 1
  for service in "$@"; do
    if differs "$service"; then changed+=("$service"); fi
  done
  # A Redis that is started reads .env itself.
  if is_running redis && [[ " ${changed[*]-} " != *" redis "* ]]; then
    wait_ready redis && load_users || return 1
  fi
  if ((${#changed[@]} == 0)); then
    say "all containers are as they should be"
    return 0
  fi
  for service in "${changed[@]}"; do
    if [[ $service != redis ]]; then
      others+=("$service")
      if is_running "$service" && [[ $service == worker-* || " ${changed[*]} " == *" redis "* ]]; then ending+=("$service"); fi
    fi
  done
  # While the Redis is there that they know: with another, they could not hand their jobs back.
  drain "${ending[@]+"${ending[@]}"}"
  if [[ " ${changed[*]} " == *" redis "* ]]; then
    say "starting redis"
    compose docker-compose.redis.yml up -d redis 2>&1 | sed 's/^/    /' || return 1
    wait_ready redis || return 1
  fi
  if ((${#others[@]} > 0)); then
    say "starting ${others[*]}"
    compose docker-compose.workers.yml up -d --no-build "${others[@]}" 2>&1 | sed 's/^/    /' || return 1
    wait_ready "${others[@]}" || return 1
  fi
}
