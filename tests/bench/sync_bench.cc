// SPDX-License-Identifier: BSL-1.0
//
// write=sync against its floor: a malloc/free pair of leakdir's against a bare loop of openat, write, close and
// unlinkat that makes a file with the same bytes in the same directory. Linked with leakdir; LEAKDIR_OPTIONS says
// `write=sync` and where. The two take turns in short bursts, so that what else the machine does falls on both.
//
//   --pairs N   of one burst (200)      --bursts N   (41)      --depth N   frames of the stack (33)
//
// Prints bare_ns, sync_ns (medians, wall time), ratio (the median of the ratios of neighbours) with its quartiles, and
// the bytes of one record.

#include <dirent.h>
#include <fcntl.h>
#include <unistd.h>

#include <algorithm>
#include <string>
#include <vector>

#include "../../lib/include/leakdir/leakdir.h"
#include "bench.h"

namespace {

constexpr std::size_t kSize = 1237;
constexpr int kAround = 7;  // pair, burst, measure, main and its callers
constexpr int kFlags = O_WRONLY | O_CREAT | O_EXCL | O_NOFOLLOW;

std::string g_text;  // of a record as leakdir writes it
std::string g_path;  // of a name that is as long

[[gnu::noinline]] void pair() {
  void* block = malloc(kSize);
  BENCH_KEEP(block);
  free(block);
}

[[gnu::noinline]] void bare() {
  const int file = openat(AT_FDCWD, g_path.c_str(), kFlags, 0600);
  if (file < 0 || write(file, g_text.data(), g_text.size()) != static_cast<ssize_t>(g_text.size())) die("bare loop");
  close(file);
  unlinkat(AT_FDCWD, g_path.c_str(), 0);
}

// The record that leakdir has just made for `block`.
void read_record(const void* block) {
  char name[64];
  std::snprintf(name, sizeof name, "/%p.mem", block);
  g_path = leakdir_dir() + std::string(name);
  FILE* file = std::fopen(g_path.c_str(), "r");
  if (file == nullptr) die("sync_bench: no record: LEAKDIR_OPTIONS=write=sync:dir=...");
  char text[16384];
  g_text.assign(text, std::fread(text, 1, sizeof text, file));
  std::fclose(file);
  g_path.back() = 'x';
}

template <typename Call>
[[gnu::noinline]] double burst(long calls, Call call) {
  const double start = clock_ns(CLOCK_MONOTONIC);
  for (long i = 0; i < calls; ++i) call();
  return (clock_ns(CLOCK_MONOTONIC) - start) / static_cast<double>(calls);
}

long g_pairs, g_bursts;

void measure(void*) {
  void* block = malloc(kSize);
  *static_cast<char*>(block) = 1;
  read_record(block);
  free(block);
  std::vector<double> bares, syncs, ratios;
  for (std::vector<double>* all : {&bares, &syncs, &ratios}) all->reserve(static_cast<std::size_t>(g_bursts));
  for (long i = 0; i < g_bursts; ++i) {
    // Whoever goes second finds the caches warmer.
    if (i % 2 == 0) bares.push_back(burst(g_pairs, bare));
    syncs.push_back(burst(g_pairs, pair));
    if (i % 2 != 0) bares.push_back(burst(g_pairs, bare));
    ratios.push_back(syncs.back() / bares.back());
  }
  for (std::vector<double>* all : {&bares, &syncs, &ratios}) std::sort(all->begin(), all->end());
  const std::size_t n = ratios.size();
  std::printf("bare_ns %.0f\nsync_ns %.0f\n", bares[n / 2], syncs[n / 2]);
  std::printf("ratio %.3f\nratio_low %.3f\nratio_high %.3f\nrecord_bytes %zu\n", ratios[n / 2], ratios[n / 4],
              ratios[n * 3 / 4], g_text.size());
}

}  // namespace

int main(int argc, char** argv) {
  g_pairs = option(argc, argv, "--pairs", 200);
  g_bursts = option(argc, argv, "--bursts", 41);
  at_depth(static_cast<int>(option(argc, argv, "--depth", 33)) - kAround, measure, nullptr);
  return 0;
}
