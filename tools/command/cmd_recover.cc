// SPDX-License-Identifier: BSL-1.0
//
// leakdir recover: the record files of a process that was killed, from its ledger.

#include <fmt/format.h>
#include <sys/stat.h>

#include <cerrno>
#include <cstring>
#include <filesystem>
#include <optional>

#include "base/error.hh"
#include "base/output.hh"
#include "base/words.hh"
#include "command.hh"
#include "common_options.hh"
#include "ledger.hh"
#include "load/load.hh"
#include "load/recover.hh"
#include "reach/kinds.hh"
#include "record.hh"

namespace leakdir::tool {

namespace {

class RecoverCommand : public Command {
 public:
  void describe(CLI::App& app) override {
    add_directory(app, directory_);
    add_number(app, "--max-files", max_files_, "Write at most this many (what the program's max_files said)");
    add_text(app, "--into", into_, "Write the files there (in DIR; of a saved file this is needed)", "DIR");
    add_core(app, kinds_);
    add_footer(
        app,
        "Makes the .mem files in DIR exactly the live blocks, and lost/ the records of what is lost, where that "
        "is known. By a damaged ledger no file is removed. Exit status: 0 done; 1 could not, or a damaged ledger has "
        "no block; 2 usage.");
  }

  int run() override {
    Snapshot snapshot = load(directory_);
    if (snapshot.from_records && snapshot.saved_ns == 0 && snapshot.is_damaged())
      throw Error(fmt::format("nothing to recover from, all files stay: {}", printable(snapshot.damage.front())));
    if (snapshot.from_records) throw Error(fmt::format("{} has no ledger to recover from", directory_));
    if (snapshot.saved_ns != 0 && into_.empty())
      throw Error(fmt::format("{} is a saved file: --into DIR says where to write the record files", directory_));
    if (snapshot.state == State::kRunning && into_.empty())
      throw Error(fmt::format("process {} is running and writes its files itself", snapshot.pid));
    find_kinds(kinds_, snapshot);
    const std::string to = into_.empty() ? directory_ : directory_for_files();
    const Recovered done = recover_records(snapshot, to, max_files_.value_or(snapshot.max_files),
                                           into_.empty() ? OtherRecords::kRemoved : OtherRecords::kRefused);

    std::string out = fmt::format("{} written, {} already there, {} removed: {}\n",
                                  count_of(done.written, "record file"), done.kept, done.removed, to);
    if (done.lost != 0) out += fmt::format("{} of what is lost: {}/{}\n", count_of(done.lost, "record"), to, kLostDir);
    if (!knows_kinds(snapshot) && has_listable(snapshot)) out += fmt::format("note: {}\n", kinds_not_known(snapshot));
    if (done.over_limit != 0)
      out += fmt::format("note: {} without a file, over the limit of max_files (--max-files raises it)\n",
                         count_of(done.over_limit, "live block"));
    if (snapshot.is_damaged()) out += "note: the ledger is damaged, so no record file was removed or replaced\n";
    for (const auto& warnings : {snapshot.damage, snapshot.warnings, done.warnings})
      for (const auto& warning : warnings) out += fmt::format("warning: {}\n", printable(warning));
    Output output("");
    output.write(out);
    output.finish();
    const bool has_done_nothing = done.written == 0 && done.kept <= snapshot.records_beside;
    return snapshot.is_damaged() && has_done_nothing ? 1 : 0;
  }

 private:
  // Not where the records of another run are: they would be taken for this one's.
  std::string directory_for_files() const {
    std::error_code error;
    if (std::filesystem::exists(std::filesystem::path(into_) / ledger::kFileName, error))
      throw Error(fmt::format("{} has a ledger of its own: its records would be lost", into_));
    if (mkdir(into_.c_str(), 0700) != 0 && errno != EEXIST)
      throw Error(fmt::format("cannot make {}: {}", into_, std::strerror(errno)));
    return into_;
  }

  std::string directory_, into_;
  KindOptions kinds_;
  std::optional<std::uint64_t> max_files_;
};

}  // namespace

std::unique_ptr<Command> make_recover() { return std::make_unique<RecoverCommand>(); }

}  // namespace leakdir::tool
