#!/bin/bash
# SPDX-License-Identifier: BSL-1.0
#
# Upon musl 1.2.3 (Debian 1.2.3-1) a program that is linked dynamically and defines malloc, calloc, realloc and free,
# but not aligned_alloc, has none: aligned_alloc, and with it posix_memalign and memalign, fail with ENOMEM from then
# on, for any size, rather than mix two heaps. Linked statically the same program does get memory, from musl's own heap:
# its free() is then given blocks that its malloc has never seen.
#
# Seen on x86-64.
set -euo pipefail

work=$(mktemp -d)
trap 'rm -rf "$work"' EXIT
cd "$work"
apt-get download -q musl=1.2.3-1 musl-dev=1.2.3-1 >/dev/null
for package in *.deb; do dpkg-deb -x "$package" root; done
lib=$work/root/usr/lib/x86_64-linux-musl musl=$work/root/lib/ld-musl-x86_64.so.1  # the library and the loader

cat >own.c <<'END'
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
static _Alignas(64) char pool[1 << 20];
static size_t used;
void* malloc(size_t size) {
  void* const block = pool + used;
  used += (size + 63) / 64 * 64;
  return block;
}
void* calloc(size_t count, size_t size) { return malloc(count * size); }
void* realloc(void* old, size_t size) {
  void* const block = malloc(size);
  return old == NULL ? block : memcpy(block, old, size);
}
void free(void* block) { (void)block; }
int main(void) {
  void* block = NULL;
  const int error = posix_memalign(&block, 64, 100);
  const int is_own = (char*)block >= pool && (char*)block < pool + sizeof pool;
  printf("%s\n", error != 0 ? strerror(error) : is_own ? "from the program's pool" : "from musl's heap");
  return 0;
}
END
compile() { gcc -fno-builtin -nostdinc -isystem "$work/root/usr/include/x86_64-linux-musl" -nostdlib -no-pie "$@"; }
compile own.c "$lib/crt1.o" "$lib/crti.o" "$musl" "$lib/crtn.o" -Wl,-dynamic-linker,"$musl" -o dynamic
compile -static own.c "$lib/crt1.o" "$lib/crti.o" -Wl,--start-group "$lib/libc.a" -lgcc -Wl,--end-group "$lib/crtn.o" \
  -o static
echo "dynamic: $(./dynamic)" >seen; echo "static: $(./static)" >>seen; cat seen
diff seen - <<'END'
dynamic: Out of memory
static: from musl's heap
END
