// SPDX-License-Identifier: BSL-1.0
//
// leakdir save: all that there is to know of a process in one file, to copy off a device or to keep. The other commands
// take it in place of DIR.

#include <fmt/format.h>

#include "analyse/report_model.hh"
#include "base/now.hh"
#include "base/output.hh"
#include "base/words.hh"
#include "command.hh"
#include "common_options.hh"
#include "load/load.hh"
#include "load/saved_file.hh"
#include "look_up.hh"

namespace leakdir::tool {

namespace {

class SaveCommand : public Command {
 public:
  void describe(CLI::App& app) override {
    add_argument(app, "FILE", file_, "The file to write; - for standard output");
    add_directory(app, directory_);
    add_flag(app, "--no-names", without_names_, "Leave out the functions and lines that can be found here", "Symbols");
    add_symbol_options(app, symbol_options_);
    add_footer(
        app,
        "The file holds the live blocks, bad frees, stacks and modules, and the names of what can be found here: "
        "where it is read, the program need not be. Exit status: 0 done; 1 could not; 2 usage.");
  }

  int run() override {
    Snapshot snapshot = load(directory_);
    std::vector<std::string> warnings = with_damage(snapshot, snapshot.warnings);
    if (!without_names_) {
      for (auto& warning : add_names(snapshot)) warnings.push_back(std::move(warning));
    }
    if (snapshot.saved_ns == 0) snapshot.saved_ns = now_ns();
    const std::string bytes = saved_bytes(snapshot);
    if (file_ == "-") return print(bytes);
    write_whole(file_, bytes, 0600);
    std::string text =
        fmt::format("{} saved to {}, {}\n", count_of(snapshot.blocks.size(), "block"), file_, bytes_of(bytes.size()));
    for (const auto& warning : warnings) text += fmt::format("warning: {}\n", printable(warning));
    return print(text);
  }

 private:
  static int print(std::string_view bytes) {
    Output output("");
    output.write(bytes);
    output.finish();
    return 0;
  }

  std::vector<std::string> add_names(Snapshot& snapshot) const {
    std::vector<std::uint32_t> stacks;
    for (const auto& block : snapshot.blocks) stacks.push_back(block.stack);
    for (const auto& bad_free : snapshot.bad_frees)
      stacks.insert(stacks.end(), {bad_free.free_stack, bad_free.first_free_stack, bad_free.allocation_stack});
    const auto symbols = make_dwfl_symbols(symbol_options_, snapshot);
    snapshot.names = look_up(snapshot, stacks, *symbols);
    return symbols->warnings();
  }

  std::string file_, directory_;
  bool without_names_ = false;
  SymbolOptions symbol_options_;
};

}  // namespace

std::unique_ptr<Command> make_save() { return std::make_unique<SaveCommand>(); }

}  // namespace leakdir::tool
