#!/bin/bash
# SPDX-License-Identifier: BSL-1.0
#
# run.sh [SECONDS] [TARGET...]: each fuzz target under libFuzzer with AddressSanitizer and UndefinedBehaviorSanitizer, for
# SECONDS (60) one after the other. What was found lies in build-fuzz/ (LEAKDIR_FUZZ_BUILD): crash-*, timeout-*, oom-*.
# An input may take two minutes: on a busy machine a few seconds of processor time do.
set -euo pipefail
cd "$(dirname "$0")/../.."
seconds=${1:-60}
targets=("${@:2}")
[ ${#targets[@]} -gt 0 ] || targets=(record saved_file suppressions tally unpacked_elf ledger)
build=${LEAKDIR_FUZZ_BUILD:-build-fuzz}
mkdir -p "$build/objects"

# shellcheck disable=SC2054  # the comma is the compiler's
flags=(-std=c++17 -g -O1 -fno-omit-frame-pointer -fsanitize=address,undefined -fno-sanitize-recover=undefined
  -Itools -Ilib/shared -Itests/fuzz -Itests/tools)
# What the tool's library is made of, without the page of `report --format html`, which is no reader.
mapfile -t sources < <(sed -n "/^tool_lib = /,/^  include_directories/s/^  '\(.*\.cc\)',\$/tools\/\1/p" tools/meson.build)
sources+=(tools/emit/emit_html_none.cc)
# shellcheck disable=SC2012  # by time, which only ls sorts by; no name has a blank
newest_header=$(ls -t tools/*/*.hh lib/shared/*.hh | head -n 1)
# shellcheck disable=SC2016  # the inner shell's variables
printf '%s\n' "${sources[@]}" | xargs -P "$(nproc)" -I{} sh -c '
  object=$0/objects/$(basename {} .cc).o header=$1
  shift
  [ "$object" -nt {} ] && [ "$object" -nt "$header" ] || clang++ "$@" -fsanitize=fuzzer-no-link -c {} -o "$object"
' "$build" "$newest_header" "${flags[@]}"

# shellcheck disable=SC2016  # the inner shell's variables
printf '%s\n' "${targets[@]}" | xargs -P "$(nproc)" -I{} sh -c '
  build=$0 source=tests/fuzz/{}_fuzz.cc
  [ {} != ledger ] || source=tests/tools/ledger_fuzz.cc
  clang++ "$@" -fsanitize=fuzzer -DLEAKDIR_LIBFUZZER "$source" tests/fuzz/must_hold.cc tests/fuzz/write_seeds.cc \
    "$build"/objects/*.o -ldw -lelf -liberty -lz -lzstd -llz4 -lfmt -o "$build/{}"
' "$build" "${flags[@]}"

status=0
for target in "${targets[@]}"; do
  corpus=("$build/corpus/$target")
  mkdir -p "${corpus[0]}"
  if [ -d "tests/fuzz/corpus/$target" ]; then corpus+=("tests/fuzz/corpus/$target"); fi
  echo "== $target"
  LEAKDIR_FUZZ_SEEDS=${corpus[0]} "$build/$target" -max_total_time="$seconds" -max_len=100000 -timeout=120 \
    -rss_limit_mb=3000 -print_final_stats=1 -artifact_prefix="$build/$target-" "${corpus[@]}" 2>&1 |
    tail -n 12 || status=1
done
exit $status
