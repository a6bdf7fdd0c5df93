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


#define LEAKDIR_NEW_LIST(F) \
  F(_Znwm) F(_ZnwmRKSt9nothrow_t) F(_ZnwmSt11align_val_t) F(_ZnwmSt11align_val_tRKSt9nothrow_t) \
  F(_Znwj) F(_ZnwjRKSt9nothrow_t) F(_ZnwjSt11align_val_t) F(_ZnwjSt11align_val_tRKSt9nothrow_t) \
  F(_Znam) F(_ZnamRKSt9nothrow_t) F(_ZnamSt11align_val_t) F(_ZnamSt11align_val_tRKSt9nothrow_t) \
  F(_Znaj) F(_ZnajRKSt9nothrow_t) F(_ZnajSt11align_val_t) F(_ZnajSt11align_val_tRKSt9nothrow_t)

// Functions of libc that keep what is allocated in them until the end, and give none of it to the program. Some are
// internal and visible in a static program only. A function that is not listed makes a block of libc's own look like the
// program's while it runs; at exit libc itself is asked (libc_own.hh).
#define LEAKDIR_KEEPER_LIST(F)                                                                                     \
  F(_IO_file_doallocate) F(_IO_wfile_doallocate) F(setlocale) F(_nl_find_locale) F(tzset) F(__tz_convert) F(localtime) \
  F(localtime_r) F(mktime) F(strftime) F(strftime_l) F(__tzfile_read) F(tzset_internal) F(setenv) F(putenv)         \
  F(__add_to_environ) F(atexit) F(__cxa_atexit) F(__cxa_thread_atexit_impl) F(on_exit) F(at_quick_exit)             \
  F(__new_exitfn) F(pthread_create) F(_dl_allocate_tls) F(_dl_allocate_tls_init)                  \
  F(textdomain) F(bindtextdomain) F(dcgettext) F(dcngettext) F(__dcigettext) F(syslog) F(openlog) F(getpwnam)       \
  F(getpwuid) F(getgrnam) F(getgrgid) F(gethostbyname) F(getservbyname) F(getprotobyname) F(__nss_module_load)      \
  F(__register_atfork) F(pthread_atfork) F(pthread_setspecific) F(strerror) F(strsignal) F(__cxa_get_globals)       \
  F(_dl_non_dynamic_init) F(__libc_setup_tls)

LEAKDIR_NEW_LIST(LEAKDIR_FUNCTION)
LEAKDIR_KEEPER_LIST(LEAKDIR_FUNCTION)

namespace leakdir {
namespace {

#define LEAKDIR_ADDRESS(name) &leakdir_at_##name,

bool is_one_of(const char* const* list, unsigned count, const void* function) {
  for (unsigned i = 0; i < count; ++i) {
    if (list[i] != nullptr && list[i] == function) return true;
  }
  return false;
}

FunctionKind kind_of_function(const void* function) {
  const char* const news[] = {LEAKDIR_NEW_LIST(LEAKDIR_ADDRESS)};
  if (is_one_of(news, sizeof news / sizeof *news, function)) return FunctionKind::kNew;
  const char* const keepers[] = {LEAKDIR_KEEPER_LIST(LEAKDIR_ADDRESS)};
  if (is_one_of(keepers, sizeof keepers / sizeof *keepers, function)) return FunctionKind::kLibcKeeper;
  return FunctionKind::kOrdinary;
}

// pc << 3 | kind; 0: free. Direct-mapped: a return address that is pushed out is looked up again.
constexpr unsigned kCacheSlots = 2048;
std::atomic<std::uint64_t> cache[kCacheSlots];

LEAKDIR_SLOW FunctionKind look_up(std::uintptr_t return_address) {
  dwarf_eh_bases bases = {};
  if (_Unwind_Find_FDE(reinterpret_cast<void*>(return_address - 1), &bases) == nullptr) return FunctionKind::kUnknown;
  return kind_of_function(bases.function);
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
