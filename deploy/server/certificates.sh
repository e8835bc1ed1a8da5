# shellcheck shell=bash
# The certificates of Redis and the dashboard, and the authority of this host that signs them; by openssl. No key leaves
# the host, and none is printed. After common.sh.
#   tls/authority/{ca.key,ca.crt}    the host's own authority
#   tls/public/ca.crt                what others trust: the own authority, or that of given certificates
#   tls/redis, tls/dashboard         a certificate and its key each; Redis' container wants ca.crt beside them
#   tls/names                        names and addresses that were asked for besides the host's own

: "${root:?common.sh comes first}"
tls=$root/tls
# Browsers of Apple refuse more, also of an authority that was trusted by hand.
# shellcheck disable=SC2034 # for those who source it
longest_days=825

tls_is_on() { [[ $(setting REDIS_TLS) == true ]]; }

days_left() {
  local end
  end=$(openssl x509 -noout -enddate -in "$1" | cut -d= -f2)
  # Rounded down, also below zero: one that ended an hour ago has -1.
  echo $((($(date -d "$end" +%s) - $(date +%s) + 86400 * 10000) / 86400 - 10000))
}

fingerprint() { openssl x509 -noout -fingerprint -sha256 -in "$1" | cut -d= -f2; }

is_address() { [[ $1 =~ ^[0-9]+(\.[0-9]+){3}$ || $1 == *:* ]]; }

# The host's names and addresses, and those that were asked for, one a line. Addresses of one link only are left out.
own_names() {
  {
    printf '%s\n' 127.0.0.1 localhost ::1
    hostname
    hostname -f 2>/dev/null || true
    hostname -I | tr ' ' '\n'
    if [[ -r $tls/names ]]; then cat "$tls/names"; fi
  } | grep -E '^[A-Za-z0-9:.*-]+$' | awk '!seen[$0]++'
}

# Whether a certificate is good for a name or an address.
covers() {
  local kind=-checkhost
  if is_address "$2"; then kind=-checkip; fi
  [[ $(openssl x509 -noout "$kind" "$2" -in "$1") == *"does match"* ]]
}

# By which of the host's names its own processes reach a service, whose certificate must be good for it.
own_address() {
  local name
  while read -r name; do
    if [[ $name != *:* && $name != *\** ]] && covers "$tls/$1/$1.crt" "$name"; then
      echo "$name"
      return
    fi
  done < <(own_names)
}

# The authority may only sign for names and addresses that are not the world's: whoever trusts it in a browser shall not
# have to fear for others, should its key ever be stolen.
permitted() {
  local name
  printf 'permitted;IP:%s,' 127.0.0.0/255.0.0.0 10.0.0.0/255.0.0.0 172.16.0.0/255.240.0.0 192.168.0.0/255.255.0.0 \
    169.254.0.0/255.255.0.0 ::1/ffff:ffff:ffff:ffff:ffff:ffff:ffff:ffff fc00::/fe00:: fe80::/ffc0::
  printf 'permitted;DNS:%s,' localhost local lan internal intranet home.arpa
  while read -r name; do
    if [[ $name == *:* ]]; then printf 'permitted;IP:%s/ffff:ffff:ffff:ffff:ffff:ffff:ffff:ffff,' "$name"
    elif is_address "$name"; then printf 'permitted;IP:%s/255.255.255.255,' "$name"
    else printf 'permitted;DNS:%s,' "${name#\*.}"; fi
  done < <(own_names)
}

