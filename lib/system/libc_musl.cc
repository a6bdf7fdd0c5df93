// SPDX-License-Identifier: BSL-1.0
#include <pthread.h>
#include <sched.h>
#include <stdlib.h>
#include <sys/syscall.h>

#include "base.hh"
#include "libc.hh"
#include "shared/mark.h"

static_assert(static_cast<int>(leakdir::kMarkOfMusl) == 5);
LEAKDIR_MARK(5, ".", ".", ".");

#define LEAKDIR_STRING(x) #x
#define LEAKDIR_VERSION_STRING(x) LEAKDIR_STRING(x)

extern "C" {
// In leakdir-static.o (static_only_musl.cc): the release of the libc.a that the program is linked with.
__attribute__((weak)) extern const char* const leakdir_musl_release;
}

namespace leakdir::libc {
namespace {

void (*end_of_quick_exit)(void*) = nullptr;

}  // namespace

const char* release_in_object() {
#if defined(LEAKDIR_LIBC_VERSION)
  static constexpr char kRelease[] = LEAKDIR_VERSION_STRING(LEAKDIR_LIBC_VERSION);
  return &leakdir_musl_release != nullptr ? kRelease : nullptr;
#else
  return nullptr;
#endif
}

const char* running_release() { return &leakdir_musl_release != nullptr ? leakdir_musl_release : ""; }

bool call_at_fork(void (*before)(), void (*in_parent)(), void (*in_child)()) {
  return ::pthread_atfork(before, in_parent, in_child) == 0;
}

void call_at_quick_exit(void (*end)(void*)) {
  end_of_quick_exit = end;
  static_cast<void>(::at_quick_exit([] { end_of_quick_exit(nullptr); }));
}

// From 1.2.4 on musl's clone() refuses to make a thread.
#if defined(__x86_64__)
int clone_thread(int (*run)(void*), void* stack_end, int flags, std::uint32_t* alive) {
  auto* const top = static_cast<void**>(stack_end) - 2;
  *top = reinterpret_cast<void*>(run);
  long result;
  register std::uint32_t* r10 __asm__("r10") = alive;
  register long r8 __asm__("r8") = 0;
  __asm__ volatile(
      "syscall\n\t"
      "test %%eax, %%eax\n\t"
      "jnz 1f\n\t"
      "xor %%ebp, %%ebp\n\t"
      "xor %%edi, %%edi\n\t"
      "pop %%rax\n\t"
      "add $8, %%rsp\n\t"  // a multiple of 16 before the call
      "call *%%rax\n\t"
      "hlt\n"
      "1:"
      : "=a"(result)
      : "a"(SYS_clone), "D"(flags), "S"(top), "d"(alive), "r"(r10), "r"(r8)
      : "rcx", "r11", "memory");
  return static_cast<int>(result);
}
#else
int clone_thread(int (*run)(void*), void* stack_end, int flags, std::uint32_t* alive) {
  return ::clone(run, stack_end, flags, nullptr, alive, nullptr, alive);
}
#endif

}  // namespace leakdir::libc
