#!/bin/sh
# Runs `lovage ARGS` as the only process of what is as bare as a container gets: process id 1, a read-only root, a
# temporary /tmp of its own, a user without a name, a home or any right, and no environment but the variables given.
# bare-container.sh NODE CHECKOUT "NAME=value NAME=value" ARGS…   (as root)
set -eu
# shellcheck disable=SC2016 # the inner shell expands them
exec unshare --mount --pid --fork --kill-child=KILL --propagation private sh -euc '
  node=$1 checkout=${2%/} variables=$3
  shift 3
  # The checkout, and Node in it, may lie in the /tmp that is hidden below.
  case $node in "$checkout"/*) node=/mnt/${node#"$checkout"/} ;; esac
  mount --bind "$checkout" /mnt
  mount -t tmpfs -o size=64m,mode=1777,noexec,nosuid,nodev tmpfs /tmp
  mount -t proc proc /proc
  mount -o remount,bind,ro /
  mount -o remount,bind,ro /mnt
  cd /mnt
  # shellcheck disable=SC2086 # several variables
  exec setpriv --reuid 4242 --regid 4242 --clear-groups --no-new-privs --bounding-set -all \
    env -i $variables "$node" src/bin/lovage.ts "$@"
' sh "$@"
