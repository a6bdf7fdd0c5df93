#!/bin/bash
# SPDX-License-Identifier: BSL-1.0
#
# A shared library with a .preinit_array: of four linkers one refuses it (GNU ld 2.40). gold 2.40, lld 14.0.6 and mold
# 1.10.1 link it without a word and give it DT_PREINIT_ARRAY; glibc 2.36's loader runs that of the program alone, so
# what the library wants to start before everything else is never started. Linked into the program, the same object is.
#
# Seen on x86-64.
set -euo pipefail

work=$(mktemp -d)
trap 'rm -rf "$work"' EXIT
cd "$work"
apt-get download -q libc6=2.36-9+deb12u14 libc6-dev=2.36-9+deb12u14 binutils-x86-64-linux-gnu=2.40-2 libbinutils=2.40-2 \
  libctf0=2.40-2 lld-14=1:14.0.6-12 libllvm14=1:14.0.6-12 mold=1.10.1+dfsg-1 >/dev/null
for package in *.deb; do dpkg-deb -x "$package" root; done
lib=$work/root/usr/lib/x86_64-linux-gnu libc=$work/root/lib/x86_64-linux-gnu bin=$work/root/usr/bin
llvm=$work/root/usr/lib/llvm-14

cat >early.s <<'END'
        .text
early:  movl $1, started(%rip)
        ret
        .globl has_started
        .type has_started, @function
has_started:
        mov started(%rip), %eax
        ret
        .local started
        .comm started, 4
        .section .preinit_array, "aw", @preinit_array
        .quad early
        .section .note.GNU-stack, "", @progbits
END
cat >main.s <<'END'
        .text
        .globl main
main:   sub $8, %rsp
        call has_started@PLT
        add $8, %rsp
        ret
        .section .note.GNU-stack, "", @progbits
END

# linked_by NAME ARGUMENTS: runs that linker, with the libraries that it needs itself.
linked_by() {
  local name=$1
  shift
  case $name in
    bfd) LD_LIBRARY_PATH=$lib "$bin/x86_64-linux-gnu-ld.bfd" "$@" ;;
    gold) "$bin/x86_64-linux-gnu-ld.gold" "$@" ;;
    lld) LD_LIBRARY_PATH=$lib:$llvm/lib "$llvm/bin/ld.lld" "$@" ;;
    mold) "$bin/mold" "$@" ;;
  esac
}
# Links main.o with $@, runs it; its status is what has_started() gave.
started() {
  linked_by "$linker" -dynamic-linker "$libc/ld-linux-x86-64.so.2" "$lib/crt1.o" "$lib/crti.o" main.o "$@" \
    "$libc/libc.so.6" "$lib/libc_nonshared.a" "$lib/crtn.o" -o program
  local status=0
  "$libc/ld-linux-x86-64.so.2" --library-path "$work:$libc" ./program || status=$?
  echo "$status"
}

for source in early main; do LD_LIBRARY_PATH=$lib "$bin/x86_64-linux-gnu-as" $source.s -o $source.o; done
for linker in bfd gold lld mold; do
  rm -f libearly.so
  library=refused
  if linked_by $linker -shared -soname libearly.so early.o -o libearly.so 2>/dev/null; then library=$(started libearly.so); fi
  echo "$linker: in the program $(started early.o), in a library $library"
done | tee seen
diff seen - <<'END'
bfd: in the program 1, in a library refused
gold: in the program 1, in a library 0
lld: in the program 1, in a library 0
mold: in the program 1, in a library 0
END
