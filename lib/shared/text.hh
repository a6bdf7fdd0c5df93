// SPDX-License-Identifier: BSL-1.0
//
// Text made in the caller's buffer: numbers, times, paths. Everything below hooks.cc that has something to say uses it.
//
// Never allocates, never throws, keeps no state, uses no stdio; safe in signal handlers. A text that does not fit is
// cut at the buffer's end and says so through `full()`. The buffer is not zero-terminated until c_str() is called.

#pragma once

#include <cstddef>
#include <cstdint>

namespace leakdir {

class Text {
 public:
  // `bytes` is the whole buffer; one byte of it is kept for the terminating zero.
  constexpr Text(char* buffer, std::size_t bytes) : begin_(buffer), at_(buffer), end_(buffer + bytes - 1) {}

  constexpr Text& put(char c) {
    if (at_ == end_) {
      full_ = true;
    } else {
      *at_++ = c;
    }
    return *this;
  }

  constexpr Text& put(const char* text) {
    while (*text != '\0' && !full_) put(*text++);
    return *this;
  }

  constexpr Text& put(const char* text, std::size_t bytes) {
    for (std::size_t i = 0; i < bytes && !full_; ++i) put(text[i]);
    return *this;
  }

  // Decimal, at least `width` digits, filled with zeros.
  constexpr Text& dec(std::uint64_t value, unsigned width = 1) {
    char digits[20] = {};
    unsigned n = 0;
    do {
      digits[n++] = static_cast<char>('0' + value % 10);
      value /= 10;
    } while (value != 0);
    while (width > n) {
      put('0');
      --width;
    }
    while (n > 0) put(digits[--n]);
    return *this;
  }

  // "0x" and lower-case digits without leading zeros.
  constexpr Text& hex(std::uint64_t value) {
    put('0').put('x');
    int shift = 60;
    while (shift > 0 && (value >> shift) == 0) shift -= 4;
    for (; shift >= 0; shift -= 4) put(kHexDigits[value >> shift & 15]);
    return *this;
  }

  // Bytes as lower-case digits, two each.
  constexpr Text& hex_bytes(const std::uint8_t* bytes, std::size_t count) {
    for (std::size_t i = 0; i < count; ++i) put(kHexDigits[bytes[i] >> 4]).put(kHexDigits[bytes[i] & 15]);
    return *this;
  }

  // 2026-11-23T09:14:26.123456Z, from nanoseconds since 1970.
  constexpr Text& utc(std::uint64_t ns) {
    const std::uint64_t seconds = ns / 1000000000;
    const std::uint64_t day_seconds = seconds % 86400;
    // Days to a date of the proleptic Gregorian calendar, in 400-year eras that begin on 1 March.
    const std::uint64_t days = seconds / 86400 + 719468;
    const std::uint64_t era = days / 146097;
    const std::uint64_t day_of_era = days % 146097;
    const std::uint64_t year_of_era = (day_of_era - day_of_era / 1460 + day_of_era / 36524 - day_of_era / 146096) / 365;
    const std::uint64_t day_of_year = day_of_era - (365 * year_of_era + year_of_era / 4 - year_of_era / 100);
    const std::uint64_t shifted_month = (5 * day_of_year + 2) / 153;
    const std::uint64_t day = day_of_year - (153 * shifted_month + 2) / 5 + 1;
    const std::uint64_t month = shifted_month < 10 ? shifted_month + 3 : shifted_month - 9;
    const std::uint64_t year = year_of_era + era * 400 + (month <= 2 ? 1 : 0);
    dec(year, 4).put('-').dec(month, 2).put('-').dec(day, 2).put('T');
    dec(day_seconds / 3600, 2).put(':').dec(day_seconds / 60 % 60, 2).put(':').dec(day_seconds % 60, 2);
    return put('.').dec(ns / 1000 % 1000000, 6).put('Z');
  }

  // A path as one word of a shell: as it is where that is safe, else in single quotes.
  constexpr Text& shell_word(const char* word) {
    bool plain = *word != '\0';
    for (const char* c = word; *c != '\0'; ++c) plain = plain && is_plain(*c);
    if (plain) return put(word);
    put('\'');
    for (; *word != '\0'; ++word) {
      if (*word == '\'') {
        put("'\\''");
      } else {
        put(*word);
      }
    }
    return put('\'');
  }

  // A name on a line of its own: bytes that would break the line, or the reader's terminal, become '?'.
  constexpr Text& one_line(const char* name) {
    for (; *name != '\0' && !full_; ++name) {
      const auto byte = static_cast<unsigned char>(*name);
      put(byte < 0x20 || byte == 0x7f ? '?' : *name);
    }
    return *this;
  }

  constexpr bool full() const { return full_; }
  constexpr std::size_t size() const { return static_cast<std::size_t>(at_ - begin_); }
  constexpr const char* data() const { return begin_; }
  constexpr const char* c_str() {
    *at_ = '\0';
    return begin_;
  }

  // Forgets what was put after the first `bytes` bytes.
  constexpr void cut_to(std::size_t bytes) {
    if (bytes < size()) at_ = begin_ + bytes;
    full_ = false;
  }

 private:
  static constexpr char kHexDigits[] = "0123456789abcdef";

  static constexpr bool is_plain(char c) {
    return (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') || (c >= '0' && c <= '9') || c == '/' || c == '.' ||
           c == '_' || c == '-' || c == '+' || c == ',' || c == ':' || c == '@' || c == '%' || c == '=';
  }

  char* begin_;
  char* at_;
  char* end_;
  bool full_ = false;
};

// Whether two zero-terminated texts are the same.
constexpr bool is_same_text(const char* a, const char* b) {
  while (*a != '\0' && *a == *b) ++a, ++b;
  return *a == *b;
}

}  // namespace leakdir
