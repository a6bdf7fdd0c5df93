// SPDX-License-Identifier: BSL-1.0
//
// The kinds of functions that a stack is looked through for (functions.hh).

#pragma once

#include <cstdint>

namespace leakdir {

// What becomes of a block that is allocated in such a function, or in one that it calls, is told in functions.inc.
enum class FunctionKind : std::uint32_t {
  kOrdinary = 0,
  kNew = 1,
  kKeeper = 2,
  kUnknown = 3,  // there is no unwind table
  kKeepsBelow = 4,
  kKeepsItsOwn = 5,
  kLoads = 6,
  kUnloads = 7,
  kSignalReturn = 8,  // the kernel "returns" there from a signal's handler
  kEntered = 9,       // no call led to the address: it is where a context begins, or where a signal came
  kKeepsTwoBelow = 10,
  kGivesUnlessJumpedTo = 11,
};

}  // namespace leakdir
