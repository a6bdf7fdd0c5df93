#!/bin/bash
# SPDX-License-Identifier: BSL-1.0
#
# qemu's user mode 7.2 (qemu-user-static 1:7.2+dfsg-7+deb12u18+b3, Debian 12) says yes to madvise, whatever the advice
# is: MADV_WIPEONFORK succeeds, and the child of a fork finds the page as it was. What relies on it, as random number
# generators and libraries do that have to know whether they are in a child, takes the child for its parent; and an
# advice that no kernel knows, by which programs ask what there is, is taken as well.
#
# Seen on x86-64, for x86-64.
set -euo pipefail

work=$(mktemp -d)
trap 'rm -rf "$work"' EXIT
cd "$work"
apt-get download -q qemu-user-static=1:7.2+dfsg-7+deb12u18+b3 >/dev/null
dpkg-deb -x qemu-user-static_*.deb root

cat >advice.c <<'END'
#define _GNU_SOURCE
#include <stdio.h>
#include <sys/mman.h>
#include <sys/wait.h>
#include <unistd.h>
int main(void) {
  char* const page = mmap(NULL, 4096, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
  *page = 7;
  const int wipe = madvise(page, 4096, MADV_WIPEONFORK), unknown = madvise(page, 4096, 999);
  const pid_t child = fork();
  if (child == 0) _exit(*page);
  int status = 0;
  waitpid(child, &status, 0);
  printf("MADV_WIPEONFORK %d, the child has %d; an unknown advice %d\n", wipe, WEXITSTATUS(status), unknown);
}
END
gcc -static advice.c -o advice
{ echo "Linux: $(./advice)"; echo "qemu: $(root/usr/bin/qemu-x86_64-static ./advice)"; } | tee seen
diff seen - <<'END'
Linux: MADV_WIPEONFORK 0, the child has 0; an unknown advice -1
qemu: MADV_WIPEONFORK 0, the child has 7; an unknown advice 0
END
