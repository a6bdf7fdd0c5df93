// SPDX-License-Identifier: BSL-1.0
//
// The tool: finds the command on the command line and runs it. What a command does is in its cmd_<name>.cc.

#include <fcntl.h>
#include <unistd.h>

#include <CLI/CLI.hpp>
#include <algorithm>
#include <csignal>
#include <exception>
#include <iterator>
#include <memory>
#include <new>
#include <string>
#include <vector>

#include "base/nearest.hh"
#include "base/output.hh"
#include "command.hh"

namespace {

using leakdir::tool::Command;

constexpr int kCouldNot = 1;
constexpr int kUsage = 2;

struct Entry {
  const char* name;
  const char* summary;
  std::unique_ptr<Command> (*make)();
};

constexpr Entry kCommands[] = {
    {"report", "List the live blocks by stack, largest first", leakdir::tool::make_report},
    {"watch", "Show the report of a running process live, with what grows", leakdir::tool::make_watch},
    {"check", "Say in one line, and in the exit status, whether there is a leak", leakdir::tool::make_check},
    {"metrics", "Print what is live as numbers for Prometheus and what reads its format", leakdir::tool::make_metrics},
    {"why", "Tell who holds a block: the way of pointers from a variable, a stack or a register to it",
     leakdir::tool::make_why},
    {"diff", "List what grew between two runs, stack by stack", leakdir::tool::make_diff},
    {"run", "Run a dynamic program that is not linked with leakdir, then report", leakdir::tool::make_run},
    {"doctor", "Tell before deployment what a program's records will be worth", leakdir::tool::make_doctor},
    {"recover", "Write the record files of a killed process", leakdir::tool::make_recover},
    {"pause", "Stop recording in a running process", leakdir::tool::make_pause},
    {"resume", "Record again in a running process", leakdir::tool::make_resume},
    {"flush", "Make the record files of a running process be up to date now", leakdir::tool::make_flush},
    {"save", "Store the whole picture in one file, which takes the place of DIR", leakdir::tool::make_save},
    {"document", "Print the manual page or a shell's completions", leakdir::tool::make_document},
};

// An ELF file that libdw has mapped was cut short by somebody meanwhile.
void on_bus_error(int) {
  static constexpr char kText[] = "leakdir: a program's file was cut short while its names were read\n";
  [[maybe_unused]] const ssize_t written = write(STDERR_FILENO, kText, sizeof kText - 1);
  _exit(kCouldNot);
}

// A file that is opened later must not become standard output or error: what is said would be written over a ledger.
// Reading or writing a descriptor that was closed still fails.
void hold_standard_descriptors() {
  for (const int descriptor : {STDIN_FILENO, STDOUT_FILENO, STDERR_FILENO}) {
    if (fcntl(descriptor, F_GETFD) >= 0) continue;
    if (open("/dev/null", (descriptor == STDIN_FILENO ? O_WRONLY : O_RDONLY) | O_CLOEXEC) < 0) _exit(kCouldNot);
  }
}

int fail(int status, const std::string& text) {
  leakdir::tool::say(text);
  return status;
}

constexpr char kSeeHelp[] = "; see leakdir --help";

// What may have been meant by a word, for the end of the sentence that says that nobody knows it.
std::string guess(const std::string& word, const std::vector<std::string>& words, const char* dashes) {
  const std::string nearest = leakdir::tool::nearest_to(word, words);
  return nearest.empty() ? "" : std::string("; did you mean ") + dashes + nearest + "?";
}

// The same for what was given to a command, or before any, where the first that it does not know is an option.
std::string guess(const CLI::App& app) {
  std::vector<const CLI::App*> asked = {&app};
  for (const CLI::App* command : app.get_subcommands()) asked.push_back(command);
  for (const CLI::App* command : asked) {
    const std::vector<std::string> unknown = command->remaining();
    if (unknown.empty() || unknown.front().rfind("--", 0) != 0) continue;
    std::vector<std::string> options;
    for (const CLI::Option* option : command->get_options())
      options.insert(options.end(), option->get_lnames().begin(), option->get_lnames().end());
    return guess(unknown.front().substr(2, unknown.front().find('=') - 2), options, "--");
  }
  return {};
}

}  // namespace

int main(int argc, char** argv) try {
  hold_standard_descriptors();
  (void)std::signal(SIGBUS, on_bus_error);
  CLI::App app("leakdir: every live heap block of a program is a file in a directory; this reads that directory.",
               "leakdir");
  app.require_subcommand(1);
  app.set_version_flag("--version", "leakdir " LEAKDIR_VERSION);
  app.footer("leakdir COMMAND --help tells the options of a command.");

  std::vector<std::unique_ptr<Command>> commands;
  std::vector<CLI::App*> parts;
  for (const auto& entry : kCommands) {
    commands.push_back(entry.make());
    parts.push_back(app.add_subcommand(entry.name, entry.summary));
    commands.back()->describe(*parts.back());
  }

  const std::string first = argc > 1 ? argv[1] : "-";
  std::vector<std::string> names;
  for (const auto& entry : kCommands) names.emplace_back(entry.name);
  if (first[0] != '-' && std::find(names.begin(), names.end(), first) == names.end())
    return fail(kUsage, "there is no command " + first + guess(first, names, "") + kSeeHelp);
  try {
    app.parse(argc, argv);
  } catch (const CLI::ParseError& error) {
    if (error.get_exit_code() == 0) return app.exit(error);
    return fail(kUsage, error.what() + guess(app) + kSeeHelp);
  }
  for (std::size_t i = 0; i < commands.size(); ++i)
    if (parts[i]->parsed()) return commands[i]->run();
  return kUsage;
} catch (const std::bad_alloc&) {
  return fail(kCouldNot, "out of memory");
} catch (const std::exception& error) {
  return fail(kCouldNot, error.what());
}
