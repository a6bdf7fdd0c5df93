// SPDX-License-Identifier: BSL-1.0
#include "allowance.hh"

#include <fmt/format.h>

#include "base/words.hh"
#include "option_text.h"

namespace leakdir::tool {

bool Allowance::allows(std::uint64_t before, std::int64_t growth) const {
  if (growth <= 0) return true;
  if (!is_percent) return static_cast<std::uint64_t>(growth) <= amount;
  // Exact as far as it matters: a long double has all 64 bits.
  return static_cast<long double>(growth) * 100 <= static_cast<long double>(before) * static_cast<long double>(amount);
}

std::string Allowance::in_words() const { return is_percent ? fmt::format("{} %", amount) : bytes_of(amount); }

std::optional<std::uint64_t> parse_bytes(const std::string& text) {
  std::uint64_t bytes = 0;
  if (!is_number(first_bytes(text.data(), text.size()), 0, UINT64_MAX, &bytes)) return std::nullopt;
  return bytes;
}

std::optional<Allowance> parse_allowance(const std::string& text) {
  const bool is_percent = !text.empty() && text.back() == '%';
  const std::string number = is_percent ? text.substr(0, text.size() - 1) : text;
  if (is_percent && number.find_first_not_of("0123456789") != std::string::npos) return std::nullopt;
  const auto amount = parse_bytes(number);
  if (!amount) return std::nullopt;
  return Allowance{*amount, is_percent};
}

}  // namespace leakdir::tool
