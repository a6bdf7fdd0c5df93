// SPDX-License-Identifier: BSL-1.0
#include "functions.hh"

#include <atomic>
#include <cstdlib>

#include "musl_functions.hh"
#include "same_object.hh"
#include "shared/text.hh"
#include "system/base.hh"
#include "system/dynamic_section.hh"
#include "system/find_export.hh"
#include "system/libc.hh"
#include "system/loader.hh"
#include "system/probe_table.hh"
#include "unwinder_in_use.hh"
#include "walk/call_site.hh"
#include "walk/function_start.hh"

// A function that the program may have or not, as an address.
#define DECLARE(name) extern "C" __attribute__((weak)) char leakdir_at_##name __asm__(#name);
#define NEW(name) DECLARE(name)
#define FUNCTION(name, kind) DECLARE(name)
#define NEAR_FUNCTION(name, kind) DECLARE(name)
#include "functions.inc"
#undef DECLARE

// All of libc's, in the order of functions.inc; in leakdir-static.o only (static_only.cc).
extern "C" __attribute__((weak)) const char* const leakdir_glibc_functions[];

namespace leakdir {
namespace {

// ---- operator new ----

// operator new in the modules, in the order in which they appeared. When it is full, later ones are taken for the
// user's own functions.
constexpr unsigned kMostLearned = 512;
LEAKDIR_LARGE std::atomic<const char*> learned[kMostLearned];
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

// ---- Functions of libc's ----

struct LibcFunction {
  const char* name;
  const char* linked;  // where the program's own reference leads to; null: nowhere
  FunctionKind kind;
  bool is_near;
  bool is_of_runtime;  // whichever module has it
};
constexpr LibcFunction kLibcFunctions[] = {
#define FUNCTION(name, kind) {#name, &leakdir_at_##name, FunctionKind::kind, false, false},
#define NEAR_FUNCTION(name, kind) {#name, &leakdir_at_##name, FunctionKind::kind, true, false},
#define EXPORTED(name, kind) {#name, nullptr, FunctionKind::kind, false, false},
#define STATIC(name, kind) {#name, nullptr, FunctionKind::kind, false, false},
#define RUNTIME(name, kind) {#name, nullptr, FunctionKind::kind, false, true},
#include "functions.inc"
};
constexpr unsigned kLibcFunctionCount = sizeof kLibcFunctions / sizeof *kLibcFunctions;
std::atomic<const char*> in_libc[kLibcFunctionCount];  // what libc.so and the loader export
std::atomic<bool> libc_is_known{false};

struct Jumping {
  const char* name;
  unsigned links;      // how many functions on, each of which jumps to the next
  bool is_called;      // the one link is a call
  bool has_allocator;  // one of them, or the function itself, calls a function that calls malloc
};
constexpr Jumping kJumping[] = {
#define JUMPS(name, links) {#name, links, false, false},
#define CALLS(name) {#name, 1, true, false},
#define HAS_ALLOCATOR(name, links) {#name, links, false, true},
#include "functions.inc"
};
struct Internal {
  std::atomic<std::uintptr_t> start;
  std::atomic<FunctionKind> kind;
};
constexpr unsigned internals_of_all() {
  unsigned count = 0;
  for (const Jumping& jumping : kJumping) count += jumping.links + (jumping.has_allocator ? 1 : 0);
  return count;
}
Internal internals[internals_of_all()];
std::atomic<bool> nameless_are_known{false};

// What libc.so exports goes first: the program may have a function that only has the name of libc's.
const char* address_of(unsigned i) {
  const char* const exported_one = in_libc[i].load(std::memory_order_relaxed);
  if (exported_one != nullptr) return exported_one;
  return leakdir_glibc_functions != nullptr ? leakdir_glibc_functions[i] : kLibcFunctions[i].linked;
}

struct Range {
  std::atomic<std::uintptr_t> start, end;
};
Range libc_range, loader_range;

// Before glibc 2.34 some of its functions lie in libraries beside libc.so.
constexpr const char* kBesideLibc[] = {"libpthread.so.0", "libdl.so.2", "librt.so.1", "libanl.so.1"};
constexpr unsigned kMostBeside = sizeof kBesideLibc / sizeof *kBesideLibc;
Range beside_libc[kMostBeside];

bool is_in(const Range& range, std::uintptr_t address) {
  return address >= range.start.load(std::memory_order_relaxed) && address < range.end.load(std::memory_order_relaxed);
}

void set_range(Range& range, const dl_phdr_info& module) {
  const ModuleRange memory = range_of(module);
  range.start.store(memory.start, std::memory_order_relaxed);
  range.end.store(memory.end, std::memory_order_relaxed);
}

// The range of such a library; null: it is none.
Range* range_beside_libc(const dl_phdr_info& module) {
  if (module.dlpi_name == nullptr) return nullptr;
  const char* const name = last_part(module.dlpi_name);
  for (unsigned i = 0; i < kMostBeside; ++i) {
    // The first one: another namespace has its own.
    const bool is_known = beside_libc[i].end.load(std::memory_order_relaxed) != 0;
    if (is_same_text(name, kBesideLibc[i])) return is_known ? nullptr : &beside_libc[i];
  }
  return nullptr;
}

enum class Branch { kJump, kCall };

// Whether the code at `at` is such an instruction that names an address, within a function that ends at `end`.
bool is_branch(std::uintptr_t at, std::uintptr_t end, Branch branch, std::uintptr_t& target) {
#if defined(__x86_64__)
  constexpr unsigned kNear = 5, kShort = 2;
  const auto* code = reinterpret_cast<const unsigned char*>(at);
  if (*code == (branch == Branch::kCall ? 0xe8 : 0xe9) && end - at >= kNear) {
    std::int32_t distance;
    __builtin_memcpy(&distance, code + 1, sizeof distance);
    target = at + kNear + static_cast<std::uintptr_t>(std::intptr_t{distance});
    return true;
  }
  if (*code != 0xeb || branch == Branch::kCall || end - at < kShort) return false;
  target = at + kShort + static_cast<std::uintptr_t>(std::intptr_t{static_cast<signed char>(code[1])});
  return true;
#elif defined(__aarch64__)
  if (at % 4 != 0 || end - at < 4) return false;
  const auto instruction = *reinterpret_cast<const std::uint32_t*>(at);
  target = at + static_cast<std::uintptr_t>(std::intptr_t{static_cast<std::int32_t>(instruction << 6) >> 4});
  return instruction >> 26 == (branch == Branch::kCall ? 0x25u : 5u);
#else
  target = end;
  return false;
#endif
}

// The first function that is_sought() of those that the one branches to that begins at `start`, in its first bytes.
// 0: there is none.
template <typename IsSought>
std::uintptr_t branch_target(std::uintptr_t start, Branch branch, std::uintptr_t most_bytes,
                             const IsSought& is_sought) {
  std::uintptr_t end = find_function_end(start);
  if (end == 0) return 0;
  if (end - start > most_bytes) end = start + most_bytes;
  for (std::uintptr_t at = start, target = 0; at < end; ++at) {
    // (What is no branch after all leads anywhere.)
    if (!is_branch(at, end, branch, target) || target == start || !is_function_start(target)) continue;
    if (is_sought(target)) return target;
  }
  return 0;
}

std::uintptr_t next_link(std::uintptr_t start, Branch branch) {
  // (fwide of glibc 2.31 has the code for a lock before its call.)
  const unsigned most_bytes = branch == Branch::kCall ? 512 : 256;
  return branch_target(start, branch, most_bytes, [](std::uintptr_t) { return true; });
}

// The function that calls malloc of those that the one at `start` calls, in the object file of `beside`: it stands
// before it there. (What is called in another one the program may have a function of its own for.)
std::uintptr_t called_allocator(std::uintptr_t start, std::uintptr_t beside) {
  constexpr unsigned kMostBytes = 4096;
  constexpr int kFunctionsBetween = 32;
  const std::uintptr_t hook = code_address(reinterpret_cast<const void*>(&malloc));
  const auto is_hook = [&](std::uintptr_t target) { return target == hook; };
  return branch_target(start, Branch::kCall, kMostBytes, [&](std::uintptr_t called) {
    return table_distance(called, beside, kFunctionsBetween) > 0 &&
           branch_target(called, Branch::kCall, kMostBytes, is_hook) != 0;
  });
}

struct Learning {
  FunctionKind kind;
  bool is_of_runtime;
  unsigned count;  // of internals that are known

