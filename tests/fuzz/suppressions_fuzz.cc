// SPDX-License-Identifier: BSL-1.0
//
// Suppressions: a file is taken line by line or refused by the line, and patterns match what they must.

#include "analyse/pattern.hh"
#include "analyse/suppressions.hh"
#include "base/demangle.hh"
#include "base/error.hh"
#include "fuzz.hh"

std::vector<std::string> fuzz_seeds() {
  return {
      "{\n  a name\n  Memcheck:Leak\n  match-leak-kinds: definite\n  fun:malloc\n  fun:make_buffer\n  ...\n"
      "  obj:*/libfoo.so*\n  src:*/f?o.c\n  fun:_ZN3app4growEPc\n}\n",
      "leak:a\n{\n  b\n  leakdir:Leak\n  ...\n  fun:main\n}\n{\n  c\n  Helgrind:Race\n  fun:x\n}\n"};
}
std::vector<std::string> fuzz_words() {
  return {"leak:",
          "\nleak:",
          "*",
          "^",
          "$",
          "#",
          "race:",
          "{",
          "\r\n",
          " ",
          "::",
          "operator*",
          "\n}\n",
          "\n{\nx\nleakdir:Leak\n",
          "\nfun:",
          "\nobj:",
          "\nsrc:",
          "\n...",
          "Memcheck,leakdir:Leak",
          "\\",
          "?",
          "_Znwm",
          "_ZN3app4growEPc",
          "(below main)",
          "???"};
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

// A block is written and read as the same; and a stack that it takes, it takes with more frames outside.
void try_block(const Suppression& rule) {
  if (rule.name.front() != '#') {
    const auto again = parse_suppressions(text_of_block(rule), "again");
    MUST_HOLD(again.size() == 1 && again[0].name == rule.name && again[0].frames.size() == rule.frames.size());
    for (std::size_t i = 0; i < rule.frames.size(); ++i) {
      MUST_HOLD(again[0].frames[i].kind == rule.frames[i].kind);
      // A name that is still mangled after it was read has been demangled twice.
      MUST_HOLD(is_mangled(rule.frames[i].glob) || again[0].frames[i].glob == rule.frames[i].glob);
    }
  }
  static const SourceLine kLines[] = {{"make_buffer", "/src/foo.c", 1, true},
                                      {"app::grow(char*)", "", 0, false},
                                      {"main", "/src/main.c", 2, false},
                                      {"a\xff*b?\\", "/\xff", 3, false}};
  const std::vector<Suppression> none;
  Matcher matcher(none);
  StackLines stack;
  bool was_taken = false;
  for (std::uint64_t id = 0; id < 6; ++id) {
    stack.lines.push_back({id == 5 ? nullptr : &kLines[id % 4], "/usr/lib/libfoo.so.1", false, id});
    const bool is_taken = matcher.takes(rule, "malloc", stack);
    MUST_HOLD(is_taken || !was_taken);
    was_taken = is_taken;
  }
}

void try_glob(const std::string& text) {
  MUST_HOLD(matches_glob(glob_of(text), text));
  MUST_HOLD(matches_glob("*" + text + "*", "before" + text + "after") ||
            text.find_first_of("*?\\") != std::string::npos);
}

}  // namespace

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  const std::string_view text(reinterpret_cast<const char*>(data), size);
  try_glob(std::string(text.substr(0, 200)));
  std::vector<std::string> warnings;
  const auto lenient = parse_suppressions(text, "fuzzed", &warnings);
  for (const auto& rule : lenient) {
    MUST_HOLD(rule.frames.empty() == !rule.pattern.empty());
    MUST_HOLD(rule.pattern.find('\n') == std::string::npos);
    if (rule.frames.empty())
      try_pattern(rule.pattern);
    else
      try_block(rule);
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
