#!/bin/bash
# SPDX-License-Identifier: BSL-1.0
#
# files.sh sources|scripts: the project's C and C++ files, or its shell scripts (by their first line), one a line. They are
# those that git tracks or, where there is no git, those in lib/, tools/ and tests/.
set -euo pipefail
cd "$(dirname "$0")/../.."

all() {
  { [ -e .git ] && git ls-files 2>/dev/null; } || find lib tools tests .ci -type f
}

case $1 in
  sources) all | while read -r file; do
    case $file in *.cc | *.hh | *.c | *.h) [ ! -f "$file" ] || echo "$file" ;; esac
  done ;;
  scripts) all | while read -r file; do
    first=
    [ ! -f "$file" ] || read -r first 2>/dev/null <"$file" || true
    case $first in '#!'*/sh | '#!'*/bash | '#!'*/'env bash' | '#!'*/sh' '* | '#!'*/bash' '*) echo "$file" ;; esac
  done ;;
esac | LC_ALL=C sort
