#!/bin/bash
# SPDX-License-Identifier: BSL-1.0
#
# matrix.sh [OPTIONS] [NAME...]: tries this checkout on other releases of Debian and for other processors, and prints one
# table. A long run, as root: each release gets a root of its own by debootstrap, where setup.sh, demo.sh and the scenario
# suite run. NAME is a release (bullseye, bookworm, trixie, sid) or a processor of cross_test.cc (aarch64, arm, i386,
# riscv64, s390x, ppc64le: on this machine, by its cross compilers and qemu-user); without one, all of them.
#
#   --roots DIR     where the roots and the logs lie, and are kept; without it: a temporary folder
#   --mirror URL    Debian's mirror; without it $MIRROR, or the first that this machine's apt has
#   --jobs N        how many processors the builds take (1)
#   --ccache DIR    a compiler's cache for all roots: it is theirs alone
#   --demo          no scenario suite
#   --tests LIST    of the scenario suite these alone: "fork threads"
set -euo pipefail
cd "$(dirname "$0")/../.."
source=$PWD

releases=(bullseye bookworm trixie sid)
processors=(aarch64 arm i386 riscv64 s390x ppc64le)
roots='' mirror=${MIRROR:-} jobs=1 ccache='' scenario=yes tests='' wanted=()

usage() { sed -n '4,/^set /{/^set /d; s/^# \{0,1\}//; p;}' "$source/tests/cross/matrix.sh"; }
fail() { echo "matrix.sh: $*" >&2; exit 1; }
say() { echo "matrix.sh: $*" >&2; }

while [ $# -gt 0 ]; do
  case $1 in
    --help) usage; exit 0 ;;
    --demo) scenario='' ;;
    --roots | --mirror | --jobs | --ccache | --tests)
      [ $# -gt 1 ] || { usage >&2; exit 2; }
      printf -v "${1#--}" '%s' "$2"
      shift
      ;;
    *)
      [[ " ${releases[*]} ${processors[*]} " = *" $1 "* ]] || { usage >&2; echo "matrix.sh: what is $1?" >&2; exit 2; }
      wanted+=("$1")
      ;;
  esac
  shift
