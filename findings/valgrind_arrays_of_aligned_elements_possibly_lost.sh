#!/bin/bash
# SPDX-License-Identifier: BSL-1.0
#
# Valgrind 3.19.0 (Debian 1:3.19.0-1) knows that an array of new[] whose elements have a destructor is held by who has
# the first element, behind the number of elements: a word behind the start of the block. Where elements are aligned by
# more than a word (long double, __m128, alignas) that number lies deeper in the block, just before the first element,
# and such an array, held by a global variable to the end, is "possibly lost".
#
# Seen on x86-64, gcc 12.2.0: of three arrays that globals hold, of elements aligned by 4, 16 and 64, the first is still
# reachable and two are possibly lost.
set -euo pipefail

work=$(mktemp -d)
trap 'rm -rf "$work"' EXIT
cd "$work"
apt-get download -q valgrind=1:3.19.0-1 >/dev/null
dpkg-deb -x valgrind_*.deb root
export VALGRIND_LIB="$work/root/usr/libexec/valgrind" LC_ALL=C

cat >arrays.cc <<'END'
template <unsigned bytes>
struct alignas(bytes) Element {
  char content[bytes];
  ~Element() { asm volatile("" ::: "memory"); }
};
Element<4>* by_4;
Element<16>* by_16;
Element<64>* by_64;
int main() {
  by_4 = new Element<4>[3];
  by_16 = new Element<16>[3];
  by_64 = new Element<64>[3];
}
END
g++ -std=c++17 -g arrays.cc -o arrays

# The C++ library has a pool of 72 704 bytes of its own, which would count as still reachable.
said=$(root/usr/bin/valgrind --leak-check=full --show-leak-kinds=all --run-cxx-freeres=yes ./arrays 2>&1)
grep -oE '[0-9,]+ bytes in 1 blocks are (possibly lost|still reachable)' <<<"$said" | sort -n | tee seen
diff seen - <<'END'
20 bytes in 1 blocks are still reachable
64 bytes in 1 blocks are possibly lost
256 bytes in 1 blocks are possibly lost
END