  bool learn(std::uintptr_t function) {
    if (function == 0 || (!is_of_runtime && !is_in_libc(function))) return false;
    internals[count].kind.store(kind, std::memory_order_relaxed);
    internals[count++].start.store(function, std::memory_order_relaxed);
    return true;
  }
};

// The functions that it jumps to (or calls) one after the other, and the one that allocates for one of them.
unsigned learn_links(const Jumping& jumping, const char* function, Learning learning) {
  const std::uintptr_t first = function == nullptr ? 0 : code_address(function);
  std::uintptr_t here = first;
  bool seeks_allocator = jumping.has_allocator;
  for (unsigned link = 0; here != 0; ++link) {
    if (seeks_allocator && learning.learn(called_allocator(here, first))) seeks_allocator = false;
    if (link == jumping.links) break;
    here = next_link(here, jumping.is_called ? Branch::kCall : Branch::kJump);
    if (!learning.learn(here)) break;
  }
  return learning.count;
}

// Of functions without a name what leads to them: a jump, a neighbour.
LEAKDIR_SLOW void learn_nameless() {
  unsigned count = 0;
  for (unsigned i = 0; i < kLibcFunctionCount; ++i) {
    if (kLibcFunctions[i].kind == FunctionKind::kOrdinary) learn_neighbour(kLibcFunctions[i].name, address_of(i));
  }
  for (const Jumping& jumping : kJumping) {
    for (unsigned i = 0; i < kLibcFunctionCount; ++i) {
      if (!is_same_text(kLibcFunctions[i].name, jumping.name)) continue;
      count = learn_links(jumping, address_of(i), {kLibcFunctions[i].kind, kLibcFunctions[i].is_of_runtime, count});
    }
  }
  nameless_are_known.store(true, std::memory_order_release);
}

// ---- The look ----

struct KnownFunction {
  std::uintptr_t start;  // 0: none yet
  FunctionKind kind;
};

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
#include "functions.inc"
  const unsigned count = learned_count.load(std::memory_order_acquire);
  for (unsigned i = 0; i < count; ++i) {
    consider(learned[i].load(std::memory_order_relaxed), FunctionKind::kNew, start, taken);
  }
  for (unsigned i = 0; i < kLibcFunctionCount; ++i) {
    if (start.is_certain || kLibcFunctions[i].is_near) consider(address_of(i), kLibcFunctions[i].kind, start, taken);
  }
  if (taken.start != 0 || !start.is_certain) return taken.kind;
  const bool has_libc = libc_is_known.load(std::memory_order_relaxed);
  if (has_libc || leakdir_glibc_functions != nullptr) {
    if (!nameless_are_known.load(std::memory_order_acquire)) learn_nameless();
    for (const Internal& internal : internals) {
      if (internal.start.load(std::memory_order_relaxed) == start.earliest) return internal.kind;
    }
    if (!has_libc || is_in_libc(start.earliest)) {
      const FunctionKind nameless = kind_by_neighbours(start.earliest);
      if (nameless != FunctionKind::kOrdinary) return nameless;
    }
  }
  return makes_emergency_pool(start.earliest) ? FunctionKind::kKeeper : FunctionKind::kOrdinary;
}

// pc << 4 | kind; 0: free. Direct-mapped: a return address that is pushed out is looked up again.
constexpr unsigned kCacheSlots = 2048;
LEAKDIR_LARGE std::atomic<std::uint64_t> cache[kCacheSlots];

FunctionKind kind_without_table(std::uintptr_t address) {
  return is_in_keeper(address) ? FunctionKind::kKeeper : FunctionKind::kUnknown;
}

LEAKDIR_SLOW FunctionKind look_up(std::uintptr_t address) {
  const UnwinderInUse in_use;
  FunctionStart before, at;
  // The tables of a signal's return begin a byte early, for all who look there.
  const bool has_before = find_function_start(address - 1, before);
  if (has_before && before.is_signal_return) return FunctionKind::kSignalReturn;
  const bool has_at = find_function_start(address, at);
  if (!has_before && is_program_entry(address)) return FunctionKind::kOrdinary;
  // Within a function it does not matter; the code is read where another one begins.
  const bool is_within = has_before && has_at && before.earliest == at.earliest;
  if (is_within || follows_call(address)) return has_before ? kind_of_function(before) : kind_without_table(address);
  if (is_signal_return(address)) return FunctionKind::kSignalReturn;
  if (!has_at) return FunctionKind::kUnknown;
  const FunctionKind kind = kind_of_function(at);
  return kind == FunctionKind::kOrdinary ? FunctionKind::kEntered : kind;
}

}  // namespace

