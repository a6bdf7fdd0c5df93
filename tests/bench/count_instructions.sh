#!/bin/bash
# SPDX-License-Identifier: BSL-1.0
#
# Counts the instructions of one malloc and one free in each mode, with callgrind, and prints the table that stands in
# tests/golden/instructions.txt. With --check FILE it compares with that one instead: the test `instructions`.
#
#   count_instructions.sh BUILD >tests/golden/instructions.txt        after a change of the hot path that is meant
#   count_instructions.sh BUILD --check tests/golden/instructions.txt
#
# Counts are not times, but they are the same on every machine and in every run, however busy it is. They do depend on
# the compiler and on glibc: with others than the file names the test is skipped (77).
set -euo pipefail
unset MALLOC_PERTURB_  # `meson test` sets it: malloc would fill each block

build=$(cd "$1" && pwd)
golden=
[ "${2-}" != --check ] || golden=$(realpath "$3")
here=$(cd "$(dirname "$0")" && pwd)

# A difference of so much passes: another place in a hash table changes a count a little.
percent=10
blocks=1000

work=$(mktemp -d "${TMPDIR:-/tmp}/leakdir-instructions.XXXXXX")
trap 'rm -rf "$work"' EXIT

flags=(-std=gnu11 -g -O2 -static)
gcc "${flags[@]}" "$here/count_pairs.c" -o "$work/glibc"
gcc "${flags[@]}" "$here/count_pairs.c" "$build/lib/leakdir-static.o" -o "$work/leakdir"

tools="$(gcc -dumpfullversion) $(getconf GNU_LIBC_VERSION)"

# Valgrind ends a program that makes a thread as leakdir's helper is made. With write=exit there is none, unless the
# program is root's (it might change its root directory) or starts paused: so it is nobody's, and pauses itself.
as_nobody=()
if [ "$(id -u)" -eq 0 ]; then
  as_nobody=(setpriv --reuid=65534 --regid=65534 --clear-groups)
  chown 65534:65534 "$work"
fi

# count PROGRAM OPTIONS [ARGUMENT...]: "malloc free", of the last round.
count() {
  (
    cd "$work"
    rm -rf out.* mem
    # By other ways each time: count_pairs.c says itself what is to be counted.
    local toggle=
    [ "${3-}" != outer ] || toggle=--collect-atstart=no
    # shellcheck disable=SC2086  # one flag or none
    TMPDIR=$work LEAKDIR_OPTIONS=summary=0:libc=1:write=exit:depth=64:$2 \
      "${as_nobody[@]}" valgrind -q --tool=callgrind $toggle --callgrind-out-file=out "./$1" "${@:3}" >log 2>&1 ||
      { cat log >&2; exit 1; }
    local name
    for name in malloc free; do
      # One dump for each stretch and round.
      printf '%s\n' out.* | sort -t. -k2n |
        xargs sed -n "/^desc: Trigger: Client Request: $name\$/,/^\(summary\|totals\):/p" |
        awk -v blocks=$blocks '/^(summary|totals):/ { n = $2 } END { printf "%.1f ", n / blocks }'
    done
  )
}

# row NAME COUNT'S ARGUMENTS. What both calls take beyond glibc's is told in the last column; `alone` is what those take.
row() {
  local counts beyond=
  counts=$(count "${@:2}")
  # shellcheck disable=SC2086  # numbers
  [ -z "$alone" ] || beyond=$(printf '%s\n' $counts $alone | awk '{ n[NR] = $1 } END { printf "%.1f", n[1] + n[2] - n[3] - n[4] }')
  # shellcheck disable=SC2086  # two numbers
  printf '%-34s %8s %8s %8s\n' "$1" $counts "$beyond" | sed 's/ *$//'
  [ -n "$alone" ] || alone=$counts
}

table() {
  printf '%-34s %8s %8s %8s\n' "$tools" malloc free beyond
  alone=
  row "glibc alone" glibc ""
  row enabled=0 leakdir enabled=0
  row sample=1G leakdir sample=1G  # by far too thin for chance to have a say: what a block costs that is not recorded
  row paused leakdir recording=1 pause
  local mode
  for mode in unwind=caller unwind=fast unwind=boost; do
    row "$mode" leakdir "$mode"
  done
  alone=
  row "glibc alone, 16 outer paths" glibc "" outer 16
  row "unwind=fast, 16 outer paths" leakdir unwind=fast outer 16
  row "unwind=fast, 256 outer paths" leakdir unwind=fast outer 256
}

cat_header() {
  cat <<'END'
# Instructions of one call, 33 frames deep, static, write=exit: tests/bench/count_instructions.sh made this. A reviewer
# looks at what changed: more in the rows that matter wants a reason. Columns: the mode, malloc, free, and what the two
# take beyond glibc's. "Outer paths": each malloc has another stack than the one before, in its outermost frames.
END
}

if [ -z "$golden" ]; then
  cat_header
  table
  exit 0
fi

if ! grep -q "^$tools  " "$golden"; then
  echo "the counts were made with others than $tools: $(sed -n 4p "$golden")"
  exit 77
fi
table >"$work/now"
awk -v percent=$percent '
  /^#/ { next }
  { name = substr($0, 1, 34); sub(/ *$/, "", name); $0 = substr($0, 35); malloc = $1; free = $2 }
  FNR == NR { was_malloc[name] = malloc; was_free[name] = free; next }
  malloc == "malloc" { next }
  !(name in was_malloc) { print name ": not in the file"; bad = 1; next }
  {
    state = ""
    if (differs(malloc, was_malloc[name]) || differs(free, was_free[name])) { state = "  CHANGED"; bad = 1 }
    printf "%-30s malloc %8.1f (was %8.1f)   free %8.1f (was %8.1f)%s\n", name, malloc, was_malloc[name], free, was_free[name], state
  }
  # Of a handful of instructions one more is not a change of the path.
  function differs(now, was,   d) { d = now > was ? now - was : was - now; return d > was * percent / 100 && d > 2 }
  END {
    if (bad) print "If it is meant: tests/bench/count_instructions.sh BUILD >tests/golden/instructions.txt"
    exit bad
  }' "$golden" "$work/now"
