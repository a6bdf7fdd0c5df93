#!/bin/bash
# SPDX-License-Identifier: BSL-1.0
#
# Programs as Debian has them under libleakdir.so: they must answer as they do without it, and nothing of theirs may be
# called a bad free. Those that are not installed are left out.
#
#   preload.sh LIBRARY [long]
#
# `long` adds g++ with heavy templates, redis-server and nginx under load, and all of it upon jemalloc, tcmalloc and
# mimalloc too; it prints what a server answered in a second with and without.
# shellcheck disable=SC2317  # it does not see who is called by a trap, by git.sh or by the name that server is given
set -uo pipefail

library=$(realpath "$1")
long=${2-}
work=$(mktemp -d "${TMPDIR:-/tmp}/leakdir-preload.XXXXXX")
children=()
clean_up() {
  local child
  for child in "${children[@]}"; do kill "$child" 2>/dev/null; done
  wait
  rm -rf "$work"
}
trap clean_up EXIT
cd "$work" || exit 1
failed=0
ran=0

fail() {
  echo "preload.sh: $*" >&2
  failed=1
}

# judge NAME DIR: the ledger is there, calls were seen, no free is called bad.
judge() {
  [ -s "$2/.ledger" ] || fail "$1: no ledger, so the hooks did not run"
  if [ -n "$(find "$2" -name '*.badfree' -print -quit)" ]; then
    fail "$1: a bad free"
    cat "$(find "$2" -name '*.badfree' -print -quit)" >&2
  fi
}

# same ALLOCATOR NAME COMMAND...: the same output and status with and without.
same() {
  local beneath=$1 name=$2 without with
  shift 2
  command -v "$1" >/dev/null || return 0
  rm -rf mem "$name".*
  LD_PRELOAD=$beneath timeout 300 "$@" >"$name.without" 2>"$name.err"
  without=$?
  LEAKDIR_OPTIONS=dir=$work/mem:summary=0 LD_PRELOAD="$library $beneath" timeout 300 "$@" >"$name.with" 2>"$name.err"
  with=$?
  ran=$((ran + 1))
  if [ $without -ne $with ] || ! cmp -s "$name.without" "$name.with"; then
    fail "$name ${beneath:+upon $beneath }ended with $with instead of $without, or answered otherwise"
    tail -5 "$name.err" >&2
  fi
  judge "$name $beneath" mem
}

cat >work.py <<'END'
import collections, ctypes, hashlib, json, re, sqlite3, threading, zlib
data = [{str(i): list(range(i % 50)), "text": "x" * (i % 300)} for i in range(1500)]
text = json.dumps(data)
assert json.loads(text) == data
words = collections.Counter(re.findall(r"\w+", text))
base = sqlite3.connect(":memory:")
base.execute("create table t(a, b)")
base.executemany("insert into t values(?, ?)", words.items())
digests = []
threads = [threading.Thread(target=lambda: digests.append(hashlib.sha256(zlib.compress(text.encode())).hexdigest()))
           for _ in range(4)]
for thread in threads: thread.start()
for thread in threads: thread.join()
print(len(text), words.most_common(3), base.execute("select sum(b) from t").fetchone(), sorted(digests))
END
cat >work.pl <<'END'
my %h; $h{$_ % 977} .= "line $_ " for 1 .. 40000;
my $text = join ",", map { $h{$_} } sort keys %h;
my @words = $text =~ /(\d+)/g;
my $sum = 0; $sum += $_ for @words;
print length($text), " ", scalar(@words), " $sum\n";
END
git_work() {
  rm -rf repository
  git init -q repository
  cd repository || return 1
  for i in $(seq 1 20); do
    seq 1 $((i * 100)) >"file$i"
    git add -A
    GIT_AUTHOR_DATE="2026-11-23T10:00:$i Z" GIT_COMMITTER_DATE="2026-11-23T10:00:$i Z" \
      git -c user.name=a -c user.email=a@example.org commit -qm "commit $i"
  done
  git log --stat --oneline
  git gc -q
  git fsck --strict
}
declare -f git_work >git.sh
echo git_work >>git.sh

interpreters() {
  same "$1" python3 python3 work.py
  same "$1" perl perl work.pl
  command -v git >/dev/null && same "$1" bash bash git.sh
}

