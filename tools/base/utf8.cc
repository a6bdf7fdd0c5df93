// SPDX-License-Identifier: BSL-1.0
#include "utf8.hh"

#include <fmt/format.h>

#include <nlohmann/json.hpp>

namespace leakdir::tool {

namespace {

constexpr std::size_t kEscapeBytes = 4;  // "\x5c"

int digit_of(char c) { return c >= '0' && c <= '9' ? c - '0' : c >= 'a' && c <= 'f' ? c - 'a' + 10 : -1; }

// The byte that an escape at the start of `text` stands for; -1: there is none.
int escaped_byte(std::string_view text) {
  if (text.size() < kEscapeBytes || text[0] != '\\' || text[1] != 'x') return -1;
  const int high = digit_of(text[2]), low = digit_of(text[3]);
  return high < 0 || low < 0 ? -1 : high * 16 + low;
}

void make_utf8(nlohmann::ordered_json& json) {
  if (json.is_string()) {
    auto& text = json.get_ref<std::string&>();
    text = utf8_of(text);
  } else if (json.is_structured()) {
    for (auto& member : json) make_utf8(member);  // keys are our own
  }
}

}  // namespace

std::pair<std::uint32_t, std::size_t> first_character(std::string_view text) {
  static constexpr std::uint32_t kSmallest[] = {0, 0, 0x80, 0x800, 0x10000};
  const auto byte = [&](std::size_t i) { return static_cast<unsigned char>(text[i]); };
  if (byte(0) < 0x80) return {byte(0), 1};
  const std::size_t bytes = byte(0) >= 0xf0 ? 4 : byte(0) >= 0xe0 ? 3 : 2;
  if (byte(0) < 0xc0 || byte(0) >= 0xf8 || text.size() < bytes) return {0, 0};
  std::uint32_t character = byte(0) & (0x7f >> bytes);
  for (std::size_t i = 1; i < bytes; ++i) {
    if ((byte(i) & 0xc0) != 0x80) return {0, 0};
    character = character << 6 | (byte(i) & 0x3f);
  }
  const bool is_surrogate = character >= 0xd800 && character < 0xe000;
  if (character < kSmallest[bytes] || character > 0x10ffff || is_surrogate) return {0, 0};
  return {character, bytes};
}

std::string utf8_of(std::string_view bytes) {
  std::string text;
  text.reserve(bytes.size());
  while (!bytes.empty()) {
    const std::size_t length = first_character(bytes).second;
    if (length == 0 || escaped_byte(bytes) >= 0)
      text += fmt::format("\\x{:02x}", static_cast<unsigned char>(bytes[0]));
    else
      text += bytes.substr(0, length);
    bytes.remove_prefix(length == 0 ? 1 : length);
  }
  return text;
}

std::string bytes_of_utf8(std::string_view text) {
  std::string bytes;
  bytes.reserve(text.size());
  while (!text.empty()) {
    const int byte = escaped_byte(text);
    bytes += byte < 0 ? text[0] : static_cast<char>(byte);
    text.remove_prefix(byte < 0 ? 1 : kEscapeBytes);
  }
  return bytes;
}

std::string dump_json(nlohmann::ordered_json json, int indent) {
  make_utf8(json);
  return json.dump(indent);
}

}  // namespace leakdir::tool
