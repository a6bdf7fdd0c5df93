#!/bin/bash
# SPDX-License-Identifier: BSL-1.0
#
# jemalloc 5.3.0 (libjemalloc2 5.3.0-1, Debian 12): memalign(64, 0) gives a block of the smallest size, which is not
# aligned by 64, while posix_memalign and aligned_alloc of no bytes, with the same alignment, always are. Whoever tells
# by its address how a block was made, or keeps flags in the low bits of an address, is wrong for memalign's.
#
# Seen on x86-64, of 50 blocks of each: 43 of memalign's are not aligned, and none of the others'.
set -euo pipefail

work=$(mktemp -d)
trap 'rm -rf "$work"' EXIT
cd "$work"
apt-get download -q libjemalloc2=5.3.0-1 >/dev/null
dpkg-deb -x libjemalloc2_*.deb root

cat >nothing.c <<'END'
#include <malloc.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
int main(void) {
  int wrong[3] = {0};
  for (int i = 0; i < 50; ++i) {
    void* block = NULL;
    wrong[0] += (uintptr_t)memalign(64, 0) % 64 != 0;
    wrong[1] += (uintptr_t)aligned_alloc(64, 0) % 64 != 0;
    wrong[2] += posix_memalign(&block, 64, 0) != 0 || (uintptr_t)block % 64 != 0;
  }
  printf("not aligned, of 50: memalign %d, aligned_alloc %d, posix_memalign %d\n", wrong[0], wrong[1], wrong[2]);
}
END
gcc -fno-builtin nothing.c -o nothing
echo "glibc: $(./nothing)"
seen=$(LD_PRELOAD=$work/root/usr/lib/x86_64-linux-gnu/libjemalloc.so.2 ./nothing)
echo "jemalloc: $seen"
[[ $seen = "not aligned, of 50: memalign "[1-9]*", aligned_alloc 0, posix_memalign 0" ]]
