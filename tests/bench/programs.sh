#!/bin/bash
# SPDX-License-Identifier: BSL-1.0
#
# programs.sh BUILD [ROUNDS [PROGRAM...]]: the processor time of programs as Debian has them, under libleakdir.so and under the others: a
# JSON parser (jq), the C++ compiler (cc1plus, as g++ runs it), python3, also with all its objects from malloc. All
# threads count, so the helper too. Medians (of 5 rounds), in turns; every tool keeps its files in memory.
# Wants jq, g++, python3; of heaptrack, liblsan, libjemalloc and libgoogle-perftools those that are there are run.
#
# LeakSanitizer is not asked for leaks at the end: what is compared is what runs meanwhile.
set -euo pipefail
unset MALLOC_PERTURB_ MALLOC_CONF LD_PRELOAD LEAKDIR_OPTIONS LEAKDIR_CONFIG
library=$(realpath "$1/lib/libleakdir.so")
rounds=${2:-5}
work=$(mktemp -d /dev/shm/leakdir-programs-XXXXXX)
trap 'rm -rf "$work"' EXIT
cd "$work"

# ---- What they work on ----

awk 'BEGIN {
  for (i = 0; i < 30000; ++i)
    printf "{\"id\": %d, \"name\": \"part %d\", \"tags\": [\"a%d\", \"b\", null], \"at\": {\"x\": %d.5, \"y\": -%d}}\n", i, i, i % 7, i, i
}' >parts.json
cat >t.cc <<'END'
#include <algorithm>
#include <iostream>
#include <map>
#include <regex>
#include <string>
#include <vector>
std::map<std::string, std::vector<int>> m;
int main() {
  std::vector<std::string> words{"a", "b"};
  std::sort(words.begin(), words.end());
  for (const auto& w : words) std::cout << std::regex_match(w, std::regex("[a-z]+")) << m[w].size();
}
END
g++ -std=c++17 -E t.cc -o t.ii
cat >t.py <<'END'
import json
rows = [json.loads(line) for line in open('parts.json')]
by_tag = {}
for row in rows:
    by_tag.setdefault(row['tags'][0], []).append(row)
print(len(json.dumps(by_tag)))
END

names=("${@:3}")
[ ${#names[@]} -gt 0 ] || names=(jq cc1plus python3 python3-malloc)
declare -A label=([jq]="jq" [cc1plus]="g++ (cc1plus)" [python3]="python3" [python3-malloc]="PYTHONMALLOC=malloc")
run() {
  case $1 in
    jq) jq -c 'select(.at.x > 100) | .tags' parts.json ;;
    cc1plus) "$(g++ -print-prog-name=cc1plus)" -quiet -O1 -std=c++17 t.ii -o t.s ;;
    python3) /usr/bin/python3 t.py ;;
    python3-malloc) PYTHONMALLOC=malloc /usr/bin/python3 t.py ;;
  esac
}

# ---- The tools: what the environment has ----

keys=()
declare -A setting title
tool() { # KEY TITLE VARIABLES...
  keys+=("$1")
  title[$1]=$2 setting[$1]="${*:3}"
}
leakdir() { tool "$1" "$2" "LD_PRELOAD=$library" "LEAKDIR_OPTIONS=summary=0:dir=$work/mem:$3"; }
preloaded() { # KEY TITLE LIBRARY VARIABLES...
  [ -z "$3" ] || tool "$1" "$2" "LD_PRELOAD=$3" "${@:4}"
}
found() { ldconfig -p | awk -v name="$1" '$1 == name { print $NF; exit }'; }

tool plain "without"
leakdir default "leakdir" ""
leakdir caller "leakdir, unwind=caller" unwind=caller
leakdir sample "leakdir, sample=512k" sample=512k
leakdir off "leakdir, enabled=0" enabled=0
preloaded heaptrack heaptrack "$(find /usr/lib -name libheaptrack_preload.so 2>/dev/null | head -1)" \
  "DUMP_HEAPTRACK_OUTPUT=$work/heaptrack"
lsan=$(gcc -print-file-name=liblsan.so)
[ "$lsan" != liblsan.so ] || lsan=
preloaded lsan "LeakSanitizer, frame pointers" "$lsan" LSAN_OPTIONS=detect_leaks=0:fast_unwind_on_malloc=1
preloaded jemalloc "jemalloc, not profiling" "$(found libjemalloc.so.2)"
preloaded jemalloc-some "jemalloc profiling, its default" "$(found libjemalloc.so.2)" MALLOC_CONF=prof:true
preloaded tcmalloc "tcmalloc, not profiling" "$(found libtcmalloc.so.4)"
preloaded tcmalloc-some "tcmalloc, a sample (512k)" "$(found libtcmalloc.so.4)" TCMALLOC_SAMPLE_PARAMETER=524288

# ---- Running ----

TIMEFORMAT='%U %S'
for name in "${names[@]}"; do
  for _ in $(seq "$rounds"); do
    for key in "${keys[@]}"; do
      rm -rf mem heaptrack*
      # shellcheck disable=SC2086  # a list of variables
      { time { (export ${setting[$key]} >/dev/null; run "$name") >out 2>err; }; } 2>seconds ||
        echo "programs.sh: $name under $key: $(tail -1 err)" >&2
      awk '{ print $1 + $2 }' seconds >>"$name.$key"
    done
  done
  echo "programs.sh: $name" >&2
done

median() { sort -n "$1" | sed -n "$(((rounds + 1) / 2))p"; }
printf '%-34s' "processor time"
for name in "${names[@]}"; do printf ' %20s' "${label[$name]}"; done
echo
for key in "${keys[@]}"; do
  printf '%-34s' "${title[$key]}"
  for name in "${names[@]}"; do
    awk -v s="$(median "$name.$key")" -v plain="$(median "$name.plain")" 'BEGIN { printf "   %8.2f s  %6.2f", s, s / plain }'
  done
  echo
done
