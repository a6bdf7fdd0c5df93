#!/bin/bash
# SPDX-License-Identifier: BSL-1.0
#
# Who looks for the heap by its name in /proc/self/maps, or for code by the letter x, finds neither in a program that qemu's
# user mode runs (qemu-user-static 7.2): the file is written anew for the program. What brk gave has no name, and is one
# mapping with the variables before it (.bss); the program's code is in a mapping of its file that is readable alone. The
# stack has its name. Natively the same program (busybox-static 1.35.0) has all three.
#
# Seen on x86-64.
set -euo pipefail

work=$(mktemp -d)
trap 'rm -rf "$work"' EXIT
cd "$work"
apt-get download -q qemu-user-static=1:7.2+dfsg-7+deb12u18+b3 busybox-static=1:1.35.0-4+deb12u1+b1 >/dev/null 2>&1
for package in *.deb; do dpkg-deb -x "$package" root; done

for way in natively root/usr/bin/qemu-x86_64-static; do
  case $way in
    natively) root/bin/busybox sort /proc/self/maps >maps ;;
    *) "$way" root/bin/busybox sort /proc/self/maps >maps ;;
  esac
  end_of_data=$(sed -n 's,^[0-9a-f]*-\([0-9a-f]*\) rw-p .*/busybox$,\1,p' maps)
  size=$(sed -n "s/^$end_of_data-\([0-9a-f]*\) rw-p .*/\1/p" maps)
  echo "${way##*/}: $(grep -cF '[heap]' maps || :) heaps, $(grep -cF '[stack]' maps || :) stacks," \
    "$(grep -c 'x.* /.*/busybox$' maps || :) mappings of code, $(((16#$size - 16#$end_of_data) / 4096)) pages behind the data"
done | tee seen
diff seen - <<'END'
natively: 1 heaps, 1 stacks, 1 mappings of code, 7 pages behind the data
qemu-x86_64-static: 0 heaps, 1 stacks, 0 mappings of code, 41 pages behind the data
END