make_authority() {
  local constraints
  constraints=$(permitted)
  (
    umask 077
    rm -rf "$tls/authority.new"
    mkdir -p "$tls/authority.new"
    openssl req -x509 -newkey ec -pkeyopt ec_paramgen_curve:prime256v1 -nodes -sha256 -days 3650 -batch \
      -subj "/CN=Lovage on $(hostname) ($(date -u +%F))" -keyout "$tls/authority.new/ca.key" -out "$tls/authority.new/ca.crt" \
      -addext basicConstraints=critical,CA:TRUE,pathlen:0 -addext keyUsage=critical,keyCertSign,cRLSign \
      -addext "nameConstraints=critical,${constraints%,}" 2>"$tls/authority.new/errors" ||
      fail "openssl could not make an authority" "$(tail -n 2 "$tls/authority.new/errors")"
    rm "$tls/authority.new/errors"
    chmod 600 "$tls/authority.new/ca.key"
    rm -rf "$tls/authority"
    mv "$tls/authority.new" "$tls/authority"
  ) || return 1
  say "made an authority of this host: $(fingerprint "$tls/authority/ca.crt")"
}

# Whether a service's certificate is of the own authority, for all names, and good for a month.
is_signed() {
  local file=$tls/$1/$1.crt name
  [[ -e $file && -e $tls/$1/$1.key ]] || return 1
  openssl verify -CAfile "$tls/authority/ca.crt" -purpose sslserver "$file" >/dev/null 2>&1 || return 1
  (($(days_left "$file") >= 30)) || return 1
  while read -r name; do covers "$file" "$name" || return 1; done < <(own_names)
}

# sign SERVICE DAYS
sign() {
  local names new=$tls/$1.new
  names=$(own_names | while read -r name; do if is_address "$name"; then printf 'IP:%s,' "$name"; else printf 'DNS:%s,' "$name"; fi; done)
  (
    umask 077
    rm -rf "$new"
    mkdir -p "$new" "$tls/$1"
    printf '%s\n' basicConstraints=critical,CA:FALSE keyUsage=critical,digitalSignature extendedKeyUsage=serverAuth \
      subjectKeyIdentifier=hash authorityKeyIdentifier=keyid "subjectAltName=${names%,}" >"$new/extensions"
    if ! {
      openssl req -newkey ec -pkeyopt ec_paramgen_curve:prime256v1 -nodes -batch -subj "/CN=Lovage: $1" \
        -keyout "$new/$1.key" -out "$new/request" &&
        openssl x509 -req -sha256 -days "$2" -in "$new/request" -CA "$tls/authority/ca.crt" -CAkey "$tls/authority/ca.key" \
          -set_serial "0x01$(openssl rand -hex 15)" -extfile "$new/extensions" -out "$new/$1.crt" &&
        openssl verify -CAfile "$tls/authority/ca.crt" -purpose sslserver "$new/$1.crt"
    } >"$new/output" 2>&1; then
      fail "no certificate could be made for $1: $(grep -o 'permitted subtree violation' "$new/output" || tail -n 1 "$new/output")" \
        "the authority signs for this host's names only; for others, make another: ./scripts/tls.sh on --new-authority --name NAME"
    fi
    install_pair "$1" "$new/$1.crt" "$new/$1.key"
    rm -rf "$new"
  ) || return 1
  say "made a certificate for $1, good for $(days_left "$tls/$1/$1.crt") days"
}

# install_pair SERVICE CERTIFICATE KEY: each file is whole at any moment. The containers look into the folder.
install_pair() {
  mkdir -p "$tls/$1"
  cp "$3" "$tls/$1/$1.key.new"
  cp "$2" "$tls/$1/$1.crt.new"
  chmod 600 "$tls/$1/$1.key.new"
  chmod 644 "$tls/$1/$1.crt.new"
  mv "$tls/$1/$1.key.new" "$tls/$1/$1.key"
  mv "$tls/$1/$1.crt.new" "$tls/$1/$1.crt"
}

# install_authority CERTIFICATE: for clients, and beside Redis' own.
install_authority() {
  local folder
  for folder in public redis; do
    mkdir -p "$tls/$folder"
    cp "$1" "$tls/$folder/ca.crt.new"
    chmod 644 "$tls/$folder/ca.crt.new"
    mv "$tls/$folder/ca.crt.new" "$tls/$folder/ca.crt"
  done
}

# Whether the certificates that are in use were made here.
is_own() { [[ -e $tls/authority/ca.crt ]] && cmp -s "$tls/authority/ca.crt" "$tls/public/ca.crt"; }
