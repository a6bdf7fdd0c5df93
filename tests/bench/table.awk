# SPDX-License-Identifier: BSL-1.0
#
# Turns the figures that tools/bench.sh has collected into the table of one workload.
#
# Input: lines `row name value` (row: the tool's key). In the environment ROWS, a line `key|label` each, in order;
# -v unit=ns|ms, -v by=cpu|wall: the clock that ratios are made of, -v base=key, -v peer=key.

function sorted(list, into,   n, i, j, t) {
  n = split(list, into, " ")
  for (i = 2; i <= n; ++i) {
    t = into[i] + 0
    for (j = i - 1; j >= 1 && into[j] + 0 > t; --j) into[j + 1] = into[j]
    into[j + 1] = t
  }
  return n
}

function median(key, name,   n, s) {
  n = sorted(values[key, name], s)
  if (n == 0) return ""
  return n % 2 ? s[(n + 1) / 2] : (s[n / 2] + s[n / 2 + 1]) / 2
}

function range(key, name,   n, s) {
  n = sorted(values[key, name], s)
  return number(s[1] / scale) ".." number(s[n] / scale)
}

function number(x) { return x == "" ? "-" : sprintf(x < 0 || x >= 100 ? "%.0f" : x >= 10 ? "%.1f" : "%.2f", x) }

{ values[$1, $2] = values[$1, $2] " " $3 }

END {
  scale = unit == "ms" ? 1e6 : 1
  wanted = by "_ns"
  other = by == "cpu" ? "wall_ns" : "cpu_ns"
  first = median(base, wanted)
  peers = median(peer, wanted)
  printf "%-36s %9s %19s %9s %9s %8s %10s %8s %9s\n", "", by " " unit, "lowest..highest", (by == "cpu" ? "wall" : "cpu") " " unit,
    "process", "x glibc", "overhead", "/ " peer_label, "peak MiB"
  count = split(ENVIRON["ROWS"], list, "\n")
  for (i = 1; i <= count; ++i) {
    split(list[i], part, "|")
    key = part[1]
    if (key == "") continue
    if (values[key, "failed"] != "") {
      printf "%-36s %9s  (did not run)\n", part[2], "-"
      continue
    }
    m = median(key, wanted)
    if (m == "") continue
    process = median(key, "process_ns")
    over = m - first
    kib = median(key, "peak_kib")
    printf "%-36s %9s %19s %9s %9s %8s %10s %8s %9s\n", part[2], number(m / scale), range(key, wanted),
      number(median(key, other) / scale), process == "" ? "-" : number(process / scale),
      first == "" ? "-" : sprintf("%.2f", m / first), first == "" || key == base ? "-" : number(over / scale),
      peers == "" || key == base || peers == first ? "-" : sprintf("%.2f", over / (peers - first)),
      kib == "" ? "-" : sprintf("%.1f", kib / 1024)
  }
}
