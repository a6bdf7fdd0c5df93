// SPDX-License-Identifier: BSL-1.0
//
// text.h for C++: what is put is put one after the other, out.put("frames: ").dec(frames).put('\n'). Everything below
// hooks.cc that has something to say uses it. See there for what it promises.

#pragma once

#include <cstddef>
#include <cstdint>

#include "text.h"

namespace leakdir {

class Text {
 public:
  // `bytes` is the whole buffer; one byte of it is kept for the terminating zero.
  constexpr Text(char* buffer, std::size_t bytes) : out_(text_in(buffer, bytes)) {}

  constexpr Text& put(char c) { return put_char(&out_, c), *this; }
  constexpr Text& put(const char* text) { return put_text(&out_, text), *this; }
  constexpr Text& put(const char* text, std::size_t bytes) { return put_bytes(&out_, text, bytes), *this; }
  constexpr Text& dec(std::uint64_t value, unsigned width = 1) { return put_dec_wide(&out_, value, width), *this; }
  constexpr Text& hex(std::uint64_t value) { return put_hex(&out_, value), *this; }
  constexpr Text& hex_bytes(const std::uint8_t* bytes, std::size_t count) {
    return put_hex_bytes(&out_, bytes, count), *this;
  }
  constexpr Text& utc(std::uint64_t ns) { return put_utc(&out_, ns), *this; }
  constexpr Text& shell_word(const char* word) { return put_shell_word(&out_, word), *this; }
  constexpr Text& one_line(const char* name) { return put_one_line(&out_, name), *this; }

  constexpr bool full() const { return out_.is_full; }
  constexpr std::size_t size() const { return text_size(&out_); }
  constexpr const char* data() const { return out_.begin; }
  constexpr const char* c_str() { return end_text(&out_); }
  constexpr void cut_to(std::size_t bytes) { cut_text_to(&out_, bytes); }

  // For functions that C knows, too.
  constexpr TextBuffer* buffer() { return &out_; }

 private:
  TextBuffer out_;
};

// What is behind the last slash of a path.
constexpr const char* last_part(const char* path) {
  const char* part = path;
  for (; *path != '\0'; ++path) {
    if (*path == '/') part = path + 1;
  }
  return part;
}

}  // namespace leakdir
