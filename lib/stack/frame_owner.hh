// SPDX-License-Identifier: BSL-1.0
//
// Whose a block is that is allocated in a frame: the program's, or libc's and the dynamic loader's own. Told by the
// kinds of the functions (functions.hh) from this frame outwards, and by the modules that they lie in.

#pragma once

#include <cstdint>

#include "system/guard.hh"

namespace leakdir {

// Node::line of a frame of `module` that is new beneath `parent` (0: it is the outermost).
std::uint32_t frame_line(std::uint32_t parent, std::uintptr_t pc, std::uint32_t module, const ReentryGuard&);

}  // namespace leakdir
