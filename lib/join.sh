#!/bin/sh
# Joins the parts of the object: join.sh LD OBJCOPY AR OUTPUT ARCHIVE...
#
# Inline functions are taken out of their COMDAT groups: a program that has the same ones (it may use Boost.Stacktrace
# itself) would otherwise make the linker throw ours away. By --force-group-allocation alone the joining would still throw
# away what two parts have, and ld of binutils 2.35 leaves relocations of that in .eh_frame which gold takes no table
# from: then a program could not throw an exception. (Of what is in a group only i386's __x86.get_pc_thunk.* are not weak:
# each part keeps its own.) What is hidden becomes local.
set -eu
ld=$1 objcopy=$2 ar=$3 output=$4
shift 4
work=$output.work
rm -rf "$work"
mkdir "$work"
IFS='
'
count=0
for archive in "$@"; do
  is_thin=''
  if [ "$(head -c 7 "$archive")" = '!<thin>' ]; then is_thin=yes; fi
  for member in $("$ar" t "$archive"); do
    count=$((count + 1))
    part=$work/$(printf %04d "$count").o
    if [ -n "$is_thin" ]; then cp "$member" "$part"; else "$ar" p "$archive" "$member" >"$part"; fi
    "$objcopy" --remove-section=.group --wildcard --localize-symbol='__x86.get_pc_thunk.*' "$part"
  done
done
"$ld" -r --force-group-allocation "$work"/*.o -o "$work/joined"
"$objcopy" --localize-hidden --wildcard --localize-symbol='_ZN7leakdir*' "$work/joined" "$output"
rm -rf "$work"
