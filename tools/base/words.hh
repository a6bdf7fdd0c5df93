// SPDX-License-Identifier: BSL-1.0
//
// Small texts for people: counts, sizes, ages, times, and names that cannot break the reader's terminal.

#pragma once

#include <cstdint>
#include <string>
#include <string_view>

namespace leakdir::tool {

std::string count_of(std::uint64_t count, std::string_view noun);  // "1 block", "2 blocks"
std::string bytes_of(std::uint64_t bytes);                         // "20 bytes", "104857600 bytes (100.0 MiB)"
std::string change_of(std::int64_t bytes, std::int64_t blocks);    // "+20 bytes, -1 block"
std::string age_of(std::int64_t ns);                               // "250 ms", "12.3 s", "4 min 10 s", "2 d 3 h"
std::string utc_of(std::int64_t ns);                               // "2026-11-23T09:14:26.123456Z"
std::string hex_of(std::uint64_t number);                          // "0x4009f7"
std::string hex_of_bytes(std::string_view bytes);                  // "0fa1", as build-ids are written
std::string printable(std::string_view text);                      // control characters as \x1b

// A function's name for reading: a symbol spells out what everybody calls std::string.
std::string readable_function(std::string_view name);

}  // namespace leakdir::tool
