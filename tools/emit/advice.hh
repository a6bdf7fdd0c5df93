// SPDX-License-Identifier: BSL-1.0
//
// Where names or lines are missing: what the reader can do to get them. Said once for each file, and only of the user's
// own files.

#pragma once

#include <string>
#include <vector>

#include "analyse/report_model.hh"

namespace leakdir::tool {

std::vector<std::string> advice_on_symbols(const Report& report);

}  // namespace leakdir::tool
