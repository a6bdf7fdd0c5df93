#!/bin/bash
# SPDX-License-Identifier: BSL-1.0
#
# addr2line 2.40 (binutils 2.40-2, Debian 12) gives the first line of a DWARF 5 unit to the unit's main file, though the
# line table says that it stands in a header. readelf of the same release reads the table right. With DWARF 4 the two
# agree.
#
# Seen: a unit hm.c whose first row is hd.h:7 and whose second is hm.c:9.
#   addr2line, DWARF 5: hm.c:7 and hm.c:9        addr2line, DWARF 4: hd.h:7 and hm.c:9
# An inline function of a header that is a unit's first code is shown in the wrong file, at a line of the right one.
set -euo pipefail

work=$(mktemp -d)
trap 'rm -rf "$work"' EXIT
cd "$work"
apt-get download -q binutils-x86-64-linux-gnu=2.40-2 libbinutils=2.40-2 >/dev/null
for package in *.deb; do dpkg-deb -x "$package" root; done
export LD_LIBRARY_PATH="$work/root/usr/lib/x86_64-linux-gnu"
tool() { "root/usr/bin/x86_64-linux-gnu-$1" "${@:2}"; }

# A unit by hand: its name, its lines, its code. $1: the version of DWARF.
unit() {
  local file0=
  [ "$1" = 4 ] || file0='.file 0 "/src" "hm.c"'
  cat <<END
        .text
.Ltext: $file0
        .file 1 "hd.h"
        .globl first
        .type first, @function
first:  .loc 1 7 1
        ret
        .globl second
        .type second, @function
second: .file 2 "hm.c"
        .loc 2 9 1
        ret
.Lend:
        .section .debug_abbrev,"",@progbits
        .uleb128 1, 0x11
        .byte 0
        .uleb128 0x10, 0x17, 0x03, 0x08, 0x1b, 0x08, 0x11, 0x01, 0x12, 0x07, 0, 0, 0
        .section .debug_info,"",@progbits
        .long .Linfo_end - .Linfo
.Linfo: .value $1
END
  if [ "$1" = 5 ]; then
    printf '        .byte 1, 8\n        .long .debug_abbrev\n'
  else
    printf '        .long .debug_abbrev\n        .byte 8\n'
  fi
  cat <<END
        .uleb128 1
        .long .debug_line
        .asciz "hm.c"
        .asciz "/src"
        .quad .Ltext, .Lend - .Ltext
.Linfo_end:
        .section .debug_line,"",@progbits
END
}

said() {
  unit "$1" >"unit$1.s"
  tool as "--gdwarf-$1" "unit$1.s" -o "unit$1.o" 2>/dev/null || tool as "unit$1.s" -o "unit$1.o"
  tool addr2line -e "unit$1.o" -j .text 0 1 | sed 's#.*/##' | paste -sd' '
}
five=$(said 5)
four=$(said 4)
echo "DWARF 5: $five   DWARF 4: $four"
tool readelf --debug-dump=decodedline unit5.o | grep -E '^h[dm]\.[ch] '
[ "$five" = "hm.c:7 hm.c:9" ] && [ "$four" = "hd.h:7 hm.c:9" ]
