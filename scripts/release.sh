# shellcheck shell=bash
# A release's files, on their way to a server. Sourced after remote.sh.

: "${there:?remote.sh comes first}"

# make_release FOLDER: the list of what is sent (files), its hashes (MANIFEST) and the id that comes of them ($release).
make_release() {
  local sha256="shasum -a 256" file
  if command -v sha256sum >/dev/null; then sha256="sha256sum"; fi
  # Tracked files and new ones that are not ignored, as they lie here.
  git ls-files -z --cached --others --exclude-standard -- package.json package-lock.json .dockerignore .env.example \
    'docker-compose.*.yml' src tasks deploy |
    while IFS= read -r -d '' file; do if [[ -f $file ]]; then printf '%s\n' "$file"; fi; done |
    LC_ALL=C sort >"$1/files"
  while IFS= read -r file; do $sha256 "$file"; done <"$1/files" | sed 's/ \*/  /' >"$1/MANIFEST"
  # shellcheck disable=SC2034 # for those who source this
  release=$($sha256 <"$1/MANIFEST" | cut -c 1-12)
}

# has_release HOST ID
has_release() {
  # shellcheck disable=SC2034 # run_there reads it
  local target=$1
  run_there -- "[[ -e \$root/releases/$2/MANIFEST ]]"
}

# receive_release HOST ID: takes a release as a compressed archive by standard input, whole or not at all.
receive_release() {
  on "$1" "umask 022; set -e; $there
    mkdir -p \"\$d/releases\" && chmod 700 \"\$d\" && cd \"\$d/releases\" && rm -rf $2.part && mkdir $2.part &&
    tar -xzf - -C $2.part && cd $2.part && sha256sum --quiet --strict -c MANIFEST && chmod -R a+rX . && cd .. &&
    rm -rf $2 && mv $2.part $2" || complain "the release could not be sent whole" "run this again"
}
