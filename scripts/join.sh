#!/usr/bin/env bash
# Lets a second host run workers for the Redis of the first; see --help. Runs with the bash 3.2 of macOS, too.
set -euo pipefail
cd "$(dirname "${BASH_SOURCE[0]}")/.."
# shellcheck source=scripts/remote.sh
source scripts/remote.sh
# shellcheck source=scripts/release.sh
source scripts/release.sh
main=$target

usage() {
  cat <<HELP
Usage: ./scripts/join.sh HOST [--to TARGET] [--queues ml,data,default] [--concurrency ml=2,data=4] [--address ADDRESS]
       ./scripts/join.sh HOST [--to TARGET] --leave | --forget

Makes HOST (user@host) one of workers that take jobs from the Redis of TARGET (default $main): checks it, brings it
TARGET's release and what its workers need to know, starts them and tests. Again: brings it what has changed since, such
as a password after ./scripts/rotate.sh or a certificate's authority after ./scripts/tls.sh. The settings go straight
from TARGET into HOST; they are neither written nor shown here. A new release: ./scripts/deploy.sh HOST

  --queues LIST       which queues it takes jobs from. Default: as before; at first all three where HOST has TARGET's
                      folders of data sets and models, as by NFS, else "default" alone
  --concurrency LIST  how many jobs of a queue run at once on HOST
  --address ADDRESS   how HOST reaches TARGET (default: as ssh does from here)
  --leave             ends its workers, their jobs done or handed back, and removes them and all secrets from HOST
  --forget            takes a HOST that is gone for good from TARGET's list
HELP
}

wrong_usage() {
  printf 'error: %s\n\n' "$1" >&2
  usage >&2
  exit 2
}

case ${1:-} in
  --help | -h) usage && exit ;;
  "" | -*) wrong_usage "which host shall join?" ;;
esac
host=$1
shift
mode=join queues="" concurrency="" address=""
while (($# > 0)); do
  case $1 in
    --to)
      main=${2:-}
      [[ -n $main ]] || wrong_usage "--to takes the host of Redis"
      shift
      ;;
    --queues)
      [[ ${2:-} =~ ^(ml|data|default)(,(ml|data|default))*$ ]] || wrong_usage "--queues takes ml, data, default, separated by commas"
      queues=$2
      shift
      ;;
    --concurrency)
      [[ ${2:-} =~ ^(ml|data|default)=[1-9][0-9]*(,(ml|data|default)=[1-9][0-9]*)*$ ]] || wrong_usage "--concurrency takes such as ml=2,data=4"
      concurrency=$2
      shift
      ;;
    --address)
      [[ ${2:-} =~ ^[A-Za-z0-9.-]+$ ]] || wrong_usage "--address takes a name or an IPv4 address"
      address=$2
      shift
      ;;
    --leave | --forget) mode=${1#--} ;;
    *) wrong_usage "unknown: $1" ;;
  esac
  shift
done
[[ $host != "$main" ]] || wrong_usage "$host is the host of Redis itself"

at_main() {
  local target=$main
  run_there "$@"
}
at_host() {
  local target=$host
  run_there "$@"
}
# take TEXT NAME…: a server's lines NAME=VALUE into the variables of these names. What it says is never run.
take() {
  local text=$1 line
  shift
  while IFS= read -r line; do
    case " $* " in *" ${line%%=*} "*) printf -v "${line%%=*}" %s "${line#*=}" ;; esac
  done <<<"$text"
}
joined() { at_main certificates.sh joined.sh -- "$1 $(printf %q "$host")"; }
# The program of a release that lies on the host, with whatever comes by standard input.
join_program() {
  # shellcheck disable=SC2029 # the folder is named here
  on "$host" "$there; LOVAGE_DIR=\$d exec bash \"\$d/releases/$1/deploy/server/join.sh\" $2"
}

require_connection "$main"
if [[ $mode == forget ]]; then
  joined forget_joined
  echo "forgotten; it knew the workers' password: ./scripts/rotate.sh worker"
  exit
fi
if ! on "$host" true 2>/dev/null </dev/null && [[ $mode == leave ]]; then
  complain "ssh to $host does not work" "is it gone for good? ./scripts/join.sh $host --forget"
fi
require_connection "$host"
if [[ $mode == leave ]]; then
  # shellcheck disable=SC2016 # expanded on the server
  release=$(at_host -- 'setting LOVAGE_RELEASE')
  [[ -n $release ]] || complain "$host did not join" "./scripts/status.sh $host"
  join_program "$release" leave </dev/null
  joined forget_joined
  echo "it knew the workers' password: ./scripts/rotate.sh worker makes another, where that matters"
  exit
