// SPDX-License-Identifier: BSL-1.0
//
// When libleakdir.so starts and ends. A library has no .preinit_array, and its constructor runs after those of the
// libraries that the program needs. So it starts with the first call that is not the dynamic loader's own, or with its
// constructor. What the loader allocates before is libc's own.
//
// Exit: what a constructor registers with __cxa_atexit comes before what libc registers for the destructors of all
// libraries, and so runs after them.

#include <errno.h>
#include <sys/auxv.h>

#include <atomic>

#include "exit.hh"
#include "hooks_new.hh"
#include "hooks_strdup.hh"
#include "option_sources.hh"
#include "start.hh"
#include "system/allocator.hh"
#include "system/find_export.hh"
#include "system/messages.hh"
#include "system/process.hh"
#include "system/sanitizer.hh"
#include "track/other_phases.hh"
#include "walk/fast_walk_rule.hh"

extern "C" {
int __cxa_atexit(void (*)(void*), void*, void*);
// The dynamic loader's: where the kernel has put argc. libc has not stored the environment yet.
extern void* __libc_stack_end;
}

namespace leakdir {
namespace {

ExchangedBool has_begun{false};

char** initial_environment() {
  auto* const at = static_cast<std::uintptr_t*>(__libc_stack_end);
  return reinterpret_cast<char**>(at + 1 + *at + 1);  // argc, argv, its null pointer
}

// Takes this library out of LD_PRELOAD, in place: nothing may be allocated.
void leave_children_alone(char** environment) {
  constexpr char kVariable[] = "LD_PRELOAD=";
  constexpr char kName[] = "libleakdir.so";
  constexpr std::size_t kNameBytes = sizeof kName - 1;
  const auto ends_name = [](char c) { return c == '\0' || c == ':' || c == ' '; };
  for (; *environment != nullptr; ++environment) {
    char* from = *environment;
    unsigned i = 0;
    while (kVariable[i] != '\0' && from[i] == kVariable[i]) ++i;
    if (kVariable[i] != '\0') continue;
    from += i;
    char* to = from;
    while (*from != '\0') {
      char* end = from;
      while (!ends_name(*end)) ++end;
      const auto bytes = static_cast<std::size_t>(end - from);
      bool is_ours = bytes >= kNameBytes && (bytes == kNameBytes || end[-static_cast<long>(kNameBytes) - 1] == '/');
      for (std::size_t k = 0; is_ours && k < kNameBytes; ++k) is_ours = end[k - kNameBytes] == kName[k];
      if (*end != '\0') ++end;  // with what separates it
      while (from < end) {
        if (!is_ours) *to++ = *from;
        ++from;
      }
    }
    *to = '\0';
  }
}

// The program, or the library that was loaded with dlopen, calls another malloc than ours: nothing would be seen. (What
// calls ours is before us, and no allocator.) A program that is not position-independent and takes the address of
// malloc has a stub of that name, which is no definition.
bool is_passed_by() {
  const Export used = find_export("malloc");
  if (is_in_this_module(used)) return false;
  return used.module.has(reinterpret_cast<const void*>(::getauxval(AT_PHDR))) ||
         allocator::is_the_allocators(used.address);
}

void begin(char** environment) {
  if (has_begun.exchange(true)) return;
  const int saved = errno;
  find_operators();
  find_strdup();
  if (!has_sanitizer() && is_passed_by()) {
    messages::remember_stderr();
    messages::hooks_are_passed_by();
    set_phase(Phase::kOff);
    errno = saved;
    return;
  }
  start(environment);
  if (!options.children) leave_children_alone(environment);
  errno = saved;
}

__attribute__((constructor)) void construct(int, char**, char** environment) {
  begin(environment);
  if (phase() == Phase::kOff) return;
  __cxa_atexit([](void*) { end_of_process(); }, nullptr, nullptr);
  hear_of_quick_exit();
}

}  // namespace

bool start_at_first_call(Caller caller) {
  find_loader();
  if (is_loader(caller.pc()) || has_begun.load(std::memory_order_relaxed)) return false;
  begin(initial_environment());
  return true;
}

}  // namespace leakdir
