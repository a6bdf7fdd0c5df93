#!/bin/bash
# SPDX-License-Identifier: BSL-1.0
#
# Every unit test and every test of the tool under AddressSanitizer (with its search for leaks) and
# UndefinedBehaviorSanitizer, in a build folder of its own: build-sanitize/ (LEAKDIR_SANITIZE_BUILD).
set -euo pipefail
cd "$(dirname "$0")/../.."
build=${LEAKDIR_SANITIZE_BUILD:-build-sanitize}
[ -f "$build/build.ninja" ] || meson setup "$build" -Db_sanitize=address,undefined
mapfile -t programs < <(meson introspect --tests "$build" | python3 -c '
import json, sys
tests = [test for test in json.load(sys.stdin) if {"unit", "tools"} & {suite.split(":")[-1] for suite in test["suite"]}]
print("\n".join(sorted({file for test in tests for file in test["cmd"] + test["depends"] if "/" in file})))' |
  sed -n "s|^$(realpath "$build")/||p")
ninja -C "$build" "${programs[@]}"
UBSAN_OPTIONS=halt_on_error=1:print_stacktrace=1 \
  meson test -C "$build" --no-rebuild --print-errorlogs --suite unit --suite tools
