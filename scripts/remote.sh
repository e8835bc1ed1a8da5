# shellcheck shell=bash
# What the scripts share that work on a server over ssh. Sourced by them; runs with the bash 3.2 of macOS, too.
# The server: the first argument where it looks like one (user@host, or a name of ~/.ssh/config with a dot or an @),
# else LOVAGE_TARGET, else wizardsofts@10.0.0.84. LOVAGE_SSH_OPTIONS: further options of ssh. LOVAGE_DIR: the folder
# on the server, from its home (default: lovage).

target=${LOVAGE_TARGET:-wizardsofts@10.0.0.84}

# For a shell on the server: $d is the folder there.
# shellcheck disable=SC2034 # for those who source this
there="d=$(printf %q "${LOVAGE_DIR:-lovage}"); case \$d in /*) ;; *) d=\$HOME/\$d ;; esac"

complain() {
  printf 'error: %s\n' "$1" >&2
  if [[ -n ${2:-} ]]; then printf '  %s\n' "$2" >&2; fi
  exit 1
}

is_target() { [[ $1 == *@* || ($1 != -* && $1 == *.* && ! -e $1) ]]; }

# Not in TMPDIR: with macOS' long one the path would be too long for a socket.
connections=$(mktemp -d /tmp/lovage-ssh.XXXXXX)
disconnect() {
  local socket
  for socket in "$connections"/*; do
    [[ -S $socket ]] && ssh -o ControlPath="$socket" -O exit "$target" 2>/dev/null
  done
  rm -rf "$connections"
}
trap disconnect EXIT

# One connection for all commands; no question is ever asked at a terminal.
on() {
  local host=$1
  shift
  # shellcheck disable=SC2086 # several options are several words
  ssh -o BatchMode=yes -o ConnectTimeout=10 -o ServerAliveInterval=15 -o ServerAliveCountMax=4 \
    -o ControlMaster=auto -o ControlPersist=60 -o ControlPath="$connections/%C" ${LOVAGE_SSH_OPTIONS:-} "$host" "$@"
}

# require_connection HOST
require_connection() {
  local why
  if ! why=$(on "$1" true 2>&1 </dev/null); then
    complain "ssh to $1 does not work: $(printf '%s' "$why" | tail -n 1)" \
      "try: ssh $1 true   (a key is needed: ssh-copy-id $1; another server: the first argument, or LOVAGE_TARGET)"
  fi
}

# The settings of these scripts that their server's halves read, as a shell's assignments.
passed_on() {
  local name
  for name in LOVAGE_DIR LOVAGE_COMPOSE LOVAGE_MIN_DISK_MB LOVAGE_REQUIRE_RAY LOVAGE_READY_TIMEOUT; do
    if [[ -n ${!name:-} ]]; then printf 'export %s=%q\n' "$name" "${!name}"; fi
  done
}

# run_there FILE… -- COMMAND: bash on the server with common.sh and these files of deploy/server/, then the command.
# It comes by standard input: nothing needs to lie on the server for it.
run_there() {
  local files="deploy/server/common.sh"
  while [[ $1 != -- ]]; do
    files="$files deploy/server/$1"
    shift
  done
  shift
  {
    passed_on
    # shellcheck disable=SC2086 # paths of our own
    cat $files
    # Bash reads a script bit by bit; as one function it is whole before anything of it runs.
    printf 'main() { %s\n}\nmain </dev/null; exit $?\n' "$*"
  } | on "$target" bash -s
}
