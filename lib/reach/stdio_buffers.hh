// SPDX-License-Identifier: BSL-1.0
//
// The buffers that glibc's stdio allocated for its streams. Characters lie in them, and behind those what was in the
// memory before: pointers that hold nothing. (glibc frees them when Valgrind asks it to, before that looks for leaks.)

#pragma once

#include <stdio.h>

#include <cstdint>

#ifdef __GLIBC__
// All streams that are open, one after another by `_chain` (glibc 2.19 to 2.43, libio/libioP.h).
extern "C" __attribute__((weak)) FILE* _IO_list_all;
#endif

namespace leakdir {

// Calls visit(address) for each. Not thread-safe: streams must not be opened or closed meanwhile.
template <class Visit>
void for_each_stdio_buffer(Visit visit) {
#ifdef __GLIBC__
  constexpr int kUserBuffer = 1;
  for (const FILE* stream = &_IO_list_all == nullptr ? nullptr : _IO_list_all; stream != nullptr;
       stream = stream->_chain) {
    const bool is_own = (stream->_flags & kUserBuffer) == 0 && stream->_IO_buf_base != nullptr;
    if (is_own) visit(reinterpret_cast<std::uintptr_t>(stream->_IO_buf_base));
  }
#else
  (void)visit;
#endif
}

}  // namespace leakdir
