#!/bin/bash
# SPDX-License-Identifier: BSL-1.0
#
# Installs, builds and runs every test. The last line is "N passed, N failed", counted in single GoogleTest cases.
# Arguments go to `meson test`: ./tools/test.sh --suite scenario
set -euo pipefail
cd "$(dirname "$0")/.."

umask 022  # some tests run what is built here as another user
[ -e /proc/self/fd/0 ] || exec </dev/null

# A container may have fewer cores than its machine.
cores=$(nproc)
if read -r quota period 2>/dev/null </sys/fs/cgroup/cpu.max && [ "$quota" != max ]; then
  ours=$(((quota + period - 1) / period))
  [ "$ours" -ge "$cores" ] || cores=$ours
fi

./tools/setup.sh test
if [ ! -f build/build.ninja ]; then
  meson setup build
elif ! grep -q '^build tests/' build/build.ninja; then  # made by tools/demo.sh: what it built serves here too
  meson configure build -Dtests=true
fi
ninja -C build -j $((cores + 2))
rm -f build/meson-logs/testlog.json

# Scratch directories lie in memory if there is room and programs may run there: on a disk some tests take ten times as long.
serves_as_scratch() {
  local room script status=0
  room=$(df --output=avail -B1M "$1" 2>/dev/null | tail -n 1)
  [ "${room:-0}" -gt 2000 ] && script=$(mktemp -p "$1" 2>/dev/null) || return 1
  chmod +x "$script" && "$script" 2>/dev/null || status=1
  rm -f "$script"
  return $status
}
if [ -z "${TMPDIR:-}" ] && serves_as_scratch /dev/shm; then export TMPDIR=/dev/shm; fi

# Many tests wait for a program more than they compute. A machine may be busy: what hangs ends by its test's own timeout.
status=0
meson test -C build --no-rebuild --print-errorlogs --num-processes $((cores * 2)) --timeout-multiplier 4 "$@" || status=$?
python3 tests/support/count_cases.py build/meson-logs/testlog.json || status=1
exit "$status"
