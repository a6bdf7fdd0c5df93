// SPDX-License-Identifier: BSL-1.0
//
// Bytes made small and large again, by zlib. What comes back is checked; what a hostile file can ask for is bounded.

#pragma once

#include <cstdint>
#include <string>
#include <string_view>

namespace leakdir::tool {

// A zlib stream (RFC 1950).
std::string packed(std::string_view bytes);

// Unpacks one. Throws Error, naming `name`, when the stream is damaged or cut short, holds other than `expected` bytes,
// or is larger than what any honest file of its length unpacks to.
std::string unpacked(std::string_view stream, std::uint64_t expected, const std::string& name);

// The most that a file may unpack to.
inline constexpr std::uint64_t kMaxUnpacked = std::uint64_t{1} << 30;

}  // namespace leakdir::tool
