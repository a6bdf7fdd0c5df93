#!/bin/bash
# SPDX-License-Identifier: BSL-1.0
#
# gdb 13.1 (gdb-minimal 13.1-3, Debian 12) writes address space that a process has only reserved (PROT_NONE, never
# touched) into the core that generate-core-file makes, as zeros that take room on the disk: no hole is left for them.
# What a sanitizer, a garbage collector or an arena reserves may be hundreds of times what it uses. After
# madvise(MADV_DONTDUMP) it is left out.
#
# Seen, MiB allocated on the disk, of a static program that reserves 256 MiB: 257; with MADV_DONTDUMP: 1.
set -euo pipefail

work=$(mktemp -d)
trap 'rm -rf "$work"' EXIT
cd "$work"
apt-get download -q gdb-minimal=13.1-3 libreadline8=8.2-1.3 libxxhash0=0.8.1-1 libipt2=2.0.5-1 \
  libdebuginfod1=0.188-2.1 >/dev/null
for package in *.deb; do dpkg-deb -x "$package" root; done
export LD_LIBRARY_PATH="$work/root/usr/lib/x86_64-linux-gnu:$work/root/lib/x86_64-linux-gnu"

cat >reserves.c <<'END'
#define _GNU_SOURCE
#include <sys/mman.h>
static void stop_here(void) { __asm__ volatile("" : : : "memory"); }
int main(int count, char **arguments) {
  (void)arguments;
  void *space = mmap(0, 256 << 20, PROT_NONE, MAP_PRIVATE | MAP_ANONYMOUS | MAP_NORESERVE, -1, 0);
  if (space == MAP_FAILED || (count > 1 && madvise(space, 256 << 20, MADV_DONTDUMP) != 0)) return 1;
  stop_here();
  return 0;
}
END
gcc -g -static reserves.c -o reserves

# MiB of the core that are allocated on the disk.
core_of() {
  root/usr/bin/gdb -nx -batch -ex 'set startup-with-shell off' -ex 'break stop_here' -ex "run $*" \
    -ex 'generate-core-file core' reserves >said 2>&1 || { cat said >&2; exit 1; }
  du -m core | cut -f1
  rm core
}
reserved=$(core_of)
left_out=$(core_of not)
echo "MiB in a core: $reserved; after MADV_DONTDUMP: $left_out"
[ "$reserved" -ge 256 ] && [ "$left_out" -lt 8 ]
