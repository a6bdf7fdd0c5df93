// SPDX-License-Identifier: BSL-1.0
//
// What a rule (fast_walk_rule.hh) says of a frame. How it is kept is rule_pushed_address.hh's where a call pushes the
// return address, and rule_link_register.hh's where it leaves it in a register.

#pragma once

#include <cstdint>

namespace leakdir {

enum class RuleKind : std::uint32_t {
  kNone = 0,
  kFromSp = 1,     // the caller's frame begins at sp + offset
  kFromBp = 2,     // … at bp + offset
  kThroughBp = 3,  // … at the address that bp - offset holds, and bp was saved at bp
  kEnd = 4,        // the outermost frame
  kCannot = 5,     // for Boost
  kNoTable = 6,    // nothing is said of this code
  kByCode = 7,     // as kFromSp, if what called the function says so too (by_code.hh)
};

}  // namespace leakdir
