#!/bin/bash
# SPDX-License-Identifier: BSL-1.0
#
# Valgrind 3.19.0 (Debian 1:3.19.0-1) gives two answers about one process: its own leak check, at the end of the program,
# has the heuristics for interior pointers on (--leak-check-heuristics=all); one that is asked for while the program runs
# (vgdb leak_check) has none of them, whatever the command line says, unless it is told `heuristics all`. sqlite3 3.40.1,
# whose blocks lie behind their length, waits for input with a table of one row: 208 blocks that are still reachable by
# one answer are possibly lost by the other.
#
# Seen on x86-64: possibly lost 211 blocks, with `heuristics all` 3.
set -euo pipefail

work=$(mktemp -d)
trap 'rm -rf "$work"' EXIT
cd "$work"
apt-get download -q valgrind=1:3.19.0-1 sqlite3=3.40.1-2+deb12u2 libsqlite3-0=3.40.1-2+deb12u2 libreadline8=8.2-1.3 \
  >/dev/null
for package in *.deb; do dpkg-deb -x "$package" root; done
export VALGRIND_LIB="$work/root/usr/libexec/valgrind" LC_ALL=C
bin=root/usr/bin libraries=root/usr/lib/x86_64-linux-gnu:root/lib/x86_64-linux-gnu

mkfifo input
LD_LIBRARY_PATH=$libraries $bin/valgrind --vgdb=yes --vgdb-prefix="$work/pipe" --leak-check=full \
  --leak-check-heuristics=all $bin/sqlite3 :memory: <input >output 2>log &
pid=$!
exec 3>input
echo "create table t(x); insert into t values(1); select 'ready';" >&3
for ((i = 0; i < 600; ++i)); do
  grep -q ready output && break
  sleep 0.1
done
sleep 1
possibly_lost() {
  $bin/vgdb --vgdb-prefix="$work/pipe" --pid=$pid leak_check summary "$@" any 2>&1 |
    sed -n 's/.*possibly lost: .* bytes in \([0-9,]*\) blocks.*/\1/p'
}
plain=$(possibly_lost) with_all=$(possibly_lost heuristics all)
echo "possibly lost, asked plainly: $plain blocks; with heuristics all: $with_all blocks"
exec 3>&-
wait $pid
[ "$plain" -ge 200 ] && [ "$with_all" -le 10 ]
