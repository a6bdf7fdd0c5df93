// SPDX-License-Identifier: BSL-1.0
//
// The tool describes itself from the tables of its command line, which is what its --help shows too: the manual page
// and the completions of shells cannot tell of an option that is not there.

#pragma once

#include <string>
#include <vector>

namespace CLI {
class App;
}

namespace leakdir::tool {

struct OptionInfo {
  std::vector<std::string> names;  // "-o", "--output"; of what has no dashes, its name alone
  bool is_positional = false;
  std::string value;                 // "N", "FILE"; empty: it takes none
  std::vector<std::string> choices;  // if it must be one of these
  std::string help;
};

struct CommandInfo {
  std::string name, summary, footer;
  std::vector<OptionInfo> options;
};

std::vector<CommandInfo> commands_of(const CLI::App& app);

std::string bash_completion(const std::vector<CommandInfo>& commands);
std::string zsh_completion(const std::vector<CommandInfo>& commands);
std::string manual_page(const std::vector<CommandInfo>& commands);

}  // namespace leakdir::tool
