#!/bin/bash
# SPDX-License-Identifier: BSL-1.0
#
# Shows leakdir's main job on a real leak: builds, links a small program statically with one object and no other flag,
# runs it, and looks at what it left in ./mem.
set -euo pipefail
cd "$(dirname "$0")/.."
root=$PWD

./tools/setup.sh
[ -f build/build.ninja ] || meson setup build
ninja -C build lib/leakdir.o lib/leakdir-static.o tools/leakdir

scratch=$(mktemp -d)
trap 'rm -rf "$scratch"' EXIT
cp tools/demo/*.c "$scratch"
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
caller=$(sed -n '1s/^\[+\(0x[0-9a-f]*\)\].*/\1/p' "$record")
show addr2line -fe ./guestbook "$caller"
show leakdir report mem
