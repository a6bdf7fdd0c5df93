// SPDX-License-Identifier: BSL-1.0
#include "same_object.hh"

#include <atomic>

#include "shared/text.hh"
#include "system/base.hh"
#include "system/libc.hh"
#include "walk/function_start.hh"

extern "C" {
// Of the linker, where the program's own initialisers are.
__attribute__((weak, visibility("hidden"))) extern const std::uintptr_t __init_array_start[];
__attribute__((weak, visibility("hidden"))) extern const std::uintptr_t __init_array_end[];
}
namespace __gnu_cxx {
__attribute__((weak)) void __freeres();
}

namespace leakdir {
namespace {

// A libstdc++: in the program itself, or in a library.
struct Runtime {
  std::atomic<std::uintptr_t> freeres;
  const std::uintptr_t* first;  // its initialisers
  std::size_t count;
};
constexpr unsigned kMostRuntimes = 16;
Runtime runtimes[kMostRuntimes];
std::atomic<unsigned> runtime_count{0};

// The exported function before them, and how many functions further on they may stand; below 0: that behind them, and
// how many functions earlier. Those that stand between allocate nothing, and export no name. The order of libc's files
// has changed, in glibc 2.41 last.
struct Neighbour {
  const char* name;
  const char* release;  // of glibc's, where it is so in this one alone; null: it is none of the others' that allocates
  int distance;
  FunctionKind kind;
  std::atomic<std::uintptr_t> start;
  DynamicSection module;  // empty in a static program

  bool is_beside(std::uintptr_t function) const {
    const std::uintptr_t here = start.load(std::memory_order_acquire);
    if (here == 0) return false;
    if (distance > 0) return table_distance(here, function, distance) > 0 && !exports_from(here + 1, function);
    return table_distance(function, here, -distance) > 0 && !exports_from(function, here - 1);
  }
  bool exports_from(std::uintptr_t first, std::uintptr_t last) const {
    bool is_there = false;
    for_each_export(module, [&](std::uintptr_t address) { is_there |= address >= first && address <= last; });
    return is_there;
  }
};
Neighbour neighbours[] = {
    {"__nptl_change_stack_perm", nullptr, 9, FunctionKind::kKeeper, {0}, {}},
    {"_dl_exception_free", nullptr, 11, FunctionKind::kKeeper, {0}, {}},
    {"__idna_from_dns_encoding", nullptr, 4, FunctionKind::kKeeper, {0}, {}},
    {"setsourcefilter", nullptr, 5, FunctionKind::kKeeper, {0}, {}},
    {"_dl_debug_state", nullptr, 4, FunctionKind::kKeepsItsOwn, {0}, {}},           // _dl_map_object_deps
    {"_dl_debug_state", "2.31", -8, FunctionKind::kKeepsItsOwn, {0}, {}},           // the same
    {"_dl_find_dso_for_object", nullptr, -1, FunctionKind::kKeepsItsOwn, {0}, {}},  // add_to_global_resize
};

bool is_initialiser(std::uintptr_t function, const std::uintptr_t* first, std::size_t count) {
  for (std::size_t i = 0; i < count; ++i) {
    if (first[i] == function) return true;
  }
  return false;
}

bool makes_pool_of(std::uintptr_t freeres, const std::uintptr_t* first, std::size_t count, std::uintptr_t function) {
  constexpr int kFunctionsBetween = 16;
  if (!is_initialiser(function, first, count)) return false;
  const int distance = table_distance(freeres, function, kFunctionsBetween);
  if (distance <= 0) return false;
  // The first one: one of the next object file is another's.
  for (std::size_t i = 0; i < count; ++i) {
    const int other = first[i] == function ? 0 : table_distance(freeres, first[i], distance);
    if (other > 0 && other < distance) return false;
  }
  return true;
}

}  // namespace

bool makes_emergency_pool(std::uintptr_t function) {
  const unsigned known = runtime_count.load(std::memory_order_acquire);
  for (unsigned i = 0; i < known; ++i) {
    if (makes_pool_of(runtimes[i].freeres, runtimes[i].first, runtimes[i].count, function)) return true;
  }
  if (known != 0 || __gnu_cxx::__freeres == nullptr || __init_array_start == nullptr) return false;
  return makes_pool_of(
      code_address(reinterpret_cast<const void*>(&__gnu_cxx::__freeres)), __init_array_start,
      (reinterpret_cast<std::uintptr_t>(__init_array_end) - reinterpret_cast<std::uintptr_t>(__init_array_start)) /
          sizeof(std::uintptr_t),
      function);
}

void learn_neighbours(const DynamicSection& section, bool is_libc_or_loader) {
  for (Neighbour& neighbour : neighbours) {
    const bool is_asked =
        is_libc_or_loader && (neighbour.release == nullptr || is_same_text(neighbour.release, libc::running_release()));
    const void* const found = is_asked ? exported(section, neighbour.name) : nullptr;
    if (found == nullptr) continue;
    neighbour.module = section;
    neighbour.start.store(code_address(found), std::memory_order_release);
  }
  const void* const freeres = exported(section, "_ZN9__gnu_cxx9__freeresEv");
  const unsigned count = runtime_count.load(std::memory_order_relaxed);
  if (freeres == nullptr || section.initialisers == nullptr || count == kMostRuntimes) return;
  runtimes[count].freeres.store(code_address(freeres), std::memory_order_relaxed);
  runtimes[count].first = section.initialisers;
  runtimes[count].count = section.initialiser_count;
  runtime_count.store(count + 1, std::memory_order_release);
}

void learn_neighbour(const char* name, const char* function) {
  for (Neighbour& neighbour : neighbours) {
    if (function != nullptr && is_same_text(neighbour.name, name))
      neighbour.start.store(code_address(function), std::memory_order_relaxed);
  }
}

FunctionKind kind_by_neighbours(std::uintptr_t function) {
  for (const Neighbour& neighbour : neighbours) {
    if (neighbour.is_beside(function)) return neighbour.kind;
  }
  return FunctionKind::kOrdinary;
}

}  // namespace leakdir
