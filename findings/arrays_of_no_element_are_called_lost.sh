#!/bin/bash
# SPDX-License-Identifier: BSL-1.0
#
# `new T[0]` of a type with a destructor allocates the number of elements alone, so the pointer that the program keeps
# is past the end of the block. Valgrind 3.19.0 (Debian 1:3.19.0-1) calls the block definitely lost. LeakSanitizer of
# gcc 12.2.0 (liblsan0 12.2.0-14+deb12u1) knows the case, but for elements that are aligned by more than a word: then
# more than a word lies before the place of the first element, and it reports a direct leak.
#
# Seen on x86-64, of two such arrays that globals hold: Valgrind 8 and 16 bytes lost, LeakSanitizer 16.
set -euo pipefail

work=$(mktemp -d)
trap 'rm -rf "$work"' EXIT
cd "$work"
apt-get download -q valgrind=1:3.19.0-1 liblsan0=12.2.0-14+deb12u1 >/dev/null
for package in *.deb; do dpkg-deb -x "$package" root; done
export VALGRIND_LIB="$work/root/usr/libexec/valgrind" LC_ALL=C

cat >none.cc <<'END'
struct Plain {
  int value;
  ~Plain() { asm volatile("" ::: "memory"); }
};
struct Wide {
  long double value;
  ~Wide() { asm volatile("" ::: "memory"); }
};
Plain* plain;
Wide* wide;
int main() {
  plain = new Plain[0];
  wide = new Wide[0];
}
END
g++ -std=c++17 -g none.cc -o none
g++ -std=c++17 -g -fsanitize=leak none.cc -o none.lsan

root/usr/bin/valgrind --leak-check=full ./none >by_valgrind 2>&1
LD_LIBRARY_PATH=$work/root/usr/lib/x86_64-linux-gnu LSAN_OPTIONS=exitcode=0 ./none.lsan >by_lsan 2>&1
grep -ohE '[0-9]+ bytes in 1 blocks are definitely lost|^Direct leak of .* object' by_valgrind by_lsan | tee seen
diff seen - <<'END'
8 bytes in 1 blocks are definitely lost
16 bytes in 1 blocks are definitely lost
Direct leak of 16 byte(s) in 1 object
END
