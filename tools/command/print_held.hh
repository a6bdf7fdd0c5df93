// SPDX-License-Identifier: BSL-1.0
//
// `report --held`: what is still reachable, by the root that holds it.

#pragma once

#include <string>

#include "print_report.hh"

namespace leakdir::tool {

// Returns the exit status: 0.
int print_held(const std::string& directory, const ReportOptions& wanted);

}  // namespace leakdir::tool
