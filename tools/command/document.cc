// SPDX-License-Identifier: BSL-1.0
//
// What CLI11 knows, as plain data.

#include "document.hh"

#include <CLI/CLI.hpp>
#include <sstream>

namespace leakdir::tool {

namespace {

// CLI11 has the choices of an option in the name of its type: "KEY:{bytes,blocks,age}".
std::vector<std::string> choices_in(const std::string& type) {
  std::vector<std::string> choices;
  const std::size_t open = type.find('{'), close = type.find('}', open);
  if (open == std::string::npos || close == std::string::npos) return choices;
  std::istringstream list(type.substr(open + 1, close - open - 1));
  for (std::string choice; std::getline(list, choice, ',');) choices.push_back(choice);
  return choices;
}

OptionInfo info_of(const CLI::Option& option) {
  OptionInfo info;
  info.is_positional = option.get_positional();
  for (const auto& name : option.get_snames()) info.names.push_back("-" + name);
  for (const auto& name : option.get_lnames()) info.names.push_back("--" + name);
  if (info.names.empty()) info.names.push_back(option.get_single_name());
  const std::string type = option.get_type_name();
  if (option.get_items_expected_max() > 0 && !info.is_positional) info.value = type.substr(0, type.find(':'));
  info.choices = choices_in(type);
  info.help = option.get_description();
  return info;
}

}  // namespace

std::vector<CommandInfo> commands_of(const CLI::App& app) {
  std::vector<CommandInfo> commands;
  for (const CLI::App* part : app.get_subcommands([](const CLI::App* one) { return !one->get_group().empty(); })) {
    CommandInfo command{part->get_name(), part->get_description(), part->get_footer(), {}};
    for (const CLI::Option* option :
         part->get_options([](const CLI::Option* one) { return !one->get_group().empty(); }))
      command.options.push_back(info_of(*option));
    commands.push_back(std::move(command));
  }
  return commands;
}

}  // namespace leakdir::tool
