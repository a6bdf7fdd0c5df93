#!/bin/bash
# SPDX-License-Identifier: BSL-1.0
#
# libunwind 1.6.2 finds unwind tables from outside by PT_GNU_EH_FRAME alone, though .eh_frame has a section of its own
# and all its rows. Debian 12's gcc asks the linker for no .eh_frame_hdr where it links with -static (it does for
# -static-pie), so of a thread of such a program `strace -k` (strace 6.1, which is linked with libunwind) shows the
# innermost frame and no more. With -Wl,--eh-frame-hdr, and nothing else changed, it shows each frame.
#
# Seen on x86-64.
set -euo pipefail

work=$(mktemp -d)
trap 'rm -rf "$work"' EXIT
cd "$work"
apt-get download -q strace=6.1-0.1 libunwind8=1.6.2-3 gcc-12=12.2.0-14+deb12u1 cpp-12=12.2.0-14+deb12u1 \
  libgcc-12-dev=12.2.0-14+deb12u1 binutils-x86-64-linux-gnu=2.40-2 libbinutils=2.40-2 libctf0=2.40-2 \
  libc6-dev=2.36-9+deb12u14 libisl23=0.25-1.1 libmpc3=1.3.1-1 libmpfr6=4.2.0-1 >/dev/null
for package in *.deb; do dpkg-deb -x "$package" root; done
lib=$work/root/usr/lib/x86_64-linux-gnu gcc=$work/root/usr/lib/gcc/x86_64-linux-gnu/12
export LD_LIBRARY_PATH=$lib

cat >program.c <<'END'
#include <unistd.h>
__attribute__((noinline)) void inner(void) {
  if (write(1, "", 0) != 0) _exit(1);
  __asm__ volatile("");
}
__attribute__((noinline)) void outer(void) {
  inner();
  __asm__ volatile("");
}
int main(void) {
  outer();
  return 0;
}
END
ln -s x86_64-linux-gnu-as root/usr/bin/as
ln -s x86_64-linux-gnu-ld.bfd root/usr/bin/ld
frames() {
  root/usr/bin/gcc-12 -O1 -B"$gcc" -B"$work/root/usr/bin" -B"$lib" -L"$lib" -L"$gcc" "$@" program.c -o program
  root/usr/bin/strace -k -e trace=write -o trace ./program
  sed -n 's/^ > .*(\([a-z_]*\)+.*/\1/p' trace | paste -s -d " "
}
{
  echo "static: $(frames -static)"
  echo "static, --eh-frame-hdr: $(frames -static -Wl,--eh-frame-hdr)"
  echo "static-pie: $(frames -static-pie)"
} | tee seen
diff seen - <<'END'
static: __write
static, --eh-frame-hdr: __write inner outer main __libc_start_call_main __libc_start_main_impl _start
static-pie: __write inner outer main __libc_start_call_main __libc_start_main_impl _start
END
