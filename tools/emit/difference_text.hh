// SPDX-License-Identifier: BSL-1.0
//
// One difference of two runs for reading, as `diff` and `check` print it. Pure.

#pragma once

#include <cstdint>
#include <string>

#include "analyse/compare.hh"

namespace leakdir::tool {

const char* name_of(Fate fate);                                  // "new", "grown", ...
std::string signed_count(std::int64_t count, const char* noun);  // "+3 blocks"
std::string frames_text(const TallyStack& stack);                // a line for each frame, "    #0 make app.c:69"
std::string own_frame_text(const TallyStack& stack);             // ", in make (#1)"; empty: it is the first

std::string difference_head(const Difference& difference);  // one line: "new: +20 bytes, +1 block, malloc"
std::string difference_text(const Difference& difference);  // an empty line, the head, and the frames
// The same of bad frees.
std::string bad_free_difference_head(const Difference& difference);
std::string bad_free_difference_text(const Difference& difference);

}  // namespace leakdir::tool
