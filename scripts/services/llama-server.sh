#!/usr/bin/env bash
# Gets llama.cpp's own OpenAI-compatible server, as Debian builds it, into a folder of its own: the upstream of
# another maker that the miner's openai engine is tested against. Nothing is installed on the system.
#
#   scripts/services/llama-server.sh DIR           then DIR/llama-server --help
#   AIFORGE_LLAMA_SERVER=DIR/llama-server npm test
#
# Needs apt-get and dpkg-deb (Debian, Ubuntu) on x86-64.
set -euo pipefail

fail() { echo "llama-server.sh: $*" >&2; exit 1; }

[ $# -eq 1 ] || fail "usage: llama-server.sh DIR"
[ "$(uname -m)" = x86_64 ] || fail "only x86-64 is supported; build llama.cpp and set AIFORGE_LLAMA_SERVER"
command -v apt-get >/dev/null && command -v dpkg-deb >/dev/null || fail "apt-get and dpkg-deb are needed"
keyring=/usr/share/keyrings/debian-archive-keyring.gpg
[ -r "$keyring" ] || fail "the package debian-archive-keyring is needed to check what is fetched"

mkdir -p "$1"
dir=$(cd "$1" && pwd)
apt=$(mktemp -d)
trap 'rm -rf "$apt"' EXIT
mkdir -p "$apt/lists/partial" "$apt/archives/partial"

# The server is in Debian's unstable release only. Use the mirror this machine already uses, if it has one.
configured() { cat /etc/apt/sources.list /etc/apt/sources.list.d/* 2>/dev/null || true; }
mirror=$(configured | grep -oE 'https?://[^ ]+/debian/?( |$)' | head -n 1 | tr -d ' ' || true)
echo "deb [signed-by=$keyring] ${mirror:-https://deb.debian.org/debian} sid main" >"$apt/sources.list"
touch "$apt/status"

# A private apt: own sources, lists and cache, and no knowledge of what is installed.
cat >"$apt/apt.conf" <<CONF
APT::Architecture "amd64";
APT::Architectures { "amd64"; };
APT::Sandbox::User "";
Acquire::Languages "none";
Debug::NoLocking "1";
Dir::Cache::archives "$apt/archives";
Dir::Etc::sourcelist "$apt/sources.list";
Dir::Etc::sourceparts "-";
Dir::State::lists "$apt/lists";
Dir::State::status "$apt/status";
CONF
export APT_CONFIG="$apt/apt.conf"

echo "Fetching llama.cpp from ${mirror:-deb.debian.org} ..." >&2
apt-get -qq update
# With the C library it was built for, so that it also runs on an older release.
(cd "$apt/archives" && apt-get -qq download llama.cpp-tools libllama0 libggml0 libc6 libgcc-s1 libstdc++6 \
  libssl3t64 libgomp1 zlib1g libzstd1)
for package in "$apt"/archives/*.deb; do dpkg-deb -x "$package" "$dir/root"; done

# ggml looks for its processor back ends beside the running program, which is the loader below.
libraries=$dir/root/usr/lib/x86_64-linux-gnu
ln -sf "$libraries"/ggml/backends0/libggml-cpu-*.so "$libraries/"

cat >"$dir/llama-server" <<RUN
#!/bin/sh
exec "$libraries/ld-linux-x86-64.so.2" --library-path "$libraries:$libraries/llama" \\
  "$dir/root/usr/bin/llama-server" "\$@"
RUN
chmod +x "$dir/llama-server"
"$dir/llama-server" --version >/dev/null 2>&1 || fail "it was fetched, but does not start on this machine"
echo "$dir/llama-server"
