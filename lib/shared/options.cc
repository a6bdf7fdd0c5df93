// SPDX-License-Identifier: BSL-1.0
#include "options.hh"

#include "option_text.h"
#include "text.hh"

namespace leakdir {
namespace {

template <typename Number>
bool set_number(Piece value, std::uint64_t lowest, std::uint64_t highest, Number& into) {
  std::uint64_t number = 0;
  if (!is_number(value, lowest, highest, &number)) return false;
  into = static_cast<Number>(number);
  return true;
}

template <typename Choice>
bool set_choice(Piece value, const char* words, Choice& into) {
  unsigned place = 0;
  if (!is_choice(value, words, &place)) return false;
  into = static_cast<Choice>(place);
  return true;
}

enum class Outcome { kSet, kUnknownKey, kBadValue };

Outcome set_option(Piece key, Piece value, Options& into) {
  bool good = false;
  bool known = false;
#define OPTION_NUMBER(name, type, default_value, lowest, highest, meaning) \
  if (!known && is_word(key, #name)) known = true, good = set_number(value, lowest, highest, into.name);
#define OPTION_CHOICE(name, type, default_value, words, meaning) \
  if (!known && is_word(key, #name)) known = true, good = set_choice(value, words, into.name);
#define OPTION_TEXT(name, bytes, default_value, meaning) \
  if (!known && is_word(key, #name)) known = true, good = copy_piece(value, into.name, bytes);
#include "options.inc"
#undef OPTION_NUMBER
#undef OPTION_CHOICE
#undef OPTION_TEXT
  if (!known) return Outcome::kUnknownKey;
  return good ? Outcome::kSet : Outcome::kBadValue;
}

struct Target {
  Options& into;
  OptionErrorSink sink;
};

void apply(const Setting* setting, void* context) {
  const auto& [into, sink] = *static_cast<const Target*>(context);
  const auto& [source, line, key, value] = *setting;
  const Outcome outcome = set_option(key, value, into);
  if (outcome == Outcome::kSet) return;
  sink({source, line, key.at, key.bytes, value.at, value.bytes, outcome == Outcome::kUnknownKey});
}

}  // namespace

void parse_option_list(const char* text, const char* source, Options& into, OptionErrorSink sink) {
  Target target{into, sink};
  const SettingSink take = {apply, &target};
  each_of_list(text, source, &take);
}

void parse_option_file(const char* text, const char* source, Options& into, OptionErrorSink sink) {
  Target target{into, sink};
  const SettingSink take = {apply, &target};
  each_of_file(text, source, &take);
}

void print_option_help(void (*line)(const char* text)) {
  char buffer[160];
  const auto row = [&](const char* name, const char* default_value, const char* words, const char* meaning) {
    Text text(buffer, sizeof buffer);
    put_option_help(text.buffer(), name, default_value, words, meaning);
    line(text.c_str());
  };
  line(kOptionHelp);
#define OPTION_NUMBER(name, type, default_value, lowest, highest, meaning) row(#name, #default_value, "", meaning);
#define OPTION_CHOICE(name, type, default_value, words, meaning) row(#name, default_value, words, meaning);
#define OPTION_TEXT(name, bytes, default_value, meaning) row(#name, default_value, "", meaning);
#include "options.inc"
#undef OPTION_NUMBER
#undef OPTION_CHOICE
#undef OPTION_TEXT
}

}  // namespace leakdir
