// SPDX-License-Identifier: BSL-1.0
//
// Several runs as one measure: of each stack the largest that there was. For baselines of programs that do not leak the
// same twice. Pure.

#pragma once

#include <vector>

#include "tally.hh"

namespace leakdir::tool {

// Each number for itself: the most blocks of one run, the most bytes of another. There must be one run, at least.
Tally largest_of(const std::vector<Tally>& runs);

}  // namespace leakdir::tool
