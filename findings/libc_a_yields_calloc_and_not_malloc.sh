#!/bin/bash
# SPDX-License-Identifier: BSL-1.0
#
# In Debian 12's libc.a (glibc 2.36) malloc, realloc and free are strong symbols; calloc, memalign, aligned_alloc,
# posix_memalign, valloc, pvalloc and malloc_usable_size, which lie in the same member, are weak. So where libc's member is
# linked first and another allocator's object behind it (-static -z muldefs -lc other.o: the order decides between strong
# ones), the program has half of each: malloc, realloc and free are libc's, all else the other's. Nothing is said of it, by
# none of three linkers. An allocator with a heap of its own gives blocks there that another one's free gets. Here the
# other's functions hand on to libc's, so that nothing happens; the program prints whose each name is.
#
# Seen on x86-64 with ld.bfd and ld.gold 2.40 and ld.lld 14.
set -euo pipefail

work=$(mktemp -d)
trap 'rm -rf "$work"' EXIT
cd "$work"
apt-get download -q gcc-12=12.2.0-14+deb12u1 cpp-12=12.2.0-14+deb12u1 libgcc-12-dev=12.2.0-14+deb12u1 \
  binutils-x86-64-linux-gnu=2.40-2 libbinutils=2.40-2 libctf0=2.40-2 libc6-dev=2.36-9+deb12u14 libisl23=0.25-1.1 \
  libmpc3=1.3.1-1 libmpfr6=4.2.0-1 lld-14=1:14.0.6-12 libllvm14=1:14.0.6-12 >/dev/null
for package in *.deb; do dpkg-deb -x "$package" root; done
lib=$work/root/usr/lib/x86_64-linux-gnu gcc=$work/root/usr/lib/gcc/x86_64-linux-gnu/12
export LD_LIBRARY_PATH=$lib:$work/root/usr/lib/llvm-14/lib

cat >other.c <<'END'
#include <stddef.h>
void *__libc_malloc(size_t), *__libc_calloc(size_t, size_t), *__libc_realloc(void *, size_t), *__libc_memalign(size_t, size_t);
void __libc_free(void *);
void *malloc(size_t size) { return __libc_malloc(size); }
void *calloc(size_t count, size_t size) { return __libc_calloc(count, size); }
void *realloc(void *block, size_t size) { return __libc_realloc(block, size); }
void free(void *block) { __libc_free(block); }
void *memalign(size_t alignment, size_t size) { return __libc_memalign(alignment, size); }
void *aligned_alloc(size_t alignment, size_t size) { return __libc_memalign(alignment, size); }
void end_of_others(void) {}
END
cat >program.c <<'END'
#include <malloc.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
void other_begins(void), end_of_others(void);
#define SHOW(name) printf(" %s %s", #name, (uintptr_t)name - begin < (uintptr_t)end_of_others - begin ? "other" : "libc")
int main(void) {
  const uintptr_t begin = (uintptr_t)other_begins;
  SHOW(malloc);
  SHOW(realloc);
  SHOW(free);
  SHOW(calloc);
  SHOW(memalign);
  SHOW(aligned_alloc);
  printf("\n");
  return 0;
}
END
ln -s x86_64-linux-gnu-as root/usr/bin/as
for linker in bfd gold; do ln -s x86_64-linux-gnu-ld.$linker root/usr/bin/ld.$linker; done
ln -sf ../lib/llvm-14/bin/lld root/usr/bin/ld.lld
compile() { root/usr/bin/gcc-12 -O1 -fno-builtin -fno-toplevel-reorder -B"$gcc" -B"$work/root/usr/bin" "$@"; }
sed -i '1a void other_begins(void) {}' other.c
compile -c other.c
for linker in bfd gold lld; do
  compile -B"$lib" -L"$lib" -L"$gcc" -static -fuse-ld=$linker -Wl,-z,muldefs program.c -lc other.o -o program
  echo "$linker:$(./program)"
done 2>&1 | tee seen
diff seen - <<'END'
bfd: malloc libc realloc libc free libc calloc other memalign other aligned_alloc other
gold: malloc libc realloc libc free libc calloc other memalign other aligned_alloc other
lld: malloc libc realloc libc free libc calloc other memalign other aligned_alloc other
END