FunctionKind function_kind(std::uintptr_t address, const ReentryGuard&) {
  constexpr std::uint64_t kKindMask = 15;
  const std::uint64_t key = std::uint64_t{address} << 4;
  std::atomic<std::uint64_t>& slot = cache[mix(address) % kCacheSlots];
  const std::uint64_t word = slot.load(std::memory_order_relaxed);
  if (LEAKDIR_LIKELY((word & ~kKindMask) == key && word != 0)) return static_cast<FunctionKind>(word & kKindMask);
  const GuardedScope guarded;
  const FunctionKind kind = look_up(address);
  slot.store(key | static_cast<std::uint64_t>(kind), std::memory_order_relaxed);
  return kind;
}

FunctionKind kind_of_called(std::uintptr_t return_address, const ReentryGuard&) {
  const GuardedScope guarded;
  const UnwinderInUse in_use;
  const std::uintptr_t called = function_called_before(return_address);
  FunctionStart start;
  if (called == 0 || !find_function_start(called, start)) return FunctionKind::kUnknown;
  return kind_of_function(start);
}

bool unwind_tables_ready(const ReentryGuard&) {
  const GuardedScope guarded;
  const UnwinderInUse in_use;
  return has_unwind_tables(reinterpret_cast<std::uintptr_t>(&unwind_tables_ready));
}

