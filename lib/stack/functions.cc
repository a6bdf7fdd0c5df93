// SPDX-License-Identifier: BSL-1.0
#include "functions.hh"

#include <atomic>

#include "system/base.hh"
#include "system/dynamic_section.hh"
#include "system/probe_table.hh"
#include "unwinder_in_use.hh"
#include "walk/function_start.hh"

// A function that the program may have or not, as an address.
#define LEAKDIR_FUNCTION(name) extern "C" __attribute__((weak)) char leakdir_at_##name __asm__(#name);

#define NEW(name) LEAKDIR_FUNCTION(name)
#define KEEPER(name) LEAKDIR_FUNCTION(name)
#define NEAR_KEEPER(name) LEAKDIR_FUNCTION(name)
#include "functions.inc"
#undef NEW
#undef KEEPER
#undef NEAR_KEEPER

namespace leakdir {
namespace {

struct KnownFunction {
  std::uintptr_t start;  // 0: none yet
  FunctionKind kind;
};

// Of operator new in the modules, as they appeared. Full: later ones look like the user's.
constexpr unsigned kMostLearned = 512;
std::atomic<const char*> learned[kMostLearned];
std::atomic<unsigned> learned_count{0};

void learn(const void* function) {
  const unsigned count = learned_count.load(std::memory_order_relaxed);
  if (function == nullptr || count == kMostLearned) return;
  for (unsigned i = 0; i < count; ++i) {
    if (learned[i].load(std::memory_order_relaxed) == function) return;
  }
  learned[count].store(static_cast<const char*>(function), std::memory_order_relaxed);
  learned_count.store(count + 1, std::memory_order_release);
}

// `function` is taken if it may be the one, and nearer to the return address than what was taken before.
void consider(const char* function, FunctionKind kind, const FunctionStart& start, KnownFunction& taken) {
  if (function == nullptr) return;
  const std::uintptr_t address = code_address(function);
  if (address < start.earliest || address > start.latest || address < taken.start) return;
  taken = {address, kind};
}

FunctionKind kind_of_function(const FunctionStart& start) {
  KnownFunction taken = {0, FunctionKind::kOrdinary};
#define NEW(name) consider(&leakdir_at_##name, FunctionKind::kNew, start, taken);
#define KEEPER(name) \
  if (start.is_certain) consider(&leakdir_at_##name, FunctionKind::kLibcKeeper, start, taken);
#define NEAR_KEEPER(name) consider(&leakdir_at_##name, FunctionKind::kLibcKeeper, start, taken);
#include "functions.inc"
#undef NEW
#undef KEEPER
#undef NEAR_KEEPER
  const unsigned count = learned_count.load(std::memory_order_acquire);
  for (unsigned i = 0; i < count; ++i) {
    consider(learned[i].load(std::memory_order_relaxed), FunctionKind::kNew, start, taken);
  }
  return taken.kind;
}

// pc << 3 | kind; 0: free. Direct-mapped: a return address that is pushed out is looked up again.
constexpr unsigned kCacheSlots = 2048;
std::atomic<std::uint64_t> cache[kCacheSlots];

LEAKDIR_SLOW FunctionKind look_up(std::uintptr_t return_address) {
  const UnwinderInUse in_use;
  FunctionStart start;
  return find_function_start(return_address - 1, start) ? kind_of_function(start) : FunctionKind::kUnknown;
}

}  // namespace

FunctionKind function_kind(std::uintptr_t return_address, const ReentryGuard&) {
  const std::uint64_t key = std::uint64_t{return_address} << 3;
  std::atomic<std::uint64_t>& slot = cache[mix(return_address) % kCacheSlots];
  const std::uint64_t word = slot.load(std::memory_order_relaxed);
  if (LEAKDIR_LIKELY((word & ~std::uint64_t{7}) == key && word != 0)) return static_cast<FunctionKind>(word & 7);
  const GuardedScope guarded;
  const FunctionKind kind = look_up(return_address);
  slot.store(key | static_cast<std::uint64_t>(kind), std::memory_order_relaxed);
  return kind;
}

bool unwind_tables_ready(const ReentryGuard&) {
  const GuardedScope guarded;
  const UnwinderInUse in_use;
  return has_unwind_tables(reinterpret_cast<std::uintptr_t>(&unwind_tables_ready));
}

void learn_functions(const dl_phdr_info& module) {
  DynamicSection section;
  if (!read_dynamic_section(module, &section)) return;
#define NEW(name) learn(exported(section, #name));
#define KEEPER(name)
#define NEAR_KEEPER(name)
#include "functions.inc"
#undef NEW
#undef KEEPER
#undef NEAR_KEEPER
}

void forget_function_kinds() {
  for (std::atomic<std::uint64_t>& slot : cache) slot.store(0, std::memory_order_relaxed);
}

}  // namespace leakdir
