// SPDX-License-Identifier: BSL-1.0
#include "options.hh"

#include "text.hh"

namespace leakdir {
namespace {

// A piece of the source.
struct Piece {
  const char* at;
  std::size_t bytes;

  bool is(const char* word) const {
    std::size_t i = 0;
    while (i < bytes && word[i] != '\0' && word[i] == at[i]) ++i;
    return i == bytes && word[i] == '\0';
  }
};

bool is_space(char c) { return c == ' ' || c == '\t' || c == '\r'; }

Piece trimmed(Piece piece) {
  while (piece.bytes > 0 && is_space(piece.at[0])) ++piece.at, --piece.bytes;
  while (piece.bytes > 0 && is_space(piece.at[piece.bytes - 1])) --piece.bytes;
  return piece;
}

Piece unquoted(Piece piece) {
  if (piece.bytes >= 2 && (piece.at[0] == '\'' || piece.at[0] == '"') && piece.at[piece.bytes - 1] == piece.at[0]) {
    return {piece.at + 1, piece.bytes - 2};
  }
  return piece;
}

template <typename Number>
bool set_number(Piece value, std::uint64_t lowest, std::uint64_t highest, Number& into) {
  if (value.bytes == 0) return false;
  std::uint64_t number = 0;
  for (std::size_t i = 0; i < value.bytes; ++i) {
    const char c = value.at[i];
    if (c < '0' || c > '9') return false;
    const auto digit = static_cast<unsigned>(c - '0');
    if (number > (UINT64_MAX - digit) / 10) return false;
    number = number * 10 + digit;
  }
  if (number < lowest || number > highest) return false;
  into = static_cast<Number>(number);
  return true;
}

template <typename Choice>
bool set_choice(Piece value, const char* words, Choice& into) {
  for (unsigned i = 0;; ++i) {
    std::size_t bytes = 0;
    while (words[bytes] != '\0' && words[bytes] != '|') ++bytes;
    if (bytes == value.bytes) {
      std::size_t same = 0;
      while (same < bytes && words[same] == value.at[same]) ++same;
      if (same == bytes) {
        into = static_cast<Choice>(i);
        return true;
      }
    }
    if (words[bytes] == '\0') return false;
    words += bytes + 1;
  }
}

bool set_text(Piece value, char* into, std::size_t room) {
  if (value.bytes == 0 || value.bytes >= room) return false;
  for (std::size_t i = 0; i < value.bytes; ++i) into[i] = value.at[i];
  into[value.bytes] = '\0';
  return true;
}

enum class Outcome { kSet, kUnknownKey, kBadValue };

Outcome set_option(Piece key, Piece value, Options& into) {
  bool good = false;
  bool known = false;
#define OPTION_NUMBER(name, type, default_value, lowest, highest, meaning) \
  if (!known && key.is(#name)) known = true, good = set_number(value, lowest, highest, into.name);
#define OPTION_CHOICE(name, type, default_value, words, meaning) \
  if (!known && key.is(#name)) known = true, good = set_choice(value, words, into.name);
#define OPTION_TEXT(name, bytes, default_value, meaning) \
  if (!known && key.is(#name)) known = true, good = set_text(value, into.name, bytes);
#include "options.inc"
#undef OPTION_NUMBER
#undef OPTION_CHOICE
#undef OPTION_TEXT
  if (!known) return Outcome::kUnknownKey;
  return good ? Outcome::kSet : Outcome::kBadValue;
}

void apply(Piece setting, const char* source, unsigned line, Options& into, OptionErrorSink sink) {
  setting = trimmed(setting);
  if (setting.bytes == 0) return;
  std::size_t equals = 0;
  while (equals < setting.bytes && setting.at[equals] != '=') ++equals;
  const Piece key = trimmed({setting.at, equals});
  Piece value = {setting.at + setting.bytes, 0};
  if (equals < setting.bytes) value = unquoted(trimmed({setting.at + equals + 1, setting.bytes - equals - 1}));
  const Outcome outcome = set_option(key, value, into);
  if (outcome == Outcome::kSet) return;
  sink({source, line, key.at, key.bytes, value.at, value.bytes, outcome == Outcome::kUnknownKey});
}

// Bytes up to the next `stop`, or to the end; inside quotes it does not stop.
std::size_t length_until(const char* text, char stop) {
  char quote = '\0';
  std::size_t bytes = 0;
  for (; text[bytes] != '\0'; ++bytes) {
    const char c = text[bytes];
    if (quote != '\0') {
      if (c == quote) quote = '\0';
    } else if (c == stop) {
      break;
    } else if ((c == '\'' || c == '"') && bytes > 0 && text[bytes - 1] == '=') {
      quote = c;
    }
  }
  return bytes;
}

void put_word(const char* words, Text& into, unsigned index) {
  for (; index > 0; --index) {
    while (*words != '|') ++words;
    ++words;
  }
  while (*words != '|' && *words != '\0') into.put(*words++);
}

void pad_to(Text& line, std::size_t column) {
  while (line.size() < column) line.put(' ');
}

}  // namespace

void parse_option_list(const char* text, const char* source, Options& into, OptionErrorSink sink) {
  while (*text != '\0') {
    const std::size_t bytes = length_until(text, ':');
    apply({text, bytes}, source, 0, into, sink);
    text += bytes;
    if (*text == ':') ++text;
  }
}

void parse_option_file(const char* text, const char* source, Options& into, OptionErrorSink sink) {
  for (unsigned line = 1; *text != '\0'; ++line) {
    std::size_t bytes = 0;
    std::size_t comment = SIZE_MAX;
    for (; text[bytes] != '\0' && text[bytes] != '\n'; ++bytes) {
      if (text[bytes] == '#' && comment == SIZE_MAX) comment = bytes;
    }
    apply({text, comment < bytes ? comment : bytes}, source, line, into, sink);
    text += bytes;
    if (*text == '\n') ++text;
  }
}

void print_option_help(void (*line)(const char* text)) {
  char buffer[160];
  constexpr std::size_t kDefaultColumn = 14;
  constexpr std::size_t kMeaningColumn = 24;
  line("leakdir: options, as LEAKDIR_OPTIONS=\"key=value:key=value\" or as lines `key = value` of leakdir.conf:\n");
#define OPTION_NUMBER(name, type, default_value, lowest, highest, meaning) \
  {                                                                        \
    Text text(buffer, sizeof buffer);                                      \
    text.put("  " #name);                                                  \
    pad_to(text, kDefaultColumn);                                          \
    text.dec(static_cast<std::uint64_t>(default_value));                   \
    pad_to(text, kMeaningColumn);                                          \
    line(text.put(meaning "\n").c_str());                                  \
  }
#define OPTION_CHOICE(name, type, default_value, words, meaning) \
  {                                                              \
    Text text(buffer, sizeof buffer);                            \
    text.put("  " #name);                                        \
    pad_to(text, kDefaultColumn);                                \
    put_word(words, text, static_cast<unsigned>(default_value)); \
    pad_to(text, kMeaningColumn);                                \
    line(text.put(words ": " meaning "\n").c_str());             \
  }
#define OPTION_TEXT(name, bytes, default_value, meaning) \
  {                                                      \
    Text text(buffer, sizeof buffer);                    \
    text.put("  " #name);                                \
    pad_to(text, kDefaultColumn);                        \
    text.put(default_value);                             \
    pad_to(text, kMeaningColumn);                        \
    line(text.put(meaning "\n").c_str());                \
  }
#include "options.inc"
#undef OPTION_NUMBER
#undef OPTION_CHOICE
#undef OPTION_TEXT
}

}  // namespace leakdir
