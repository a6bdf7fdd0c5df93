// SPDX-License-Identifier: BSL-1.0
//
// leakdir recover: the record files of a process that was killed, from its ledger.

#include <fmt/format.h>

#include <optional>

#include "command.hh"
#include "common_options.hh"
#include "error.hh"
#include "load.hh"
#include "output.hh"
#include "recover.hh"
#include "words.hh"

namespace leakdir::tool {

namespace {

class RecoverCommand : public Command {
 public:
  void describe(CLI::App& app) override {
    add_directory(app, directory_);
    app.add_option("--max-files", max_files_, "Write at most this many (what the program's max_files said)")
        ->type_name("N");
    app.footer("Makes the .mem files in DIR exactly the live blocks. Exit status: 0 done; 1 could not; 2 usage.");
  }

  int run() override {
    const Snapshot snapshot = load(directory_);
    if (snapshot.from_records) throw Error(fmt::format("{} has no ledger to recover from", directory_));
    if (snapshot.state == State::kRunning)
      throw Error(fmt::format("process {} is running and writes its files itself", snapshot.pid));
    const Recovered done = recover_records(snapshot, directory_, max_files_.value_or(snapshot.max_files));

    std::string out = fmt::format("{} written, {} already there, {} removed: {}\n",
                                  count_of(done.written, "record file"), done.kept, done.removed, directory_);
    if (done.over_limit != 0)
      out += fmt::format("note: {} without a file, over the limit of max_files (--max-files raises it)\n",
                         count_of(done.over_limit, "live block"));
    for (const auto& warnings : {snapshot.warnings, done.warnings})
      for (const auto& warning : warnings) out += fmt::format("warning: {}\n", printable(warning));
    Output output("");
    output.write(out);
    output.finish();
    return 0;
  }

 private:
  std::string directory_;
  std::optional<std::uint64_t> max_files_;
};

}  // namespace

std::unique_ptr<Command> make_recover() { return std::make_unique<RecoverCommand>(); }

}  // namespace leakdir::tool
