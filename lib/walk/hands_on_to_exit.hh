// SPDX-License-Identifier: BSL-1.0
//
// The outermost frame of a thread in musl, which has no unwind tables to say so: the code that called main, or a
// thread's function, hands what that returns on to exit, or to pthread_exit, and does nothing else.

#pragma once

#include <cstdint>

#include "system/libc.hh"

extern "C" {
void exit(int);
__attribute__((weak)) void pthread_exit(void*);
}

namespace leakdir {

// `pc`: a return address in code that has no table.
inline bool hands_on_to_exit(std::uintptr_t pc) {
#if defined(__x86_64__)
  if (!libc::kIsMusl) return false;
  const auto* code = reinterpret_cast<const unsigned char*>(pc);
  if (code[0] == 0x89 && code[1] == 0xc7) {  // mov %eax,%edi
    code += 2;
  } else if (code[0] == 0x48 && ((code[1] == 0x89 && code[2] == 0xc7) || (code[1] == 0x63 && code[2] == 0xf8))) {
    code += 3;  // mov %rax,%rdi; movslq %eax,%rdi
  } else {
    return false;
  }
  std::int32_t distance;
  __builtin_memcpy(&distance, code + 1, sizeof distance);
  const std::uintptr_t target =
      reinterpret_cast<std::uintptr_t>(code) + 5 + static_cast<std::uintptr_t>(std::intptr_t{distance});
  return *code == 0xe8 && (target == reinterpret_cast<std::uintptr_t>(&exit) ||
                           target == reinterpret_cast<std::uintptr_t>(&pthread_exit));
#else
  static_cast<void>(pc);
  return false;
#endif
}

}  // namespace leakdir
