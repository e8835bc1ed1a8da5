#!/usr/bin/env bash
# Process 1 of a server: a Debian of its own, made of this machine's programs and settings, with sshd and dockerd.
# What it writes lies on its disk, state/<server>/disk, and outlives it. Nothing else of this machine can be seen there
# but the Python with Ray that the checkout's .venv holds. Started by lab.sh.
set -euo pipefail

# As Debian's programs and settings, but changeable: what the server writes lies on its own disk.
mount_overlay() {
  mkdir -p "$disk/$1" "$disk/.work/$1" "$root/$1"
  mount -t overlay overlay -o "lowerdir=/$1,upperdir=$disk/$1,workdir=$disk/.work/$1" "$root/$1"
}

mount_folder() {
  mkdir -p "$disk/$1" "$root/$1"
  mount --bind "$disk/$1" "$root/$1"
}

build_root() {
  local folder
  mkdir -p "$root" "$disk"
  # Debian empties it at boot.
  rm -rf --one-file-system "$disk/tmp"
  mount -t tmpfs -o mode=755 tmpfs "$root"
  for folder in bin sbin lib lib32 lib64 libx32; do
    if [[ -L /$folder ]]; then cp -a "/$folder" "$root/"; fi
  done
  for folder in usr etc var; do mount_overlay "$folder"; done
  for folder in home opt srv root tmp usr/local; do mount_folder "$folder"; done
  # Docker's own data cannot lie on an overlay.
  mkdir -p "$disk/docker" "$root/var/lib/docker"
  mount --bind "$disk/docker" "$root/var/lib/docker"
  mkdir -p "$root/var/log/lab"
  mount --bind "$state/$server/log" "$root/var/log/lab"
  mkdir -p "$root"/{run,proc,sys,dev,mnt,media}
  mount -t tmpfs -o mode=755 tmpfs "$root/run"
  mount -t proc proc "$root/proc"
  mount -t sysfs sysfs "$root/sys"
  mount --rbind /sys/fs/cgroup "$root/sys/fs/cgroup"
  mount --rbind /dev "$root/dev"
  mount -t tmpfs -o mode=1777 tmpfs "$root/dev/shm"
  chmod 1777 "$root/tmp"
  # Ray's Python may lie below it, and Ray runs as another user.
  chmod 711 "$root/root"
}

# The Python of .venv, and the one that it was made from, each at its own path, for reading only.
show_python() {
  local venv base folder
  venv=$(readlink -e "$checkout/.venv") || return 0
  base=$("$venv/bin/python" -c 'import sys; print(sys.base_prefix)')
  for folder in "$venv" "$base"; do
    if [[ $folder == /usr ]]; then continue; fi
    mkdir -p "$root$folder"
    mount --bind "$folder" "$root$folder"
    mount -o remount,bind,ro "$root$folder"
  done
}

enter_root() {
  cd "$root"
  mkdir -p .old
  pivot_root . .old
  cd /
  umount -l /.old
  rmdir /.old
}

# An account as on the real server; its key is the only way in.
make_user() {
  local home=/home/$server_user key=$1
  getent group docker >/dev/null || groupadd --system docker
  if ! id -u "$server_user" >/dev/null 2>&1; then
    useradd --create-home --shell /bin/bash --groups docker "$server_user"
    # Not '!', which sshd takes for locked.
    usermod --password '*' "$server_user"
    install -d -m 700 -o "$server_user" -g "$server_user" "$home/.ssh"
    install -m 600 -o "$server_user" -g "$server_user" <(echo "$key") "$home/.ssh/authorized_keys"
    install -d -o "$server_user" -g "$server_user" "$home/ml-datasets" "$home/ml-models"
  fi
}

configure() {
  hostname "$server"
  echo "$server" >/etc/hostname
  printf '127.0.0.1 localhost\n%s %s\n' "$address" "$server" >/etc/hosts
  # A real file, in case this machine's is a link into /run.
  rm -f /etc/resolv.conf
  : >/etc/resolv.conf
  # A server has no Node of its own, and none of this machine's Docker settings.
  rm -f /usr/bin/{node,npm,npx} /etc/docker/daemon.json
  mkdir -p /run/sshd /run/lock
  cat >/etc/ssh/sshd_config <<END
ListenAddress $address
HostKey /etc/ssh/lab_host_key
PidFile /run/sshd.pid
UsePAM no
PasswordAuthentication no
PermitRootLogin no
AllowUsers $server_user
Subsystem sftp internal-sftp
END
}

main() {
  # shellcheck source=test/deploy/lab/settings.sh
  source "$(dirname "${BASH_SOURCE[0]}")/settings.sh"
  [[ $$ == 1 ]] || fail "server.sh is started by lab.sh, as process 1"
  server=$1
  address=$(address_of "$server")
  disk=$state/$server/disk
  root=$state/$server/root
  local key dockerd
  key=$(<"$state/laptop/ssh/id_ed25519.pub")
  build_root
  install -m 600 "$state/$server/host-key" "$root/etc/ssh/lab_host_key"
  show_python
  enter_root
  configure
  make_user "$key"

  local clean=(env -i PATH=/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin HOME=/root LANG=C.UTF-8)
  # As Debian's systemd does at boot.
  if [[ -x /etc/rc.local ]]; then "${clean[@]}" /etc/rc.local >>/var/log/lab/rc.local.log 2>&1 || true; fi
  "${clean[@]}" /usr/sbin/sshd -D -e >>/var/log/lab/sshd.log 2>&1 &
  "${clean[@]}" /usr/sbin/dockerd --log-level warn --exec-opt native.cgroupdriver=cgroupfs \
    --cgroup-parent "/$(namespace_of "$server")" >>/var/log/lab/dockerd.log 2>&1 &
  dockerd=$!
  trap 'kill -TERM "$dockerd" 2>/dev/null; while kill -0 "$dockerd" 2>/dev/null; do sleep 0.1; done; exit 0' TERM
  # As process 1 it also reaps what others leave behind.
  while true; do
    sleep 3600 &
    wait $! || true
  done
}

main "$@"