done
[ ${#wanted[@]} -gt 0 ] || wanted=("${releases[@]}" "${processors[@]}")
is_wanted() { [[ " ${wanted[*]} " = *" $1 "* ]]; }

# However this script ends, what it has started does not go on: the kernel kills a command when its parent has ended. So
# nothing of this is to be run in a subshell, which would be the parent.
tied() { setpriv --pdeathsig KILL -- "$@"; }

if [ -z "$roots" ]; then
  roots=$(mktemp -d)
  # Nothing is mounted there but in the namespaces of what has ended by then; should anything be, it is left alone.
  trap 'rm -rf --one-file-system "$roots"' EXIT
fi
mkdir -p "$roots"
roots=$(realpath "$roots")

# ---- a release of Debian ----

mirror_of_apt() {
  { sed -n 's/^URIs: *\([^ ]*\).*/\1/p' /etc/apt/sources.list.d/*.sources
    sed -n 's/^deb \(\[[^]]*\] *\)\{0,1\}\([^ ]*\).*/\2/p' /etc/apt/sources.list; } 2>/dev/null | grep '/debian/*$' | head -n 1
}

make_root() {  # ROOT RELEASE
  [ ! -f "$1/made" ] || return 0
  command -v debootstrap >/dev/null || fail "there is no debootstrap"
  [ -n "$mirror" ] || mirror=$(mirror_of_apt)
  [ -n "$mirror" ] || fail "this machine's apt has no mirror of Debian's: --mirror URL"
  rm -rf --one-file-system "$1"
  tied unshare --pid --fork --kill-child --mount-proc debootstrap --variant=minbase "$2" "$1" "$mirror" || return 1
  # (debootstrap of some releases makes no hosts, and then there is no localhost.)
  [ -s "$1/etc/hosts" ] || printf '127.0.0.1\tlocalhost\n::1\tlocalhost\n' >"$1/etc/hosts"
  # The way to the mirror, and whether its lists may be old, is as on this machine; so is, in in_root, who is trusted.
  apt-config dump | grep -e '^Acquire::Check-' -e '^Acquire::https\{0,1\}::' >"$1/etc/apt/apt.conf.d/matrix" || :
  touch "$1/made"
}

# Runs a command in the root. Mounts and processes are in namespaces of their own, and end with it.
in_root() {  # ROOT COMMAND
  # shellcheck disable=SC2016  # for the shells within
  tied unshare --mount --propagation private --pid --fork --kill-child sh -ec '
    root=$1
    mount -t proc proc "$root/proc"
    mount --rbind /dev "$root/dev"
    mount -t tmpfs -o mode=1777 tmpfs "$root/tmp"
    cp /etc/resolv.conf "$root/etc/resolv.conf"
    cp /etc/ssl/certs/ca-certificates.crt "$root/etc/ssl/matrix.crt" 2>/dev/null || :
    if [ -n "$3" ]; then mkdir -p "$root/ccache"; mount --bind "$3" "$root/ccache"; fi
    mkdir "$root/tmp/bin"
    printf "#!/bin/sh\nexec /usr/bin/ninja -j %s \"\$@\"\n" "$4" >"$root/tmp/bin/ninja"
    chmod +x "$root/tmp/bin/ninja"
    certificates=
    if [ -s "$root/etc/ssl/matrix.crt" ]; then certificates=SSL_CERT_FILE=/etc/ssl/matrix.crt; fi
    exec chroot "$root" env -i HOME=/root PATH="/tmp/bin:${3:+/usr/lib/ccache:}/usr/sbin:/usr/bin:/sbin:/bin" \
      LANG=C.UTF-8 ${3:+CCACHE_DIR=/ccache} NINJA=/tmp/bin/ninja DEBIAN_FRONTEND=noninteractive $certificates \
      sh -ec "cd /checkout && $2"' - "$1" "$2" "$ccache" "$jobs"
}

# The sources of now, committed or not, and no file that is gone; what is built or fetched stays.
copy_sources() {  # ROOT
  mkdir -p "$1/checkout"
  find "$1/checkout" -mindepth 1 -maxdepth 1 ! -name build ! -name subprojects -exec rm -r {} +
  git ls-files -z --cached --others --exclude-standard | xargs -0 ls -d 2>/dev/null | tar -c -T - | tar -x -C "$1/checkout"
}

# Sets `result` to what a step has come to: its word, or the last line that it has said.
step() {  # ROOT LOG COMMAND
  if in_root "$1" "$3" >"$2" 2>&1 </dev/null; then result=works; else
    result="no: $(grep -v '^ *$' "$2" | tail -n 1 | tr '|' '/' | cut -c 1-160)"
  fi
}

version_of() {  # ROOT PACKAGE
  # shellcheck disable=SC2016  # for dpkg
  chroot "$1" dpkg-query -W -f='${Version}' "$2" 2>/dev/null | sed 's/^[0-9]*://; s/[-+~].*//' || true
}

try_release() {  # RELEASE
  local root=$roots/$1 result demo suite=-
  make_root "$root" "$1" >"$roots/$1.debootstrap.log" 2>&1 || {
    echo "| $1 | | | | no root: $(tail -n 1 "$roots/$1.debootstrap.log" | cut -c 1-160) | - | $(date +%F) |"
    return 0
  }
  copy_sources "$root"
  if [ -n "$ccache" ]; then
    mkdir -p "$ccache"
    step "$root" "$roots/$1.ccache.log" 'apt-get update && apt-get install -y --no-install-recommends ccache'
  fi
  say "$1: demo"
  step "$root" "$roots/$1.demo.log" ./tools/demo.sh
  demo=$result
  if [ -n "$scenario" ] && [ "$demo" = works ]; then
    say "$1: scenario suite"
    step "$root" "$roots/$1.scenario.log" "./tools/setup.sh test && meson configure build -Dtests=true && ninja -C build &&
      { meson test -C build --no-rebuild --timeout-multiplier 8 --num-processes $((jobs * 2)) ${tests:---suite scenario} || :; } &&
      python3 tests/support/count_cases.py build/meson-logs/testlog.json"
    suite=$result
    if [ "$suite" = works ]; then suite=$(tail -n 1 "$roots/$1.scenario.log"); fi
    if [[ $suite = "no: "*" passed, "* ]]; then suite=${suite#no: }; fi
  fi
  echo "| $(release_name "$root" "$1") | $(version_of "$root" libc6) | $(chroot "$root" gcc -dumpfullversion) | $(version_of "$root" binutils) |" \
    "$demo | $suite | $(date +%F) |"
}

release_name() {  # ROOT RELEASE
  local number
  number=$(sed -n 's/^\([0-9]*\).*/\1/p' "$1/etc/debian_version")
  echo "Debian ${number:+$number, }$2"
}

# ---- a processor ----

triplet_of() {
  case $1 in
    arm) echo arm-linux-gnueabihf ;;
    i386) echo i686-linux-gnu ;;
    ppc64le) echo powerpc64le-linux-gnu ;;
    *) echo "$1-linux-gnu" ;;
  esac
}

