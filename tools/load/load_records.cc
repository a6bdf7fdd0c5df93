// SPDX-License-Identifier: BSL-1.0
//
// Each file is parsed by itself; a module is known by its path and where it was loaded.

#include "load_records.hh"

#include <fmt/format.h>

#include <algorithm>
#include <filesystem>
#include <iterator>
#include <map>
#include <optional>
#include <set>
#include <unordered_map>

#include "base/error.hh"
#include "base/words.hh"
#include "bytes.hh"
#include "record.hh"
#include "stack_builder.hh"

namespace leakdir::tool {

namespace {

// No record is longer: 128 frames of the longest paths. More of a file is not read.
constexpr std::size_t kMaxRecordBytes = 1 << 20;

template <std::size_t kCount>
std::uint8_t index_of(const char* const (&names)[kCount], const std::string& name) {
  auto at = std::find(std::begin(names), std::end(names), name);
  return at == std::end(names) ? 0 : static_cast<std::uint8_t>(at - std::begin(names));
}

class Collector {
 public:
  explicit Collector(Snapshot& snapshot) : snapshot_(snapshot), stacks_(snapshot) {
    if (snapshot.threads.empty()) snapshot.threads.assign(1, {0, "?"});
    for (std::uint32_t i = 1; i < std::min<std::size_t>(snapshot.threads.size(), 0x10000); ++i)
      threads_.try_emplace({snapshot.threads[i].tid, snapshot.threads[i].name}, static_cast<std::uint16_t>(i));
    for (std::uint32_t i = 0; i < snapshot.modules.size(); ++i)
      modules_.try_emplace({snapshot.modules[i].path, snapshot.modules[i].bias}, i);
    for (std::size_t i = 0; i < snapshot.blocks.size(); ++i) block_at_.try_emplace(snapshot.blocks[i].address, i);
    for (const auto& bad_free : snapshot.bad_frees) bad_frees_at_.insert(bad_free.address);
  }

  // Whether there was nothing at its address before.
  bool add(const ParsedRecord& record) {
    if (record.is_bad_free) {
      if (!bad_frees_at_.insert(record.address).second) return false;
      add_bad_free(record);
      snapshot_.bad_frees_seen = std::max<std::uint64_t>(snapshot_.bad_frees_seen, snapshot_.bad_frees.size());
      return true;
    }
    const auto [known, is_new] = block_at_.try_emplace(record.address, snapshot_.blocks.size());
    if (is_new)
      snapshot_.blocks.push_back(block_of(record));
    else
      complete(snapshot_.blocks[known->second], record);
    return is_new;
  }

 private:
  // What a row has lost its record may have. A record with another number is that of another block.
  void complete(Block& block, const ParsedRecord& record) {
    if (block.sequence != record.sequence) return;
    const Block other = block_of(record);
    if (named_frames(other.stack) > named_frames(block.stack)) block.stack = other.stack;
    if (block.thread == 0) block.thread = other.thread;
    if (block.reach == ledger::Reach::kUnknown) block.reach = other.reach;
  }

  std::size_t named_frames(std::uint32_t stack) const {
    const auto frames = frames_of(snapshot_, stack);
    return static_cast<std::size_t>(std::count_if(frames.begin(), frames.end(), [&](std::uint32_t index) {
      const Frame& frame = snapshot_.frames[index];
      if (frame.is_place) return !snapshot_.places[frame.module].empty();
      return frame.module != kNone && !snapshot_.modules[frame.module].path.empty();
    }));
  }

  std::uint16_t note_origin(const ParsedRecord& record) {
    if (snapshot_.program.empty()) snapshot_.program = record.program;
    if (snapshot_.program_build_id.empty() && snapshot_.program == record.program)
      snapshot_.program_build_id = record.build_id;
    snapshot_.end_ns = std::max(snapshot_.end_ns, record.time_ns);
    auto [known, is_new] =
        threads_.try_emplace({record.tid, record.thread_name}, static_cast<std::uint16_t>(snapshot_.threads.size()));
    if (!is_new || snapshot_.threads.size() > 0xffff) return is_new ? 0 : known->second;
    snapshot_.threads.push_back({record.tid, record.thread_name});
    return known->second;
  }

