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

#include "base/error.hh"
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
  Snapshot collect(const std::vector<ParsedRecord>& records) {
    snapshot_.from_records = true;
    snapshot_.lists_libc = true;  // what has a file was meant to be listed
    snapshot_.threads.assign(1, {0, "?"});
    for (const auto& record : records) record.is_bad_free ? add_bad_free(record) : add_block(record);
    snapshot_.bad_frees_seen = snapshot_.bad_frees.size();
    return std::move(snapshot_);
  }

 private:
  std::uint16_t note_origin(const ParsedRecord& record) {
    if (snapshot_.program.empty() && !record.program.empty()) {
      snapshot_.program = record.program;
      snapshot_.program_build_id = record.build_id;
    }
    snapshot_.end_ns = std::max(snapshot_.end_ns, record.time_ns);
    auto [known, is_new] =
        threads_.try_emplace({record.tid, record.thread_name}, static_cast<std::uint16_t>(snapshot_.threads.size()));
    if (!is_new || snapshot_.threads.size() > 0xffff) return is_new ? 0 : known->second;
    snapshot_.threads.push_back({record.tid, record.thread_name});
    return known->second;
  }

  void add_block(const ParsedRecord& record) {
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
    snapshot_.blocks.push_back(block);
  }

  void note_sample(std::uint64_t sample_bytes, Block& block) {
    block.sample_bytes = static_cast<std::uint32_t>(std::min(sample_bytes, kMostSampleBytes));
    if (block.sample_bytes <= snapshot_.sample_bytes) return;
    snapshot_.sample_bytes = block.sample_bytes;
    snapshot_.notices.assign(1, about_sample(block.sample_bytes));
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

  Snapshot snapshot_;
  StackBuilder stacks_{snapshot_};
  std::map<std::pair<std::uint32_t, std::string>, std::uint16_t> threads_;
  std::map<std::pair<std::string, std::uint64_t>, std::uint32_t> modules_;
};

}  // namespace

bool is_record_name(const std::string& name, const std::string& suffix) {
  if (name.size() <= 2 + suffix.size() || name.compare(0, 2, "0x") != 0) return false;
  const std::size_t digits_end = name.size() - suffix.size();
  return digits_end <= 2 + 16 && name.compare(digits_end, suffix.size(), suffix) == 0 &&
         name.find_first_not_of("0123456789abcdef", 2) == digits_end;
}

Snapshot snapshot_of_records(const std::vector<ParsedRecord>& records) { return Collector().collect(records); }

Snapshot load_records(const std::string& directory) {
  std::vector<ParsedRecord> records;
  std::size_t passed_over = 0;
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
  Snapshot snapshot = snapshot_of_records(records);
  if (passed_over != 0)
    snapshot.warnings.push_back(
        fmt::format("files that have a record's name but are none, passed over: {}", passed_over));
  return snapshot;
}

}  // namespace leakdir::tool
