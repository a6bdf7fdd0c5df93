// SPDX-License-Identifier: BSL-1.0
//
// leakdir document: the manual page and the completions of shells, for the build; not among the commands of --help.

#include <CLI/CLI.hpp>

#include "base/output.hh"
#include "command.hh"
#include "document.hh"

namespace leakdir::tool {

namespace {

class DocumentCommand : public Command {
 public:
  void describe(CLI::App& app) override {
    tool_ = app.get_parent();
    app.group("");
    app.add_option("FORMAT", format_, "man, bash or zsh")->required()->check(CLI::IsMember({"man", "bash", "zsh"}));
  }

  int run() override {
    const auto commands = commands_of(*tool_);
    Output output("");
    output.write(format_ == "man"    ? manual_page(commands)
                 : format_ == "bash" ? bash_completion(commands)
                                     : zsh_completion(commands));
    output.finish();
    return 0;
  }

 private:
  const CLI::App* tool_ = nullptr;
  std::string format_;
};

}  // namespace

std::unique_ptr<Command> make_document() { return std::make_unique<DocumentCommand>(); }

}  // namespace leakdir::tool
