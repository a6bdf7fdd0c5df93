// SPDX-License-Identifier: BSL-1.0
//
// A short name for a stack by function, for whoever has to know it again without comparing frames: a code scanner, a
// monitoring system. It is made of what tells two such stacks apart (tally.hh), the call and the functions with their
// files, so that it is the same in another run, in another build and after an edit elsewhere. Never changed: alerts and
// dashboards hold it.

#pragma once

#include <string>

#include "tally.hh"

namespace leakdir::tool {

std::string stack_id(const TallyStack& stack);  // 16 hexadecimal digits

}  // namespace leakdir::tool
