#!/bin/bash
# SPDX-License-Identifier: BSL-1.0
#
# What leakdir costs, beside the others: installs them from Debian, runs every tool on every workload in turns, and
# prints a table for each workload. The programs and what they print: tests/bench/.
#
#   tools/bench.sh                    everything; about a quarter of an hour on a quiet machine
#   tools/bench.sh --quick            under a minute, installs nothing: what `meson test --benchmark` runs
#
#   --build DIR         the build folder with lib/leakdir.o and lib/leakdir-static.o  (build)
#   --rounds N          runs of each tool on each workload; the slow ones have 3 at most  (7)
#   --workloads "..."   of: churn-8 churn-33 churn-64 churn-8x2 churn-33x2 churn-64x2 descend-33 paths-33 outer-1 outer-16
#                       outer-256 live sqlite lua sync pauses lost
#   --only REGEX        only tools whose key matches (extended regular expression); glibc always runs
#   --by cpu|wall       the clock that ratios are made of: the thread's own time, which other programs do not disturb, or
#                       the time that passes  (cpu)
#   --scale PERCENT     of the pairs and blocks: for trying the script  (100)
#   --dir DIR           where records and the others' files go  (a new one on tmpfs, /dev/shm)
#   --no-install        do without what is not there
#
# Programs as they are, a compiler among them, run under libleakdir.so: tests/bench/programs.sh.
# The rows "on disk" keep their files in the current directory instead. leakdir is linked dynamically where a row does not
# say `static`; so is everything else.
#
# Figures: the median of all rounds, the lowest and the highest. `process`: processor time of all threads per pair, what a
# helper thread takes included. Memory: VmHWM. Every tool is asked for 64 frames where it can be asked.
set -euo pipefail
unset MALLOC_PERTURB_ MALLOC_CONF LD_PRELOAD LEAKDIR_OPTIONS LEAKDIR_CONFIG

root=$(cd "$(dirname "$0")/.." && pwd)
bench=$root/tests/bench
build=$root/build quick='' rounds=7 only=. by=cpu scale=100 scratch='' install=yes remove=''
workloads="churn-8 churn-33 churn-64 churn-8x2 churn-33x2 churn-64x2 descend-33 paths-33 outer-1 outer-16 outer-256 live
sqlite lua sync pauses lost"
while [ $# -gt 0 ]; do
  case $1 in
    --quick)
      quick=yes install='' rounds=3 scale=20 workloads="churn-33 sync"
      only='^(leakdir-(behind|exit|caller|paused|off|static)|static|heaptrack)$'
      shift
      continue
      ;;
    --no-install) install=''; shift; continue ;;
    --help) sed -n '3,/^set/p' "$0" | sed '$d;s/^# \{0,1\}//'; exit 0 ;;
  esac
  [ $# -ge 2 ] || { echo "bench.sh: $1 needs a value; --help" >&2; exit 2; }
  case $1 in
    --build) build=$(cd "$2" && pwd) ;;
    --rounds) rounds=$2 ;;
    --workloads) workloads=$2 ;;
    --only) only=$2 ;;
    --by) by=$2 ;;
    --scale) scale=$2 ;;
    --dir) scratch=$2 ;;
    *) echo "bench.sh: unknown option $1; --help" >&2; exit 2 ;;
  esac
  shift 2
done

# ---- What is needed ----

