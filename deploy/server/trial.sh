# shellcheck shell=bash
# Whether a release works: its image before anything is touched, all of it afterwards. After common.sh, releases.sh,
# certificates.sh.

: "${root:?common.sh comes first}"

# Whether the new image starts at all with this host's .env: before anything that runs is touched. By Docker itself:
# `run` of Compose v1 links to the containers that are there, which host networking forbids.
try_out() {
  say "trying the image out with this host's settings"
  with_signs_of_life "trying out" docker run --rm --network none --read-only --tmpfs /tmp --user "$(id -u):$(id -g)" \
    -v "$root/tls/public:/etc/lovage/tls:ro" -v "$root/tls/dashboard:/etc/lovage/dashboard-tls:ro" \
    -v "$root/users:/etc/lovage/users:ro" --env-file <(unquoted_settings) "lovage:$1" config
}

# .env as Docker reads it: without the quotes that Compose takes off.
unquoted_settings() {
  sed -E -n "s/^([A-Za-z_][A-Za-z0-9_]*)=(['\"]?)(.*)\2\$/\1=\3/p" "$root/.env"
}

# smoke SERVICE…: with those that were brought up.
smoke() {
  # What an operator paused is no reason to take a release back.
  local arguments=(smoke --allow-paused) port address
  # Hosts that joined are brought to the same release one after another; until then, theirs is told of, no more.
  if [[ " $* " == *" worker-"* && " $(services) " == *" redis "* && ! -s $root/joined ]]; then
    arguments+=(--release "$(current_release)")
  fi
  if [[ " $(services) " == *" dashboard "* ]]; then
    port=$(setting DASHBOARD_PORT)
    if [[ -n $(setting DASHBOARD_TLS_CERT_FILE) ]]; then
      address=$(own_address dashboard)
      arguments+=(--dashboard "https://${address:-127.0.0.1}:${port:-5555}" --ca /etc/lovage/tls/ca.crt)
    else arguments+=(--dashboard "http://127.0.0.1:${port:-5555}"); fi
  fi
  say "smoke test"
  lovage "${arguments[@]}" 2>&1 | sed 's/^/    /'
}