bool libc_has_dlopen() {
  for (unsigned i = 0; i < kLibcFunctionCount; ++i) {
    if (kLibcFunctions[i].kind == FunctionKind::kLoads && in_libc[i].load(std::memory_order_relaxed) != nullptr)
      return true;
  }
  return false;
}

bool is_in_libc(std::uintptr_t address) {
  bool is_beside = false;
  for (const Range& range : beside_libc) is_beside |= is_in(range, address);
  return is_beside || is_in(libc_range, address) || is_in(loader_range, address);
}

void learn_functions(const dl_phdr_info& module) {
  DynamicSection section;
  if (!read_dynamic_section(module, &section)) return;
#define NEW(name) learn(exported(section, #name));
#include "functions.inc"
  // A static program has them in itself; a libc.so that it loads has a malloc of its own, too.
  if (loader_base() == 0) return;
  if (libc::kIsMusl && module.dlpi_addr == loader_base()) return learn_musl(section);
  // The first one: another namespace (dlmopen) has a libc of its own.
  const bool is_loader = module.dlpi_addr == loader_base();
  const bool is_libc =
      !libc_is_known.load(std::memory_order_relaxed) && exported(section, "gnu_get_libc_version") != nullptr;
  learn_neighbours(section, is_loader || is_libc);
  Range* const range = is_loader ? &loader_range : is_libc ? &libc_range : range_beside_libc(module);
  if (range != nullptr) set_range(*range, module);
  for (unsigned i = 0; i < kLibcFunctionCount; ++i) {
    if (range == nullptr && !kLibcFunctions[i].is_of_runtime) continue;
    if (in_libc[i].load(std::memory_order_relaxed) != nullptr) continue;
    const void* const function = exported(section, kLibcFunctions[i].name);
    if (function != nullptr) in_libc[i].store(static_cast<const char*>(function), std::memory_order_relaxed);
  }
  if (is_libc) libc_is_known.store(true, std::memory_order_release);
}

void forget_function_kinds() {
  for (std::atomic<std::uint64_t>& slot : cache) slot.store(0, std::memory_order_relaxed);
}

}  // namespace leakdir
