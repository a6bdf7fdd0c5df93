// SPDX-License-Identifier: BSL-1.0
//
// The texts of the records first, then what is written, what is removed, and what gets a second name in lost/.

#include "recover.hh"

#include <fmt/format.h>

#include <algorithm>
#include <optional>
#include <unordered_map>
#include <unordered_set>

#include "base/error.hh"
#include "parse_record.hh"
#include "record.hh"
#include "record_folder.hh"

namespace leakdir::tool {

namespace {

// ---- Texts ------------------------------------------------------------------------------------------------------

// Nodes of a chain are the snapshot's plus 1: there, 0 means "none".
std::uint32_t next_frame(const void* context, std::uint32_t node, FrameView* out) {
  const auto& snapshot = *static_cast<const Snapshot*>(context);
  const StackNode& at = snapshot.nodes[node - 1];
  const Frame& frame = snapshot.frames[at.frame];
  const bool has_module = !frame.is_place && frame.module != kNone && !snapshot.modules[frame.module].path.empty();
  out->return_address = frame.pc;
  out->path = has_module ? snapshot.modules[frame.module].path.c_str() : nullptr;
  out->offset = offset_of(snapshot, frame);
  out->module = frame.module;
  out->is_entered = frame.is_exact;
  out->is_signal_return = false;
  out->is_without_table = at.parent != kNone && snapshot.frames[snapshot.nodes[at.parent].frame].by_frame_pointer;
  return at.parent == kNone ? 0 : at.parent + 1;
}

// Null: not known.
const char* reach_text(const Block& block) {
  return block.reach == ledger::Reach::kUnknown ? nullptr : ledger::name_of(block.reach);
}

std::uint32_t chain_node(std::uint32_t stack) { return stack == kNone ? 0 : stack + 1; }

RecordOrigin origin_of(const Snapshot& snapshot, std::uint16_t thread, std::int64_t time_ns) {
  RecordOrigin origin{};
  origin.tid = snapshot.threads[thread].tid;
  origin.thread_name = snapshot.threads[thread].name.c_str();
  origin.realtime_ns = static_cast<std::uint64_t>(time_ns);
  origin.program = snapshot.program.c_str();
  origin.build_id = reinterpret_cast<const std::uint8_t*>(snapshot.program_build_id.data());
  origin.build_id_bytes = snapshot.program_build_id.size();
  return origin;
}

template <class Put>
std::string make_text(Put put) {
  static std::vector<char> buffer(RecordFolder::kMostText);
  Text text(buffer.data(), buffer.size());
  put(text);
  return {text.data(), text.size()};
}

// ---- Files ------------------------------------------------------------------------------------------------------

class Recovery {
 public:
  Recovery(const Snapshot& snapshot, const std::string& path) : snapshot_(snapshot), directory_(path) {}

  Recovered run(std::uint64_t max_files, OtherRecords others) {
    std::vector<const Block*> wanted;
    for (const auto& block : snapshot_.blocks)
      if (gets_record(snapshot_, block)) wanted.push_back(&block);
    // If there are too many for max_files: what is lost comes first, and of the rest the oldest, as they are the
    // likeliest to be leaks.
    std::sort(wanted.begin(), wanted.end(), [](const Block* a, const Block* b) {
      const bool is_lost = ledger::is_lost(a->reach);
      return is_lost != ledger::is_lost(b->reach) ? is_lost : a->sequence < b->sequence;
    });
    std::unordered_map<std::string, const Block*> block_of;
    for (const Block* block : wanted) block_of[record_name(block->address, kRecordSuffix)] = block;

    bool is_lost_foreign = false;
    const std::optional<RecordFolder> lost = directory_.inner(kLostDir, &is_lost_foreign);
    if (others == OtherRecords::kRefused) {
      const auto text_of_block = [&](const std::string& name) {
        const auto block = block_of.find(name);
        return block != block_of.end() ? record_text(snapshot_, *block->second) : "";
      };
      refuse_others(directory_, kRecordSuffix, text_of_block);
      if (lost) refuse_others(*lost, kRecordSuffix, text_of_block);
      refuse_others(directory_, kBadFreeSuffix, [&](const std::string& name) {
        for (const auto& bad_free : snapshot_.bad_frees)
          if (record_name(bad_free.address, kBadFreeSuffix) == name) return bad_free_text(snapshot_, bad_free);
        return std::string();
      });
    }
    const auto is_wanted = [&](const std::string& name) { return block_of.count(name) != 0; };
    remove_stale(directory_, is_wanted);
    std::unordered_set<std::string> lost_names;
    std::uint64_t files = 0;
    for (const Block* block : wanted) {
      if (files >= max_files) {
        ++result_.over_limit;
        continue;
      }
      const std::string name = record_name(block->address, kRecordSuffix);
      bool is_lost = false;
      if (!put(name, record_text(snapshot_, *block), block, &is_lost)) continue;
      ++files;
      if (is_lost) lost_names.insert(name);
    }
    for (const auto& bad_free : snapshot_.bad_frees)
      put(record_name(bad_free.address, kBadFreeSuffix), bad_free_text(snapshot_, bad_free), nullptr, nullptr);
    if (!is_lost_foreign)
      fill_lost(lost, lost_names);
    else if (!lost_names.empty())
      warn(directory_, kLostDir, "is not leakdir's");
    return std::move(result_);
  }

 private:
  // A file that is there already counts when it holds what would be written, or the beginning of that: addresses and
  // sequence numbers are often the same in the next run.
  template <class TextFor>
  static void refuse_others(const RecordFolder& folder, const char* suffix, TextFor text_for) {
    for (const auto& name : folder.records(suffix)) {
      const FoundRecord found = folder.look_at(name);
      if (!found.is_ours || text_for(name).compare(0, found.text.size(), found.text) == 0) continue;
      throw Error(fmt::format("{} has records of another run, {} for one: they would be lost", folder.path(), name));
    }
  }

