/* SPDX-License-Identifier: BSL-1.0
 *
 * How options are written: "key=value:key=value", or a file with one `key = value` a line. What there is to set is in
 * options.inc; who sets it is options.cc for the object and ../trace/options.h for the hook without the object.
 * C99 and C++17 alike.
 *
 * Allocates nothing. A piece points into the text that is read, and is not zero-terminated.
 */

#pragma once

#include "text.h"

#ifdef __cplusplus
namespace leakdir {
#endif

struct Piece {
  const char* at;
  size_t bytes;
};

LEAKDIR_TEXT bool is_word(struct Piece piece, const char* word) {
  size_t i = 0;
  while (i < piece.bytes && word[i] != '\0' && word[i] == piece.at[i]) ++i;
  return i == piece.bytes && word[i] == '\0';
}

LEAKDIR_TEXT struct Piece first_bytes(const char* text, size_t bytes) {
  const struct Piece piece = {text, bytes};
  return piece;
}

LEAKDIR_TEXT struct Piece without_first(struct Piece piece, size_t bytes) {
  return first_bytes(piece.at + bytes, piece.bytes - bytes);
}

LEAKDIR_TEXT bool is_space(char c) { return c == ' ' || c == '\t' || c == '\r'; }

LEAKDIR_TEXT struct Piece trimmed(struct Piece piece) {
  while (piece.bytes > 0 && is_space(piece.at[0])) piece = without_first(piece, 1);
  while (piece.bytes > 0 && is_space(piece.at[piece.bytes - 1])) --piece.bytes;
  return piece;
}

LEAKDIR_TEXT bool is_quote(char c) { return c == '\'' || c == '"'; }

LEAKDIR_TEXT struct Piece unquoted(struct Piece piece) {
  if (piece.bytes < 2 || !is_quote(piece.at[0]) || piece.at[piece.bytes - 1] != piece.at[0]) return piece;
  return first_bytes(piece.at + 1, piece.bytes - 2);
}

/* 10: it is none. */
LEAKDIR_TEXT unsigned digit_of(char c) {
  unsigned digit = 0;
  while (digit < 10 && "0123456789"[digit] != c) ++digit;
  return digit;
}

/* k, M, G: a number times 2^10, 2^20, 2^30; 0: none of these. */
LEAKDIR_TEXT unsigned shift_of(char c) { return c == 'k' ? 10 : c == 'M' ? 20 : c == 'G' ? 30 : 0; }

/* Whether it is a number within the bounds. */
LEAKDIR_TEXT bool is_number(struct Piece value, uint64_t lowest, uint64_t highest, uint64_t* into) {
  uint64_t number = 0;
  const unsigned shift = value.bytes > 1 ? shift_of(value.at[value.bytes - 1]) : 0;
  size_t i = 0;
  if (shift != 0) --value.bytes;
  for (; i < value.bytes; ++i) {
    const unsigned digit = digit_of(value.at[i]);
    if (digit > 9 || number > (UINT64_MAX - digit) / 10) return false;
    number = number * 10 + digit;
  }
  if (number > UINT64_MAX >> shift) return false;
  number <<= shift;
  if (value.bytes == 0 || number < lowest || number > highest) return false;
  *into = number;
  return true;
}

/* Whether it is one of "first|second|…", and which. */
LEAKDIR_TEXT bool is_choice(struct Piece value, const char* words, unsigned* into) {
  unsigned place = 0;
  for (;; ++place) {
    size_t bytes = 0, same = 0;
    while (words[bytes] != '\0' && words[bytes] != '|') ++bytes;
    while (same < bytes && same < value.bytes && words[same] == value.at[same]) ++same;
    if (same == bytes && bytes == value.bytes) {
      *into = place;
      return true;
    }
    if (words[bytes] == '\0') return false;
    words += bytes + 1;
  }
}

/* Which of "first|second|…" the word is. */
LEAKDIR_TEXT unsigned place_of_word(const char* words, const char* word) {
  size_t bytes = 0;
  unsigned place = 0;
  while (word[bytes] != '\0') ++bytes;
  is_choice(first_bytes(word, bytes), words, &place);
  return place;
}

LEAKDIR_TEXT bool copy_piece(struct Piece value, char* into, size_t room) {
  size_t i = 0;
  if (value.bytes == 0 || value.bytes >= room) return false;
  for (; i < value.bytes; ++i) into[i] = value.at[i];
  into[value.bytes] = '\0';
  return true;
}

/* One setting, and where it stands. */
struct Setting {
  const char* source; /* "LEAKDIR_OPTIONS", the config file's path, … */
  unsigned line;      /* of a config file; 0 elsewhere */
  struct Piece key, value;
};

/* What is done with each of them. */
struct SettingSink {
  void (*take)(const struct Setting* setting, void* context);
  void* context;
};

LEAKDIR_TEXT void take_setting(struct Piece text, const char* source, unsigned line, const struct SettingSink* sink) {
  const struct Piece all = trimmed(text);
  size_t equals = 0;
  while (equals < all.bytes && all.at[equals] != '=') ++equals;
  const struct Piece value = without_first(all, equals < all.bytes ? equals + 1 : equals);
  const struct Setting setting = {source, line, trimmed(first_bytes(all.at, equals)), unquoted(trimmed(value))};
  if (all.bytes != 0) sink->take(&setting, sink->context);
}

/* Bytes up to the next `stop`, or to the end; inside quotes it does not stop. */
LEAKDIR_TEXT size_t length_until(const char* text, char stop) {
  char quote = '\0';
  size_t bytes = 0;
  for (; text[bytes] != '\0'; ++bytes) {
    const char c = text[bytes];
    if (quote != '\0') {
      if (c == quote) quote = '\0';
    } else if (c == stop) {
      break;
    } else if (is_quote(c) && bytes > 0 && text[bytes - 1] == '=') {
      quote = c;
    }
  }
  return bytes;
}

/* "key=value:key=value". A value with a ':' in it stands in single or double quotes. */
LEAKDIR_TEXT void each_of_list(const char* text, const char* source, const struct SettingSink* sink) {
  while (*text != '\0') {
    const size_t bytes = length_until(text, ':');
    take_setting(first_bytes(text, bytes), source, 0, sink);
    text += bytes;
    if (*text == ':') ++text;
  }
}

/* One "key = value" a line, `#` comments. `text` is zero-terminated. */
LEAKDIR_TEXT void each_of_file(const char* text, const char* source, const struct SettingSink* sink) {
  unsigned line = 1;
  for (; *text != '\0'; ++line) {
    size_t bytes = 0, setting = 0;
    bool is_comment = false;
    for (; text[bytes] != '\0' && text[bytes] != '\n'; ++bytes) {
      is_comment = is_comment || text[bytes] == '#';
      if (!is_comment) ++setting;
    }
    take_setting(first_bytes(text, setting), source, line, sink);
    text += bytes;
    if (*text == '\n') ++text;
  }
}

/* The help: what stands above the table, and a row of it. `words` of a choice, or "". */
static const char kOptionHelp[] =
    "leakdir: options, as LEAKDIR_OPTIONS=\"key=value:key=value\" or as lines `key = value` of leakdir.conf:\n";

LEAKDIR_TEXT void put_column(struct TextBuffer* out, const char* text, size_t column) {
  while (text_size(out) < column && !out->is_full) put_char(out, ' ');
  put_text(out, text);
}

LEAKDIR_TEXT void put_option_help(struct TextBuffer* out, const char* name, const char* default_value,
                                  const char* words, const char* meaning) {
  put_column(out, name, 2);
  put_column(out, default_value, 16);
  put_column(out, words, 26);
  if (*words != '\0') put_text(out, ": ");
  put_text(out, meaning);
  put_char(out, '\n');
}

#ifdef __cplusplus
} /* namespace leakdir */
#endif
