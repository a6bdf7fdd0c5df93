// SPDX-License-Identifier: BSL-1.0
//
// What targets/exchange.c leaves, by its own word, against what was recorded.

#pragma once

#include <string>

#include "run_program.hh"

namespace leakdir_test {

// Exactly the survivors have records in DIR and are in the report, and there is no bad free.
void expect_survivors(const std::string& dir, const Outcome& outcome);

}  // namespace leakdir_test