  template <class IsWanted>
  void remove_stale(const RecordFolder& folder, IsWanted is_wanted) {
    if (snapshot_.is_damaged()) return;
    for (const auto& name : folder.records(kRecordSuffix)) {
      if (is_wanted(name)) continue;
      if (folder.look_at(name).is_ours) {
        folder.remove(name);
        ++result_.removed;
      } else {
        warn(folder, name);
      }
    }
  }

  // lost/ has the records that say that their block is lost, under the names that they have in DIR, and nothing else;
  // where there is none it is not there.
  void fill_lost(const std::optional<RecordFolder>& there, const std::unordered_set<std::string>& names) {
    if (there) {
      remove_stale(*there, [&](const std::string& name) {
        if (names.count(name) == 0) return false;
        const FoundRecord found = there->look_at(name);
        return !found.is_ours || found.text == directory_.look_at(name).text;
      });
    }
    if (names.empty()) {
      if (there && !snapshot_.is_damaged()) directory_.remove_inner(kLostDir);
      return;
    }
    const RecordFolder lost = directory_.make_inner(kLostDir);
    for (const auto& name : names) {
      const FoundRecord found = lost.look_at(name);
      if (!found.is_there) directory_.put_into(lost, name, directory_.look_at(name).text);
      if (!found.is_there || found.is_ours)
        ++result_.lost;
      else
        warn(lost, name);
    }
  }

  // Whether the record is this block's, with all that is known of it.
  static bool is_of(const ParsedRecord& record, const Block& block) {
    if (record.sequence != block.sequence) return false;
    return block.reach == ledger::Reach::kUnknown || record.reach == reach_text(block);
  }

  static bool says_lost(const ParsedRecord& record) {
    for (unsigned i = 0; i < ledger::kReaches; ++i)
      if (record.reach == ledger::kReachNames[i]) return ledger::is_lost(static_cast<ledger::Reach>(i));
    return false;
  }

  // Whether the file is there now. A record of a block with another sequence number is that of an earlier block at the
  // same address; one that was written before somebody looked does not say whether it is lost. For bad frees (no
  // `block`) one record per address is enough. What the record says of its block comes out in `is_lost`: one that is
  // kept may know more than the ledger, where it was made with a core.
  bool put(const std::string& name, const std::string& text, const Block* block, bool* is_lost) {
    if (block != nullptr) *is_lost = ledger::is_lost(block->reach);
    const FoundRecord found = directory_.look_at(name);
    if (found.is_there && !found.is_ours) {
      warn(directory_, name);
      return false;
    }
    if (found.is_there) {
      const bool is_beginning = found.text.size() < text.size() && text.compare(0, found.text.size(), found.text) == 0;
      const auto record = parse_record(found.text);
      const bool is_the_same = record && (block == nullptr || is_of(*record, *block));
      if (!is_beginning && (is_the_same || snapshot_.is_damaged())) {
        ++result_.kept;
        if (block != nullptr) *is_lost = record && says_lost(*record);
        return true;
      }
      directory_.remove(name);
    }
    directory_.write(name, text);
    ++result_.written;
    return true;
  }

  void warn(const RecordFolder& folder, const std::string& name, const char* what = "is not a record of leakdir's") {
    result_.warnings.push_back(fmt::format("{}/{} {}: left alone", folder.path(), name, what));
  }

  const Snapshot& snapshot_;
  RecordFolder directory_;
  Recovered result_;
};

}  // namespace

std::string record_text(const Snapshot& snapshot, const Block& block) {
  RecordView view{};
  view.origin = origin_of(snapshot, block.thread, block.time_ns);
  view.address = block.address;
  view.size_bytes = block.size;
  view.call = ledger::kCallNames[block.call];
  view.sequence = block.sequence;
  std::uint32_t stack = block.stack;
  if (stack != kNone && snapshot.frames[snapshot.nodes[stack].frame].is_place) {
    const Frame& place = snapshot.frames[snapshot.nodes[stack].frame];
    view.file = snapshot.places[place.module].c_str();
    view.line = static_cast<std::uint32_t>(place.pc);
    stack = snapshot.nodes[stack].parent;
  }
  view.stack = chain_node(stack);
  view.early = (block.flags & ledger::kFlagEarly) != 0;
  view.inherited = (block.flags & ledger::kFlagInherited) != 0;
  view.truncated = (block.flags & ledger::kFlagTruncated) != 0;
  view.reach = reach_text(block);
  view.sample_bytes = block.sample_bytes;
  return make_text([&](Text& text) { put_record(text, view, {next_frame, &snapshot}); });
}

std::string bad_free_text(const Snapshot& snapshot, const BadFree& bad_free) {
  BadFreeView view{};
  view.origin = origin_of(snapshot, bad_free.thread, bad_free.time_ns);
  view.address = bad_free.address;
  view.kind = ledger::kBadFreeNames[bad_free.kind];
  view.block = bad_free.block;
  view.block_bytes = bad_free.block_bytes;
  view.free_stack = chain_node(bad_free.free_stack);
  view.first_free_stack = chain_node(bad_free.first_free_stack);
  view.allocation_stack = chain_node(bad_free.allocation_stack);
  return make_text([&](Text& text) { put_bad_free(text, view, {next_frame, &snapshot}); });
}

Recovered recover_records(const Snapshot& snapshot, const std::string& directory, std::uint64_t max_files,
                          OtherRecords others) {
  return Recovery(snapshot, directory).run(max_files, others);
}

}  // namespace leakdir::tool
