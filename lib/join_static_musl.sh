#!/bin/sh
# Puts two parts of musl's libc.a into the object: join_static_musl.sh LD OBJCOPY AR OUTPUT OBJECT STATIC_ONLY_A LIBC_A
#
# musl calls its allocator by names that are hidden in libc.a (__libc_malloc …), which an object of the program can link
# to. aligned_alloc and malloc_usable_size have none: here they get one (leakdir_musl_*, see static_only_musl.cc).
set -eu
ld=$1 objcopy=$2 ar=$3 output=$4 object=$(realpath "$5") only=$(realpath "$6") libc=$(realpath "$7")
work=$output.parts
rm -rf "$work"
mkdir "$work"
set --
for function in aligned_alloc malloc_usable_size; do
  (cd "$work" && "$ar" x "$libc" $function.lo)
  "$objcopy" --redefine-sym $function=leakdir_musl_$function "$work/$function.lo"
  set -- "$@" "$work/$function.lo"
done
"$ld" -r "$object" --whole-archive "$only" --no-whole-archive "$@" -o "$work/joined.o"
"$objcopy" --wildcard --localize-symbol='leakdir_musl_*' "$work/joined.o" "$output"
rm -rf "$work"