install_peers() {
  local packages=(gcc g++ clang heaptrack valgrind libjemalloc2 libgoogle-perftools4 libsqlite3-dev liblua5.4-dev)
  local missing=() package sudo=
  for package in "${packages[@]}"; do
    [ "$(dpkg-query -W -f='${db:Status-Status}' "$package" 2>/dev/null || true)" = installed ] || missing+=("$package")
  done
  [ ${#missing[@]} -gt 0 ] || return 0
  [ "$(id -u)" -eq 0 ] || sudo=sudo
  echo "bench.sh: installing ${missing[*]}" >&2
  { $sudo apt-get update -q && $sudo env DEBIAN_FRONTEND=noninteractive \
      apt-get install -q -y --no-install-recommends "${missing[@]}"; } >&2
}
[ -z "$install" ] || install_peers

if [ -z "$quick" ] && [ -f "$build/build.ninja" ]; then
  ninja --quiet -C "$build" lib/leakdir.o lib/leakdir-static.o tools/leakdir >&2
fi
[ -f "$build/lib/leakdir.o" ] || { echo "bench.sh: no $build/lib/leakdir.o: build first, or --build DIR" >&2; exit 1; }

disk=$(mktemp -d "$PWD/leakdir-bench.XXXXXX")
if [ -z "$scratch" ]; then
  scratch=$(mktemp -d /dev/shm/leakdir-bench.XXXXXX)
  remove=$scratch
fi
trap 'rm -rf ${remove:+"$remove"} "$disk"' EXIT
mkdir -p "$scratch/bin" "$scratch/files" "$scratch/figures"
bin=$scratch/bin files=$scratch/files figures=$scratch/figures log=$scratch/log
: >"$log"

# ---- The programs, linked in each way ----

# build_program NAME SOURCE "FLAGS" "LIBRARIES" "MORE LIBRARIES FOR -static"
# shellcheck disable=SC2086  # lists of flags and of libraries
build_program() {
  local name=$1 source=$bench/$2 flags="-std=gnu11 -g -O2 -pthread $3"
  gcc $flags "$source" -o "$bin/$name.plain" $4
  gcc $flags "$source" "$build/lib/leakdir.o" -o "$bin/$name.leakdir" $4
  gcc $flags -static "$source" -o "$bin/$name.static" $4 $5
  gcc $flags -static "$source" "$build/lib/leakdir-static.o" -o "$bin/$name.leakdir-static" $4 $5
  gcc $flags "$source" "$bin/article.o" -o "$bin/$name.article" $4
  if command -v clang >/dev/null; then
    for sanitizer in leak address; do
      clang $flags -fno-omit-frame-pointer -fsanitize=$sanitizer "$source" -o "$bin/$name.$sanitizer" $4 || true
    done
  fi
} 2>>"$log"

echo "bench.sh: building the programs" >&2
g++ -std=c++17 -g -O2 -c "$bench/article.cc" -o "$bin/article.o"
build_program churn churn_bench.c "" "" ""
case " $workloads " in *" live "* | *" pauses "*) build_program live live_bench.c "" "" "" ;; esac
case " $workloads " in *" lost "*) build_program lost lost_bench.c "" "" "" ;; esac
case " $workloads " in *" sqlite "*) build_program sqlite sqlite_bench.c "" -lsqlite3 -lm || true ;; esac
case " $workloads " in *" lua "*) build_program lua lua_bench.c -I/usr/include/lua5.4 -llua5.4 -lm || true ;; esac
case " $workloads " in
  *" sync "*) g++ -std=c++17 -g -O2 "$bench/sync_bench.cc" "$build/lib/leakdir.o" -o "$bin/sync.leakdir" ;;
esac

# ---- The tools ----
#
# row KEY WEIGHT LABEL KIND COMMAND...: KIND is the way of linking, COMMAND what stands before the program. WEIGHT is
# about how many times as long as with leakdir a pair takes: so many fewer pairs are run.

keys=()
declare -A label weight kind before after
row() {
  local key=$1
  [[ $key = glibc || $key =~ $only ]] || return 0
  keys+=("$key")
  weight[$key]=$2 label[$key]=$3 kind[$key]=$4
  shift 4
  before[$key]=$(printf '%q ' "$@")
}

leakdir_row() { # KEY WEIGHT LABEL KIND OPTIONS
  row "$1" "$2" "$3" "$4" env "LEAKDIR_OPTIONS=depth=64:summary=0:dir=$files/$1:$5"
}

library() { ldconfig -p | awk -v name="$1" '$1 == name { print $NF; exit }'; }

