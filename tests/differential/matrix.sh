#!/bin/sh
# SPDX-License-Identifier: BSL-1.0
#
# Builds the scenario program with one compiler and one way of linking, at every optimisation level, with and without
# frame pointers, and runs it: by qemu, where the compiler is one for arm64 or riscv64; on
# arm64 with signed return addresses too.
#
#   matrix.sh COMPILER LINK LEVELS        LINK: pie, no-pie, static, static-pie; LEVELS: all, or two of them: short
#
# The compiler may have flags, as in 'clang++ --target=aarch64-linux-gnu'.
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

case $($compiler -dumpmachine) in
  x86_64-*)
    processor=x86_64 rules=pushed_address emulator='' scenarios=''
    levels_short='-O0|-O2 -fomit-frame-pointer'
    levels_all="$levels_short|-O1|-O2 -fno-omit-frame-pointer|-Os"
    ! grep -q avx2 /proc/cpuinfo || levels_all="$levels_all|-O3 -march=x86-64-v3"
    ;;
  aarch64-* | riscv64-*)
    processor=$($compiler -dumpmachine | cut -d- -f1)
    rules=link_register emulator="qemu-$processor -cpu max -L /usr/$processor-linux-gnu"
    command -v "qemu-$processor" >/dev/null || exit 77
    levels_short=-O2
    levels_all="-O0|-O1|-O2 -fomit-frame-pointer|-O2 -fno-omit-frame-pointer|-Os"
    case $processor in
      aarch64)
        levels_short='-O2 -mbranch-protection=standard'
        levels_all="$levels_all|$levels_short|-O3 -fomit-frame-pointer -mbranch-protection=pac-ret+b-key"
        ;;
      *)
        # Tables are not made by themselves; that cpu is not there before qemu 8.
        compiler="$compiler -fasynchronous-unwind-tables" emulator=$(echo "$emulator" | sed 's/-cpu max//')
        ;;
    esac
    # In the short form without those that take a second or two each under qemu.
    scenarios='recursion alloca_and_arrays aligned_locals big_frames tail_calls callbacks exceptions signal_handlers
      alternate_stack coroutines released_coroutine_stacks assembly_without_tables made_at_run_time
      one_state_for_many_threads small_and_lent_stacks forked_children'
    [ "$levels" = short ] || scenarios=
    # Boost's headers are the same for each processor.
    compiler="$compiler -idirafter /usr/include"
    # Where the emulator does not say what can be read, the walk declines each stack.
    # shellcheck disable=SC2086
    $compiler -x c "$here/../cross/can_ask.c" -o "$work/can_ask"
    $emulator "$work/can_ask" || { [ $? = 1 ] && exit 77 || exit 1; }
    ;;
  *) exit 77 ;;
esac

# What stands without quotes from here on is a list of flags or of files.
# The walk as the object has it.
# shellcheck disable=SC2086
for part in walk/call_site_$processor walk/fast_walk walk/fast_walk_by_runs walk/fast_walk_cfi walk/fast_walk_reach \
  walk/program_entry walk/run walk/rules_$rules walk/step walk/whole_stack walk/whole_stacks walk/fde walk/fde_index \
  walk/find_fde system/libc_glibc system/link_maps system/loader system/process system/sys system/sys_call; do
  $compiler -O2 -std=c++17 -fno-builtin -fno-exceptions -fno-rtti -fPIC -fvisibility=hidden -ftls-model=initial-exec \
    -fno-stack-protector -I"$lib" -c "$lib/$part.cc" -o "$work/of_walk_$(basename "$part").o"
done
# shellcheck disable=SC2086
{
  $compiler -O2 -std=c++17 -D_GNU_SOURCE $code -I"$lib" -c "$here/both_walks.cc" -o "$work/both_walks.o"
  $compiler -c "$here/assembly_$processor.S" -o "$work/assembly.o"
  case $link in
    static*) ;;
    *)
      $compiler -O1 -fPIC -shared -DROOM=16 "$here/plugin.cc" -o "$work/plugin_a.so"
      $compiler -O1 -fPIC -shared -DROOM=112 "$here/plugin.cc" -o "$work/plugin_b.so"
      ;;
  esac
}
export PLUGIN_A="$work/plugin_a.so" PLUGIN_B="$work/plugin_b.so"

# What meson makes of it for this machine alone: the parts that the comparison does not show.
gtest=/usr/src/googletest/googletest
if [ -n "$emulator" ] && [ "$levels:$link" = all:static ] && [ -d "$gtest" ]; then
  # shellcheck disable=SC2086
  $compiler -O2 -std=c++17 -D_GNU_SOURCE -I"$lib" -I"$gtest" -I"$gtest/include" "$here/fast_walk_test.cc" \
    "$gtest/src/gtest-all.cc" "$gtest/src/gtest_main.cc" "$work"/assembly.o "$work"/of_walk_*.o -static -pthread \
    -o "$work/fast_walk_test"
  $emulator "$work/fast_walk_test" --gtest_brief=1
fi

IFS='|'
# shellcheck disable=SC2086
case $levels in
  short) set -- $levels_short ;;
  *) set -- $levels_all ;;
esac
unset IFS
# shellcheck disable=SC2086
for options; do
  objects=
  for source in "$here"/scenarios_*.cc "$here/main.cc"; do
    object=$work/$(basename "$source").o
    $compiler -std=c++17 -D_GNU_SOURCE -w $options $code -I"$lib" -c "$source" -o "$object"
    objects="$objects $object"
  done
  $compiler $flags $objects "$work"/both_walks.o "$work"/assembly.o "$work"/of_walk_*.o -pthread -ldl -o "$work/scenarios"
  if ! $emulator "$work/scenarios" $scenarios; then
    echo "matrix.sh: $compiler $link $options" >&2
    exit 1
  fi
done
