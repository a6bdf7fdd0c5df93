// SPDX-License-Identifier: BSL-1.0
//
// What there is, from where it is defined: a test that says "all", "each" or "every" asks here and has no list of its
// own. Each list is checked not to be empty: nothing in it would be all of nothing.

#pragma once

#include <map>
#include <set>
#include <string>

namespace leakdir_test {

using Names = std::set<std::string>;

// What the first group of `pattern` matches in `text`, wherever it does.
Names all_in(const std::string& text, const std::string& pattern);

// The options of the object and their defaults, as one types them: lib/shared/options.inc.
std::map<std::string, std::string> defined_options();
// The functions of libc that the object has: tests/golden/, which symbols_test compares with the object.
Names defined_hooks();
// The functions of leakdir/leakdir.h.
Names defined_api();
// The commands of the tool: those of tools/command/command.hh but for the ones that hide themselves.
Names defined_commands();
// The long options that `leakdir COMMAND --help` names.
Names options_of(const std::string& command);
// The words that an option of a command may have: `leakdir COMMAND --help`.
Names choices_of(const std::string& command, const std::string& option);

}  // namespace leakdir_test