row glibc 1 "glibc" plain env
leakdir_row leakdir-behind 1 "leakdir (behind, fast)" leakdir write=behind
leakdir_row leakdir-exit 1 "leakdir write=exit" leakdir write=exit
leakdir_row leakdir-sync 50 "leakdir write=sync" leakdir write=sync:max_files=100000000
leakdir_row leakdir-disk 1 "leakdir (behind, fast), on disk" leakdir "write=behind:dir=$disk/mem"
leakdir_row leakdir-sync-disk 500 "leakdir write=sync, on disk" leakdir "write=sync:max_files=100000000:dir=$disk/mem"
leakdir_row leakdir-boost 20 "leakdir unwind=boost" leakdir unwind=boost
leakdir_row leakdir-caller 1 "leakdir unwind=caller" leakdir unwind=caller
leakdir_row leakdir-sample 1 "leakdir sample=512k" leakdir sample=512k
leakdir_row leakdir-paused 1 "leakdir recording=0 (paused)" leakdir recording=0
leakdir_row leakdir-off 1 "leakdir enabled=0" leakdir enabled=0
row static 1 "glibc, static" static env
leakdir_row leakdir-static 1 "leakdir (behind, fast), static" leakdir-static write=behind
if command -v heaptrack >/dev/null; then
  row heaptrack 6 "heaptrack" plain heaptrack --raw -o "$files/heaptrack"
fi
if command -v valgrind >/dev/null; then
  row memcheck 20 "Valgrind memcheck" plain valgrind -q --leak-check=full --num-callers=64
fi
if [ -x "$bin/churn.leak" ]; then
  row lsan 1 "LeakSanitizer, frame pointers" leak env LSAN_OPTIONS=fast_unwind_on_malloc=1:malloc_context_size=64
  row lsan-full 20 "LeakSanitizer, full unwinding" leak env LSAN_OPTIONS=fast_unwind_on_malloc=0:malloc_context_size=64
fi
if [ -x "$bin/churn.address" ]; then
  row asan 3 "AddressSanitizer" address env ASAN_OPTIONS=malloc_context_size=64
fi
jemalloc=$(library libjemalloc.so.2)
if [ -n "$jemalloc" ]; then
  row jemalloc 1 "jemalloc, not profiling" plain env "LD_PRELOAD=$jemalloc"
  # jemalloc says so when it was built without its profiler.
  if MALLOC_CONF=prof:true LD_PRELOAD=$jemalloc "$bin/churn.plain" --pairs 10 2>&1 >/dev/null | grep -q 'Invalid conf'; then
    no_jemalloc_profiler=yes
  else
    row jemalloc-all 30 "jemalloc profiling, every allocation" plain \
      env "LD_PRELOAD=$jemalloc" MALLOC_CONF=prof:true,lg_prof_sample:0
    row jemalloc-some 1 "jemalloc profiling, its default" plain env "LD_PRELOAD=$jemalloc" MALLOC_CONF=prof:true
  fi
fi
tcmalloc=$(library libtcmalloc.so.4)
if [ -n "$tcmalloc" ]; then
  row tcmalloc 1 "tcmalloc, not profiling" plain env "LD_PRELOAD=$tcmalloc"
  row tcmalloc-some 1 "tcmalloc, a sample (512k)" plain env "LD_PRELOAD=$tcmalloc" TCMALLOC_SAMPLE_PARAMETER=524288
  row gperftools 50 "gperftools heap profiler" plain env "LD_PRELOAD=$tcmalloc" "HEAPPROFILE=$files/gperftools"
fi
debug=$(library libc_malloc_debug.so.0)
if [ -n "$debug" ]; then
  row mtrace 3 "mtrace (caller only)" plain env "LD_PRELOAD=$debug" "MALLOC_TRACE=$files/mtrace"
  after[mtrace]=--mtrace
fi
row article 50 "a file for each block (caller only)" article env "ARTICLE_DIR=$files/article"
row article-disk 500 "a file for each block, on disk" article env "ARTICLE_DIR=$disk/article"

# ---- Running ----

at_least() { if [ "$1" -gt "$2" ]; then echo "$1"; else echo "$2"; fi; }

