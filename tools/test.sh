#!/bin/bash
# SPDX-License-Identifier: BSL-1.0
#
# Installs, builds and runs every test. The last line is "N passed, N failed", counted in single GoogleTest cases.
# Arguments go to `meson test`: ./tools/test.sh --suite scenario
set -euo pipefail
cd "$(dirname "$0")/.."

./tools/setup.sh
[ -f build/build.ninja ] || meson setup build
ninja -C build
rm -f build/meson-logs/testlog.json
status=0
meson test -C build --no-rebuild --print-errorlogs "$@" || status=$?
python3 tests/support/count_cases.py build/meson-logs/testlog.json || status=1
exit "$status"
