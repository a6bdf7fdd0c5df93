#!/bin/bash
# SPDX-License-Identifier: BSL-1.0
#
# heaptrack 1.4.0 (Debian 1.4.0-2) has no hook for memalign and pvalloc: what they allocate is in none of its figures,
# although it follows posix_memalign, aligned_alloc and valloc. Nothing is said of it; the frees of such blocks, which
# it does see, change nothing.
#
# Seen on x86-64, of five leaked blocks of 1 to 5 MB, one by each function: 12 MB.
set -euo pipefail

work=$(mktemp -d)
trap 'rm -rf "$work"' EXIT
cd "$work"
apt-get download -q heaptrack=1.4.0-2 libheaptrack=1.4.0-2 >/dev/null
for package in *.deb; do dpkg-deb -x "$package" root; done

cat >aligned.c <<'END'
#define _GNU_SOURCE
#include <malloc.h>
#include <stdlib.h>
void* volatile kept[5];
int main(void) {
  void* block = NULL;
  kept[0] = memalign(64, 1000000);
  kept[1] = pvalloc(2000000);
  kept[2] = valloc(3000000);
  kept[3] = aligned_alloc(64, 4000000);
  if (posix_memalign(&block, 64, 5000000) == 0) kept[4] = block;
  return 0;
}
END
gcc -g -Wno-deprecated-declarations aligned.c -o aligned
root/usr/bin/heaptrack -o data ./aligned >/dev/null 2>&1
root/usr/bin/heaptrack_print data.zst 2>/dev/null | grep '^total memory leaked' | tee seen
diff seen - <<'END'
total memory leaked: 12.00M
END
