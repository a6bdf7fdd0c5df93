#!/bin/bash
# SPDX-License-Identifier: BSL-1.0
#
# Installs what building and testing leakdir needs on Debian 12, as root or by sudo. Does nothing, and needs no network,
# when all of it is there.
set -euo pipefail

packages=(
  # to build the objects and the tool
  gcc g++ libc6-dev binutils meson ninja-build pkg-config python3 ca-certificates libboost-stacktrace-dev libdw-dev libelf-dev
  libcli11-dev libfmt-dev nlohmann-json3-dev libprotozero-dev zlib1g-dev
  # to test: GoogleTest, every compiler and linker of the matrix, an oracle
  libgtest-dev libgmock-dev clang libclang-rt-14-dev llvm-14-linker-tools lld mold valgrind libc6-dbg libdebuginfod1 strace musl-tools
  # analyse without running
  clang-tidy cppcheck clang-format shellcheck
  # finds the package as other projects do
  cmake
  # programs for other processors
  g++-aarch64-linux-gnu g++-arm-linux-gnueabihf qemu-user
  # real programs are linked with these
  libsqlite3-dev liblua5.4-dev libexpat1-dev libjansson-dev libxml2-dev libicu-dev liblzma-dev
  # the library is tried upon these
  libjemalloc2 libtcmalloc-minimal4 libmimalloc2.0 git perl
  # read manual pages and completions
  groff-base zsh
  # opens the report's page; a terminal to watch on
  chromium-headless-shell tmux
  # reads profiles by pprof's own specification
  protobuf-compiler golang-github-google-pprof-dev
)

missing=()
for package in "${packages[@]}"; do
  state=$(dpkg-query -W -f='${db:Status-Status}' "$package" 2>/dev/null || true)
  [ "$state" = installed ] || missing+=("$package")
done
[ ${#missing[@]} -gt 0 ] || exit 0

as_root=()
if [ "$(id -u)" -ne 0 ]; then
  command -v sudo >/dev/null || { echo "setup.sh: root or sudo is needed to install: ${missing[*]}" >&2; exit 1; }
  as_root=(sudo)
fi
echo "setup.sh: installing ${missing[*]}"
"${as_root[@]}" apt-get update -q
"${as_root[@]}" env DEBIAN_FRONTEND=noninteractive apt-get install -q -y --no-install-recommends "${missing[@]}"
