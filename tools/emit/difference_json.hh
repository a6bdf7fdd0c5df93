// SPDX-License-Identifier: BSL-1.0
//
// One difference of two runs for programs, as `diff` and `check` print it. Pure.

#pragma once

#include <nlohmann/json_fwd.hpp>

#include "analyse/compare.hh"

namespace leakdir::tool {

nlohmann::ordered_json difference_json(const Difference& difference);
nlohmann::ordered_json bad_free_difference_json(const Difference& difference);

}  // namespace leakdir::tool
