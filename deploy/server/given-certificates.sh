# shellcheck shell=bash
# Certificates that somebody else made: looked at before they are used. After common.sh, certificates.sh.

: "${root:?common.sh comes first}" "${tls:?certificates.sh comes before}"

# take_given FOLDER: certificate.pem (with those between, if any), key.pem and ca.pem, for Redis and the dashboard.
take_given() {
  local folder=$1 service why
  why=$(check_given "$folder") || fail "the given certificate cannot be used: $why" "nothing was changed"
  for service in redis dashboard; do install_pair "$service" "$folder/certificate.pem" "$folder/key.pem"; done
  install_authority "$folder/ca.pem"
  say "took the given certificate, good for $(days_left "$folder/certificate.pem") days"
}

# Says what is wrong.
check_given() {
  local certificate=$1/certificate.pem key=$1/key.pem ca=$1/ca.pem fitting name
  openssl x509 -noout -in "$certificate" 2>/dev/null || wrong "--certificate is no PEM file of one" || return 1
  openssl x509 -noout -in "$ca" 2>/dev/null || wrong "--ca is no PEM file of a certificate" || return 1
  # Without a password; one that has one would be asked for at each start.
  fitting=$(openssl pkey -pubout -in "$key" -passin pass: 2>/dev/null) || wrong "--key is no PEM file of a key without a password" || return 1
  [[ $fitting == "$(openssl x509 -noout -pubkey -in "$certificate")" ]] || wrong "the key belongs to another certificate" || return 1
  openssl x509 -noout -checkend 0 -in "$certificate" >/dev/null ||
    wrong "it ended $(openssl x509 -noout -enddate -in "$certificate" | cut -d= -f2)" || return 1
  openssl verify -CAfile "$ca" -untrusted "$certificate" -purpose sslserver "$certificate" >/dev/null 2>&1 ||
    wrong "--ca did not sign it, or not for servers: $(openssl verify -CAfile "$ca" -untrusted "$certificate" -purpose sslserver "$certificate" 2>&1 | grep -m 1 error)" || return 1
  # Names in the subject count for openssl, and for nobody else.
  openssl x509 -noout -ext subjectAltName -in "$certificate" 2>/dev/null | grep -q : || wrong "it has no subjectAltName" || return 1
  while read -r name; do if covers "$certificate" "$name"; then return 0; fi; done < <(own_names)
  wrong "it is good for none of this host's names and addresses ($(own_names | tr '\n' ' ' | sed 's/ $//')), but for: $(
    openssl x509 -noout -ext subjectAltName -in "$certificate" 2>/dev/null | tail -n 1 | sed 's/^ *//'
  )"
}

wrong() {
  echo "$1"
  return 1
}
