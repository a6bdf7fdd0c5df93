#!/bin/sh
# Puts libc's own malloc.o into the object: join_static.sh LD OBJCOPY AR OUTPUT OBJECT STATIC_ONLY_A LIBC_A
#
# libc.a(malloc.o) defines malloc and its family beside the __libc_malloc that we forward to, so a program that has our
# malloc and needs libc's __libc_malloc has two mallocs, and does not link. Here its public names are taken away, and those
# that we forward to get a name of ours (leakdir_glibc_*, see allocator_glibc.cc). Every public name must go: one left out
# brings libc's malloc.o in again.
#
# malloc.o uses names that are internal to one release of glibc. Where the object is linked with another release, the linker
# says which of them it did not find, and in which source (mold does not): that is the only place for a word to the user.
# So the name of malloc.o's source says what it is for; where libc.a is stripped of it, ld takes the file's. Who forgets
# -static reads it too.
set -eu
ld=$1 objcopy=$2 ar=$3 output=$4 object=$(realpath "$5") only=$(realpath "$6") libc=$(realpath "$7")
work=$output.parts
rm -rf "$work"
mkdir "$work"
(cd "$work" && "$ar" x "$libc" malloc.o)
release=$("$ar" p "$libc" version.o 2>/dev/null | tr -c '[:print:]' '\n' | sed -n 's/.*release version \([0-9]*\.[0-9]*\).*/\1/p' | head -n 1)
said=this-object-was-made-for-static-programs-with-glibc${release:+-$release}--leakdir-mkobj-makes-one-for-another-libc
"$objcopy" --redefine-sym malloc.c="$said" \
  --redefine-sym __libc_malloc=leakdir_glibc_malloc \
  --redefine-sym __libc_free=leakdir_glibc_free \
  --redefine-sym __libc_calloc=leakdir_glibc_calloc \
  --redefine-sym __libc_realloc=leakdir_glibc_realloc \
  --redefine-sym __libc_memalign=leakdir_glibc_memalign \
  --redefine-sym __libc_valloc=leakdir_glibc_valloc \
  --redefine-sym __libc_pvalloc=leakdir_glibc_pvalloc \
  --redefine-sym aligned_alloc=leakdir_glibc_aligned_alloc \
  --redefine-sym posix_memalign=leakdir_glibc_posix_memalign \
  --redefine-sym malloc_usable_size=leakdir_glibc_malloc_usable_size \
  --localize-symbol malloc --localize-symbol free --localize-symbol calloc --localize-symbol realloc \
  --localize-symbol memalign --localize-symbol valloc --localize-symbol pvalloc \
  "$work/malloc.o" "$work/$said"
"$ld" -r "$object" --whole-archive "$only" --no-whole-archive "$work/$said" -o "$work/joined.o"
"$objcopy" --wildcard --localize-symbol='leakdir_glibc_*' "$work/joined.o" "$output"
rm -rf "$work"
