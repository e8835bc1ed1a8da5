#!/bin/sh
# What the container of Redis runs: makes the list of Redis' users from .env, then starts the server.
#   start.sh                starts it
#   start.sh health         answers whether it serves; Compose's health check
#   start.sh cli ARG…       redis-cli, logged in as admin; the password is in no argument
#   start.sh users < .env   takes over what .env says of passwords, without a restart
#   start.sh certificates < .env   takes over new certificates, without a restart
# It runs in Redis' image, whose shell may be BusyBox'.
set -eu

here=/etc/lovage/redis
run=/run/lovage
env_file=/etc/lovage/env
certificates=/etc/lovage/tls

# The last value of a variable of .env, without quotes around it.
value() {
  sed -n "s/^$1=//p" "${2:-$env_file}" | tail -n 1 | sed -e "s/^'\(.*\)'\$/\1/" -e 's/^"\(.*\)"$/\1/'
}

hashed() {
  printf '#%s' "$(printf '%s' "$1" | sha256sum | cut -d ' ' -f 1)"
}

# The passwords of a user as hashes: the one that counts, and while secrets change the one before.
passwords() {
  now=$(value "$1" "$2")
  before=$(value "$1_PREVIOUS" "$2")
  if [ -z "$now" ]; then
    echo "start.sh: $1 is empty in .env; ./scripts/deploy.sh makes it" >&2
    return 1
  fi
  hashed "$now"
  if [ -n "$before" ]; then printf ' %s' "$(hashed "$before")"; fi
}

# Writes the file of users from the .env named.
write_users() {
  prefix=$(value REDIS_PREFIX "$1")
  admin=$(passwords REDIS_PASSWORD "$1")
  {
    # Redis' own user, which redis-cli and older programs log in as, and the same by its name.
    echo "user default on $admin ~* &* +@all"
    echo "user admin on $admin ~* &* +@all"
    for user in worker client; do
      name=REDIS_$(echo "$user" | tr '[:lower:]' '[:upper:]')_PASSWORD
      hashes=$(passwords "$name" "$1")
      rules=$(sed -n "s/^$user //p" "$here/users.acl.rules" | sed "s/{prefix}/${prefix:-lovage}/g" | tr '\n' ' ')
      echo "user $user on $hashes $rules"
    done
    # May say that it is there, nothing else. Its password never leaves the container.
    echo "user health on $(hashed "$(cat "$run/health")") +ping"
  } >"$run/users.acl.new"
  chown redis "$run/users.acl.new"
  chmod 400 "$run/users.acl.new"
  mv "$run/users.acl.new" "$run/users.acl"
}

cli() {
  tls=
  if [ "$(value REDIS_TLS)" = true ]; then tls="--tls --cacert $certificates/ca.crt"; fi
  # shellcheck disable=SC2086 # words of our own
  redis-cli -p "$(value REDIS_PORT | grep . || echo 6380)" $tls "$@"
}

# Redis does not run as root; the files belong to whoever deploys, and their folder is read-only here.
copy_certificates() {
  cp "$certificates"/redis.crt "$certificates"/redis.key "$certificates"/ca.crt "$run/"
  chown redis "$run"/redis.crt "$run"/redis.key "$run"/ca.crt
  chmod 400 "$run/redis.key"
}

case ${1:-start} in
  start)
    mkdir -p "$run"
    chmod 711 "$run"
    (umask 077 && head -c 32 /dev/urandom | sha256sum | cut -d ' ' -f 1 >"$run/health")
    write_users "$env_file"
    port=$(value REDIS_PORT | grep . || echo 6380)
    addresses=$(value REDIS_BIND | tr ',' ' ')
    case " ${addresses:=0.0.0.0} " in
      *" 0.0.0.0 "* | *" 127.0.0.1 "*) ;;
      # The health check and the processes beside it come by loopback.
      *) addresses="127.0.0.1 $addresses" ;;
    esac
    if [ "$(value REDIS_TLS)" = true ]; then
      copy_certificates
      set -- --port 0 --tls-port "$port" --tls-auth-clients no --tls-protocols "TLSv1.2 TLSv1.3" \
        --tls-cert-file "$run/redis.crt" --tls-key-file "$run/redis.key" --tls-ca-cert-file "$run/ca.crt"
    else
      set -- --port "$port"
    fi
    # shellcheck disable=SC2086 # several addresses are several words
    exec docker-entrypoint.sh redis-server "$here/redis.conf" "$@" --bind $addresses
    ;;
  health)
    REDISCLI_AUTH=$(cat "$run/health") cli --user health --no-auth-warning ping | grep -qx PONG
    ;;
  cli)
    shift
    REDISCLI_AUTH=$(value REDIS_PASSWORD)
    export REDISCLI_AUTH
    cli --no-auth-warning "$@"
    ;;
  users)
    (umask 077 && cat >"$run/env.new")
    old=$(value REDIS_PASSWORD)
    write_users "$run/env.new"
    rm -f "$run/env.new"
    REDISCLI_AUTH=$old cli --no-auth-warning acl load
    ;;
  certificates)
    # The .env that this container sees may be an older one: who replaces it makes another file.
    (umask 077 && cat >"$run/env.new")
    REDISCLI_AUTH=$(value REDIS_PASSWORD "$run/env.new")
    rm -f "$run/env.new"
    export REDISCLI_AUTH
    copy_certificates
    # The names are the same as before; Redis reads the files anew all the same. All at once: a key fits one certificate.
    cli --no-auth-warning config set tls-cert-file "$run/redis.crt" tls-key-file "$run/redis.key" \
      tls-ca-cert-file "$run/ca.crt" | grep -qx OK
    ;;
  *)
    echo "start.sh: start, health, cli, users or certificates" >&2
    exit 2
    ;;
esac
