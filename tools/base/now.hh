// SPDX-License-Identifier: BSL-1.0
//
// Now, as ledgers have it: nanoseconds since 1970, UTC.

#pragma once

#include <chrono>
#include <cstdint>

namespace leakdir::tool {

inline std::int64_t now_ns() {
  return std::chrono::nanoseconds{std::chrono::system_clock::now().time_since_epoch()}.count();
}

}  // namespace leakdir::tool