  Block block_of(const ParsedRecord& record) {
    Block block;
    block.thread = note_origin(record);
    block.address = record.address;
    block.size = record.size;
    block.sequence = record.sequence;
    block.time_ns = record.time_ns;
    block.call = index_of(ledger::kCallNames, record.call);
    unsigned flags = ledger::kFlagFiled;
    if (record.is_early) flags |= ledger::kFlagEarly;
    if (record.is_inherited) flags |= ledger::kFlagInherited;
    if (record.is_truncated) flags |= ledger::kFlagTruncated;
    if (!record.location_file.empty()) flags |= ledger::kFlagPlace;
    block.flags = static_cast<std::uint16_t>(flags);
    block.reach = static_cast<ledger::Reach>(index_of(ledger::kReachNames, record.reach));
    note_sample(record.sample_bytes, block);
    block.stack = stack_of(record.stack, record);
    if (!record.location_file.empty())
      block.stack = stacks_.node(stacks_.place(record.location_file, record.location_line), block.stack);
    return block;
  }

  void note_sample(std::uint64_t sample_bytes, Block& block) {
    block.sample_bytes = static_cast<std::uint32_t>(std::min(sample_bytes, kMostSampleBytes));
    if (block.sample_bytes <= snapshot_.sample_bytes) return;
    auto& notices = snapshot_.notices;
    if (snapshot_.sample_bytes != 0)
      notices.erase(std::remove(notices.begin(), notices.end(), about_sample(snapshot_.sample_bytes)), notices.end());
    snapshot_.sample_bytes = block.sample_bytes;
    notices.push_back(about_sample(block.sample_bytes));
  }

  void add_bad_free(const ParsedRecord& record) {
    BadFree bad_free;
    bad_free.thread = note_origin(record);
    bad_free.kind = index_of(ledger::kBadFreeNames, record.call);
    bad_free.address = record.address;
    bad_free.time_ns = record.time_ns;
    bad_free.block = record.block;
    bad_free.block_bytes = record.block_bytes;
    bad_free.free_stack = stack_of(record.stack, record);
    bad_free.first_free_stack = stack_of(record.first_free_stack, record);
    bad_free.allocation_stack = stack_of(record.allocation_stack, record);
    snapshot_.bad_frees.push_back(bad_free);
  }

  std::uint32_t stack_of(const std::vector<ParsedFrame>& frames, const ParsedRecord& record) {
    std::uint32_t node = kNone;
    for (auto frame = frames.rbegin(); frame != frames.rend(); ++frame)
      node = stacks_.node(stacks_.frame(frame->pc, module_of(*frame, record), frame->is_exact, frame->by_frame_pointer),
                          node);
    return node;
  }

  // A library that was loaded again elsewhere has another bias, and so is another module.
  std::uint32_t module_of(const ParsedFrame& frame, const ParsedRecord& record) {
    if (frame.module.empty()) return kNone;
    const std::uint64_t bias = frame.pc - frame.offset;
    auto [known, is_new] =
        modules_.try_emplace({frame.module, bias}, static_cast<std::uint32_t>(snapshot_.modules.size()));
    if (is_new) {
      Module module;
      module.path = frame.module;
      module.bias = bias;
      module.is_program = frame.module == record.program;
      if (module.is_program) module.build_id = record.build_id;
      snapshot_.modules.push_back(std::move(module));
    }
    return known->second;
  }

