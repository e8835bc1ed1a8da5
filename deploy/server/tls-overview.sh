# shellcheck shell=bash
# What certificates there are, for people. After common.sh, certificates.sh.

: "${root:?common.sh comes first}" "${tls:?certificates.sh comes before}"

overview() {
  local file
  if tls_is_on; then echo "TLS is on at Redis and the dashboard"; else echo "TLS is off"; fi
  for file in public/ca redis/redis dashboard/dashboard; do
    if [[ ! -e $tls/$file.crt ]]; then continue; fi
    printf '\n%s\n' "$(case $file in
      public/ca) if is_own; then echo "Authority of this host"; else echo "Authority, given"; fi ;;
      redis/*) echo Redis ;;
      *) echo Dashboard ;;
    esac)"
    printf '  %-12s %s\n' subject "$(openssl x509 -noout -subject -nameopt RFC2253 -in "$tls/$file.crt" | cut -d= -f2-)" \
      ends "in $(days_left "$tls/$file.crt") days, $(openssl x509 -noout -enddate -in "$tls/$file.crt" | cut -d= -f2)" \
      SHA-256 "$(fingerprint "$tls/$file.crt")"
    if [[ $file != public/ca ]]; then
      printf '  %-12s %s\n' "good for" "$(openssl x509 -noout -ext subjectAltName -in "$tls/$file.crt" | tail -n +2 | sed 's/IP Address://g; s/DNS://g; s/^ *//')"
    fi
  done
}
