#!/usr/bin/env bash
# TLS at a server's Redis and dashboard; see --help. Runs with the bash 3.2 of macOS, too.
set -euo pipefail
cd_from=$PWD
cd "$(dirname "${BASH_SOURCE[0]}")/.."
# shellcheck source=scripts/remote.sh
source scripts/remote.sh

usage() {
  cat <<'HELP'
Usage: ./scripts/tls.sh [TARGET] on | off | renew | show | trust FILE

  on            makes an authority on the server, and certificates for Redis and the dashboard, good for all its names and
                addresses; then lets everything speak TLS: drained, tested, and as it was before when that does not work.
                Again: makes what is missing, or new names want
    --name NAME        a further name or address by which clients reach the server; several times for several
    --days N           how long the certificates are good, 825 at most
    --new-authority    forget the old one; all who trust it must take the new one
    --certificate FILE --key FILE --ca FILE   take these (PEM) instead; they are looked at before anything is touched
  off           back to plain text
  renew         new certificates of the same authority, without an interruption     (--days N)
  show          what there is, and for how long
  trust FILE    writes the authority's certificate into FILE here: for the SDK, the CLI and browsers
HELP
}

wrong_usage() {
  printf 'error: %s\n\n' "$1" >&2
  usage >&2
  exit 2
}

# A file that was named from where the caller stands.
from_there() { if [[ $1 == /* ]]; then printf %s "$1"; else printf %s "$cd_from/$1"; fi; }

if (($# > 0)) && is_target "$1"; then
  target=$1
  shift
fi
operation=${1:-}
case $operation in
  on | off | renew | show | trust) shift ;;
  --help | -h) usage && exit ;;
  *) wrong_usage "on, off, renew, show or trust, not ${operation:-nothing}" ;;
esac
arguments="" certificate="" key="" ca=""
if [[ $operation == trust ]]; then
  (($# == 1)) || wrong_usage "trust takes the file to write"
  file=$(from_there "$1")
  shift
fi
while (($# > 0)); do
  case $operation,$1 in
    on,--name)
      [[ ${2:-} =~ ^[A-Za-z0-9:.*-]+$ ]] || wrong_usage "--name takes a name or an address, not ${2:-nothing}"
      arguments="$arguments --name $(printf %q "$2")"
      shift
      ;;
    on,--days | renew,--days)
      [[ ${2:-} =~ ^[1-9][0-9]{0,2}$ && ${2:-0} -le 825 ]] || wrong_usage "--days takes a number up to 825: browsers refuse more"
      arguments="$arguments --days $2"
      shift
      ;;
    on,--new-authority) arguments="$arguments $1" ;;
    on,--certificate | on,--key | on,--ca)
      [[ -r $(from_there "${2:-}") && -n ${2:-} ]] || complain "$1: ${2:-nothing} cannot be read"
      printf -v "${1#--}" %s "$(from_there "$2")"
      shift
      ;;
    *) wrong_usage "unknown with $operation: $1" ;;
  esac
  shift
done

given=$certificate$key$ca
if [[ -n $given ]]; then
  [[ -n $certificate && -n $key && -n $ca ]] || wrong_usage "--certificate, --key and --ca belong together"
  [[ -z $arguments ]] || wrong_usage "a given certificate has its own names and its own end"
fi

require_connection "$target"
case $operation in
  show) run_there certificates.sh tls-overview.sh -- overview ;;
  trust)
    # Into FILE only when there is one.
    # shellcheck disable=SC2016 # expanded on the server
    found=$(run_there certificates.sh -- 'tls_is_on || fail "TLS is off" "./scripts/tls.sh on"; cat "$tls/public/ca.crt"')
    printf '%s\n' "$found" >"$file"
    echo "Wrote $file; its SHA-256 is what ./scripts/tls.sh show says of the authority. docs/security.md has how to trust it."
    ;;
  *)
    if [[ -n $given ]]; then
      work=$(mktemp -d)
      trap 'rm -rf "$work"; disconnect' EXIT
      (umask 077 && cp "$certificate" "$work/certificate.pem" && cp "$key" "$work/key.pem" && cp "$ca" "$work/ca.pem")
      folder=tls/given-$$
      COPYFILE_DISABLE=1 tar -cf - -C "$work" certificate.pem key.pem ca.pem |
        on "$target" "umask 077; set -e; $there
          test -e \"\$d/.env\" && mkdir -p \"\$d/$folder\" && tar --no-same-permissions -xf - -C \"\$d/$folder\"" ||
        complain "the certificate could not be sent" "was Lovage deployed there? ./scripts/status.sh"
      arguments="--given \"\$root/$folder\""
    fi
    status=0
    # shellcheck disable=SC2016 # expanded on the server
    run_there start.sh -- 'start "$(setting LOVAGE_RELEASE)" tls.sh '"$operation $arguments" || status=$?
    # tls.sh takes the key away itself, unless it was never started.
    if [[ -n $given ]]; then run_there -- "rm -rf \"\$root/$folder\""; fi
    exit "$status"
    ;;
esac