# The test of the long form has all processors; it is built once.
build_cross_test() {
  local build=$roots/processors
  [ -f "$build/build.ninja" ] || meson setup "$build" -Dlong_tests=true
  tied ninja -C "$build" -j "$jobs" tests/scenario/cross_test tools/leakdir lib/leakdir-static.o
}

try_processor() {  # PROCESSOR
  local compiler log=$roots/$1.log result libc
  compiler=$(triplet_of "$1")-gcc
  if ! command -v "$compiler" >/dev/null; then
    echo "| $1 | | | | not tried: there is no $compiler | $(date +%F) |"
    return 0
  fi
  say "$1: cross_test"
  tied "$roots/processors/tests/scenario/cross_test" --gtest_filter="*/$1" >"$log" 2>&1 || :
  result=$(sed -n 's/^\[  PASSED  \] \([0-9]*\) tests*\.$/\1 passed/p; s/^\[  FAILED  \] \([0-9]*\) tests*, listed below:/\1 failed/p;
    s/^\[  SKIPPED \] \([0-9]*\) tests*, listed below:/\1 skipped/p' "$log" | paste -sd, | sed 's/,/, /g')
  libc=$($compiler -print-file-name=libc.a)
  echo "| $1 | $(strings "$libc" 2>/dev/null | sed -n 's/.*release version \([0-9.]*[0-9]\).*/\1/p' | head -n 1) |" \
    "$($compiler -dumpfullversion) | $($compiler -Wl,--version 2>/dev/null | sed -n '1s/.* //p') |" \
    "${result:-no: $(tail -n 1 "$log" | cut -c 1-160)} | $(date +%F) |"
}

# ---- all of them ----

table=$(mktemp -p "$roots" table.XXXXXX)
for name in "${releases[@]}"; do
  is_wanted "$name" || continue
  [ "$(id -u)" -eq 0 ] || fail "a root of another release needs root"
  if [ ! -s "$table" ]; then
    # shellcheck disable=SC2016  # Markdown
    printf '%s\n' '| distribution | glibc | gcc | binutils | `tools/demo.sh` | scenario suite | date |' '|---|---|---|---|---|---|---|' >"$table"
  fi
  try_release "$name" >>"$table"
done
first=yes
for name in "${processors[@]}"; do
  is_wanted "$name" || continue
  if [ -n "$first" ]; then
    build_cross_test >"$roots/processors.log" 2>&1 || fail "cross_test is not to be built, see $roots/processors.log"
    [ ! -s "$table" ] || echo >>"$table"
    printf '%s\n' '| processor | glibc | gcc | binutils | scenario programs | date |' '|---|---|---|---|---|---|' >>"$table"
    first=''
  fi
  try_processor "$name" >>"$table"
done
cat "$table"
rm "$table"
