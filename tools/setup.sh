#!/bin/bash
# SPDX-License-Identifier: BSL-1.0
#
# setup.sh [build|test]: installs what is missing on Debian (11, 12, 13, sid), as root or by sudo.
# Does nothing, and needs no network, when all of it is there.
#
#   build   what the objects and the tool are built with, and what tools/demo.sh runs
#   test    what the tests need, too (the default)
set -euo pipefail

to_build=(
  gcc g++ libc6-dev binutils meson ninja-build pkg-config python3 ca-certificates
  dpkg-dev                                                   # by it meson knows Debian's folders for libraries
  libboost-stacktrace-dev                                    # the object
)
# Where a release has not all of it, the objects are built without the tool.
for_tool=(
  libdw-dev libelf-dev zlib1g-dev libiberty-dev              # debug information, names of other languages
  libzstd-dev liblz4-dev                                     # cores as systemd-coredump writes them
  libncurses-dev                                             # watch in a terminal
  libfmt-dev nlohmann-json3-dev libprotozero-dev             # formats
  'libcli11-dev|git'                                         # command line; without it meson fetches it, by git
)
# One group a line, and one line a group. Of a|b, which is one package in different releases, or a part that became one of
# its own, the first that there is; with a | at its end none is needed: the tests of it are skipped. CLANG is the version of
# the release's clang.
to_test=(
  libgtest-dev libgmock-dev                                  # GoogleTest
  clang 'libclang-rt-dev|libclang-common-CLANG-dev' 'llvm-CLANG-linker-tools|llvm-CLANG-dev' llvm  # every compiler
  lld 'mold|' 'binutils-gold|binutils'                       # and linker of the matrix
  valgrind gdb libc6-dbg                                     # oracles, and a debugger
  'libdebuginfod1t64|libdebuginfod1' strace musl-tools dietlibc-dev
  clang-tidy cppcheck clang-format shellcheck                # analyse without running
  cmake                                                      # finds the package as other projects do
  build-essential debhelper lintian                          # Debian packages, made and looked over: tools/package.sh
  g++-aarch64-linux-gnu g++-arm-linux-gnueabihf qemu-user    # programs for other processors
  libsqlite3-dev liblua5.4-dev libexpat1-dev libjansson-dev libxml2-dev libicu-dev liblzma-dev  # real programs are linked with these
  libjemalloc2 'libtcmalloc-minimal4t64|libtcmalloc-minimal4' 'libmimalloc3|libmimalloc2.1|libmimalloc2.0|'  # and upon these
  git perl                                                   # the library is tried on programs as they are
  groff-base zsh                                             # read manual pages and completions
  python3-yaml                                               # reads the CI examples
  libxml2-utils python3-jsonschema                           # read what `leakdir check` writes, by published schemas
  python3-prometheus-client                                  # reads what `leakdir metrics` writes; so does promtool, if it is there
  'chromium-headless-shell|' tmux                            # opens the report's page; a terminal to watch on
  protobuf-compiler golang-github-google-pprof-dev           # reads profiles by pprof's own specification
  libdevel-nytprof-perl                                      # flamegraph.pl reads folded stacks
)

case ${1:-test} in
  build) packages=("${to_build[@]}" "${for_tool[@]}") ;;
  test) packages=("${to_build[@]}" "${for_tool[@]}" "${to_test[@]}") ;;
  *) echo "usage: tools/setup.sh [build|test]" >&2; exit 2 ;;
esac

# The version of clang, by what it depends on; nothing where apt knows of none.
clang_version() {
  { dpkg-query -W -f='Depends: ${Depends}\n' clang 2>/dev/null || apt-cache show clang 2>/dev/null; } |
    sed -n 's/^Depends:.*\bclang-\([0-9][0-9]*\).*/\1/p' | head -n 1
}

# The names that a package may have, the first first.
names_of() { tr '|' '\n' <<<"${1//CLANG/$(clang_version)}"; }

installed=$(dpkg-query -W -f='${db:Status-Status} ${Package}\n')
is_installed() { [[ $'\n'$installed$'\n' = *$'\n'"installed $1"$'\n'* ]]; }

# No `| grep -q`: it ends at the first match, and apt-cache, which may be writing still, fails.
is_in_release() { [[ $(apt-cache policy "$1" 2>/dev/null) =~ Candidate:\ [^\(] ]]; }

# The name under which a package can be installed here; where there is none, the last that it had.
name_here() {
  local name
  for name in $(names_of "$1"); do
    if is_in_release "$name"; then break; fi
  done
  echo "$name"
}

missing=()
for package in "${packages[@]}"; do
  for name in $(names_of "$package"); do
    if is_installed "$name"; then continue 2; fi
    if is_in_release "$name"; then break; fi
  done
  missing+=("$package")
done
[ ${#missing[@]} -gt 0 ] || exit 0

# What to do instead, when it cannot be done here.
give_up() {
  echo "setup.sh: $1" >&2
  echo "setup.sh: these packages are missing; once they are there, by whatever way, nothing is installed: ${missing[*]}" >&2
  exit 1
}

command -v apt-get >/dev/null || give_up "there is no apt-get: this is no Debian. Install what these packages hold"
as_root=()
if [ "$(id -u)" -ne 0 ]; then
  command -v sudo >/dev/null || give_up "neither root nor sudo: run it as root"
  as_root=(sudo)
fi

# A source of somebody else's that does not answer must not matter, if Debian's does.
updated=yes
"${as_root[@]}" apt-get update -q || updated=
absent=() not_needed=()
for i in "${!missing[@]}"; do
  [[ ${missing[i]} != *'|' ]] || not_needed[i]=yes
  missing[i]=$(name_here "${missing[i]}")
  if [ -z "$updated" ] || is_in_release "${missing[i]}"; then
    continue
  elif [[ " ${for_tool[*]} " = *" ${missing[i]} "* ]]; then
    absent+=("${missing[i]}")
  elif [ -n "${not_needed[i]:-}" ]; then
    echo "setup.sh: this release has no ${missing[i]}: the tests of it are skipped"
  else
    continue
  fi
  unset "missing[i]"
done
if [ ${#absent[@]} -gt 0 ]; then
  [ "${1:-test}" = build ] || give_up "the tests need the tool, which is not to be built here: this release has no ${absent[*]}"
  echo "setup.sh: this release has no ${absent[*]}: leakdir's objects are built here, and its tool is not"
fi
[ ${#missing[@]} -gt 0 ] || exit 0
echo "setup.sh: installing ${missing[*]}"
"${as_root[@]}" env DEBIAN_FRONTEND=noninteractive apt-get install -q -y --no-install-recommends "${missing[@]}" ||
  if [ -n "$updated" ]; then
    give_up "apt-get install failed, see above. A package that is not found is not in this release: leakdir is built and tested on Debian 11 and later"
  else
    give_up "apt-get update failed, see above. Look at the network, and at the sources in /etc/apt, and run this again"
  fi
