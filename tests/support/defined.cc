// SPDX-License-Identifier: BSL-1.0
#include "defined.hh"

#include <sstream>
#include <stdexcept>

#include "groups.hh"
#include "paths.hh"
#include "report_json.hh"
#include "scratch_directory.hh"
#include "shared/options.hh"

namespace leakdir_test {

namespace {

std::string source(const std::string& path) { return read_file(std::string(kSourceRoot) + "/" + path); }

Names not_empty(Names names, const std::string& what) {
  if (names.empty()) throw std::runtime_error("there is none: " + what);
  return names;
}

std::string help_of(const std::string& command) {
  const Outcome outcome = run_tool({command, "--help"});
  if (!outcome.exited_with(0)) throw std::runtime_error(outcome.describe());
  return outcome.out;
}

}  // namespace

Names all_in(const std::string& text, const std::string& pattern) {
  Names found;
  for (const Groups& groups : all_groups_in(text, pattern)) found.insert(groups[1]);
  return found;
}

std::map<std::string, std::string> defined_options() {
  using namespace leakdir;
  std::map<std::string, std::string> options;
#define OPTION_NUMBER(name, type, default_value, lowest, highest, meaning) \
  options[#name] = std::to_string(static_cast<std::uint64_t>(default_value));
#define OPTION_CHOICE(name, type, default_value, words, meaning) options[#name] = default_value;
#define OPTION_TEXT(name, bytes, default_value, meaning) options[#name] = default_value;
#include "shared/options.inc"
#undef OPTION_NUMBER
#undef OPTION_CHOICE
#undef OPTION_TEXT
  return options;
}

Names defined_hooks() {
  Names names;
  for (const std::string& name : all_in("\n" + source("tests/golden/leakdir.o.defined"), "\n(\\w+) T"))
    if (name.rfind("leakdir_", 0) != 0) names.insert(name);
  return not_empty(names, "hooks");
}

Names defined_api() {
  return not_empty(all_in(source("lib/include/leakdir/leakdir.h"), "\n[^ #*/][^(\n]*\\b(leakdir_\\w+)\\([^#]*?;"),
                   "API");
}

Names defined_commands() {
  Names shown;
  for (const std::string& name : all_in(source("tools/command/command.hh"), "\\bmake_(\\w+)\\(\\);")) {
    const std::string own_file = "tools/command/cmd_" + name + ".cc";
    const bool is_hidden = exists(std::string(kSourceRoot) + "/" + own_file) &&
                           source(own_file).find("app.group(\"\")") != std::string::npos;
    if (!is_hidden) shown.insert(name);
  }
  return not_empty(shown, "commands");
}

Names options_of(const std::string& command) {
  return not_empty(all_in(help_of(command), "(--[a-z][a-z-]*)"), "options of " + command);
}

Names choices_of(const std::string& command, const std::string& option) {
  Names choices;
  for (const std::string& list : all_in(help_of(command), option + " [A-Z]+:\\{([a-z,]+)\\}")) {
    std::istringstream words(list);
    for (std::string word; std::getline(words, word, ',');) choices.insert(word);
  }
  return not_empty(choices, "choices of " + command + " " + option);
}

}  // namespace leakdir_test
