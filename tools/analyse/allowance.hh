// SPDX-License-Identifier: BSL-1.0
//
// How much more there may be before somebody is told: "4096", "64k", "10%".

#pragma once

#include <cstdint>
#include <optional>
#include <string>

namespace leakdir::tool {

struct Allowance {
  std::uint64_t amount = 0;
  bool is_percent = false;  // of what there was; else bytes

  bool allows(std::uint64_t before, std::int64_t growth) const;
  std::string in_words() const;  // "65536 bytes (64.0 KiB)", "10 %"
};

// A number of bytes, which may end in k, M or G as in LEAKDIR_OPTIONS.
std::optional<std::uint64_t> parse_bytes(const std::string& text);
// The same, or a whole number of percent.
std::optional<Allowance> parse_allowance(const std::string& text);

}  // namespace leakdir::tool