# Options of the program for WORKLOAD under the tool KEY.
options_of() {
  local workload=$1 w=${weight[$2]} shape
  case $workload in
    churn-*)
      shape=${workload#churn-}
      case $shape in *x2) shape="${shape%x2} --threads 2" ;; esac
      echo "--depth $shape --pairs $(at_least $((20000 * scale / w)) 1000)"
      ;;
    paths-*) echo "--depth ${workload#paths-} --paths 4 --pairs $(at_least $((20000 * scale / w)) 1000)" ;;
    descend-*) echo "--depth ${workload#descend-} --descend 1 --pairs $(at_least $((20000 * scale / w)) 1000)" ;;
    outer-*) echo "--depth 33 --outer-paths ${workload#outer-} --pairs $(at_least $((20000 * scale / w)) 1000)" ;;
    # The same number for all, or memory could not be compared; tenfold fewer where it would take minutes.
    live) echo "--blocks $((10000 * scale / (w >= 50 ? 10 : 1)))" ;;
    sqlite) echo "--rows $((200 * scale))" ;;
    lua) echo "--rows $((600 * scale))" ;;
  esac
}

program_of() { case $1 in churn-* | paths-* | descend-* | outer-*) echo churn ;; *) echo "$1" ;; esac; }

# Runs the tool KEY on WORKLOAD once and keeps its figures.
run_once() {
  local key=$1 workload=$2 program out
  program=$bin/$(program_of "$workload").${kind[$key]}
  [ -x "$program" ] || return 0
  rm -rf "$files" "${disk:?}"/*
  mkdir -p "$files/article" "$disk/article"
  echo "--- $workload $key" >>"$log"
  local command
  command="${before[$key]} $program $(options_of "$workload" "$key") ${after[$key]-}"
  if out=$(cd "$files" && eval "timeout 300 $command" 2>>"$log") && grep -q '^cpu_ns ' <<<"$out"; then
    # The tools print on standard output too: only our names are taken.
    awk -v key="$key" 'NF == 2 && $1 ~ /^[a-z_]+$/ && $2 ~ /^-?[0-9.]+$/ { print key, $1, $2 }' <<<"$out" \
      >>"$figures/$workload"
  else
    echo "$key failed 1" >>"$figures/$workload"
    echo "bench.sh: $workload under $key did not run: $(tail -1 "$log")" >&2
  fi
}

run_workload() {
  local workload=$1 round key
  : >"$figures/$workload"
  for ((round = 1; round <= rounds; ++round)); do
    for key in "${keys[@]}"; do
      [ "$round" -le 3 ] || [ "${weight[$key]}" -lt 20 ] || continue
      # Without a journal, ext4 looks at every inode that it gave up lately before it gives out a new one: minutes.
      [[ ${weight[$key]} -lt 500 || $workload == churn-33 ]] || continue
      case $workload in live | sqlite | lua) [ "$round" -le 3 ] || [ "${weight[$key]}" -lt 3 ] || continue ;; esac
      run_once "$key" "$workload"
    done
    echo "bench.sh: $workload, round $round of $rounds" >&2
  done
}

# median_of WORKLOAD KEY NAME
median_of() {
  [ -f "$figures/$1" ] || return 0
  awk -v key="$2" -v name="$3" '$1 == key && $2 == name { print $3 }' "$figures/$1" | sort -g |
    awk '{ v[NR] = $1 } END { if (NR) print v[int((NR + 1) / 2)] }'
}

titles() {
  case $1 in
    churn-*x2) echo "churn, ${1#churn-} threads: ns per malloc/free pair and thread, 10 000 live blocks each" | sed 's/\([0-9]*\)x2/\1 frames, 2/' ;;
    churn-*) echo "churn, ${1#churn-} frames: ns per malloc/free pair, 10 000 live blocks, 1 thread" ;;
    paths-*) echo "changing stacks, ${1#paths-} frames, the innermost of them 4 different ways: ns per pair, 10 000 live blocks" ;;
    descend-*) echo "churn, ${1#descend-} frames, gone down and up for each pair: ns per pair, 10 000 live blocks" ;;
    outer-*) echo "changing stacks, 33 frames, the outermost of them ${1#outer-} different ways: ns per pair, 10 000 live blocks" ;;
    live) echo "$((10000 * scale)) live blocks, 33 frames: ns per block (a tenth of the blocks for the slowest)" ;;
    sqlite) echo "sqlite fills and queries a database: ms" ;;
    lua) echo "Lua builds tables: ms" ;;
  esac
}

print_table() {
  local workload=$1 unit=ns rows='' key
  case $workload in sqlite | lua) unit=ms ;; esac
  for key in "${keys[@]}"; do rows+="$key|${label[$key]}"$'\n'; done
  echo
  titles "$workload"
  ROWS=$rows awk -v unit="$unit" -v by="$by" -v base=glibc -v peer=heaptrack -v peer_label=heaptr. \
    -f "$bench/table.awk" "$figures/$workload"
  case $workload in
    live)
      echo "bytes of memory per live block, beside what glibc takes; and of the ledger, the same pages:"
      for key in "${keys[@]}"; do
        [ -n "$(median_of live "$key" resident_bytes)" ] || continue
        awk -v label="${label[$key]}" -v here="$(median_of live "$key" resident_bytes)" \
          -v base="$(median_of live glibc resident_bytes)" -v ledger="$(median_of live "$key" ledger_bytes)" \
          'BEGIN { printf "%-36s %8.1f %8.1f\n", label, here - base, ledger }'
      done
      ;;
  esac
}

# write=sync against its floor, on tmpfs and in the current directory's file system.
run_sync() {
  local unwind where
  : >"$figures/sync"
  echo
  echo "write=sync against openat + write + close + unlinkat of the same bytes in the same directory: ns"
  printf '%-36s %9s %9s %8s %19s %8s\n' "" bare sync ratio quartiles bytes
  for unwind in fast caller; do
    for where in tmpfs disk; do
      local dir=$disk/sync
      [ $where = disk ] || dir=$(mktemp -d /dev/shm/leakdir-bench.XXXXXX)
      LEAKDIR_OPTIONS="write=sync:depth=64:unwind=$unwind:summary=0:dir=$dir" "$bin/sync.leakdir" \
        --pairs "$((2 * scale))" --bursts $((rounds * 9)) 2>>"$log" |
        sed "s/^/$unwind-$where /" | tee -a "$figures/sync" |
        awk -v name="unwind=$unwind, on $where" '{ v[$2] = $3 }
          END { printf "%-36s %9s %9s %8s %19s %8s\n", name, v["bare_ns"], v["sync_ns"], v["ratio"],
                v["ratio_low"] ".." v["ratio_high"], v["record_bytes"] }'
      rm -rf "$dir"
    done
  done
}

# The longest single call while a million blocks become live and go again.
run_pauses() {
  : >"$figures/pauses"
  echo
  echo "longest single call while $((10000 * scale)) blocks are allocated and freed: microseconds of the thread's own time"
  printf '%-36s %9s %9s\n' "" malloc free
  local key
  for key in glibc leakdir-behind leakdir-exit; do
    [ -n "${kind[$key]-}" ] || continue
    rm -rf "$files"
    mkdir -p "$files"
    (cd "$files" && eval "${before[$key]} $bin/live.${kind[$key]} --blocks $((10000 * scale)) --pauses 1" 2>>"$log") |
      sed "s/^/$key /" | tee -a "$figures/pauses" |
      awk -v label="${label[$key]}" '{ v[$2] = $3 }
        END { printf "%-36s %9s %9s\n", label, v["longest_malloc_us"], v["longest_free_us"] }'
  done
}

# What it takes to find out which of a million blocks in 1 GiB are lost: at exit, beyond an exit that does not ask; by
# the tool from outside, all that it does, with its start and the names that it looks up, which others are not asked
# for; and for how long that stops the process.
run_lost() {
  local blocks=$((10000 * scale)) heap shape key round
  heap="--blocks $blocks --mib $((1024 * scale / 100))"
  : >"$figures/lost"
  for ((round = 1; round <= (rounds < 3 ? rounds : 3); ++round)); do
    for shape in held held-mixed lost lost-mixed; do
      for key in leakdir-look leakdir-none lsan-look lsan-none memcheck-look memcheck-none; do
        [[ $key =~ $only ]] || continue
        run_lost_once "$key" "$shape" "$heap $(lost_options $shape)"
      done
      run_lost_outside "$shape" "$heap $(lost_options $shape)"
    done
    run_lost_outside small "--blocks 2 --mib 1"
    echo "bench.sh: lost, round $round" >&2
  done
  echo
  echo "which of $blocks blocks in $((1024 * scale / 100)) MiB are lost: ms of processor time, time that passes, bytes a block"
  for shape in held held-mixed lost lost-mixed; do
    printf '%-54s %9s %9s %9s\n' "$(lost_title $shape)" cpu passes bytes
    print_lost leakdir "leakdir, at exit" "$shape"
    print_lost_outside "leakdir report --lost, the first look" "$shape" ""
    print_lost_outside "the third look" "$shape" -later
    printf '%-54s %9s %9s\n' "  of that, its start and the names: the same, two blocks" \
      "$(lost_ms outside-later small cpu_ns)" "$(lost_ms outside-later small wall_ns)"
    print_lost lsan "LeakSanitizer" "$shape"
    print_lost memcheck "Valgrind" "$shape"
  done
}
lost_options() {
  case $1 in *lost*) echo -n "--lost 1 " ;; esac
  case $1 in *mixed) echo "--mixed 1" ;; esac
}
lost_title() {
  case $1 in held*) echo -n "all held" ;; *) echo -n "all lost" ;; esac
  case $1 in *mixed) echo ", neighbours lead anywhere" ;; *) echo ", neighbours lead to neighbours" ;; esac
}
run_lost_once() { # KEY SHAPE OPTIONS
  local command
  case $1 in
    leakdir-look) command="env LEAKDIR_OPTIONS=write=never:summary=0:dir=$files/mem $bin/lost.leakdir" ;;
    leakdir-none) command="env LEAKDIR_OPTIONS=write=never:summary=0:reach=0:dir=$files/mem $bin/lost.leakdir" ;;
    lsan-look) command="env LSAN_OPTIONS=symbolize=0 $bin/lost.leak" ;;
    lsan-none) command="env LSAN_OPTIONS=detect_leaks=0 $bin/lost.leak" ;;
    memcheck-look) command="valgrind -q --leak-check=full --show-leak-kinds=none $bin/lost.plain" ;;
    memcheck-none) command="valgrind -q --leak-check=no $bin/lost.plain" ;;
  esac
  case $1 in
    lsan-*) [ -x "$bin/lost.leak" ] || return 0 ;;
    memcheck-*) command -v valgrind >/dev/null || return 0 ;;
  esac
  rm -rf "$files"
  mkdir -p "$files"
  # shellcheck disable=SC2086  # lists of words
  (cd "$files" && timeout 600 "$bin/lost.plain" $3 --child $command $3 2>>"$log" | sed "s/^/$1.$2 /") >>"$figures/lost"
}
# A heap is looked at three times, and another one, made the same way, copied three times: the kernel takes longer for
# the first two.
run_lost_outside() { # SHAPE OPTIONS
  [ -x "$build/tools/leakdir" ] || return 0
  local program start pause line when
  start_lost "$2"
  for when in outside outside-second outside-later; do
    start=$(date +%s%N)
    line=$({ TIMEFORMAT='%U %S'; time "$build/tools/leakdir" report --lost --top 1 "$files/mem" >"$files/report" 2>&1; } 2>&1)
    pause=$(sed -n 's/.*was stopped for \([0-9.]*\) ms.*/\1/p' "$files/report")
    awk -v key="$when.$1" -v wall=$(($(date +%s%N) - start)) -v pause="$pause" \
      '{ printf "%s cpu_ns %.0f\n%s wall_ns %.0f\n%s pause_ns %.0f\n",
           key, ($1 + $2) * 1e9, key, wall, key, pause * 1e6 }' <<<"$line" >>"$figures/lost"
  done
  end_lost
  start_lost "$2"
  for when in copy copy-second copy-later; do
    "$bin/lost.plain" --copy "$program" | sed "s/^/$when.$1 /" >>"$figures/lost"
  done
  end_lost
}
start_lost() { # OPTIONS; sets $program
  rm -rf "$files"
  mkdir -p "$files"
  mkfifo "$files/end"
  # shellcheck disable=SC2086
  LEAKDIR_OPTIONS=write=never:summary=0:dir=$files/mem "$bin/lost.leakdir" --wait 1 $1 <"$files/end" >"$files/out" &
  program=$!
  exec 9>"$files/end"
  until grep -q pid "$files/out"; do sleep 0.05; done
}
end_lost() {
  exec 9>&-
  wait "$program"
}
lost_ms() { # KEY SHAPE NAME
  local x
  x=$(median_of lost "$1.$2" "$3")
  if [ -z "$x" ]; then echo -; else awk -v x="$x" 'BEGIN { printf "%.0f\n", x / 1e6 }'; fi
}
print_lost_outside() { # LABEL SHAPE WHEN
  printf '%-54s %9s %9s   (the process is stopped for %s)\n' "$1" "$(lost_ms "outside$3" "$2" cpu_ns)" \
    "$(lost_ms "outside$3" "$2" wall_ns)" "$(lost_ms "outside$3" "$2" pause_ns)"
  printf '%-54s %9s %9s\n' "  of that, the kernel's copy of the heap, by itself" "$(lost_ms "copy$3" "$2" cpu_ns)" \
    "$(lost_ms "copy$3" "$2" wall_ns)"
}
print_lost() { # KEY LABEL SHAPE
  local cpu wall
  cpu=$(median_of lost "$1-look.$3" cpu_ns) wall=$(median_of lost "$1-look.$3" wall_ns)
  [ -n "$cpu" ] || return 0
  awk -v label="$2" -v cpu="$cpu" -v no_cpu="$(median_of lost "$1-none.$3" cpu_ns)" -v wall="$wall" \
    -v no_wall="$(median_of lost "$1-none.$3" wall_ns)" -v bytes="$(median_of lost "$1-look.$3" work_bytes)" \
    'BEGIN { printf "%-54s %9.0f %9.0f %9.1f\n", label, (cpu - no_cpu) / 1e6, (wall - no_wall) / 1e6, bytes }'
}

