// SPDX-License-Identifier: BSL-1.0
//
// Completions of bash and zsh. What they do not know, they leave to the shell, which offers files.

#include <fmt/format.h>
#include <fmt/ranges.h>

#include <algorithm>

#include "document.hh"

namespace leakdir::tool {

namespace {

std::vector<std::string> flags_of(const CommandInfo& command) {
  std::vector<std::string> flags;
  for (const auto& option : command.options)
    if (!option.is_positional) flags.insert(flags.end(), option.names.begin(), option.names.end());
  return flags;
}

std::vector<std::string> names_of(const std::vector<CommandInfo>& commands) {
  std::vector<std::string> names;
  names.reserve(commands.size());
  for (const auto& command : commands) names.push_back(command.name);
  return names;
}

// "report:-o|report:--output"
std::string cases_of(const CommandInfo& command, const OptionInfo& option) {
  std::vector<std::string> cases;
  for (const auto& name : option.names) cases.push_back(command.name + ":" + name);
  return fmt::format("{}", fmt::join(cases, "|"));
}

// A text between single quotes, of zsh's _arguments, where brackets and colons mean something.
std::string for_zsh(const std::string& text) {
  std::string safe;
  for (char c : text) {
    if (c == '\'') {
      safe += "'\\''";
      continue;
    }
    if (c == '[' || c == ']' || c == ':' || c == '\\') safe += '\\';
    safe += c == '\n' ? ' ' : c;
  }
  return safe;
}

std::string zsh_argument(const OptionInfo& option) {
  std::string value;
  if (!option.choices.empty())
    value = fmt::format(":{}:({})", option.value, fmt::join(option.choices, " "));
  else if (option.value == "DIR")
    value = ":DIR:_files -/";
  else if (option.value == "FILE" || option.value == "PATH")
    value = fmt::format(":{}:_files", option.value);
  else if (!option.value.empty())
    value = fmt::format(":{}: ", for_zsh(option.value));
  const std::string rest = fmt::format("[{}]{}'", for_zsh(option.help), value);
  if (option.names.size() == 1) return fmt::format("'*{}{}", option.names[0], rest);
  return fmt::format("'*'{{{}}}'{}", fmt::join(option.names, ","), rest);
}

}  // namespace

std::string bash_completion(const std::vector<CommandInfo>& commands) {
  const auto names = names_of(commands);
  std::string values, flags;
  for (const auto& command : commands) {
    for (const auto& option : command.options) {
      if (!option.choices.empty())
        values += fmt::format("    {}) words='{}' ;;\n", cases_of(command, option), fmt::join(option.choices, " "));
      else if (!option.value.empty())
        values += fmt::format("    {}) return ;;\n", cases_of(command, option));
    }
    flags += fmt::format("      {}) words='{}' ;;\n", command.name, fmt::join(flags_of(command), " "));
  }
  return fmt::format(R"(# bash completion for leakdir, made by `leakdir document bash`.

_leakdir() {{
  local current=${{COMP_WORDS[COMP_CWORD]}} before=${{COMP_WORDS[COMP_CWORD - 1]}} command= words= i
  COMPREPLY=()
  for ((i = 1; i < COMP_CWORD; ++i)); do
    case ${{COMP_WORDS[i]}} in
      {0}) command=${{COMP_WORDS[i]}}; break ;;
    esac
  done
  case $command:$before in
{1}  esac
  if [[ -z $words && $current == -* ]]; then
    case $command in
{2}      *) words='--help --version' ;;
    esac
  elif [[ -z $words && -z $command ]]; then
    words='{3}'
  fi
  [[ -z $words ]] || mapfile -t COMPREPLY < <(compgen -W "$words" -- "$current")
}}

complete -o bashdefault -o default -F _leakdir leakdir
)",
                     fmt::join(names, "|"), values, flags, fmt::join(names, " "));
}

std::string zsh_completion(const std::vector<CommandInfo>& commands) {
  std::string list, cases;
  for (const auto& command : commands) {
    list += fmt::format("    '{}:{}'\n", command.name, for_zsh(command.summary));
    cases += fmt::format("        {})\n          _arguments", command.name);
    for (const auto& option : command.options)
      if (!option.is_positional) cases += " \\\n            " + zsh_argument(option);
    cases += " \\\n            '*: :_files'\n          ;;\n";
  }
  return fmt::format(R"(#compdef leakdir
# zsh completion for leakdir, made by `leakdir document zsh`.

_leakdir() {{
  local -a commands=(
{}  )
  local curcontext=$curcontext state line
  _arguments -C '(- *)--help[Print the help]' '(- *)--version[Print the version]' '1: :->command' '*:: :->arguments'
  case $state in
    command) _describe command commands ;;
    arguments)
      case $line[1] in
{}      esac
      ;;
  esac
}}

_leakdir "$@"
)",
                     list, cases);
}

}  // namespace leakdir::tool
