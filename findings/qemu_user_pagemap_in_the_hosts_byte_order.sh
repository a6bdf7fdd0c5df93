#!/bin/bash
# SPDX-License-Identifier: BSL-1.0
#
# qemu's user mode 7.2 (qemu-user-static 1:7.2+dfsg-7+deb12u18+b3, Debian 12) hands /proc/self/pagemap to the program as
# the host has it. A program for a big-endian processor reads 64-bit words whose bytes are the other way round: the bit
# that says "this page is present" (63, the highest) stands in the byte that the program takes for the lowest. What it
# takes for that bit belongs to the page's number, which is 0 for all but root: pages in use are not there, or at random.
#
# Seen on x86-64, of a page of the program's own data that it has written to: in the s390x program's order the last byte
# of the word is 0x81 (present, mapped here alone). On s390x itself that is the first one.
set -euo pipefail

work=$(mktemp -d)
trap 'rm -rf "$work"' EXIT
cd "$work"
apt-get download -q qemu-user-static=1:7.2+dfsg-7+deb12u18+b3 binutils-s390x-linux-gnu=2.40-2 >/dev/null
for package in *.deb; do dpkg-deb -x "$package" root; done
export LD_LIBRARY_PATH="$work/root/usr/lib/x86_64-linux-gnu"

# Writes the eight bytes of the word of its own page of data, as they lie in its memory.
cat >page.s <<'END'
        .text
        .globl _start
_start: larl %r7, word
        mvghi 0(%r7), 1         # the page is its own now
        lghi %r1, 5             # open
        larl %r2, path
        lghi %r3, 0
        svc 0
        lgr %r3, %r7            # pread64(file, word, 8, address / 4096 * 8)
        lghi %r4, 8
        srlg %r5, %r7, 12
        sllg %r5, %r5, 3
        lghi %r1, 180
        svc 0
        lghi %r1, 4             # write(1, word, 8)
        lghi %r2, 1
        lgr %r3, %r7
        lghi %r4, 8
        svc 0
        lghi %r1, 1             # exit(0)
        lghi %r2, 0
        svc 0
        .section .rodata
path:   .asciz "/proc/self/pagemap"
        .data
        .balign 8
word:   .quad 0
END
root/usr/bin/s390x-linux-gnu-as page.s -o page.o
root/usr/bin/s390x-linux-gnu-ld page.o -o page
bytes=$(root/usr/bin/qemu-s390x-static ./page | od -An -tx1 | xargs)
echo "first byte to last: $bytes"
read -ra byte <<<"$bytes"
[ "${#byte[@]}" -eq 8 ] && [ "${byte[7]}" = 81 ]