# ---- The goals, each in a line ----

goal() { # WHAT EXPRESSION LIMIT UNIT
  awk -v what="$1" -v limit="$3" -v unit="$4" "BEGIN { x = $2
    printf \"%-56s %8.2f %-3s at most %-5s%s\n\", what, x, unit, limit, x <= limit ? \"\" : \" MISSED\" }"
}
overhead() { # WORKLOAD KEY
  local with without
  with=$(median_of "$1" "$2" "${by}_ns") without=$(median_of "$1" glibc "${by}_ns")
  if [ -n "$with" ] && [ -n "$without" ]; then echo "($with - $without)"; fi
}
lost_beyond() { # TOOL SHAPE [FIGURE]
  local with without
  with=$(median_of lost "$1-look.$2" "${3-cpu_ns}") without=$(median_of lost "$1-none.$2" "${3-cpu_ns}")
  if [ -n "$with" ] && [ -n "$without" ]; then echo "($with - $without)"; fi
}
print_goals() {
  echo
  echo "Against the goals (by $by time):"
  [ "$scale" -eq 100 ] || echo "(with --scale $scale what a tool does at its start and end weighs too much)"
  local a b workload
  a=$(overhead churn-33 leakdir-behind) b=$(overhead churn-33 heaptrack)
  if [ -n "$a" ] && [ -n "$b" ]; then goal "churn, 33 frames: overhead, of heaptrack's" "$a / $b" 0.25 ""; fi
  a=$(overhead outer-16 leakdir-behind) b=$(overhead outer-16 heaptrack)
  if [ -n "$a" ] && [ -n "$b" ]; then goal "16 outer paths: overhead, of heaptrack's" "$a / $b" 0.10 ""; fi
  a=$(overhead churn-33 leakdir-behind) b=$(overhead churn-33x2 leakdir-behind)
  if [ -n "$a" ] && [ -n "$b" ]; then goal "two threads: overhead per pair, of one thread's" "$b / $a" 1.3 ""; fi
  a=$(overhead churn-33 leakdir-off)
  [ -z "$a" ] || goal "enabled=0: per call" "$a / 2" 2 ns
  a=$(overhead churn-33 leakdir-paused)
  [ -z "$a" ] || goal "paused: per call" "$a / 2" 4 ns
  local limit small look words
  for workload in sqlite lua; do
    limit=1.25
    [ $workload = lua ] || limit=1.3
    a=$(median_of $workload leakdir-behind "${by}_ns") b=$(median_of $workload glibc "${by}_ns")
    if [ -n "$a" ] && [ -n "$b" ]; then goal "$workload: time, of that without leakdir" "$a / $b" $limit ""; fi
    a=$(median_of $workload leakdir-sample "${by}_ns")
    if [ -n "$a" ] && [ -n "$b" ]; then goal "$workload, sample=512k: time, of that without leakdir" "$a / $b" 1.02 ""; fi
  done
  a=$(median_of sync fast-tmpfs ratio)
  [ -z "$a" ] || goal "write=sync: time, of the bare system calls (tmpfs)" "$a" 1.1 ""
  a=$(median_of sync fast-disk ratio)
  [ -z "$a" ] || goal "write=sync: time, of the bare system calls (on disk)" "$a" 1.1 ""
  a=$(median_of pauses leakdir-behind longest_malloc_us)
  [ -z "$a" ] || goal "longest malloc while the ledger grows" "$a / 1000" 1 ms
  for workload in held held-mixed lost lost-mixed; do
    a=$(lost_beyond leakdir $workload) b=$(lost_beyond lsan $workload)
    if [ -n "$a" ] && [ -n "$b" ]; then goal "$workload, at exit: of LeakSanitizer's check" "$a / $b" 0.5 ""; fi
    for look in outside outside-later; do
      words=$([ $look = outside ] && echo "first look" || echo "third look")
      small=$(median_of lost $look.small cpu_ns)
      a=$(median_of lost $look.$workload cpu_ns) b=$(lost_beyond lsan $workload)
      if [ -n "$a" ] && [ -n "$b" ]; then
        goal "$workload, $words: processor time, of LeakSanitizer's" "$a / $b" 0.5 ""
        goal "  the same without its start and names" "($a - $small) / $b" 0.5 ""
      fi
      a=$(median_of lost $look.$workload wall_ns) b=$(lost_beyond lsan $workload wall_ns)
      if [ -n "$a" ] && [ -n "$b" ]; then goal "  the time that passes, of LeakSanitizer's" "$a / $b" 0.5 ""; fi
    done
    a=$(median_of lost outside.$workload cpu_ns)
    b=$(lost_beyond memcheck $workload)
    if [ -n "$a" ] && [ -n "$b" ]; then goal "$workload, whole report: of Valgrind's check" "$a / $b" 0.1 ""; fi
    a=$(median_of lost leakdir-look.$workload work_bytes)
    [ -z "$a" ] || goal "$workload, at exit: memory for a block" "$a" 32 B
  done
  a=$(median_of live leakdir-exit resident_bytes) b=$(median_of live glibc resident_bytes)
  if [ -n "$a" ] && [ -n "$b" ]; then goal "a live block: memory beside its stack" "$a - $b" 32 B; fi
  return 0
}

