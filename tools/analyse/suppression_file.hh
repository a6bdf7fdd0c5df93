// SPDX-License-Identifier: BSL-1.0
//
// A text of suppressions: which live blocks are known and not to be listed. Two syntaxes, line by line in one file:
//
//   # a comment, a line of its own
//   leak:PATTERN                LeakSanitizer's: any frame of the stack, by function, file or module
//   {                           Valgrind's: the stack itself, from the innermost frame on
//      any name
//      leakdir:Leak             or Memcheck:Leak. Blocks that are not about leaks are passed over.
//      match-leak-kinds: definite,possible    for these kinds alone; without it, for all
//      fun:malloc               the call may be left out
//      fun:make_buffer
//      ...                      any number of frames, none too
//      obj:*/libplugin.so.1     a frame by its module
//      src:*/hooked.c           a frame by its source file, or what the macro hook recorded
//   }
//
// Functions are matched as they are printed; Valgrind's files have mangled names, which are demangled when they are
// read. Pure: text in, rules out.

#pragma once

#include <string>
#include <string_view>
#include <vector>

#include "reach/kinds.hh"

namespace leakdir::tool {

struct FramePattern {
  enum class Kind { kFunction, kModule, kFile, kAnyFrames };
  Kind kind = Kind::kAnyFrames;
  std::string glob;  // as matches_glob() takes it
};

struct Suppression {
  std::string pattern;               // of leak:PATTERN; empty: it is a block of frames
  std::string origin;                // "FILE:LINE"
  bool is_the_programs = false;      // __lsan_default_suppressions()
  std::string name;                  // of a block
  std::vector<FramePattern> frames;  // innermost first
  KindSet kinds = kAllKinds;         // of blocks that it takes

  std::string in_words() const;  // "leak:PATTERN", or "{name}"
};

// The rules of one text; `name` is what messages call it. A line that is none throws Error, naming the line, unless
// `warnings` is given: then it, or the block that it is in, is passed over, with a warning.
std::vector<Suppression> parse_suppressions(std::string_view text, const std::string& name,
                                            std::vector<std::string>* warnings = nullptr);

// A rule as a block, ready to paste.
std::string text_of_block(const Suppression& rule);

}  // namespace leakdir::tool
