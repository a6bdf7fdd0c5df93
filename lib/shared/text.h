/* SPDX-License-Identifier: BSL-1.0
 *
 * Text made in the caller's buffer: numbers, times, paths. C99 and C++17 alike: the object and the tool use it by way
 * of class Text (text.hh), the hook without the object (../trace/) as it is.
 *
 * Never allocates, keeps no state, uses no stdio; safe in signal handlers. A text that does not fit is cut at the
 * buffer's end and `is_full` says so. It is not zero-terminated until end_text() is called.
 */

#pragma once

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#ifdef __cplusplus
#define LEAKDIR_TEXT constexpr
namespace leakdir {
#else /* a file is written after it: rather small than fast */
#define LEAKDIR_TEXT static __attribute__((unused, noinline))
#endif

struct TextBuffer {
  char *begin, *at, *end;
  bool is_full;
};

/* `bytes` is the whole buffer; one byte of it is kept for the terminating zero. */
LEAKDIR_TEXT struct TextBuffer text_in(char* buffer, size_t bytes) {
  const struct TextBuffer text = {buffer, buffer, buffer + bytes - 1, false};
  return text;
}

LEAKDIR_TEXT void put_char(struct TextBuffer* out, char c) {
  if (out->at == out->end) {
    out->is_full = true;
  } else {
    *out->at++ = c;
  }
}

LEAKDIR_TEXT void put_text(struct TextBuffer* out, const char* text) {
  while (*text != '\0' && !out->is_full) put_char(out, *text++);
}

LEAKDIR_TEXT void put_bytes(struct TextBuffer* out, const char* text, size_t bytes) {
  const char* const end = text + bytes;
  while (text != end && !out->is_full) put_char(out, *text++);
}

/* Decimal, at least `width` digits, filled with zeros. */
LEAKDIR_TEXT void put_dec_wide(struct TextBuffer* out, uint64_t value, unsigned width) {
  char digits[20] = {0};
  unsigned count = 0;
  do {
    digits[count++] = "0123456789"[value % 10];
    value /= 10;
  } while (value != 0);
  for (; width > count; --width) put_char(out, '0');
  while (count > 0) put_char(out, digits[--count]);
}

LEAKDIR_TEXT void put_dec(struct TextBuffer* out, uint64_t value) { put_dec_wide(out, value, 1); }

LEAKDIR_TEXT void put_hex_digit(struct TextBuffer* out, uint64_t value) {
  put_char(out, "0123456789abcdef"[value & 15]);
}

/* "0x" and lower-case digits without leading zeros. */
LEAKDIR_TEXT void put_hex(struct TextBuffer* out, uint64_t value) {
  int shift = 60;
  put_text(out, "0x");
  while (shift > 0 && (value >> shift) == 0) shift -= 4;
  for (; shift >= 0; shift -= 4) put_hex_digit(out, value >> shift);
}

/* Bytes as lower-case digits, two each. */
LEAKDIR_TEXT void put_hex_bytes(struct TextBuffer* out, const uint8_t* bytes, size_t count) {
  for (; count != 0; --count, ++bytes) {
    put_hex_digit(out, *bytes >> 4);
    put_hex_digit(out, *bytes);
  }
}

/* 2026-11-23T09:14:26.123456Z, from nanoseconds since 1970. */
LEAKDIR_TEXT void put_utc(struct TextBuffer* out, uint64_t ns) {
  const uint64_t seconds = ns / 1000000000;
  const uint64_t day_seconds = seconds % 86400;
  /* Days to a date of the proleptic Gregorian calendar, in 400-year eras that begin on 1 March. */
  const uint64_t days = seconds / 86400 + 719468;
  const uint64_t era = days / 146097;
  const uint64_t day_of_era = days % 146097;
  const uint64_t year_of_era = (day_of_era - day_of_era / 1460 + day_of_era / 36524 - day_of_era / 146096) / 365;
  const uint64_t day_of_year = day_of_era - (365 * year_of_era + year_of_era / 4 - year_of_era / 100);
  const uint64_t shifted_month = (5 * day_of_year + 2) / 153;
  const uint64_t day = day_of_year - (153 * shifted_month + 2) / 5 + 1;
  const uint64_t month = shifted_month < 10 ? shifted_month + 3 : shifted_month - 9;
  const uint64_t year = year_of_era + era * 400 + (month <= 2 ? 1 : 0);
  put_dec_wide(out, year, 4);
  put_char(out, '-');
  put_dec_wide(out, month, 2);
  put_char(out, '-');
  put_dec_wide(out, day, 2);
  put_char(out, 'T');
  put_dec_wide(out, day_seconds / 3600, 2);
  put_char(out, ':');
  put_dec_wide(out, day_seconds / 60 % 60, 2);
  put_char(out, ':');
  put_dec_wide(out, day_seconds % 60, 2);
  put_char(out, '.');
  put_dec_wide(out, ns / 1000 % 1000000, 6);
  put_char(out, 'Z');
}

LEAKDIR_TEXT bool is_plain_in_a_shell(char c) {
  return (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') || (c >= '0' && c <= '9') || c == '/' || c == '.' ||
         c == '_' || c == '-' || c == '+' || c == ',' || c == ':' || c == '@' || c == '%' || c == '=';
}

/* A path as one word of a shell: as it is where that is safe, else in single quotes. */
LEAKDIR_TEXT void put_shell_word(struct TextBuffer* out, const char* word) {
  bool is_plain = *word != '\0';
  const char* c = word;
  for (; *c != '\0'; ++c) is_plain = is_plain && is_plain_in_a_shell(*c);
  if (is_plain) {
    put_text(out, word);
    return;
  }
  put_char(out, '\'');
  for (; *word != '\0'; ++word) {
    if (*word == '\'') {
      put_text(out, "'\\''");
    } else {
      put_char(out, *word);
    }
  }
  put_char(out, '\'');
}

/* A name on a line of its own: bytes that would break the line, or the reader's terminal, become '?'. */
LEAKDIR_TEXT void put_one_line(struct TextBuffer* out, const char* name) {
  for (; *name != '\0' && !out->is_full; ++name) {
    const bool is_control = (*name & ~0x1f) == 0 || *name == 0x7f;
    put_char(out, is_control ? '?' : *name);
  }
}

LEAKDIR_TEXT size_t text_size(const struct TextBuffer* out) {
  return (size_t)(out->at - out->begin); /* NOLINT(google-readability-casting): C */
}

LEAKDIR_TEXT const char* end_text(struct TextBuffer* out) {
  *out->at = '\0';
  return out->begin;
}

/* Forgets what was put after the first `bytes` bytes. */
LEAKDIR_TEXT void cut_text_to(struct TextBuffer* out, size_t bytes) {
  if (bytes < text_size(out)) out->at = out->begin + bytes;
  out->is_full = false;
}

/* Whether two zero-terminated texts are the same. */
LEAKDIR_TEXT bool is_same_text(const char* a, const char* b) {
  while (*a != '\0' && *a == *b) ++a, ++b;
  return *a == *b;
}

#ifdef __cplusplus
} /* namespace leakdir */
#endif
