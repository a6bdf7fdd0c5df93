// SPDX-License-Identifier: BSL-1.0
#include "musl_functions.hh"

#include <atomic>
#include <cstddef>

#include "walk/by_code.hh"

// In leakdir-static.o (static_only_musl.cc), in the order of musl_functions.inc: where they begin, null for those that
// the program has not in it, and how long they are.
extern "C" {
__attribute__((weak)) extern const char* const leakdir_musl_keepers[];
__attribute__((weak)) extern const std::size_t leakdir_musl_keeper_bytes[];
}

namespace leakdir {
namespace {

constexpr const char* kNames[] = {
#define KEEPS(name) #name,
#include "musl_functions.inc"
#undef KEEPS
};
constexpr unsigned kCount = sizeof kNames / sizeof *kNames;

struct Exported {
  std::atomic<std::uintptr_t> start;
  std::atomic<std::size_t> bytes;
};
Exported in_libc_so[kCount];

}  // namespace

void learn_musl(const DynamicSection& libc) {
  for (unsigned i = 0; i < kCount; ++i) {
    const ElfW(Sym)* const symbol = exported_symbol(libc, kNames[i], SymbolVersion::kDefault);
    if (symbol == nullptr) continue;
    in_libc_so[i].bytes.store(symbol->st_size, std::memory_order_relaxed);
    in_libc_so[i].start.store(libc.bias + symbol->st_value, std::memory_order_release);
  }
}

namespace {

struct Range {
  std::uintptr_t start;
  std::size_t bytes;
};

Range keeper(unsigned i) {
  if (leakdir_musl_keepers != nullptr) {
    return {reinterpret_cast<std::uintptr_t>(leakdir_musl_keepers[i]), leakdir_musl_keeper_bytes[i]};
  }
  return {in_libc_so[i].start.load(std::memory_order_acquire), in_libc_so[i].bytes.load(std::memory_order_relaxed)};
}

}  // namespace

bool is_in_keeper(std::uintptr_t address) {
  for (unsigned i = 0; i < kCount; ++i) {
    const Range range = keeper(i);
    if (range.start != 0 && address - 1 - range.start < range.bytes) return true;
  }
  return false;
}

bool calls_keeper(std::uintptr_t address) {
#if defined(__x86_64__)
  const std::uintptr_t called = function_called_from(address);
  for (unsigned i = 0; i < kCount && called != 0; ++i) {
    if (keeper(i).start == called) return true;
  }
#else
  static_cast<void>(address);
#endif
  return false;
}

}  // namespace leakdir