fi

if [[ -z $address ]]; then
  # shellcheck disable=SC2086 # several options are several words
  address=$(ssh ${LOVAGE_SSH_OPTIONS:-} -G "$main" 2>/dev/null </dev/null | awk '$1 == "hostname" { print $2 }')
fi
facts=$(at_main certificates.sh joined.sh -- "facts $(printf %q "$address")") || exit 1
fact_release="" fact_tls="" fact_port="" fact_ray="" fact_hostname="" fact_datasets="" fact_models=""
take "$facts" fact_release fact_tls fact_port fact_ray fact_hostname fact_datasets fact_models
if [[ $fact_tls != true ]]; then
  echo "warning: Redis is not encrypted: the workers' password and all jobs travel in plain text between $host and $address; ./scripts/tls.sh on" >&2
fi

# Whether both see the same files: a file made there is looked for here.
mark=$(at_main settings.sh certificates.sh joined.sh -- mark_storage)
would_be="would_be=($(printf '%q ' "REDIS_HOST=$address" "REDIS_PORT=$fact_port" "RAY_ADDRESS=$fact_ray" "HOST_DATASETS_DIR=$fact_datasets" "HOST_MODELS_DIR=$fact_models"))"
found=$(at_host settings.sh newcomer.sh -- "$would_be; refuse_main_host; look_for_mark $mark") || found=
at_main settings.sh certificates.sh joined.sh -- "unmark_storage $mark"
[[ -n $found ]] || exit 1
shared_HOST_DATASETS_DIR="" shared_HOST_MODELS_DIR="" folder_HOST_DATASETS_DIR="" folder_HOST_MODELS_DIR="" chosen_before="" host_of_workers=""
take "$found" shared_HOST_DATASETS_DIR shared_HOST_MODELS_DIR folder_HOST_DATASETS_DIR folder_HOST_MODELS_DIR chosen_before host_of_workers
storage=shared
if [[ $shared_HOST_DATASETS_DIR != yes || $shared_HOST_MODELS_DIR != yes ]]; then storage=own; fi
if [[ -n $queues ]]; then chosen=worker-${queues//,/,worker-}
elif [[ -n $chosen_before ]]; then chosen=$chosen_before
elif [[ $storage == shared ]]; then chosen=worker-ml,worker-data,worker-default
else chosen=worker-default; fi
if [[ $storage == own && ($chosen != worker-default || -z $queues$chosen_before) ]]; then
  {
    echo "warning: $folder_HOST_DATASETS_DIR and $folder_HOST_MODELS_DIR on $host are not those of $main."
    echo "  Tasks of ml and data read and write files there: mount the same storage on both hosts (NFS, for instance; HOST_DATASETS_DIR"
    echo "  and HOST_MODELS_DIR in .env name it), or take only jobs without files: --queues default"
  } >&2
fi
if [[ $host_of_workers == "$fact_hostname" ]]; then
  echo "warning: both hosts call themselves $host_of_workers; their workers will be told apart by a number only" >&2
fi
echo "$host takes jobs for: ${chosen//worker-/}"

would_be="${would_be%)} $(printf '%q ' "LOVAGE_SERVICES=$chosen"))"
at_host certificates.sh check.sh settings.sh newcomer.sh -- "$would_be; run_checks" || exit 1

# The very release that runs there, from host to host.
if ! has_release "$host" "$fact_release"; then
  echo "Bringing release $fact_release from $main"
  # shellcheck disable=SC2029 # named here
  on "$main" "$there; tar -czf - -C \"\$d/releases/$fact_release\" ." </dev/null |
    receive_release "$host" "$fact_release"
fi
settings=""
for pair in ${concurrency//,/ }; do
  settings="$settings $(printf %s "${pair%%=*}" | tr '[:lower:]' '[:upper:]')_CONCURRENCY=${pair#*=}"
done
at_main certificates.sh carried.sh joined.sh -- "settings_for $(printf %q "$address")" |
  join_program "$fact_release" "take $chosen$settings"
joined note_joined
trap 'disconnect; echo "What was begun on the server goes on there; run this again to see how it stands." >&2; exit 130' INT
at_host start.sh -- "start $fact_release deploy.sh up $fact_release"
echo
echo "Workers, as $main sees them:"
at_main certificates.sh joined.sh -- "show_workers_of $(printf %q "$host_of_workers") $(tr ',' '\n' <<<"$chosen" | grep -c .)"
