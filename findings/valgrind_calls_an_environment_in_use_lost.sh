#!/bin/bash
# SPDX-License-Identifier: BSL-1.0
#
# Valgrind 3.19.0 (Debian 1:3.19.0-1) calls the environment that a program has made for itself definitely lost, although
# `environ` leads to it until the end: before it looks for leaks it has glibc (2.36) free what is glibc's own
# (__libc_freeres), and that clears `environ`. OpenSSH's programs have such an environment (`ssh -V`: a block definitely
# lost, and one more indirectly for each variable).
#
# Seen on x86-64: definitely lost 1 block and indirectly lost 1; with --run-libc-freeres=no none, and 2 still reachable.
set -euo pipefail

work=$(mktemp -d)
trap 'rm -rf "$work"' EXIT
cd "$work"
apt-get download -q valgrind=1:3.19.0-1 >/dev/null
dpkg-deb -x valgrind_*.deb root
export VALGRIND_LIB="$work/root/usr/libexec/valgrind" LC_ALL=C

cat >own_environment.c <<'END'
#include <stdlib.h>
#include <string.h>
extern char** environ;
int main(void) {
  char** own = calloc(2, sizeof *own);
  own[0] = strdup("HOME=/");
  environ = own;
  return getenv("HOME") == NULL;
}
END
gcc -g own_environment.c -o own_environment

blocks() {  # KIND OPTION...
  local kind=$1
  shift
  root/usr/bin/valgrind --leak-check=full --show-leak-kinds=none "$@" ./own_environment 2>&1 |
    sed -n "s/.*$kind: .* bytes in \([0-9,]*\) blocks.*/\1/p"
}
definite=$(blocks 'definitely lost') indirect=$(blocks 'indirectly lost')
without=$(blocks 'definitely lost' --run-libc-freeres=no) held=$(blocks 'still reachable' --run-libc-freeres=no)
echo "definitely lost $definite, indirectly $indirect; without __libc_freeres definitely lost $without, still reachable $held"
[ "$definite $indirect $without $held" = "1 1 0 2" ]
