# shellcheck shell=bash disable=SC2154 # settings.sh sets them
# A real Ray head in a server's namespaces, run by the server's user from the checkout's .venv, which is all of this
# machine that a server sees. Data sets and models lie at the same paths for Ray as for the containers.

ray() {
  local server=$1 address deadline
  address=$(address_of "$server")
  running "$server" || fail "$server is not on"
  [[ -x $checkout/.venv/bin/python ]] || fail "Ray is installed in .venv, which is not there: ./scripts/setup.sh makes it"
  inside "$server" sh -ec "
    for kind in datasets models; do
      mkdir -p /\$kind
      mountpoint -q /\$kind || mount --bind /home/$server_user/ml-\$kind /\$kind
    done"
  # Every port is given: Ray's own choices may meet those of the deployment.
  step "$server: starting Ray" as_ray "$server" start --head --disable-usage-stats --log-style=record --num-cpus=2 \
    --object-store-memory=200000000 --temp-dir=/tmp/ray --node-ip-address="$address" \
    --dashboard-host=0.0.0.0 --dashboard-port=8265 --port=20800 --ray-client-server-port=20801 \
    --node-manager-port=20810 --object-manager-port=20811 --dashboard-agent-listen-port=20812 \
    --dashboard-agent-grpc-port=20813 --runtime-env-agent-port=20814 --metrics-export-port=20815
  deadline=$((SECONDS + 60))
  # Before the node's agent is up, a submission is refused.
  until inside "$server" curl -fsS -o /dev/null "http://$address:8265/api/jobs/" &&
    inside "$server" curl -fsS -o /dev/null "http://$address:20812/api/local_raylet_healthz"; do
    if ((SECONDS > deadline)); then fail "Ray does not answer on $server after a minute: see /tmp/ray there"; fi
    sleep 0.2
  done 2>/dev/null
  say "$server: Ray answers at http://$address:8265"
}

ray_stop() {
  if running "$1"; then step "$1: stopping Ray" as_ray "$1" stop --force; fi
}

as_ray() {
  local server=$1 venv
  shift
  venv=$(readlink -e "$checkout/.venv")
  # As a module, because the first line of the `ray` script breaks when its path is very long.
  inside "$server" setpriv --reuid="$server_user" --regid="$server_user" --init-groups \
    env HOME="/home/$server_user" PATH="$venv/bin:/usr/bin:/bin" VIRTUAL_ENV="$venv" PYTHONUNBUFFERED=1 \
    RAY_USAGE_STATS_ENABLED=0 RAY_AUTH_MODE=disabled RAY_DATA_DISABLE_PROGRESS_BARS=1 \
    "$venv/bin/python" -m ray.scripts.scripts "$@"
}
