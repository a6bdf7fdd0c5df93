#!/bin/bash
# SPDX-License-Identifier: BSL-1.0
#
# mimalloc 3.0.1, which Debian 13 has, loses what blocks hold: a program of one thread that takes blocks by memalign,
# resizes some by realloc and frees others finds, after some thousand calls, other bytes in a live block than it has
# written. (malloc in the place of memalign: nothing is lost.) 3.6.0 keeps all of it.
#
# Seen on x86-64, with glibc 2.36.
set -euo pipefail

work=$(mktemp -d)
trap 'rm -rf "$work"' EXIT
cd "$work"
pool=http://deb.debian.org/debian/pool/main/m/mimalloc
fetch() {  # VERSION HASH
  /usr/lib/apt/apt-helper download-file "$pool/libmimalloc3_$1_amd64.deb" "$1.deb" "SHA256:$2" >/dev/null 2>&1
  dpkg-deb -x "$1.deb" "$1"
}
fetch 3.0.1+ds-2.1 053687d089388e73e0a34035e1248a098cb000c5c25891f7c15d8445843ed049
fetch 3.6.0+ds-1 8db3407271e91720fea5439e025ea9c8a6cef885437af82a8f3e2ce339fc465b

cat >program.c <<'END'
#include <malloc.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
enum { N = 256 };
static char *block[N];
static size_t size[N];
static uint64_t state = 1;
static unsigned next(void) {
  state = state * 6364136223846793005u + 1442695040888963407u;
  return (unsigned)(state >> 33);
}
int main(int count, char **how) {
  for (int round = 0; round < 50000; ++round) {
    const unsigned i = next() % N;
    const size_t wanted = 1 + next() % (next() % 2 ? 70000 : 2000);
    for (size_t k = 0; k < size[i]; ++k) {
      if (block[i][k] == (char)i) continue;
      puts("a block holds other bytes than were written");
      return 0;
    }
    if (block[i] == NULL) {
      block[i] = count > 1 && strcmp(how[1], "malloc") == 0 ? malloc(wanted) : memalign(4096, wanted);
    } else if (next() % 2) {
      block[i] = realloc(block[i], wanted);
      for (size_t k = 0; k < wanted && k < size[i]; ++k) {
        if (block[i][k] == (char)i) continue;
        puts("a resized block holds other bytes than were written");
        return 0;
      }
    } else {
      free(block[i]);
      block[i] = NULL;
      size[i] = 0;
      continue;
    }
    size[i] = wanted;
    memset(block[i], (int)i, wanted);
  }
  puts("each block holds what was written");
  return 0;
}
END
gcc -O1 -fno-builtin program.c -o program
upon() {  # VERSION HOW
  LD_PRELOAD=$(find "$work/$1" -name 'libmimalloc.so.*' -type f) ./program "$2"
}
{
  echo "glibc, memalign: $(./program memalign)"
  for version in 3.0.1+ds-2.1 3.6.0+ds-1; do
    for how in memalign malloc; do echo "mimalloc $version, $how: $(upon $version $how)"; done
  done
} | tee seen
diff seen - <<'END'
glibc, memalign: each block holds what was written
mimalloc 3.0.1+ds-2.1, memalign: a block holds other bytes than were written
mimalloc 3.0.1+ds-2.1, malloc: each block holds what was written
mimalloc 3.6.0+ds-1, memalign: each block holds what was written
mimalloc 3.6.0+ds-1, malloc: each block holds what was written
END
