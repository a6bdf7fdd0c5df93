#!/bin/sh
# Puts libc's own malloc.o into the object: join_static.sh LD OBJCOPY AR OUTPUT OBJECT LIBC_A
#
# libc.a(malloc.o) defines malloc and its family beside the __libc_malloc that we forward to, so a program that has our
# malloc and needs libc's __libc_malloc has two mallocs, and does not link. Here its public names are taken away, and what
# glibc has no second name for gets one (leakdir_glibc_*, see glibc.cc). Every public name must go: one left out brings
# libc's malloc.o in again. -u makes the weak reference to __libc_freeres a strong one, which brings that
# function in (see libc_own.cc).
set -eu
ld=$1 objcopy=$2 ar=$3 output=$4 object=$(realpath "$5") libc=$(realpath "$6")
work=$output.parts
rm -rf "$work"
mkdir "$work"
(cd "$work" && "$ar" x "$libc" malloc.o)
"$objcopy" \
  --redefine-sym aligned_alloc=leakdir_glibc_aligned_alloc \
  --redefine-sym posix_memalign=leakdir_glibc_posix_memalign \
  --redefine-sym malloc_usable_size=leakdir_glibc_malloc_usable_size \
  --localize-symbol malloc --localize-symbol free --localize-symbol calloc --localize-symbol realloc \
  --localize-symbol memalign --localize-symbol valloc --localize-symbol pvalloc \
  "$work/malloc.o" "$work/libc_malloc.o"
"$ld" -r -u __libc_freeres "$object" "$work/libc_malloc.o" -o "$work/joined.o"
"$objcopy" \
  --localize-symbol leakdir_glibc_aligned_alloc \
  --localize-symbol leakdir_glibc_posix_memalign \
  --localize-symbol leakdir_glibc_malloc_usable_size \
  "$work/joined.o" "$output"
rm -rf "$work"
