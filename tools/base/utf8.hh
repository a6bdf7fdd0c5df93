// SPDX-License-Identifier: BSL-1.0
//
// Names are bytes: a program, a library, a function or a source file may be called anything. JSON is UTF-8. So a byte
// that is no part of UTF-8 is written as `\xNN`, and a backslash that would be taken for the start of that as `\x5c`:
// what is written is UTF-8, and what is read from it is the name again, byte by byte. Every JSON that the tool writes
// or reads goes through here.

#pragma once

#include <cstddef>
#include <cstdint>
#include <nlohmann/json_fwd.hpp>
#include <string>
#include <string_view>
#include <utility>

namespace leakdir::tool {

// The character of UTF-8 that `text`, which is not empty, starts with, and how many bytes it has: 0 if it is none.
std::pair<std::uint32_t, std::size_t> first_character(std::string_view text);

std::string utf8_of(std::string_view bytes);
std::string bytes_of_utf8(std::string_view text);  // the inverse

// `json` as text, whatever bytes its texts are made of. `indent` as in nlohmann::json::dump().
std::string dump_json(nlohmann::ordered_json json, int indent = -1);

}  // namespace leakdir::tool
