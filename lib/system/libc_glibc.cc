// SPDX-License-Identifier: BSL-1.0
#include "libc.hh"

#include <gnu/libc-version.h>
#include <sched.h>

#include "base.hh"

#define LEAKDIR_STRING(x) #x
#define LEAKDIR_VERSION_STRING(x) LEAKDIR_STRING(x)

extern "C" {
// In leakdir-static.o (static_only.cc).
__attribute__((weak)) extern const char* const leakdir_glibc_functions[];
__attribute__((weak)) int __register_atfork(void (*)(), void (*)(), void (*)(), void*);
// A static program has it where it calls at_quick_exit itself, or by static_only.cc.
__attribute__((weak)) int __cxa_at_quick_exit(void (*)(void*), void*);
}

namespace leakdir::libc {

const char* release_in_object() {
#if defined(LEAKDIR_LIBC_VERSION)  // of the libc.a, where it is not the one of the headers
  static constexpr char kRelease[] = LEAKDIR_VERSION_STRING(LEAKDIR_LIBC_VERSION);
#else
  static constexpr char kRelease[] = LEAKDIR_VERSION_STRING(__GLIBC__) "." LEAKDIR_VERSION_STRING(__GLIBC_MINOR__);
#endif
  return leakdir_glibc_functions != nullptr ? kRelease : nullptr;
}

const char* running_release() { return ::gnu_get_libc_version(); }

bool call_at_fork(void (*before)(), void (*in_parent)(), void (*in_child)()) {
  return __register_atfork != nullptr && __register_atfork(before, in_parent, in_child, nullptr) == 0;
}

void call_at_quick_exit(void (*end)(void*)) {
  if (__cxa_at_quick_exit != nullptr) __cxa_at_quick_exit(end, nullptr);
}

int clone_thread(int (*run)(void*), void* stack_end, int flags, std::uint32_t* alive) {
  return ::clone(run, stack_end, flags, nullptr, alive, nullptr, alive);
}

}  // namespace leakdir::libc
