#!/bin/bash
# SPDX-License-Identifier: BSL-1.0
#
# redis.sh BUILD [ROUNDS]: the processor time of Debian's redis-server (upon jemalloc) whose keys stay, for 600 000
# requests of redis-benchmark and two seconds after: without leakdir, under libleakdir.so with records in memory and on
# the disk of the current directory, with more of it or less, switched off and as a sample, and under heaptrack. Medians
# (of 3 rounds), in turns.
# Wants redis-server, redis-tools, heaptrack.
set -euo pipefail
library=$(realpath "$1/lib/libleakdir.so")
rounds=${2:-3}
in_memory=$(mktemp -d /dev/shm/leakdir-redis-XXXXXX)
on_disk=$(mktemp -d "$PWD/leakdir-redis-XXXXXX")
server=
trap '[ -z "$server" ] || kill -9 "$server" 2>/dev/null || true; rm -rf "$in_memory" "$on_disk"' EXIT
port=7391
ticks=$(getconf CLK_TCK)

ask() { redis-benchmark -q -p "$port" -r 100000 -c 20 "$@" >/dev/null 2>&1; }

# measure KEY DIR COMMAND...: one run, its seconds added to KEY's.
measure() {
  local key=$1 dir=$2
  shift 2
  cd "$dir"
  rm -rf mem
  "$@" redis-server --port "$port" --save '' --appendonly no >/dev/null 2>&1 &
  server=$!
  until redis-cli -p "$port" ping >/dev/null 2>&1; do sleep 0.05; done
  ask -t set -n 400000 -d 100
  ask -t get,lpush,sadd -n 200000
  sleep 2
  local process=$server
  [ "$(cat "/proc/$process/comm")" = redis-server ] || process=$(pgrep -n -x redis-server)
  awk -v ticks="$ticks" '{ print ($14 + $15) / ticks }' "/proc/$process/stat" >>"$in_memory/$key.s"
  redis-cli -p "$port" shutdown nosave >/dev/null 2>&1 || true
  wait "$server" || true
  server=
}

preloaded() { env LD_PRELOAD="$library" LEAKDIR_OPTIONS="summary=0:$1" "${@:2}"; }

for _ in $(seq "$rounds"); do
  measure plain "$in_memory" env
  measure never "$in_memory" preloaded write=never
  measure off "$in_memory" preloaded enabled=0
  measure sample "$in_memory" preloaded sample=512k
  measure default "$in_memory" preloaded delay_ms=100
  measure disk "$on_disk" preloaded delay_ms=100
  measure million "$in_memory" preloaded max_files=1000000
  measure whole "$in_memory" preloaded max_files=1000000:share=100
  measure heaptrack "$in_memory" heaptrack --output "$in_memory/trace"
done

median() { sort -n "$in_memory/$1.s" | sed -n "$(((rounds + 1) / 2))p"; }
plain=$(median plain)
row() { awk -v name="$2" -v s="$(median "$1")" -v plain="$plain" 'BEGIN { printf "%-44s %8.2f %6.2f\n", name, s, s / plain }'; }
printf '%-44s %8s %6s\n' "redis-server, processor time" s ratio
row plain "without leakdir"
row never "write=never"
row off "enabled=0"
row sample "sample=512k"
row default "as it is, in memory"
row disk "as it is, on disk"
row million "max_files=1000000"
row whole "max_files=1000000:share=100"
row heaptrack "heaptrack"
