#!/bin/bash
# SPDX-License-Identifier: BSL-1.0
#
# scripts.sh: shellcheck has nothing to say of any shell script. A check that is wrong in a place is disabled there, with
# the reason. Where shellcheck is not installed, the test is skipped (77).
#
# SC2329, of newer ones: a function that only a trap or another function's "$@" calls counts as never called.
set -euo pipefail
cd "$(dirname "$0")/../.."
command -v shellcheck >/dev/null || { echo "skipped: there is no shellcheck (tools/setup.sh installs it)"; exit 77; }

mapfile -t files < <(tests/lint/files.sh scripts)
[ ${#files[@]} -gt 0 ] || { echo "scripts.sh: no script was found"; exit 1; }
shellcheck --exclude=SC2329 --external-sources --source-path=SCRIPTDIR "${files[@]}"
echo "shellcheck has nothing to say of ${#files[@]} scripts"
