// SPDX-License-Identifier: BSL-1.0
//
// What the fast walks of all threads share: the cache of rules, its invalidation, the end of the tables.

#include "fast_walk.hh"

#include <errno.h>
#include <link.h>

#include "fast_walk_rule.hh"
#include "system/base.hh"
#include "system/libc.hh"
#include "system/loader.hh"

namespace leakdir {

LEAKDIR_LARGE RuleCache g_rules;
std::atomic<std::uintptr_t> g_walk_generation{0};

std::atomic<std::uintptr_t> g_loader_begin{0};
std::atomic<std::uintptr_t> g_loader_bytes{0};

namespace {

std::atomic<bool> g_tables_gone{false};
std::atomic<unsigned long long> g_unloads_seen{0};

}  // namespace

void find_loader() noexcept {
  // musl loads for itself, and unloads nothing.
  if (libc::kIsMusl || g_loader_begin.load(std::memory_order_relaxed) != 0) return;
  const int saved = errno;
  const std::uintptr_t base = loader_base();
  errno = saved;
  if (base == 0) return;  // a static program
  const auto* header = reinterpret_cast<const ElfW(Ehdr)*>(base);
  const auto* segments = reinterpret_cast<const ElfW(Phdr)*>(base + header->e_phoff);
  std::uintptr_t bytes = 0;
  for (unsigned i = 0; i < header->e_phnum; ++i) {
    if (segments[i].p_type == PT_LOAD) bytes = segments[i].p_vaddr + segments[i].p_memsz;
  }
  g_loader_begin.store(base, std::memory_order_relaxed);
  g_loader_bytes.store(bytes, std::memory_order_relaxed);
}

void loader_allocates() noexcept {
  const unsigned long long unloads = loader_counts().removed;
  if (g_unloads_seen.exchange(unloads, std::memory_order_relaxed) != unloads) {
    fast_walk_forget(0, ~std::uintptr_t{0});
  }
}

void RuleCache::add(std::uint64_t pc, Rule rule) noexcept {
  const std::uint64_t mixed = mix(pc);
  auto* ways = &words_[set_of(mixed)];
  // A full set gives up the entry that the address picks: any will do.
  unsigned way = static_cast<unsigned>(pc >> 2) % kWays;
  for (unsigned i = 0; i < kWays; ++i) {
    if (ways[i].load(std::memory_order_relaxed) == 0) {
      way = i;
      break;
    }
  }
  ways[way].store(mixed << Rule::kBits | rule.bits(), std::memory_order_relaxed);
}

void RuleCache::clear() noexcept {
  for (auto& word : words_) {
    // Were it not read first, every page of a hardly used cache would become memory.
    if (word.load(std::memory_order_relaxed) != 0) word.store(0, std::memory_order_relaxed);
  }
}

void fast_walk_forget(std::uintptr_t start, std::uintptr_t end) noexcept {
  if (start >= end) return;
  // Everything goes, not just the range: unmapping is rare and learning is cheap. Rules first: a walk that sees the new
  // generation must not find the old rules.
  g_rules.clear();
  g_walk_generation.fetch_add(1, std::memory_order_release);
}

unsigned frames_of_walk(const FastWalkState& state, std::uintptr_t* out, unsigned most) noexcept {
  const unsigned count = most < state.frames ? most : state.frames;
  unsigned n = 0;
  for (unsigned i = 0; i < state.run_count; ++i) {
    const Run& run = *state.runs[i];
    for (unsigned j = 0; j < state.used[i] && n < count; ++j) out[n++] = frame_of_run(run, j);
  }
  for (unsigned i = 0; i < state.plain_count && n < count; ++i) out[n++] = state.plain[i];
  return n;
}

void fast_walk_tables_gone() noexcept { g_tables_gone.store(true, std::memory_order_relaxed); }

bool tables_are_gone() noexcept { return g_tables_gone.load(std::memory_order_relaxed); }

}  // namespace leakdir
