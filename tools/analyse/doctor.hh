// SPDX-License-Identifier: BSL-1.0
//
// What the records of a program will be worth, told from its file alone, before it runs anywhere. doctor.cc finds out,
// emit_doctor.cc prints.

#pragma once

#include <functional>
#include <string>
#include <string_view>
#include <vector>

#include "symbols/symbols.hh"

namespace leakdir::tool {

enum class Health {
  kGood,
  kWeak,      // records will have less than they could
  kMissing,   // records will lack this
  kOptional,  // it is not there, and leakdir does not need it
  kUnknown,   // it cannot be told from this file
};

struct Finding {
  const char* check;  // "hooks", "unwind tables" …
  Health health = Health::kUnknown;
  std::string text;
  std::string remedy;  // the flag or step that mends it; empty: nothing to mend
};

struct Diagnosis {
  std::string path;
  std::string machine;  // "x86-64", as far as known by name
  std::string kind;     // "static program", "shared library" …
  bool has_hooks = false;
  bool needs_hooks = true;         // a library needs none: they belong into the program
  bool has_callers_alone = false;  // the hook is leakdir_trace.c: one frame, and some sources
  std::vector<Finding> findings;
};

// Throws Error, with one sentence, for what is no program or library.
Diagnosis examine(const std::string& path, const SymbolOptions& options);

std::string_view name_of(Health health);  // "good", "weak" …
std::string diagnosis_text(const Diagnosis& diagnosis, bool is_coloured);
std::string diagnosis_json(const Diagnosis& diagnosis);

}  // namespace leakdir::tool