compiler() {
  cat >templates.cc <<'END'
#include <algorithm>
#include <functional>
#include <map>
#include <regex>
#include <sstream>
#include <string>
#include <tuple>
#include <unordered_map>
#include <variant>
#include <vector>
template <int N> struct Count { using Up = typename Count<N - 1>::Up; std::tuple<Up, std::map<int, std::string>> t; };
template <> struct Count<0> { using Up = int; };
template <std::size_t... I> auto all(std::index_sequence<I...>) { return std::make_tuple(std::vector<std::array<int, I + 1>>()...); }
std::variant<int, std::string, std::vector<int>> v;
int main() {
  Count<200> c; (void)c;
  auto t = all(std::make_index_sequence<200>());
  std::regex r("a+b*"); std::unordered_map<std::string, std::function<int(int)>> f;
  f["x"] = [](int i) { return i; };
  return std::visit([](auto& x) { return int(sizeof x); }, v) + int(std::get<7>(t).size()) + f["x"](1);
}
END
  same "$1" gxx g++ -std=c++17 -O2 -S -o - templates.cc
}

# wait_for COMMAND...: until it succeeds, for half a minute.
wait_for() {
  for _ in $(seq 300); do
    "$@" >/dev/null 2>&1 && return 0
    sleep 0.1
  done
  return 1
}

# redis PRELOAD: answers in a second.
redis() {
  LEAKDIR_OPTIONS=dir=$work/mem:summary=0 LD_PRELOAD=$1 redis-server --port 7391 --save '' --appendonly no >redis.log 2>&1 &
  local server=$!
  children+=("$server")
  wait_for redis-cli -p 7391 ping || { fail "redis-server does not answer"; tail -5 redis.log >&2; }
  redis-benchmark -p 7391 -n 100000 -c 20 -r 20000 -d 200 -t set,get,lpush,hset,zadd -q 2>&1 | tr '\r' '\n' |
    awk -F'[: ]+' '/requests per second/ { printf "%s %d  ", $1, $2 }' >redis.rate
  redis-cli -p 7391 eval 'local s = 0; for i = 1, 20000 do redis.call("set", "k" .. i, i); s = s + redis.call("get", "k" .. i) end; return s' 0 >redis.answer
  redis-cli -p 7391 info stats | grep -E 'unexpected_error|total_error' >>redis.answer
  redis-cli -p 7391 shutdown nosave >/dev/null 2>&1
  wait "$server"
  echo "status $?" >>redis.answer
}

nginx_load() {
  mkdir -p site
  head -c 20000 /dev/zero | tr '\0' x >site/page
  cat >nginx.conf <<END
user root; worker_processes 2; pid $work/nginx.pid; error_log $work/nginx.err; events { }
http { access_log off; client_body_temp_path $work/t1; proxy_temp_path $work/t2; fastcgi_temp_path $work/t3;
  uwsgi_temp_path $work/t4; scgi_temp_path $work/t5; gzip on; gzip_types *;
  server { listen 127.0.0.1:7392; root $work/site; location / { } } }
END
  LEAKDIR_OPTIONS=dir=$work/mem:summary=0 LD_PRELOAD=$1 nginx -c "$work/nginx.conf" -g 'daemon off;' >nginx.log 2>&1 &
  local server=$!
  children+=("$server")
  wait_for curl -s http://127.0.0.1:7392/page || wait_for ab -n 1 http://127.0.0.1:7392/page || fail "nginx does not answer"
  ab -q -k -n 20000 -c 20 -H 'Accept-Encoding: gzip' http://127.0.0.1:7392/page >ab.out 2>&1
  awk '/Requests per second/ { printf "%d", $4 }' ab.out >nginx.rate
  grep -E 'Complete requests|Failed requests|Non-2xx' ab.out >nginx.answer
  kill -QUIT "$server"
  wait "$server"
  echo "status $?" >>nginx.answer
}

# server NAME ALLOCATOR FUNCTION
server() {
  rm -rf mem
  "$3" "$2"
  cp "$1.answer" "$1.expected"
  local before
  before=$(cat "$1.rate")
  rm -rf mem
  "$3" "$library $2"
  cmp -s "$1.answer" "$1.expected" || { fail "$1 ${2:+upon $2 }answers otherwise"; diff "$1.expected" "$1.answer" >&2; }
  judge "$1 $2" mem
  echo "$1 ${2:+upon $2}: without $before; with $(cat "$1.rate") a second; $(tr '\n' ' ' <"$1.answer")"
  ran=$((ran + 1))
}

interpreters ""
if [ "$long" = long ]; then
  for beneath in "" libjemalloc.so.2 libtcmalloc_minimal.so.4 libmimalloc.so.2.0; do
    [ -z "$beneath" ] || interpreters "$beneath"
    compiler "$beneath"
    command -v redis-server >/dev/null && server redis "$beneath" redis
    command -v nginx >/dev/null && command -v ab >/dev/null && server nginx "$beneath" nginx_load
  done
fi
[ $ran -gt 0 ] || exit 77
echo "preload.sh: $ran comparisons"
exit $failed
