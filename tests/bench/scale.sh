#!/bin/bash
# SPDX-License-Identifier: BSL-1.0
#
# scale.sh BUILD [--check]: which blocks are lost, where there is very much of something: threads, mappings, memory that
# is mapped and hardly used. For each: the processor time of `leakdir report --lost`, for how long it stops the process,
# the tool's memory at its peak; and the processor time and memory of the check at exit, beyond an exit without it.
# As many mappings are made as the kernel allows (vm.max_map_count).
#
# --check fails where an answer is wrong, or takes more than ten seconds or 256 MiB.
set -euo pipefail
unset MALLOC_PERTURB_ LD_PRELOAD LEAKDIR_OPTIONS LEAKDIR_CONFIG
here=$(dirname "$(realpath "$0")")
build=$(realpath "$1") check=${2-}
work=$(mktemp -d /dev/shm/leakdir-scale-XXXXXX)
program=
trap '[ -z "$program" ] || kill "$program" 2>/dev/null || true; rm -rf "$work"' EXIT
cd "$work"

flags=(-std=gnu11 -g -O2 -pthread)
gcc "${flags[@]}" "$here/lost_bench.c" -o plain
gcc "${flags[@]}" "$here/lost_bench.c" "$build/lib/leakdir.o" -o program

lost=1000  # blocks, in each process
heap="--blocks $lost --mib 1 --lost 1"
failed=

fail() {
  echo "scale.sh: $1" >&2
  failed=1
}
field() { awk -v name="$1" '$1 == name { print $2 }' "$2"; }
ms() { awk -v ns="$1" 'BEGIN { printf "%.0f\n", ns / 1e6 }'; }

expect_lost() { # TITLE REPORT
  local found
  found=$(sed -n 's/^\([0-9]*\) lost blocks.*/\1/p' "$2")
  [ "${found:-0}" = $lost ] || fail "$1: ${found:-no} lost blocks where $lost are: $(tail -2 "$2")"
}

# FIGURES OPTIONS REACH: what the exit takes.
at_exit() {
  rm -rf mem
  # shellcheck disable=SC2086  # a list of options
  ./plain $heap $2 --child env LEAKDIR_OPTIONS="write=never:summary=0:$3:dir=$work/mem" ./program $heap $2 >"$1" 2>>log
}

measure() { # TITLE OPTIONS
  local title=$1 options=$2 pause look exit_ms peak more
  rm -rf mem end out
  mkfifo end
  # shellcheck disable=SC2086
  LEAKDIR_OPTIONS="write=never:summary=0:dir=$work/mem" ./program --wait 1 $heap $options <end >out 2>>log &
  program=$!
  exec 9>end
  until grep -qs pid out; do
    kill -0 "$program" 2>/dev/null || { fail "$title: $(tail -1 log)"; program=; exec 9>&-; return; }
    sleep 0.05
  done
  # shellcheck disable=SC2094  # the directory is no file of these
  ./plain --run "$build/tools/leakdir" report --lost --top 1 mem >look 2>report || true
  pause=$(sed -n 's/.*was stopped for \([0-9.]*\) ms.*/\1/p' report)
  expect_lost "$title" report
  exec 9>&-
  wait "$program" || true
  program=
  at_exit with "$options" reach=1
  # (While other threads run, what seems lost at exit has no kind.)
  if [[ $options != *--threads* ]]; then
    # shellcheck disable=SC2094
    "$build/tools/leakdir" report --lost --top 1 mem >report 2>&1 || true
    expect_lost "$title, at exit" report
  fi
  at_exit without "$options" reach=0

  look=$(ms "$(field cpu_ns look)") peak=$(($(field peak_kib look) / 1024))
  exit_ms=$(ms "$(($(field cpu_ns with) - $(field cpu_ns without)))")
  # (work_bytes are for each block of the heap.)
  more=$(awk -v a="$(field work_bytes with)" -v b="$(field work_bytes without)" -v blocks=$lost \
    'BEGIN { printf "%.1f\n", (a - b) * blocks / 1048576 }')
  printf '%-44s %9s %9s %9s %9s %9s\n' "$title" "$look" "${pause:--}" "$peak" "$exit_ms" "$more"
  [ "$look" -le 10000 ] || fail "$title: the look takes too long"
  [ "$exit_ms" -le 10000 ] || fail "$title: the exit takes too long"
  [ "$peak" -le 256 ] || fail "$title: the tool takes $peak MiB"
  awk -v more="$more" 'BEGIN { exit more > 256 }' || fail "$title: the exit takes $more MiB"
}

mappings=$(($(cat /proc/sys/vm/max_map_count) - 1000))
[ $mappings -le 100000 ] || mappings=100000
printf '%-44s %9s %9s %9s %9s %9s\n' "" "look, ms" "pause, ms" "MiB" "exit, ms" "MiB"
measure "1000 blocks, and nothing else" ""
measure "10000 threads" "--threads 10000"
measure "$mappings mappings" "--mappings $mappings"
measure "8 GiB mapped, 128 pages in use" "--sparse 8"
measure "a block of 8 GiB, a page in use" "--large 1 --large-mib 8192"
measure "8192 blocks of 1 MiB, a page in use" "--large 8192 --large-mib 1"
[ -z "$check" ] || [ -z "$failed" ]
