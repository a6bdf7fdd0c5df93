#!/bin/bash
# SPDX-License-Identifier: BSL-1.0
#
# Every unit test and every test of the tool under AddressSanitizer (with its search for leaks) and
# UndefinedBehaviorSanitizer, in a build folder of its own: build-sanitize/ (LEAKDIR_SANITIZE_BUILD).
set -euo pipefail
cd "$(dirname "$0")/../.."
build=${LEAKDIR_SANITIZE_BUILD:-build-sanitize}
[ -f "$build/build.ninja" ] || meson setup "$build" -Db_sanitize=address,undefined
# What those tests run, and are given, as far as it is built here.
mapfile -t programs < <(meson introspect --tests "$build" | python3 -c '
import json, os, sys
tests = [test for test in json.load(sys.stdin) if {"unit", "tools"} & {suite.split(":")[-1] for suite in test["suite"]}]
built = os.path.realpath(sys.argv[1]) + "/"
print("\n".join(sorted({word[len(built):] if word.startswith(built) else word for test in tests for word in test["cmd"]})))
' "$build" | grep -Fx -f <(ninja -C "$build" -t targets all | cut -d: -f1))
ninja -C "$build" "${programs[@]}"
UBSAN_OPTIONS=halt_on_error=1:print_stacktrace=1 \
  meson test -C "$build" --no-rebuild --print-errorlogs --suite unit --suite tools
