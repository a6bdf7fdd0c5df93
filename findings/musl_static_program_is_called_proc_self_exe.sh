#!/bin/bash
# SPDX-License-Identifier: BSL-1.0
#
# What dl_iterate_phdr calls the program itself: glibc says "" in any program, musl 1.2.3 (Debian 1.2.3-1) says
# /proc/self/exe in a static one. A name that is written down, in a core or a record of stacks, and looked up later by
# another process, then leads to that process's own program, which is there, and is another.
#
# Seen on x86-64.
set -euo pipefail

work=$(mktemp -d)
trap 'rm -rf "$work"' EXIT
cd "$work"
apt-get download -q musl-dev=1.2.3-1 >/dev/null
dpkg-deb -x musl-dev_*.deb root
lib=$work/root/usr/lib/x86_64-linux-musl

cat >names.c <<'END'
#define _GNU_SOURCE
#include <link.h>
#include <stdio.h>
static int first(struct dl_phdr_info* info, size_t size, void* unused) {
  (void)size, (void)unused;
  printf("\"%s\"\n", info->dlpi_name);
  return 1;
}
int main(void) { return dl_iterate_phdr(first, NULL) != 1; }
END
gcc -static names.c -o by_glibc
gcc -nostdinc -isystem "$work/root/usr/include/x86_64-linux-musl" -nostdlib -no-pie -static names.c "$lib/crt1.o" \
  "$lib/crti.o" -Wl,--start-group "$lib/libc.a" -lgcc -Wl,--end-group "$lib/crtn.o" -o by_musl
{ echo "glibc: $(./by_glibc)"; echo "musl: $(./by_musl)"; } | tee seen
diff seen - <<'END'
glibc: ""
musl: "/proc/self/exe"
END
