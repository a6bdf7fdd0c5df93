#!/bin/bash
# SPDX-License-Identifier: BSL-1.0
#
# forks.sh BUILD: what a fork costs whose child allocates and exits, with leakdir and without it, side by side: medians
# of five rounds, each of both. In memory, as a directory on a disk costs what the disk does.
set -euo pipefail
build=$1
work=$(mktemp -d /dev/shm/leakdir-forks-XXXXXX)
trap 'rm -rf "$work"' EXIT
source=$(dirname "$0")/forks.c
gcc -O2 -pthread "$source" -o "$work/plain"
gcc -O2 -pthread "$source" "$build/lib/leakdir.o" -o "$work/leakdir"
cd "$work"

median() { sort -n | sed -n 3p; }

printf '%-44s %9s %9s %6s\n' "ms of processor time, one fork and exit" plain leakdir ratio
for heap in 0 16 64; do
  for threads in 0 2; do
    for blocks in 1000 20000; do
      rm -f plain.ms leakdir.ms
      for _ in 1 2 3 4 5; do
        ./plain 100 $blocks $threads $heap >>plain.ms
        rm -rf mem
        LEAKDIR_OPTIONS=summary=0:write=behind ./leakdir 100 $blocks $threads $heap >>leakdir.ms
      done
      with=$(median <leakdir.ms)
      without=$(median <plain.ms)
      printf '%-44s %9s %9s %6s\n' "$heap MiB of heap, $blocks live, $threads busy threads" "$without" "$with" \
        "$(awk "BEGIN { printf \"%.2f\", $with / $without }")"
    done
  done
done
