// SPDX-License-Identifier: BSL-1.0
#include "words.hh"

#include <fmt/format.h>

#include <iterator>
#include <utility>

#include "text.hh"
#include "utf8.hh"

namespace leakdir::tool {

std::string count_of(std::uint64_t count, std::string_view noun) {
  return fmt::format("{} {}{}", count, noun, count == 1 ? "" : "s");
}

std::string bytes_of(std::uint64_t bytes) {
  std::string text = count_of(bytes, "byte");
  if (bytes < 10240) return text;
  static constexpr const char* kUnits[] = {"KiB", "MiB", "GiB", "TiB", "PiB", "EiB"};
  double amount = static_cast<double>(bytes) / 1024;
  std::size_t unit = 0;
  for (; amount >= 1023.95 && unit + 1 < std::size(kUnits); ++unit) amount /= 1024;
  return fmt::format("{} ({:.1f} {})", text, amount, kUnits[unit]);
}

std::string change_of(std::int64_t bytes, std::int64_t blocks) {
  const auto with_sign = [](std::int64_t number, auto&& words) {
    const auto size = static_cast<std::uint64_t>(number);
    return number < 0 ? "-" + words(-size) : "+" + words(size);
  };
  return with_sign(bytes, bytes_of) + ", " +
         with_sign(blocks, [](std::uint64_t count) { return count_of(count, "block"); });
}

std::string age_of(std::int64_t ns) {
  if (ns < 0) ns = 0;  // the clock was set back
  const std::int64_t milliseconds = ns / 1000000, seconds = milliseconds / 1000;
  if (seconds < 1) return fmt::format("{} ms", milliseconds);
  if (seconds < 60) return fmt::format("{}.{} s", seconds, milliseconds % 1000 / 100);
  if (seconds < 3600) return fmt::format("{} min {} s", seconds / 60, seconds % 60);
  if (seconds < 86400) return fmt::format("{} h {} min", seconds / 3600, seconds % 3600 / 60);
  return fmt::format("{} d {} h", seconds / 86400, seconds % 86400 / 3600);
}

std::string utc_of(std::int64_t ns) {
  char buffer[64];
  Text text(buffer, sizeof buffer);
  text.utc(ns < 0 ? 0 : static_cast<std::uint64_t>(ns));
  return {text.data(), text.size()};
}

std::string hex_of(std::uint64_t number) { return fmt::format("{:#x}", number); }

std::string hex_of_bytes(std::string_view bytes) {
  std::string digits;
  for (char byte : bytes) digits += fmt::format("{:02x}", static_cast<unsigned char>(byte));
  return digits;
}

std::string readable_function(std::string_view name) {
  static constexpr std::pair<std::string_view, std::string_view> kShort[] = {
      {"std::__cxx11::basic_string<char, std::char_traits<char>, std::allocator<char> >", "std::string"},
      {"std::__cxx11::basic_string<char, std::char_traits<char>, std::allocator<char>>", "std::string"},
      {"std::basic_string<char, std::char_traits<char>, std::allocator<char> >", "std::string"},
      {"std::__1::basic_string<char, std::__1::char_traits<char>, std::__1::allocator<char> >", "std::string"},
      {"std::__1::basic_string<char, std::__1::char_traits<char>, std::__1::allocator<char>>", "std::string"},
  };
  std::string readable = printable(name);
  for (const auto& [spelled_out, in_public] : kShort)
    for (std::size_t at = 0; (at = readable.find(spelled_out, at)) != std::string::npos; at += in_public.size())
      readable.replace(at, spelled_out.size(), in_public);
  return readable;
}

namespace {

// Characters that move the cursor, set colours or reverse the order of letters in some terminal: the control
// characters, C1 included, and those that set the direction of text.
bool is_control(std::uint32_t character) {
  return character < 0x20 || (character >= 0x7f && character < 0xa0) || (character >= 0x202a && character <= 0x202e) ||
         (character >= 0x2066 && character <= 0x2069) || character == 0x2028 || character == 0x2029;
}

}  // namespace

std::string printable(std::string_view text) {
  std::string safe;
  safe.reserve(text.size());
  while (!text.empty()) {
    const auto [character, bytes] = first_character(text);
    if (bytes == 0 || (bytes == 1 && is_control(character)))
      safe += fmt::format("\\x{:02x}", static_cast<unsigned char>(text[0]));
    else if (is_control(character))
      safe += fmt::format("\\u{:04x}", character);
    else
      safe += text.substr(0, bytes);
    text.remove_prefix(bytes == 0 ? 1 : bytes);
  }
  return safe;
}

}  // namespace leakdir::tool
