// SPDX-License-Identifier: BSL-1.0
//
// 32-bit ARM's unwind tables are right where a function calls another one, and nowhere else: at other instructions a
// register that they go by may hold anything, and the unwinder reads where it points. So a stack ends there at the
// first place where a signal came.

#pragma once

#include <cstdint>

namespace leakdir {

#if defined(__arm__)
inline constexpr bool kTablesAreRightAtCallsAlone = true;
#else
inline constexpr bool kTablesAreRightAtCallsAlone = false;
#endif

// Frames from here on, innermost first, our own among them, by the unwinder; at most `most`. Returns how many. Defined
// where it is needed.
unsigned frames_to_signal(std::uintptr_t* into, unsigned most) noexcept;

}  // namespace leakdir
