#!/usr/bin/env bash
# A Docker engine of one's own on a machine that has none, and an image for it that needs no registry.
#
#   scripts/services/docker.sh start DIR [PID]   its API is then at unix://DIR/docker.sock; stops when PID ends
#   scripts/services/docker.sh stop DIR          and takes its containers along
#   scripts/services/docker.sh image             loads localhost/node:1 into the engine of DOCKER_HOST
#
# Needs root on Debian or Ubuntu. Containers get no network: no bridge, no firewall rule and no forwarding is set up.
# localhost/node:1 is this machine's own Node.js with its libraries and nothing else. From the same binaries comes the
# same image, with the same id.
set -euo pipefail

fail() { echo "docker.sh: $*" >&2; exit 1; }

install_engine() {
  command -v dockerd >/dev/null && return
  [ "$(id -u)" -eq 0 ] || fail "there is no dockerd, and only root can install it"
  command -v apt-get >/dev/null || fail "there is no dockerd; install Docker, or run this on Debian"
  {
    apt-get update -qq
    DEBIAN_FRONTEND=noninteractive apt-get install -y -qq --no-install-recommends docker.io iptables runc
  } >&2
}

answers() { docker -H "unix://$1/docker.sock" version >/dev/null 2>&1; }

start_engine() {
  local dir=$1 waited=0
  [ "$(id -u)" -eq 0 ] || fail "only root can start a Docker engine"
  [ ${#dir} -le 80 ] || fail "the path of $dir is too long for the sockets in it"
  install_engine
  if ! answers "$dir"; then
    rm -f "$dir/docker.pid"
    # In a session of its own: it lives on when this script and its terminal are gone.
    setsid dockerd --data-root "$dir/root" --exec-root "$dir/exec" --pidfile "$dir/docker.pid" \
      --host "unix://$dir/docker.sock" --group "$(id -gn)" --storage-driver overlay2 \
      --bridge=none --iptables=false --ip6tables=false --ip-masq=false --ip-forward=false \
      >>"$dir/log" 2>&1 </dev/null &
    until answers "$dir"; do
      waited=$((waited + 1))
      [ "$waited" -lt 300 ] || { tail -n 5 "$dir/log" >&2; fail "dockerd did not start; see $dir/log"; }
      sleep 0.1
    done
  fi
}

stop_engine() {
  local dir=$1 pid folder
  if answers "$dir"; then
    docker -H "unix://$dir/docker.sock" ps -aq | xargs -r docker -H "unix://$dir/docker.sock" rm -f >/dev/null 2>&1 || true
  fi
  end "$dir/docker.pid"
  # An engine that was killed leaves these two behind.
  end "$dir/exec/containerd/containerd.pid"
  for folder in /proc/[0-9]*; do
    pid=${folder#/proc/}
    tr '\0' ' ' <"$folder/cmdline" 2>/dev/null | grep -qF -- "-address $dir/exec/containerd/containerd.sock" || continue
    kill -KILL "$pid" 2>/dev/null || true
  done
  awk -v dir="$dir/" 'index($2, dir) == 1 { print $2 }' /proc/mounts | sort -r | xargs -r umount -l 2>/dev/null || true
}

# Ends the process whose id is in a file: politely, and after 20 s by force.
end() {
  local pid waited=0
  pid=$(cat "$1" 2>/dev/null) || return 0
  # A stale file may name a process that is not ours.
  grep -qE 'dockerd|containerd' "/proc/$pid/comm" 2>/dev/null || return 0
  kill "$pid" 2>/dev/null || return 0
  while kill -0 "$pid" 2>/dev/null; do
    waited=$((waited + 1))
    [ "$waited" -lt 200 ] || kill -KILL "$pid" 2>/dev/null || true
    sleep 0.1
  done
}

load_image() {
  local work root node arch library config layer
  if docker image inspect localhost/node:1 >/dev/null 2>&1; then return; fi
  node=$(readlink -f "$(command -v node)") || fail "there is no node to make the image of"
  case $(uname -m) in x86_64) arch=amd64 ;; aarch64 | arm64) arch=arm64 ;; *) arch=$(uname -m) ;; esac
  work=$(mktemp -d)
  root=$work/root
  # Now, as the variable is gone when the trap runs.
  # shellcheck disable=SC2064
  trap "rm -rf '$work'" EXIT
  mkdir -p "$root"/{usr/local/bin,tmp,in,out,run,proc,sys,dev,etc}
  cp "$node" "$root/usr/local/bin/node"
  for library in $(ldd "$node" | grep -oE '/[^ ]+'); do
    mkdir -p "$root$(dirname "$library")"
    cp -L "$library" "$root$library"
  done
  echo "job:x:1000:1000:job:/tmp:/sbin/nologin" >"$root/etc/passwd"
  echo "job:x:1000:" >"$root/etc/group"
  mkdir "$work/image"
  tar --create --file "$work/image/layer.tar" --directory "$root" --format=gnu --sort=name --mtime=@0 --owner=0 \
    --group=0 --numeric-owner --mode=u=rwX,go=rX --exclude=./tmp .
  tar --append --file "$work/image/layer.tar" --directory "$root" --format=gnu --mtime=@0 --owner=0 --group=0 \
    --numeric-owner --mode=1777 ./tmp
  layer=$(sha256sum "$work/image/layer.tar" | cut -d ' ' -f 1)
  cat >"$work/image/config.json" <<JSON
{"architecture":"$arch","os":"linux","created":"1970-01-01T00:00:00Z","config":{"Env":["PATH=/usr/local/bin"],"Cmd":["node"],"WorkingDir":"/"},"rootfs":{"type":"layers","diff_ids":["sha256:$layer"]},"history":[{"created":"1970-01-01T00:00:00Z","created_by":"Node.js of the machine"}]}
JSON
  config=$(sha256sum "$work/image/config.json" | cut -d ' ' -f 1)
  mv "$work/image/config.json" "$work/image/$config.json"
  echo "[{\"Config\":\"$config.json\",\"RepoTags\":[\"localhost/node:1\"],\"Layers\":[\"layer.tar\"]}]" \
    >"$work/image/manifest.json"
  tar --create --directory "$work/image" . | docker load >/dev/null
}

usage="usage: docker.sh start DIR [PID] | stop DIR | image"
case "${1:-}" in
  start)
    [ $# -ge 2 ] || fail "$usage"
    mkdir -p "$2"
    dir=$(cd "$2" && pwd)
    start_engine "$dir"
    DOCKER_HOST="unix://$dir/docker.sock" load_image
    if [ -n "${3:-}" ]; then
      setsid bash -c 'while kill -0 "$1" 2>/dev/null; do sleep 1; done; bash "$2" stop "$3"' \
        _ "$3" "$(readlink -f "$0")" "$dir" >/dev/null 2>&1 </dev/null &
    fi
    echo "unix://$dir/docker.sock"
    ;;
  stop)
    [ $# -eq 2 ] || fail "$usage"
    if [ -d "$2" ]; then stop_engine "$(cd "$2" && pwd)"; fi
    ;;
  image)
    load_image
    docker image inspect --format '{{.Id}}' localhost/node:1
    ;;
  *) fail "$usage" ;;
esac
