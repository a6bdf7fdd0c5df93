#!/bin/bash
# SPDX-License-Identifier: BSL-1.0
#
# format.sh: every C and C++ file is as clang-format (../../.clang-format) makes it. Other versions make other files, so
# there is one that counts; where it is not installed, the test is skipped (77).
set -euo pipefail
cd "$(dirname "$0")/../.."
major=14  # Debian 12's

for clang_format in "clang-format-$major" clang-format; do
  version=$("$clang_format" --version 2>/dev/null | sed -n 's/.*version \([0-9]*\)\..*/\1/p') || true
  [ "$version" != $major ] || break
done
if [ "$version" != $major ]; then
  echo "skipped: the files are formatted by clang-format $major, and here is ${version:-none} (tools/setup.sh installs it)"
  exit 77
fi

mapfile -t files < <(tests/lint/files.sh sources)
[ ${#files[@]} -gt 0 ] || { echo "format.sh: no file was found"; exit 1; }
"$clang_format" --dry-run -Werror "${files[@]}" || { echo "format.sh: $clang_format -i mends it"; exit 1; }
echo "${#files[@]} files are formatted"
