// SPDX-License-Identifier: BSL-1.0
#include "trust.hh"

#include <fmt/format.h>
#include <sys/stat.h>

#include <algorithm>

#include "base/error.hh"
#include "base/words.hh"
#include "symbols/elf_file.hh"

namespace leakdir::tool {

std::string why_no_call(const Snapshot& snapshot) {
  // Blocks that are too small to be recorded are freed all the same.
  const bool has_small_ones_only = snapshot.unrecorded != 0 && snapshot.blocks.empty();
  if (snapshot.allocations != 0 || snapshot.sampling_threads != 0 || (snapshot.frees != 0 && !has_small_ones_only))
    return {};
  if (snapshot.is_damaged()) return "what leakdir saw is not known, as the ledger is damaged";
  if (snapshot.never_recorded) return std::string(kNeverRecorded);
  if (has_small_ones_only)
    return fmt::format("leakdir recorded nothing: all that it saw was {} below min_size",
                       count_of(snapshot.unrecorded, "allocation"));
  if (snapshot.pauses != 0) return "leakdir was there, but saw no call while recording was on";
  return "leakdir was there, but saw no call: the hooks did not run, or the program never allocated";
}

std::string replaced_since(const Snapshot& snapshot) {
  if (snapshot.saved_ns != 0 || snapshot.state == State::kRunning || snapshot.program_build_id.empty()) return {};
  struct stat status;
  if (stat(snapshot.program.c_str(), &status) != 0 || !S_ISREG(status.st_mode)) return {};
  const auto ns_of = [](const timespec& time) { return std::int64_t{time.tv_sec} * 1000000000 + time.tv_nsec; };
  // Also one that was copied or moved there with an old date. An older one is another machine's, whose records these
  // are.
  if (std::max(ns_of(status.st_mtim), ns_of(status.st_ctim)) <= snapshot.end_ns) return {};
  try {
    const std::string id = ElfProgram(snapshot.program).build_id();
    if (id == snapshot.program_build_id) return {};
    return fmt::format("{} is another build since (build-id {}; what ran had {}), which has left nothing here",
                       printable(snapshot.program), id.empty() ? "none" : hex_of_bytes(id),
                       hex_of_bytes(snapshot.program_build_id));
  } catch (const Error&) {
    return {};  // no program: nobody can have run it
  }
}

std::string why_no_proof(const Snapshot& snapshot) {
  if (snapshot.sample_bytes != 0)
    return fmt::format("a sample, one block in {} bytes on average, does not show that there is none",
                       snapshot.sample_bytes);
  return replaced_since(snapshot);
}

std::string why_not_all(const Snapshot& snapshot) {
  if (snapshot.children_unread != 0)
    return fmt::format("{} of others in DIR cannot be read", count_of(snapshot.children_unread, "ledger"));
  if (snapshot.children_unrecorded == 0) return {};
  return fmt::format("{} of it could not record: DIR is closed to {}, or out of reach",
                     snapshot.children_unrecorded == 1
                         ? "1 forked child"
                         : fmt::format("{} forked children", snapshot.children_unrecorded),
                     snapshot.children_unrecorded == 1 ? "it" : "them");
}

std::string distrust(const Snapshot& snapshot) {
  if (snapshot.is_damaged()) return snapshot.damage.front();
  if (snapshot.from_records)
    return fmt::format("{} has no ledger, and record files alone are no proof that leakdir looked", snapshot.directory);
  if (!snapshot.passed_by.empty()) return snapshot.passed_by;
  if (snapshot.dropped_blocks != 0)
    return fmt::format("{} could not be recorded, because the ledger could not grow",
                       count_of(snapshot.dropped_blocks, "block"));
  if (snapshot.never_recorded) return std::string(kNeverRecorded);
  return why_no_call(snapshot);
}

}  // namespace leakdir::tool
