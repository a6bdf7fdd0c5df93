#!/bin/bash
# SPDX-License-Identifier: BSL-1.0
#
# Shows leakdir's main job on a real leak: builds the object, links a small program statically with it and no other flag,
# runs it, and looks at what it left in ./mem. That needs no tool: it is built then, for the report.
set -euo pipefail
cd "$(dirname "$0")/.."
root=$PWD

./tools/setup.sh build
[ -f build/build.ninja ] || meson setup build -Dtests=false
ninja -C build lib/leakdir-static.o

scratch=$(mktemp -d)
trap 'rm -rf "$scratch"' EXIT
cp tools/examples/static/guestbook.c "$scratch"
cd "$scratch"
export PATH="$root/build/tools:$PATH"

show() {
  printf '\n$ %s\n' "$*"
  "$@"
}

show gcc -g -static guestbook.c "$root/build/lib/leakdir-static.o" -o guestbook
show ./guestbook
show ls mem
record=$(grep -l 'size:64$' mem/*.mem | head -n 1)
show cat "$record"
# The record holds the return address. The call ends one byte before it: that byte is of the call's own line for certain.
caller=$(sed -n '1s/^\[+\(0x[0-9a-f]*\)\].*/\1/p' "$record")
show addr2line -fe ./guestbook "$(printf '0x%x' $((caller - 1)))"

if ! grep -q '^build tools/leakdir:' "$root/build/build.ninja"; then
  printf '\nThe tool is not built here, as setup.sh and meson say. That of another machine reads a copy of ./mem.\n'
  exit 0
fi
printf '\nThe same, grouped, by the tool:\n'
ninja -C "$root/build" tools/leakdir
show leakdir report mem
