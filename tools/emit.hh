// SPDX-License-Identifier: BSL-1.0
//
// The formats of a report; one file each, emit_<format>.cc. Pure functions: the whole output as a string.

#pragma once

#include <string>

#include "report_model.hh"

namespace leakdir::tool {

std::string emit_text(const Report& report, bool is_coloured);
std::string emit_json(const Report& report);

}  // namespace leakdir::tool
