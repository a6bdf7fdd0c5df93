#!/bin/sh
# SPDX-License-Identifier: BSL-1.0
#
# Builds the scenario program with one compiler and one way of linking, at every optimisation level, with and without
# frame pointers, and runs it.
#
#   matrix.sh COMPILER LINK LEVELS        LINK: pie, no-pie, static, static-pie; LEVELS: all, or two of them: short
set -eu
compiler=$1
link=$2
levels=$3
here=$(cd "$(dirname "$0")" && pwd)
lib=$here/../../lib
work=$(mktemp -d)
trap 'rm -rf "$work"' EXIT

case $link in
  pie) code=-fPIE; flags=-pie ;;
  no-pie) code=-fno-pie; flags=-no-pie ;;
  static) code='-fno-pie -DWITHOUT_DLOPEN'; flags=-static ;;
  static-pie) code='-fPIE -DWITHOUT_DLOPEN'; flags=-static-pie ;;
  *) echo "matrix.sh: no such way to link: $link" >&2; exit 2 ;;
esac

# The walk as the object has it.
for part in walk/call_site_x86_64 walk/fast_walk walk/fast_walk_cfi walk/fast_walk_reach walk/fast_walk_x86_64 walk/run \
  walk/step_x86_64 walk/fde walk/fde_index walk/find_fde system/libc_glibc system/loader system/process system/sys \
  system/sys_call; do
  "$compiler" -O2 -std=c++17 -fno-builtin -fno-exceptions -fno-rtti -fPIC -fvisibility=hidden -ftls-model=initial-exec \
    -fno-stack-protector -I"$lib" -c "$lib/$part.cc" -o "$work/of_walk_$(basename "$part").o"
done
# shellcheck disable=SC2086  # code is a list of flags
"$compiler" -O2 -std=c++17 -D_GNU_SOURCE $code -I"$lib" -c "$here/both_walks.cc" -o "$work/both_walks.o"
"$compiler" -c "$here/assembly.S" -o "$work/assembly.o"
"$compiler" -O1 -fPIC -shared -DROOM=16 "$here/plugin.cc" -o "$work/plugin_a.so"
"$compiler" -O1 -fPIC -shared -DROOM=112 "$here/plugin.cc" -o "$work/plugin_b.so"
export PLUGIN_A="$work/plugin_a.so" PLUGIN_B="$work/plugin_b.so"

# What stands without quotes is a list of flags or of files.
# shellcheck disable=SC2086
for options in -O0 -O1 '-O2 -fomit-frame-pointer' '-O2 -fno-omit-frame-pointer' '-O3 -march=x86-64-v3' '-Os'; do
  case $levels:$options in
    short:-O0 | short:*-fomit*) ;;
    short:*) continue ;;
    *x86-64-v3*) grep -q avx2 /proc/cpuinfo || continue ;;
  esac
  objects=
  for source in "$here"/scenarios_*.cc "$here/main.cc"; do
    object=$work/$(basename "$source").o
    "$compiler" -std=c++17 -D_GNU_SOURCE -w $options $code -I"$lib" -c "$source" -o "$object"
    objects="$objects $object"
  done
  "$compiler" $flags $objects "$work"/both_walks.o "$work"/assembly.o "$work"/of_walk_*.o -pthread -ldl -o "$work/scenarios"
  if ! "$work/scenarios"; then
    echo "matrix.sh: $compiler $link $options" >&2
    exit 1
  fi
done
