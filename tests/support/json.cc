// SPDX-License-Identifier: BSL-1.0
#include "json.hh"

#include <ostream>

template class nlohmann::basic_json<>;

namespace nlohmann {

void PrintTo(const json& value, std::ostream* out) { *out << value.dump(); }

}  // namespace nlohmann
