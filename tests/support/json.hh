// SPDX-License-Identifier: BSL-1.0
//
// nlohmann::json for tests. What every test would compile again, and takes a second, is compiled once, in json.cc.

#pragma once

#include <iosfwd>
#include <nlohmann/json.hpp>

extern template class nlohmann::basic_json<>;

namespace nlohmann {

// How GoogleTest shows it.
void PrintTo(const json& value, std::ostream* out);

}  // namespace nlohmann
