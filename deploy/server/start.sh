# shellcheck shell=bash
# Starts a program of a release apart from this connection and shows its log; the exit code is the program's. Whoever
# loses the connection loses sight of it, not more. After common.sh.
#   start ID PROGRAM ARG…: deploy/server/PROGRAM of the release ID with these arguments

: "${root:?common.sh comes first}"

start() {
  local program=$root/releases/$1/deploy/server/$2 log pid
  if [[ ! -e $program ]]; then
    fail "the release that runs, ${1:-none}, has no $2" "deploy this version first: ./scripts/deploy.sh"
  fi
  shift 2
  mkdir -p "$root/logs"
  log=$root/logs/deploy-$(date -u +%Y%m%dT%H%M%SZ)-$$.log
  # The oldest logs go.
  find "$root/logs" -name 'deploy-*' -printf '%T@ %p\n' | sort -rn | tail -n +41 | cut -d ' ' -f 2- | xargs -r rm -f
  : >"$log"
  # shellcheck disable=SC2016,SC2094 # expanded by the shell that is started; the code goes into another file
  LOVAGE_DIR=$root setsid nohup bash -c 'bash "$@"; echo $? >"$0.code"' "$log" "$program" "$@" >>"$log" 2>&1 </dev/null 9>&- &
  pid=$!
  tail -n +1 -f --pid="$pid" -s 0.3 "$log" || true
  if [[ ! -s $log.code ]]; then
    fail "${program##*/} ended without a word, as by a power cut or a kill" "run the same command again: it goes on where this one stopped"
  fi
  return "$(cat "$log.code")"
}
