// SPDX-License-Identifier: BSL-1.0
#include "functions.hh"

#include <atomic>

#include "base.hh"
#include "probe_table.hh"

extern "C" {
// libgcc's (unwind-dw2-fde.h); absent where the unwinder works without DWARF tables (32-bit ARM).
struct dwarf_eh_bases {
  void* text;
  void* data;
  void* function;
};
__attribute__((weak)) const void* _Unwind_Find_FDE(void* pc, dwarf_eh_bases* bases);
}

// A function that the program may have or not, as an address.
#define LEAKDIR_FUNCTION(name) extern "C" __attribute__((weak)) char leakdir_at_##name __asm__(#name);

#define NEW(name) LEAKDIR_FUNCTION(name)
#define KEEPER(name) LEAKDIR_FUNCTION(name)
#include "functions.inc"
#undef NEW
#undef KEEPER

namespace leakdir {
namespace {

FunctionKind kind_of_function(const char* function) {
#define NEW(name) \
  if (&leakdir_at_##name != nullptr && function == &leakdir_at_##name) return FunctionKind::kNew;
#define KEEPER(name) \
  if (&leakdir_at_##name != nullptr && function == &leakdir_at_##name) return FunctionKind::kLibcKeeper;
#include "functions.inc"
#undef NEW
#undef KEEPER
  return FunctionKind::kOrdinary;
}

// pc << 3 | kind; 0: free. Direct-mapped: a return address that is pushed out is looked up again.
constexpr unsigned kCacheSlots = 2048;
std::atomic<std::uint64_t> cache[kCacheSlots];

LEAKDIR_SLOW FunctionKind look_up(std::uintptr_t return_address) {
  dwarf_eh_bases bases = {};
  if (_Unwind_Find_FDE(reinterpret_cast<void*>(return_address - 1), &bases) == nullptr) return FunctionKind::kUnknown;
  return kind_of_function(static_cast<const char*>(bases.function));
}

}  // namespace

FunctionKind function_kind(std::uintptr_t return_address, const ReentryGuard&) {
  if (_Unwind_Find_FDE == nullptr) return FunctionKind::kUnknown;
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
  if (_Unwind_Find_FDE == nullptr) return true;
  const GuardedScope guarded;
  dwarf_eh_bases bases = {};
  void* here = reinterpret_cast<void*>(reinterpret_cast<std::uintptr_t>(&unwind_tables_ready) + 1);
  return _Unwind_Find_FDE(here, &bases) != nullptr;
}

void forget_function_kinds() {
  for (std::atomic<std::uint64_t>& slot : cache) slot.store(0, std::memory_order_relaxed);
}

}  // namespace leakdir
