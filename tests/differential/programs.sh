#!/bin/sh
# SPDX-License-Identifier: BSL-1.0
#
# Compares the stacks of programs that know nothing of it, under the preloaded library: a compiler, interpreters, tools.
# Those that are not installed are left out.
#
#   programs.sh LIBRARY RELOAD PLUGIN_A PLUGIN_B
set -eu
library=$1
work=$(mktemp -d)
trap 'rm -rf "$work"' EXIT
export COMPARE_LOG="$work/log"
failed=0
ran=0

# compare EVERY COMMAND…: one allocation in EVERY
compare() {
  every=$1
  shift
  command -v "$1" >/dev/null || return 0
  status=0
  COMPARE_EVERY=$every LD_PRELOAD=$library timeout 120 "$@" >"$work/out" 2>"$work/err" || status=$?
  ran=$((ran + 1))
  if [ $status -ne 0 ] || grep -q '^differential:' "$work/err"; then
    echo "programs.sh: status $status from: $*" >&2
    head -60 "$work/err" >&2
    failed=1
  fi
}

cat >"$work/t.cc" <<'END'
#include <map>
#include <string>
#include <vector>
std::map<std::string, std::vector<int>> m;
int main() { return m["a"].size(); }
END
compare 40 g++ -O2 -c "$work/t.cc" -o "$work/t.o"
compare 200 clang++ -O1 -c "$work/t.cc" -o "$work/t.o"
compare 1 python3 -c 'import json, re; print(len(json.dumps([{str(i): i} for i in range(500)])))'
# shellcheck disable=SC2016  # perl's own variables
compare 1 perl -e 'my %h; $h{$_} = "x$_" for 1 .. 2000; print scalar(keys %h)'
compare 1 awk 'BEGIN { for (i = 0; i < 2000; i++) a[i] = i "s"; print length(a) }'
compare 1 ls -la /usr/bin
compare 1 sort -R /etc/passwd
compare 1 git --version
# shellcheck disable=SC2016  # that shell's
compare 1 bash -c 'for i in 1 2 3; do echo "$(date)"; done'
compare 1 sqlite3 :memory: 'create table t(a); insert into t values(1),(2); select sum(a) from t;'

compare 1 "$2" "$3" "$4"
cat "$work/err" >&2

[ $ran -gt 0 ] || exit 77
[ -s "$COMPARE_LOG" ] || { echo "programs.sh: nothing was compared" >&2; exit 1; }
sort "$COMPARE_LOG" | head -40
exit $failed
