#!/bin/bash
# SPDX-License-Identifier: BSL-1.0
#
# scripts.sh: shellcheck has nothing to say of any shell script. A check that is wrong in a place is disabled there, with
# the reason. Where shellcheck is not installed, or is too old, the test is skipped (77).
#
# SC2329, of newer ones: a function that only a trap or another function's "$@" calls counts as never called.
set -euo pipefail
cd "$(dirname "$0")/../.."
command -v shellcheck >/dev/null || { echo "skipped: there is no shellcheck (tools/setup.sh installs it)"; exit 77; }

# An old one has something to say of lines that newer ones know to be right: a line that goes on inside a shell's text in
# another's, and words of a variable for printf.
right=$'#!/bin/bash\nsh -c \'echo a \\\n  b\'\nwords=$(date)\n# shellcheck disable=SC2086  # two words\nprintf \'%s %s\\n\' $words "$0"\n'
if ! shellcheck - <<<"$right" >/dev/null; then
  echo "skipped: shellcheck $(shellcheck --version | sed -n 's/^version: //p') finds fault with what newer ones take for right"
  exit 77
fi
mapfile -t files < <(tests/lint/files.sh scripts)
[ ${#files[@]} -gt 0 ] || { echo "scripts.sh: no script was found"; exit 1; }
shellcheck --exclude=SC2329 --external-sources --source-path=SCRIPTDIR "${files[@]}"
echo "shellcheck has nothing to say of ${#files[@]} scripts"
