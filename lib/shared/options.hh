// SPDX-License-Identifier: BSL-1.0
//
// The settings, from four sources: LEAKDIR_OPTIONS over the config file over the program's own
// leakdir_default_options() over the defaults. Read once at start, by one thread, before the first record; `recording`
// alone is read again later. An unknown key or a bad value is said on stderr and the value before it holds.
//
// Allocates nothing and calls no getenv: the environment comes from the caller.

#pragma once

#include <cstddef>
#include <cstdint>

#include "ledger.hh"
#include "option_text.h"

namespace leakdir {

enum class Unwind : std::uint32_t { kFast = 0, kBoost = 1, kCaller = 2, kCompare = 3 };
enum class OnBadFree : std::uint32_t { kReport = 0, kAbort = 1 };

struct Options {
#define OPTION_NUMBER(name, type, default_value, lowest, highest, meaning) type name = default_value;
#define OPTION_CHOICE(name, type, default_value, words, meaning) \
  type name = static_cast<type>(place_of_word(words, default_value));
#define OPTION_TEXT(name, bytes, default_value, meaning) char name[bytes] = default_value;
#include "options.inc"
#undef OPTION_NUMBER
#undef OPTION_CHOICE
#undef OPTION_TEXT
};

// What was wrong with one setting; the texts point into the source and are not zero-terminated.
struct OptionError {
  const char* source;  // "LEAKDIR_OPTIONS", the config file's path, …
  unsigned line;       // of a config file; 0 elsewhere
  const char* key;
  std::size_t key_bytes;
  const char* value;
  std::size_t value_bytes;
  bool unknown_key;
};
using OptionErrorSink = void (*)(const OptionError&);

// "key=value:key=value". A value with a ':' in it stands in single or double quotes.
void parse_option_list(const char* text, const char* source, Options& into, OptionErrorSink sink);

// One "key = value" a line, `#` comments. `text` is zero-terminated.
void parse_option_file(const char* text, const char* source, Options& into, OptionErrorSink sink);

// The help, one line at a time.
void print_option_help(void (*line)(const char* text));

}  // namespace leakdir
