# shellcheck shell=bash disable=SC2154 # settings.sh sets them
# Machines of a lab: process 1 in namespaces of its own. When it is killed, the kernel ends all that the machine runs.

# Whether the process noted is the one that was started: a process id alone may be another's by now.
running() {
  local pid start
  [[ -s $state/$1/pid ]] || return 1
  read -r pid start <"$state/$1/pid"
  [[ -n $start && $(cut -d ' ' -f 22 "/proc/$pid/stat" 2>/dev/null) == "$start" ]]
}

pid_of() { cut -d ' ' -f 1 "$state/$1/pid"; }

# Switches a machine on. A server is ready when Docker and sshd answer: see until_ready.
boot() {
  local machine=$1 namespace outer inner='' look
  namespace=$(namespace_of "$machine")
  if running "$machine"; then return; fi
  make_keys "$machine"
  plug_in "$machine"
  # No file of ours may stay open in the machine: whoever waits for its end would wait for the machine's.
  setsid nsenter --net="/run/netns/$namespace" -- \
    unshare --mount --uts --ipc --pid --fork --kill-child --mount-proc --propagation private -- \
    env LAB_NAME="$lab_name" LAB_STATE="$states" "$lab/${machine%%[0-9]*}.sh" "$machine" \
    >>"$state/$machine/log/init.log" 2>&1 </dev/null 8>&- 9>&- &
  outer=$!
  for ((look = 0; look < 100; look += 1)); do
    inner=$(tr -d ' ' 2>/dev/null <"/proc/$outer/task/$outer/children") || true
    if [[ -n $inner ]]; then break; fi
    sleep 0.05
  done
  if [[ -z $inner ]]; then
    tail -n 20 "$state/$machine/log/init.log" >&2
    fail "$machine did not start; what it printed last stands above"
  fi
  printf '%s %s\n' "$inner" "$(cut -d ' ' -f 22 "/proc/$inner/stat")" >"$state/$machine/pid"
  disown "$outer"
}

# A key for the laptop, and one for each server, which the laptop knows.
make_keys() {
  local machine=$1 server
  mkdir -p "$state/$machine/log" "$state/laptop/ssh"
  chmod 700 "$state/laptop/ssh"
  if [[ ! -s $state/laptop/ssh/id_ed25519 ]]; then
    ssh-keygen -q -t ed25519 -N '' -C root@laptop -f "$state/laptop/ssh/id_ed25519"
  fi
  if [[ $machine == server* && ! -s $state/$machine/host-key ]]; then
    ssh-keygen -q -t ed25519 -N '' -C "root@$machine" -f "$state/$machine/host-key"
  fi
  for server in $(servers); do
    if [[ -s $state/$server/host-key.pub ]]; then
      printf '%s %s\n' "$(address_of "$server")" "$(cut -d ' ' -f 1,2 "$state/$server/host-key.pub")"
    fi
  done >"$state/laptop/ssh/known_hosts"
}

until_ready() {
  local server=$1 deadline=$((SECONDS + 60))
  until inside "$server" docker version >/dev/null 2>&1 && inside "$server" test -s /run/sshd.pid; do
    if ! running "$server" || ((SECONDS > deadline)); then
      tail -n 20 "$state/$server"/log/*.log >&2
      fail "$server is not ready after a minute; its logs stand above"
    fi
    sleep 0.2
  done
}

# inside MACHINE COMMAND…: as root in the machine's namespaces, nothing else checked. A server has nothing of the
# caller's environment; the laptop has it all, and the caller's folder.
inside() {
  local machine=$1
  shift
  if [[ $machine == laptop ]]; then
    nsenter --target "$(pid_of laptop)" --net --mount --uts --pid --wdns="$PWD" -- \
      env -u SSH_AUTH_SOCK -u DOCKER_HOST "$@"
  else
    nsenter --target "$(pid_of "$machine")" --net --mount --uts --ipc --pid --wdns=/ -- \
      env -i PATH=/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin HOME=/root LANG=C.UTF-8 "$@"
  fi
}

# Asks the machine to end in good order: Docker gives its containers their time to stop.
shut_down() {
  local machine=$1 look
  if running "$machine"; then
    kill -TERM "$(pid_of "$machine")"
    for ((look = 0; look < 600; look += 1)); do
      running "$machine" || break
      sleep 0.1
    done
  fi
  power_cut "$machine"
}

# Ends everything at once. What was written to the machine's disk stays, synced or not: the kernel lives on.
power_cut() {
  local machine=$1 look
  if running "$machine"; then
    pull_cable "$machine"
    kill -KILL "$(pid_of "$machine")"
    for ((look = 0; look < 300; look += 1)); do
      running "$machine" || break
      sleep 0.1
    done
    if running "$machine"; then fail "$machine does not end (process $(pid_of "$machine"))"; fi
  fi
  rm -f "$state/$machine/pid"
  drop_namespace "$machine"
  remove_cgroups "$machine"
}

# Control groups of a server's containers outlive its namespaces.
remove_cgroups() {
  local group
  for group in "/sys/fs/cgroup/$(namespace_of "$1")" /sys/fs/cgroup/*/"$(namespace_of "$1")"; do
    if [[ -d $group ]]; then find "$group" -depth -type d -exec rmdir {} + 2>/dev/null || true; fi
  done
}
