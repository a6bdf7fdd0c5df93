// SPDX-License-Identifier: BSL-1.0
//
// Finds out which of the three it is: a ledger, a saved file, or record files; and what a damaged ledger has lost the
// record files beside it tell.

#include "load.hh"

#include <fmt/format.h>
#include <fmt/ranges.h>

#include <algorithm>
#include <filesystem>
#include <vector>

#include "base/error.hh"
#include "base/words.hh"
#include "bytes.hh"
#include "ledger.hh"
#include "load_records.hh"
#include "merge.hh"
#include "record.hh"
#include "saved_file.hh"

namespace leakdir::tool {

namespace fs = std::filesystem;

namespace {

bool has_ledger(const fs::path& directory) {
  std::error_code error;
  return fs::exists(fs::symlink_status(directory / ledger::kFileName, error));
}

bool is_number(const std::string& name) {
  return !name.empty() && name.find_first_not_of("0123456789") == std::string::npos;
}

struct Contents {
  bool has_records = false;
  std::vector<std::string> processes;  // sub-directories, named by pid, that have ledgers of their own
};

Contents look_into(const std::string& directory) {
  Contents contents;
  std::error_code error;
  fs::directory_iterator entries(directory, error);
  if (error) throw Error(fmt::format("cannot read {}: {}", directory, error.message()));
  for (; entries != fs::directory_iterator(); entries.increment(error)) {
    if (error) throw Error(fmt::format("cannot read {}: {}", directory, error.message()));
    const std::string name = entries->path().filename().string();
    contents.has_records |= is_record_name(name, kRecordSuffix) || is_record_name(name, kBadFreeSuffix);
    if (is_number(name) && has_ledger(entries->path())) contents.processes.push_back(name);
  }
  std::sort(contents.processes.begin(), contents.processes.end(),
            [](const auto& a, const auto& b) { return a.size() != b.size() ? a.size() < b.size() : a < b; });
  return contents;
}

std::string beside(const std::vector<std::string>& processes) {
  constexpr std::size_t kNamed = 10;
  std::vector<std::string> named(processes.begin(), processes.begin() + std::min(processes.size(), kNamed));
  std::string rest = processes.size() > kNamed ? fmt::format(" and {} more", processes.size() - kNamed) : "";
  return fmt::format("other processes have ledgers of their own in {}{}", fmt::join(named, ", "), rest);
}

Snapshot load_file(const std::string& path, BlocksWanted wanted) {
  const FileBytes bytes(path);
  Snapshot snapshot;
  if (is_saved_file(bytes)) {
    snapshot = load_saved(bytes, path);
    snapshot.notices.push_back(
        fmt::format("{} was saved at {}, from {}", path, utc_of(snapshot.saved_ns), snapshot.directory));
  } else if (fs::path(path).filename() == ledger::kFileName) {
    snapshot = load_ledger_file(path, wanted);
  } else {
    throw Error(fmt::format("{} is neither a record directory nor a file that leakdir save made", path));
  }
  snapshot.directory = path;
  return snapshot;
}

}  // namespace

namespace {

Snapshot load_ledger_in(const std::string& directory, bool has_records, BlocksWanted wanted) {
  const std::string path = (fs::path(directory) / ledger::kFileName).string();
  Snapshot snapshot;
  try {
    snapshot = load_ledger_file(path, wanted);
  } catch (const NoHeader& error) {
    // A process writes no record before its ledger has a header: these are its own, or nobody can tell.
    if (has_records) snapshot = load_records(directory);
    const std::size_t records = snapshot.blocks.size() + snapshot.bad_frees.size();
    if (records == 0) throw;
    snapshot.damage.push_back(fmt::format("the ledger is damaged: {} {}; this is what {} beside it tell{}", path,
                                          error.what_is_wrong, count_of(records, "record file"),
                                          records == 1 ? "s" : ""));
    return snapshot;
  }
  const bool has_blocks = snapshot.state != State::kRunning || wanted == BlocksWanted::kAll;
  if (snapshot.is_damaged() && has_records && has_blocks) add_records_beside(directory, snapshot);
  return snapshot;
}

Snapshot load_one(const std::string& directory, bool tells_of_others, BlocksWanted wanted) {
  std::error_code error;
  const auto status = fs::status(directory, error);
  if (!fs::exists(status)) throw NothingThere(fmt::format("{}: no such directory", directory));
  if (fs::is_regular_file(status)) return load_file(directory, wanted);
  if (!fs::is_directory(status)) throw Error(fmt::format("{} is not a directory", directory));
  const Contents contents = look_into(directory);

  Snapshot snapshot;
  if (has_ledger(directory)) {
    snapshot = load_ledger_in(directory, contents.has_records, wanted);
  } else if (contents.has_records) {
    snapshot = load_records(directory);
    snapshot.notices.push_back(fmt::format(
        "{} has no ledger: this is what the record files tell, so the state and the number of calls are not "
        "known",
        directory));
  } else {
    std::string hint;
    if (!contents.processes.empty()) hint = "; " + beside(contents.processes);
    throw NothingThere(fmt::format("{} has neither a ledger nor record files{}", directory, hint));
  }
  if (!contents.processes.empty() && tells_of_others)
    snapshot.notices.push_back(snapshot.others = beside(contents.processes));
  snapshot.directory = directory;
  return snapshot;
}

// A child may be gone, with its directory, since the names were read.
void add_children(const std::string& directory, BlocksWanted wanted, Unreadable unreadable,
                  std::vector<Snapshot>& snapshots) {
  for (const auto& process : look_into(directory).processes) {
    const std::string path = (fs::path(directory) / process).string();
    try {
      snapshots.push_back(load_one(path, false, wanted));
    } catch (const Error& error) {
      if (!fs::exists(path)) continue;
      if (unreadable == Unreadable::kIsAnError) throw;
      snapshots.front().warnings.emplace_back(error.what());
      ++snapshots.front().children_unread;
    }
  }
}

}  // namespace

Snapshot load(const std::string& directory, BlocksWanted wanted) { return load_one(directory, true, wanted); }

Snapshot load_all(const std::vector<std::string>& directories, bool with_children, const See& see, BlocksWanted wanted,
                  Unreadable unreadable) {
  std::vector<Snapshot> snapshots;
  for (const auto& directory : directories) {
    snapshots.push_back(load_one(directory, !with_children, wanted));
    if (with_children && fs::is_directory(directory)) add_children(directory, wanted, unreadable, snapshots);
  }
  see(snapshots);
  if (directories.size() == 1 && !with_children) return std::move(snapshots.front());
  return merged(std::move(snapshots));
}

}  // namespace leakdir::tool
