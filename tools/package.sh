#!/bin/bash
# SPDX-License-Identifier: BSL-1.0
#
# package.sh [FOLDER [ARGUMENT...]]: makes the Debian packages leakdir and libleakdir-dev from this tree as it is, and
# puts them into FOLDER (build/package). The arguments are those of dpkg-buildpackage: -us -uc -b if none are given;
# `-us -uc` makes the source package too. lib/package/debian/ is what the packages are made by.
set -euo pipefail
from=$PWD
cd "$(dirname "$0")/.."
into=${1:-$PWD/build/package}
case $into in /*) ;; *) into=$from/$into ;; esac
shift || true
[ $# -gt 0 ] || set -- -us -uc -b

./tools/setup.sh
scratch=$(mktemp -d)
trap 'rm -rf "$scratch"' EXIT
tree=$scratch/leakdir-$(dpkg-parsechangelog -l lib/package/debian/changelog -S Version)
mkdir "$tree"

# What the project consists of, and no build folder beside it, nor what one of its tests fetches: pages without their
# sources. dpkg-buildpackage wants debian/ at the top.
tar -c --exclude=lib/package/debian --exclude=__pycache__ --exclude='subprojects/speedscope-*' \
  LICENSE README.md meson.build meson_options.txt .github lib subprojects tests tools | tar -x -C "$tree"
cp -R lib/package/debian "$tree/debian"
# The page of `report --format html` wants two libraries that Debian has not. A build of a package may ask no network, so
# this is the time, as `meson setup` does it elsewhere; without them all else is built.
(cd "$tree" && meson subprojects download d3 d3-flame-graph >"$scratch/said" 2>&1) || cat "$scratch/said" >&2
rm -rf "$tree/subprojects/packagecache"

(cd "$tree" && dpkg-buildpackage "$@")
rm -r "$tree"
rm -f "$scratch/said"
mkdir -p "$into"
mv "$scratch"/* "$into"
ls -l "$into"
