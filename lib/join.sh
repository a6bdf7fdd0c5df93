#!/bin/sh
# Joins the parts of the object: join.sh LD OBJCOPY OUTPUT ARCHIVE...
#
# --force-group-allocation takes inline functions out of their COMDAT groups: a program that has the same ones (it may use
# Boost.Stacktrace itself) would otherwise make the linker throw ours away. What is hidden becomes local.
set -eu
ld=$1 objcopy=$2 output=$3
shift 3
"$ld" -r --force-group-allocation --whole-archive "$@" -o "$output.joined"
"$objcopy" --localize-hidden --wildcard --localize-symbol='_ZN7leakdir*' "$output.joined" "$output"
rm -f "$output.joined"
