#!/bin/bash
# SPDX-License-Identifier: BSL-1.0
#
# The unwinder of Debian 12's gcc (libgcc-12-dev 12.2.0-14+deb12u1) is made for glibc 2.35 and later: it asks for
# _dl_find_object, which musl (musl-dev 1.2.3-1) has not. musl-gcc links that libgcc, so a program that throws a C++
# exception, or asks for its own stack, does not link: "undefined reference to `_dl_find_object'".
#
# Seen on x86-64 with ld 2.40.
set -euo pipefail

work=$(mktemp -d)
trap 'rm -rf "$work"' EXIT
cd "$work"
apt-get download -q musl-dev=1.2.3-1 libgcc-12-dev=12.2.0-14+deb12u1 binutils-x86-64-linux-gnu=2.40-2 libbinutils=2.40-2 \
  libctf0=2.40-2 >/dev/null
for package in *.deb; do dpkg-deb -x "$package" root; done
export LD_LIBRARY_PATH="$work/root/usr/lib/x86_64-linux-gnu"

cat >program.s <<'END'
        .text
        .globl main
main:   lea visit(%rip), %rdi
        xor %esi, %esi
        call _Unwind_Backtrace
        xor %eax, %eax
        ret
visit:  xor %eax, %eax
        ret
        .section .note.GNU-stack,"",@progbits
END
bin=root/usr/bin musl=root/usr/lib/x86_64-linux-musl gcc=root/usr/lib/gcc/x86_64-linux-gnu/12
$bin/x86_64-linux-gnu-as program.s -o program.o
status=0
LC_ALL=C $bin/x86_64-linux-gnu-ld -static $musl/crt1.o $musl/crti.o program.o --start-group $gcc/libgcc.a $gcc/libgcc_eh.a \
  $musl/libc.a --end-group $musl/crtn.o -o program 2>said || status=$?
cat said
[ "$status" -ne 0 ] && grep -q 'undefined reference to `_dl_find_object' said && [ "$(grep -c 'undefined reference' said)" -eq 1 ]
