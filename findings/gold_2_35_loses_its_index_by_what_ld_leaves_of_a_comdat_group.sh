#!/bin/bash
# SPDX-License-Identifier: BSL-1.0
#
# `ld -r --force-group-allocation` joins two objects, throws one of two copies of an inline function away with its section,
# and keeps the entry of .eh_frame that told of it: its relocation becomes R_X86_64_NONE. GNU ld leaves such an entry out.
# gold 2.35.2 stops half-way where another entry follows: what it had read by then is written twice, the second time with
# addresses where no code is, and the index (.eh_frame_hdr) has no functions: 8 bytes. Nothing is said. gold 2.40 makes of
# the same object what ld makes.
#
# Seen with binutils-x86-64-linux-gnu 2.35.2-2 (Debian 11) and 2.40-2 (Debian 12).
set -euo pipefail

work=$(mktemp -d)
trap 'rm -rf "$work"' EXIT
cd "$work"
pool=http://deb.debian.org/debian/pool/main/b/binutils
fetch() {  # VERSION PACKAGE HASH
  mkdir -p "$1"
  /usr/lib/apt/apt-helper download-file "$pool/$2_$1_amd64.deb" package.deb "SHA256:$3" >/dev/null 2>&1
  dpkg-deb -x package.deb "$1"
}
fetch 2.35.2-2 binutils-x86-64-linux-gnu b71ad0ec4328fd5da01fbd060714dafb1471d68dbfd2f897ad890b2ecf50b204
fetch 2.35.2-2 libbinutils 3f7c5bdaeab9446c8e3e282a61e160a78c426b69c5203f2d8a19037c5bf3b4eb
fetch 2.35.2-2 libctf-nobfd0 74bbaddb02d19e6ccb331819087aa02e94ded72e93294c51e3ba3c29dbcd9a2b
fetch 2.35.2-2 libctf0 192c1631903259e6770b2f09dcab982f55497b770fe76d6c4febadfbb0be1318
fetch 2.40-2 binutils-x86-64-linux-gnu 2d7ea8a570d768224d7f2424abbe6f373d2154865a1fa7f56c80d43ecf492521
fetch 2.40-2 libbinutils fcf55b99e5f8a78f3c8ce9b6957f1024f394cf20c196b100d308a57e43547710
fetch 2.40-2 libctf-nobfd0 ef1dfcf22de41ea90ebd3d505447ccccd999e96b85aa777a1d7d981dc3b347aa
fetch 2.40-2 libctf0 3fb7b6f326be3fae4a87a3d33b9269bd06c1e4346a24bd737f265067e3b7427f
run() {  # VERSION TOOL ARGUMENTS
  local version=$1 tool=$2
  shift 2
  LD_LIBRARY_PATH=$work/$version/usr/lib/x86_64-linux-gnu "$version/usr/bin/x86_64-linux-gnu-$tool" "$@"
}

source_of() {  # NAME
  printf '%s\n' ".globl $1" ".type $1, @function" "$1:" .cfi_startproc nop ret .cfi_endproc ".size $1, .-$1"
}
source_of _start | run 2.40-2 as -o _start.o -
for name in one two; do  # and before each of them the inline function `twice`
  { echo '.section .text.twice,"axG",@progbits,twice,comdat'; source_of twice; echo .text; source_of $name; } | run 2.40-2 as -o $name.o -
done
run 2.40-2 ld -r --force-group-allocation one.o two.o -o joined.o

# Which functions the table has entries for, and how many the index has.
entries() {  # PROGRAM
  run 2.40-2 nm "$1" | awk '$2 ~ /[TW]/ { print $1, $3 }' | sort >symbols
  run 2.40-2 readelf -wf "$1" | sed -n 's/.*FDE.*pc=\(.*\)\.\..*/\1/p' | sort | while read -r at; do
    name=$(sed -n "s/^$at //p" symbols)
    echo -n " ${name:-nowhere}"
  done
}
for linker in '2.35.2-2 ld.bfd' '2.35.2-2 ld.gold' '2.40-2 ld.bfd' '2.40-2 ld.gold'; do
  # shellcheck disable=SC2086  # a version and a tool
  run $linker --eh-frame-hdr _start.o joined.o -o program
  index=$(run 2.40-2 readelf -SW program | sed -n 's/.* \.eh_frame_hdr *[A-Z0-9_]* *[0-9a-f]* [0-9a-f]* \([0-9a-f]*\) .*/\1/p')
  echo "$linker: entries for$(entries program), index of $((16#$index)) bytes"
done | tee seen
diff seen - <<'END'
2.35.2-2 ld.bfd: entries for _start one two twice, index of 44 bytes
2.35.2-2 ld.gold: entries for _start one two twice nowhere nowhere, index of 8 bytes
2.40-2 ld.bfd: entries for _start one two twice, index of 44 bytes
2.40-2 ld.gold: entries for _start one two twice, index of 44 bytes
END
