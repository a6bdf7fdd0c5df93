#!/bin/bash
# SPDX-License-Identifier: BSL-1.0
#
# With glibc 2.43 (Debian sid's libc6 2.43-7) on Linux 6.13 or later the stacks of threads
# have guards that are no mappings of their own: they are put into the stack by madvise. What /proc/PID/maps shows is one
# readable and writable mapping for all stacks that lie one below the other. So who takes a mapping for a stack, or looks
# for what glibc keeps of a thread at a mapping's end, finds the last one alone. With glibc 2.36 (Debian 12) each stack is
# a mapping.
#
# Seen on x86-64, Linux 6.18.
set -euo pipefail

work=$(mktemp -d)
trap 'rm -rf "$work"' EXIT
cd "$work"
/usr/lib/apt/apt-helper download-file http://deb.debian.org/debian/pool/main/g/glibc/libc6_2.43-7_amd64.deb new.deb \
  SHA256:5c71715c51103beb4fbba9fe9f8dff604af6610dfa71c70bff342f54a7860803 >/dev/null 2>&1
dpkg-deb -x new.deb new
apt-get download -q "libc6=2.36-9+deb12u*" >/dev/null 2>&1 || apt-get download -q libc6 >/dev/null
dpkg-deb -x libc6_2.36*.deb old

cat >stacks.c <<'END'
#define _GNU_SOURCE
#include <pthread.h>
#include <stdio.h>
static pthread_barrier_t barrier;
static void* waits(void* unused) {
  pthread_barrier_wait(&barrier);
  pthread_barrier_wait(&barrier);
  return unused;
}
int main(void) {
  enum { kThreads = 4 };
  pthread_t threads[kThreads];
  pthread_barrier_init(&barrier, NULL, kThreads + 1);
  for (int i = 0; i < kThreads; ++i) pthread_create(&threads[i], NULL, waits, NULL);
  pthread_barrier_wait(&barrier);
  FILE* const maps = fopen("/proc/self/maps", "r");
  char line[512];
  int mappings = 0;
  while (fgets(line, sizeof line, maps) != NULL) {
    unsigned long start, end;
    char rights[5];
    int has_stack = 0;
    if (sscanf(line, "%lx-%lx %4s", &start, &end, rights) != 3 || rights[1] != 'w') continue;
    for (int i = 0; i < kThreads; ++i) has_stack |= start <= (unsigned long)threads[i] && (unsigned long)threads[i] < end;
    mappings += has_stack;
  }
  printf("%d stacks in %d mapping%s\n", kThreads, mappings, mappings == 1 ? "" : "s");
  pthread_barrier_wait(&barrier);
  for (int i = 0; i < kThreads; ++i) pthread_join(threads[i], NULL);
  return 0;
}
END
gcc -pthread stacks.c -o stacks
run() {  # ROOT
  "$(find "$1" -name ld-linux-x86-64.so.2 | head -n 1)" \
    --library-path "$1/lib/x86_64-linux-gnu:$1/usr/lib/x86_64-linux-gnu" ./stacks
}
{ echo "2.36: $(run old)"; echo "2.43: $(run new)"; } | tee seen
diff seen - <<'END'
2.36: 4 stacks in 4 mappings
2.43: 4 stacks in 1 mapping
END
