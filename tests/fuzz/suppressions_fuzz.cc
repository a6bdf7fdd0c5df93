// SPDX-License-Identifier: BSL-1.0
//
// Suppressions: a file is taken line by line or refused by the line, and patterns match what they must.

#include "analyse/suppressions.hh"
#include "base/error.hh"
#include "fuzz.hh"

std::vector<std::string> fuzz_seeds() { return {}; }
std::vector<std::string> fuzz_words() {
  return {"leak:", "\nleak:", "*", "^", "$", "#", "race:", "{", "\r\n", " ", "::", "operator*"};
}

namespace {

using namespace leakdir::tool;

void try_pattern(const std::string& pattern) {
  static const std::string kNames[] = {"make_buffer", "std::vector<int>::push_back(int&&)", "main::$_0::operator()",
                                       "/usr/lib/libfoo.so.1", "a*b"};
  for (const auto& name : kNames) {
    const bool is_match = matches_pattern(pattern, name);
    // What is found in a name is found in a longer one, unless the pattern is held to an end.
    const bool is_held = pattern.front() == '^' || pattern.back() == '$';
    if (is_match && !is_held) MUST_HOLD(matches_pattern(pattern, "before" + name + "after"));
    if (is_match && !is_held) MUST_HOLD(matches_pattern("*" + pattern + "*", name));
    if (!is_match) MUST_HOLD(!matches_pattern("^" + pattern, name) || pattern.front() == '^');
  }
  // A pattern without special characters is found in itself.
  if (pattern.find_first_of("^$*") == std::string::npos) MUST_HOLD(matches_pattern("^" + pattern + "$", pattern));
}

}  // namespace

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  const std::string_view text(reinterpret_cast<const char*>(data), size);
  std::vector<std::string> warnings;
  const auto lenient = parse_suppressions(text, "fuzzed", &warnings);
  for (const auto& rule : lenient) {
    MUST_HOLD(!rule.pattern.empty() && rule.pattern.find('\n') == std::string::npos);
    try_pattern(rule.pattern);
  }
  try {
    const auto strict = parse_suppressions(text, "fuzzed");
    MUST_HOLD(strict.size() == lenient.size() && warnings.empty());
    fuzz_was_taken = true;
  } catch (const Error& error) {
    MUST_HOLD(!warnings.empty());
    MUST_HOLD(std::string(error.what()).rfind("fuzzed:", 0) == 0);
  }
  return 0;
}
