#!/bin/sh
# What the container of Redis runs: makes the list of Redis' users from .env, then starts the server.
#   start.sh                starts it
#   start.sh health         answers whether it serves; Compose's health check
#   start.sh cli ARG…       redis-cli as a user that may do everything; no password is in an argument
#   start.sh users < .env   takes over what .env says of passwords, without a restart
#   start.sh login USER     whether the password in standard input is that user's
#   start.sh certificates   takes over new certificates, without a restart
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
  case $prefix in
    *[!A-Za-z0-9_.-]*)
      echo "start.sh: REDIS_PREFIX=$prefix has characters that mean something in Redis' patterns; letters, digits, _ . - only" >&2
      return 1
      ;;
  esac
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
    # Two of this container's own. Their passwords are made at each start and never leave it: whatever becomes of .env,
    # of which the container may see an older state, the scripts are not shut out.
    echo "user console on $(hashed "$(cat "$run/console")") ~* &* +@all"
    echo "user health on $(hashed "$(cat "$run/health")") +ping"
  } >"$run/users.acl.new"
  chown redis "$run/users.acl.new"
  chmod 400 "$run/users.acl.new"
  mv "$run/users.acl.new" "$run/users.acl"
}

# cli USER ARG…; the password is in REDISCLI_AUTH.
cli() {
  user=$1
  shift
  tls=
  if [ "$(value REDIS_TLS)" = true ]; then tls="--tls --cacert $certificates/ca.crt"; fi
  # shellcheck disable=SC2086 # words of our own
  redis-cli --user "$user" --no-auth-warning -p "$(value REDIS_PORT | grep . || echo 6380)" $tls "$@"
}

# own_cli USER ARG…: as one of the container's own users.
own_cli() {
  REDISCLI_AUTH=$(cat "$run/$1")
  export REDISCLI_AUTH
  cli "$@"
}

# A restore lays a whole set of files beside the present one and says "ready" last. From then on whoever starts Redis ends
# it here: the restore itself, a deploy, a boot after a power cut. Each step may be the last before the next power cut.
take_restored() {
  [ -e /data/restore/ready ] || return 0
  if [ -d /data/restore/appendonlydir ]; then
    if [ -d /data/appendonlydir ]; then
      aside=/data/$(cat /data/restore/ready)
      mkdir -p "$aside"
      mv /data/appendonlydir "$aside/"
      sync
    fi
    mv /data/restore/appendonlydir /data/appendonlydir
    sync
  fi
  rm -f /data/restore/ready
  rm -rf /data/restore
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
    for user in console health; do
      (umask 077 && head -c 32 /dev/urandom | sha256sum | cut -d ' ' -f 1 >"$run/$user")
    done
    write_users "$env_file"
    take_restored
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
    own_cli health ping | grep -qx PONG
    ;;
  cli)
    shift
    own_cli console "$@"
    ;;
  users)
    (umask 077 && cat >"$run/env.new")
    write_users "$run/env.new"
    rm -f "$run/env.new"
    # User by user, each in one step. ACL LOAD would end all connections in Redis 7.0, those of working jobs, too.
    answers=$(sed -n 's/^user \([a-z]*\) /acl setuser \1 reset /p' "$run/users.acl" | own_cli console)
    if printf '%s\n' "$answers" | grep -vx OK; then
      echo "start.sh: Redis did not take over its users" >&2
      exit 1
    fi
    ;;
  login)
    REDISCLI_AUTH=$(cat)
    export REDISCLI_AUTH
    cli "$2" ping 2>&1 | grep -qx PONG
    ;;
  certificates)
    copy_certificates
    # The names are the same as before; Redis reads the files anew all the same. All at once: a key fits one certificate.
    own_cli console config set tls-cert-file "$run/redis.crt" tls-key-file "$run/redis.key" \
      tls-ca-cert-file "$run/ca.crt" | grep -qx OK
    ;;
  *)
    echo "start.sh: start, health, cli, users, login or certificates" >&2
    exit 2
    ;;
esac