  Snapshot& snapshot_;
  StackBuilder stacks_;
  std::unordered_map<std::uint64_t, std::size_t> block_at_;
  std::set<std::uint64_t> bad_frees_at_;
  std::map<std::pair<std::uint32_t, std::string>, std::uint16_t> threads_;
  std::map<std::pair<std::string, std::uint64_t>, std::uint32_t> modules_;
};

// Whole files, in the order of their blocks. `passed_over`: how many have a record's name and are none.
std::vector<ParsedRecord> read_records(const std::string& directory, std::size_t& passed_over) {
  std::vector<ParsedRecord> records;
  std::error_code error;
  std::filesystem::directory_iterator entries(directory, error);
  if (error) throw Error(fmt::format("cannot read {}: {}", directory, error.message()));
  for (; entries != std::filesystem::directory_iterator(); entries.increment(error)) {
    if (error) throw Error(fmt::format("cannot read {}: {}", directory, error.message()));
    const std::string name = entries->path().filename().string();
    if (!is_record_name(name, kRecordSuffix) && !is_record_name(name, kBadFreeSuffix)) continue;
    std::optional<ParsedRecord> record;
    // A file that is gone since the directory was listed was that of a block that was freed: no reason for a warning.
    if (!std::filesystem::exists(entries->symlink_status(error))) continue;
    if (std::filesystem::is_regular_file(entries->symlink_status(error))) {
      std::optional<FileBytes> file;
      try {
        file.emplace(entries->path().string(), FileBytes::Links::kRefused);
      } catch (const Error&) {  // gone, or another thing, since it was looked at
        continue;
      }
      std::string text(std::min<std::uint64_t>(file->size(), kMaxRecordBytes), '\0');
      text.resize(file->read(0, text.data(), text.size()));
      record = parse_record(text);
    }
    if (record)
      records.push_back(std::move(*record));
    else
      ++passed_over;
  }
  // The directory's order is chance; the report's must not be.
  std::sort(records.begin(), records.end(), [](const auto& a, const auto& b) {
    return a.sequence != b.sequence ? a.sequence < b.sequence : a.address < b.address;
  });
  return records;
}

void warn_of_passed_over(std::size_t passed_over, Snapshot& snapshot) {
  if (passed_over == 0) return;
  snapshot.warnings.push_back(
      fmt::format("files that have a record's name but are none, passed over: {}", passed_over));
}

}  // namespace

bool is_record_name(const std::string& name, const std::string& suffix) {
  if (name.size() <= 2 + suffix.size() || name.compare(0, 2, "0x") != 0) return false;
  const std::size_t digits_end = name.size() - suffix.size();
  return digits_end <= 2 + 16 && name.compare(digits_end, suffix.size(), suffix) == 0 &&
         name.find_first_not_of("0123456789abcdef", 2) == digits_end;
}

std::size_t add_records(const std::vector<ParsedRecord>& records, Snapshot& snapshot) {
  Collector collector(snapshot);
  std::size_t added = 0;
  for (const auto& record : records) added += collector.add(record) ? 1 : 0;
  return added;
}

Snapshot snapshot_of_records(const std::vector<ParsedRecord>& records) {
  Snapshot snapshot;
  snapshot.from_records = true;
  snapshot.lists_libc = true;  // what has a file was meant to be listed
  add_records(records, snapshot);
  return snapshot;
}

void add_records_beside(const std::string& directory, Snapshot& snapshot) {
  std::size_t passed_over = 0;
  const auto records = read_records(directory, passed_over);
  if (snapshot.state == State::kRunning) {
    Snapshot together = snapshot;
    const std::size_t lacking = add_records(records, together);
    if (lacking != 0)
      snapshot.damage.insert(
          snapshot.damage.begin(),
          fmt::format("the ledger is damaged: {} beside it that it lacks, not counted in, as the process runs",
                      count_of(lacking, "record file")));
    return;
  }
  snapshot.records_beside = add_records(records, snapshot);
  if (snapshot.records_beside != 0)
    snapshot.damage.insert(snapshot.damage.begin(),
                           fmt::format("the ledger is damaged: {} beside it that it lacks, counted in",
                                       count_of(snapshot.records_beside, "record file")));
  warn_of_passed_over(passed_over, snapshot);
}

Snapshot load_records(const std::string& directory) {
  std::size_t passed_over = 0;
  Snapshot snapshot = snapshot_of_records(read_records(directory, passed_over));
  warn_of_passed_over(passed_over, snapshot);
  return snapshot;
}

}  // namespace leakdir::tool