# ---- One go ----

machine() {
  echo "$(awk -F': ' '/model name/ { print $2; exit }' /proc/cpuinfo), $(nproc) cores; $(uname -sr);" \
    "$(. /etc/os-release && echo "$PRETTY_NAME"); glibc $(getconf GNU_LIBC_VERSION | cut -d' ' -f2);" \
    "$(gcc --version | head -1)"
  echo "$(date -u +%Y-%m-%d); load at the start $(cut -d' ' -f1 /proc/loadavg); files on $(df --output=fstype "$scratch" | tail -1);" \
    "\"on disk\" on $(df --output=fstype "$disk" | tail -1); medians of $rounds rounds (slow rows: $((rounds < 3 ? rounds : 3)))"
  local package
  for package in heaptrack valgrind libjemalloc2 libgoogle-perftools4 clang libsqlite3-0 liblua5.4-0; do
    dpkg-query -W -f='${Package} ${Version}, ' "$package" 2>/dev/null || true
  done
  echo
  [ -z "${no_jemalloc_profiler-}" ] ||
    echo "Debian's jemalloc is built without its profiler (it says: Invalid conf pair prof:true): no rows of it"
}

machine
for workload in $workloads; do
  case $workload in
    sync) run_sync ;;
    pauses) run_pauses ;;
    lost) run_lost ;;
    *)
      run_workload "$workload"
      print_table "$workload"
      ;;
  esac
done
print_goals
