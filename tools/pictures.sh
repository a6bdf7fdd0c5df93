#!/bin/bash
# SPDX-License-Identifier: BSL-1.0
#
# pictures.sh [BUILD [INTO]]: makes the pictures of the README anew, from the product in BUILD (build), into INTO
# (.github/images): the report as it stands in a terminal, and the page with the flame graph in Chromium.
set -euo pipefail
cd "$(dirname "$0")/.."
build=$(cd "${1:-build}" && pwd)
into=${2:-.github/images}
mkdir -p "$into"
into=$(cd "$into" && pwd)
pictures=$PWD/tools/pictures

scratch=$(mktemp -d)
trap 'rm -rf "$scratch"' EXIT
cp "$pictures/album.c" "$scratch"
cd "$scratch"
gcc -g -static album.c "$build/lib/leakdir-static.o" -o album

# A reader's directory in place of this one.
as_yours() { sed "s|$scratch|/home/you|g"; }

{
  printf '\033[1m$ ./album\033[0m\n'
  ./album 2>&1
  printf '\033[1m$ ls mem/lost | wc -l\033[0m\n'
  # shellcheck disable=SC2012  # it is what stands there
  ls mem/lost | wc -l
  printf '\033[1m$ leakdir report --top 2\033[0m\n'
  "$build/tools/leakdir" report --color always --top 2 mem
} | as_yours >report.txt
python3 "$pictures/terminal_to_svg.py" "leakdir report" <report.txt >"$into/report.svg"

"$build/tools/leakdir" report --format html mem | as_yours >page.html
chromium-headless-shell --no-sandbox --disable-gpu --disable-dev-shm-usage --user-data-dir="$scratch/profile" \
  --hide-scrollbars --force-color-profile=srgb --window-size=1100,720 --virtual-time-budget=5000 \
  --screenshot="$into/page.png" "file://$scratch/page.html" 2>chromium.log || { cat chromium.log >&2; exit 1; }
ls -l "$into"
