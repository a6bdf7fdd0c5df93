// SPDX-License-Identifier: BSL-1.0
//
// The order of reading is the reverse of the order of writing: blocks and bad frees first, then, with the directory
// read again, the stacks, modules, threads and texts that they refer to. So whatever a block of a running process
// refers to is there.

#include "load_ledger.hh"

#include <fmt/format.h>

#include <algorithm>
#include <cstring>
#include <unordered_map>

#include "base/large_memory.hh"
#include "base/now.hh"
#include "block_rows.hh"
#include "ledger_reader.hh"
#include "process_state.hh"
#include "stack_builder.hh"

namespace leakdir::tool {

namespace {

using ledger::Kind;

__extension__ using Wide = unsigned __int128;

// A damaged clock must not make ages overflow: no time is later than the year 2116.
std::int64_t clamped(Wide ns) {
  constexpr std::uint64_t kLatest = std::uint64_t{1} << 62;
  return static_cast<std::int64_t>(ns < kLatest ? static_cast<std::uint64_t>(ns) : kLatest);
}

constexpr int kSteadyTries = 4;
constexpr std::size_t kMaxBadFrees = 100000;
constexpr std::size_t kMaxSuppressions = 1 << 20;
constexpr std::uint32_t kInProgress = kNone - 1;

}  // namespace

class LedgerLoad::Loader {
 public:
  Loader(const Bytes& bytes, const std::string& name, const LedgerSurroundings& surroundings)
      : surroundings_(surroundings), reader_(bytes, name) {}

  void make_room() { reserve_for_use(snapshot_.blocks, reader_.header().block_pages * ledger::kBlocksPerPage); }

  void read_what_changes() {
    if (surroundings_.stands_still) reader_.refresh();  // it has run since it was opened, and may have grown
    is_running_ = surroundings_.is_running(reader_.header());
    const std::uint64_t pages = reader_.header().block_pages;
    const bool reads_blocks = !is_running_ || surroundings_.wants_blocks_of_running;
    if (reads_blocks) read_blocks(is_running_ && !surroundings_.stands_still);
    read_bad_frees();
    reader_.refresh();
    complete_blocks();
    // A program that ends meanwhile gives pages back.
    if (reads_blocks && signed_pages_ < std::min(pages, reader_.header().block_pages))
      damaged("pages of blocks are missing");
  }

  const LedgerReader& reader() const { return reader_; }
  const Snapshot& snapshot() const { return snapshot_; }

  Snapshot finish() {
    read_header(is_running_);
    read_threads();
    read_modules();
    read_passed_by();
    resolve_references();
    warn_about_gaps();
    return std::move(snapshot_);
  }

 private:
  std::int64_t time_of(std::uint64_t ticks) const {
    const auto& header = reader_.header();
    return clamped(header.start_realtime_ns + (Wide{ticks} * header.tick_ns_q32 >> 32));
  }

  void damaged(const char* what) {
    std::string text = fmt::format("the ledger is damaged: {}", what);
    auto& damage = snapshot_.damage;
    if (std::find(damage.begin(), damage.end(), text) == damage.end()) damage.push_back(std::move(text));
  }

  void read_blocks(bool may_change) {
    std::vector<char> again;  // the second reading
    make_room();
    const BlockRows rows(reader_);
    reader_.for_each_run(Kind::kBlocks, [&](std::uint32_t first, const char* at, std::size_t count) {
      if (may_change) {
        again.resize(count * rows.unit_bytes());
        again.resize(reader_.read_rows(Kind::kBlocks, first, count, again.data()) * rows.unit_bytes());
      }
      signed_pages_ += rows.signed_pages(first, at, count);
      rows.for_each(first, count, [&](std::uint32_t index, std::size_t offset) {
        BlockRow row = rows.row_at(at + offset);
        if (ledger::block_state(row.word[0]) != ledger::BlockState::kLive) return;
        const bool is_same = offset + rows.bytes() <= again.size() && rows.row_at(again.data() + offset) == row;
        if (may_change && !is_same && !is_steady(rows, index, row)) return;
        add_block(rows.block_of(row));
      });
    });
  }

  // In a running process a row is believed when two readings of it agree. If they never do, the block is being freed
  // and made all the time, and leaving it out is as right as any answer.
  bool is_steady(const BlockRows& rows, std::uint32_t index, BlockRow& row) const {
    for (int i = 0; i < kSteadyTries; ++i) {
      BlockRow again;
      if (!rows.read(index, again)) return false;
      if (again == row) return true;
      if (ledger::block_state(again.word[0]) != ledger::BlockState::kLive) return false;
      row = again;
    }
    return false;
  }

  void add_block(Block block) {
    if (block.call >= ledger::kCalls) {
      damaged("blocks that came from an unknown function are shown as malloc's");
      block.call = 0;
    }
    has_kinds_ |= block.reach != ledger::Reach::kUnknown;
    snapshot_.blocks.push_back(block);
  }

  // What the rows of blocks say is completed by nodes and periods, which are there before a block refers to them.
  void complete_blocks() {
    const Periods periods(reader_);
    if (periods.has_gaps()) damaged("the times of blocks are missing");
    SizeNodes sizes(reader_);
    for (auto& block : snapshot_.blocks) {
      block.time_ns = time_of(periods.ticks(block));
      latest_ns_ = std::max(latest_ns_, block.time_ns);
      sizes.complete(block);
    }
    if (sizes.are_missing()) damaged("sizes of 64 KiB and more may be missing, and such blocks count for less");
    if (sizes.are_impossible()) damaged("sizes that no block can have were passed over");
  }

  // What a program found out for itself while it ran (leakdir_lost_since) is not true any more; nor is half a look.
  void drop_stale_kinds() {
    const ledger::ReachLook look = snapshot_.reach_look;
    if (!has_kinds_ || look == ledger::ReachLook::kDone || look == ledger::ReachLook::kThreads) return;
    for (auto& block : snapshot_.blocks) block.reach = ledger::Reach::kUnknown;
  }

  void read_bad_frees() {
    reader_.for_each_run(Kind::kBadFrees, [&](std::uint32_t first, const char* records, std::size_t count) {
      for (std::size_t i = 0; i < count && snapshot_.bad_frees.size() < kMaxBadFrees; ++i) {
        ledger::BadFree record;
        std::memcpy(&record, records + i * sizeof record, sizeof record);
        if (first + i == 0 || record.kind == 0) continue;
        BadFree bad_free;
        bad_free.kind = record.kind < ledger::kBadFreeKinds ? record.kind : 0;
        bad_free.address = record.address;
        bad_free.time_ns = time_of(ledger::low48(record.time));
        bad_free.block = record.block;
        bad_free.block_bytes = record.block_bytes;
        bad_free.thread = static_cast<std::uint16_t>(std::min<std::uint32_t>(record.thread, 0xffff));
        bad_free.free_stack = record.free_stack;
        bad_free.first_free_stack = record.first_free_stack;
        bad_free.allocation_stack = record.allocation_stack;
        snapshot_.bad_frees.push_back(bad_free);
      }
    });
  }

  void read_header(bool is_running) {
    const auto& header = reader_.header();
    const auto said = static_cast<ledger::ProcessState>(header.state);
    if (said == ledger::ProcessState::kWentOn) snapshot_.went_on_as = "another program";
    if (said == ledger::ProcessState::kRunning && !is_running) snapshot_.went_on_as = surroundings_.went_on_as(header);
    const bool is_exited = said == ledger::ProcessState::kExited || !snapshot_.went_on_as.empty();
    snapshot_.state = is_exited ? State::kExited : is_running ? State::kRunning : State::kKilled;
    if (snapshot_.state == State::kKilled && !surroundings_.is_of_this_boot(header))
      snapshot_.notices.emplace_back(
          "the machine was started again since, or it was another one: if it lost power, what happened in the last "
          "half minute before may be missing");
    snapshot_.pid = header.pid;
    snapshot_.parent_pid = header.parent_pid;
    snapshot_.program = name_at(header.program);
    snapshot_.start_ns = clamped(header.start_realtime_ns);
    snapshot_.lists_libc = header.option_libc != 0;
    snapshot_.paused = header.recording == 0 && !is_exited;
    snapshot_.never_recorded = header.option_recording == static_cast<std::uint32_t>(ledger::Recording::kPaused) &&
                               header.recording == 0 && header.pauses <= 1;
    if (header.children_removed != 0)
      snapshot_.notices.push_back(
          fmt::format("{} earlier children were removed, to make room (max_children)", header.children_removed));
    read_sample();
    snapshot_.max_files = header.option_max_files;
    snapshot_.reach_look = static_cast<ledger::ReachLook>(header.reach_look);
    snapshot_.unread_bytes = header.unread_bytes;
    drop_stale_kinds();
    snapshot_.suppressions = reader_.text(header.suppressions, kMaxSuppressions);
    snapshot_.dropped_blocks = header.dropped_blocks;
    snapshot_.dropped_stacks = header.dropped_stacks;
    snapshot_.unrecorded = header.unrecorded;
    snapshot_.children_unrecorded = header.children_unrecorded;
    snapshot_.pauses = header.pauses;
    snapshot_.bad_frees_seen = std::max<std::uint64_t>(header.bad_frees, snapshot_.bad_frees.size());

    // Of a killed process no later time is known than that of the last thing that it recorded.
    snapshot_.end_ns = std::max(snapshot_.start_ns, latest_ns_);
    for (const auto& bad_free : snapshot_.bad_frees) snapshot_.end_ns = std::max(snapshot_.end_ns, bad_free.time_ns);
    if (snapshot_.state == State::kRunning) snapshot_.end_ns = surroundings_.now_ns;
    if (is_exited && header.exit_realtime_ns != 0) snapshot_.end_ns = clamped(header.exit_realtime_ns);
    if (snapshot_.state == State::kRunning) tell_how_far_behind_files_are();
  }

  void read_sample() {
    const auto& header = reader_.header();
    if (header.sample_bytes > kMostSampleBytes) damaged("a sample so thin cannot be asked for");
    snapshot_.sample_bytes = std::min(header.sample_bytes, kMostSampleBytes);
    snapshot_.sampling_threads = header.sampling_threads;
    if (snapshot_.sample_bytes == 0) return;
    snapshot_.notices.push_back(about_sample(snapshot_.sample_bytes));
    for (auto& block : snapshot_.blocks) block.sample_bytes = static_cast<std::uint32_t>(snapshot_.sample_bytes);
  }

  void tell_how_far_behind_files_are() {
    const auto& header = reader_.header();
    if (header.option_write != static_cast<std::uint32_t>(ledger::WriteMode::kBehind)) return;
    constexpr std::int64_t kLooksNs = 1000000000;  // the longest that passes between two looks
    const std::int64_t due_until = snapshot_.end_ns - clamped(Wide{header.option_delay_ms} * 1000000) - kLooksNs;
    std::uint64_t files = 0, due = 0;
    std::int64_t oldest = due_until;
    for (const auto& block : snapshot_.blocks) {
      const bool has_file = (block.flags & ledger::kFlagFiled) != 0;
      files += has_file ? 1 : 0;
      if (has_file || !gets_record(snapshot_, block) || block.time_ns >= due_until) continue;
      ++due;
      oldest = std::min(oldest, block.time_ns);
    }
    if (due == 0 || files >= header.option_max_files) return;
    snapshot_.files_behind = due;
    snapshot_.notices.push_back(
        fmt::format("the record files are behind: {} live blocks have none yet, the oldest is {} s old (share, disk); "
                    "this report has them all, and leakdir flush makes the files",
                    due, (snapshot_.end_ns - oldest) / 1000000000));
  }

  void read_threads() {
    snapshot_.threads.assign(1, {0, "?"});
    reader_.for_each_run(Kind::kThreads, [&](std::uint32_t first, const char* records, std::size_t count) {
      for (std::size_t i = 0; i < count && first + i <= 0xffff; ++i) {
        ledger::Thread record;
        std::memcpy(&record, records + i * sizeof record, sizeof record);
        const std::size_t index = first + i;
        if (index == 0) continue;
        snapshot_.allocations += record.allocations;
        snapshot_.frees += record.frees;
        if (record.tid == 0) continue;
        if (snapshot_.threads.size() <= index) snapshot_.threads.resize(index + 1, {0, "?"});
        if (record.after != 0) reused_threads_[static_cast<std::uint16_t>(index)] = record;
        snapshot_.threads[index] = {record.tid, std::string(record.name, strnlen(record.name, sizeof record.name))};
      }
    });
  }

  void read_modules() {
    const std::uint32_t program = reader_.header().program_module;
    reader_.for_each_run(Kind::kModules, [&](std::uint32_t first, const char* records, std::size_t count) {
      for (std::size_t i = 0; i < count && first + i < ledger::kSizeModule; ++i) {
        ledger::Module record;
        std::memcpy(&record, records + i * sizeof record, sizeof record);
        const auto index = static_cast<std::uint32_t>(first + i);
        if (index == 0 || record.end == 0) continue;
        Module module;
        module.path = name_at(record.path);
        module.start = record.start;
        module.end = record.end;
        module.bias = record.bias;
        module.is_program = index == program;
        const auto* id = reinterpret_cast<const char*>(record.build_id);
        if (record.build_id_bytes <= sizeof record.build_id)
          module.build_id.assign(id, record.build_id_bytes);
        else
          damaged("a build-id that is too long was passed over");
        if (module.is_program) snapshot_.program_build_id = module.build_id;
        module_of_[index] = static_cast<std::uint32_t>(snapshot_.modules.size());
        snapshot_.modules.push_back(std::move(module));
      }
    });
  }

  void read_passed_by() {
    const auto& header = reader_.header();
    switch (static_cast<ledger::PassedBy>(header.passed_by)) {
      case ledger::PassedBy::kNobody:
        if (header.unseen_blocks != 0)
          snapshot_.passed_by = fmt::format(
              "calls go past leakdir: {} allocated or freed unseen",
              header.unseen_blocks == 1 ? "1 block was" : fmt::format("{} blocks were", header.unseen_blocks));
        return;
      case ledger::PassedBy::kProgram:
        snapshot_.passed_by =
            "the program's malloc is another's, so what it allocates is not seen (see leakdir doctor)";
        return;
      case ledger::PassedBy::kLibraries:
        snapshot_.passed_by =
            "the program does not export leakdir's malloc, so what its libraries allocate is not seen (see leakdir "
            "doctor)";
        return;
      case ledger::PassedBy::kNamespace:
        snapshot_.passed_by =
            "libraries came by dlmopen, with a malloc of their own, so what they allocate is not seen";
        return;
      default: {
        const auto module = module_of_.find(header.passing_module);
        snapshot_.passed_by =
            fmt::format("{} calls another malloc, so what it allocates is not seen",
                        module == module_of_.end() ? "a library" : snapshot_.modules[module->second].path);
      }
    }
  }

  bool has_thread(std::uint16_t thread) const {
    return thread < snapshot_.threads.size() && snapshot_.threads[thread].tid != 0;
  }

  bool is_of_earlier_thread(const Block& block) const {
    if (reused_threads_.empty()) return false;
    const auto thread = reused_threads_.find(block.thread);
    return thread != reused_threads_.end() && !ledger::has_made(thread->second, block.sequence);
  }

  // A text that is named is there, unless its page was lost.
  std::string name_at(std::uint32_t offset) {
    std::string text = reader_.text(offset);
    if (offset != 0 && text.empty()) damaged("names are missing");
    return text;
  }

  // Turns the ledger's node numbers into the snapshot's.
  void resolve_references() {
    std::uint32_t stack = 0, node = kNone;  // of the block before, which has the same one more often than not
    for (auto& block : snapshot_.blocks) {
      if (block.stack != stack) node = node_of(stack = block.stack);
      block.stack = node;
      if (block.thread != 0 && !has_thread(block.thread)) damaged("threads are missing");
      if (block.thread >= snapshot_.threads.size() || is_of_earlier_thread(block)) block.thread = 0;
    }
    for (auto& bad_free : snapshot_.bad_frees) {
      for (auto* stack : {&bad_free.free_stack, &bad_free.first_free_stack, &bad_free.allocation_stack})
        *stack = node_of(*stack);
      if (bad_free.thread >= snapshot_.threads.size()) bad_free.thread = 0;
    }
  }

  // A page of zeros where nodes were: no frame has such an address.
  static bool is_never_written(const ledger::Node& node) { return node.pc_module == 0 && node.parent == 0; }

  // How the stack's next inner frame leads to this one. The same node may be found in several ways, and is another
  // frame then.
  struct FoundBy {
    bool signal = false, frame_pointer = false;
  };

  // Walks up to a node that is known already, then makes the new ones from there down: so parents come first.
  std::uint32_t node_of(std::uint32_t index) {
    struct Step {
      std::uint64_t key;
      FoundBy found_by;
      ledger::Node node;
    };
    std::vector<Step> path;
    std::uint32_t parent = kNone;
    FoundBy found_by = {};
    for (std::uint32_t at = index; at != 0;) {
      const std::uint64_t key = std::uint64_t{at} << 2 | (found_by.signal ? 1 : 0) | (found_by.frame_pointer ? 2 : 0);
      auto [known, is_new] = node_of_.try_emplace(key, kInProgress);
      if (!is_new) {
        if (known->second == kInProgress)
          damaged("a stack that goes round in a circle was cut");
        else
          parent = known->second;
        break;
      }
      Step step{key, found_by, {}};
      if (!reader_.read_node(at, step.node) || is_never_written(step.node)) {
        damaged("stacks whose frames are missing were cut");
        node_of_.erase(key);
        break;
      }
      const bool is_frame = !ledger::is_no_frame(ledger::high16(step.node.pc_module));
      found_by.signal = is_frame && (step.node.line & ledger::kNodeSignalReturn) != 0;
      found_by.frame_pointer = is_frame && (step.node.line & ledger::kNodeWithoutTable) != 0;
      path.push_back(step);
      at = step.node.parent;
    }
    // A place belongs at the inner end of a stack; one that is the parent of another node is not where it should be.
    while (parent != kNone && !path.empty() && snapshot_.frames[snapshot_.nodes[parent].frame].is_place) {
      damaged("a place in the middle of a stack was passed over");
      parent = snapshot_.nodes[parent].parent;
    }
    for (auto step = path.rbegin(); step != path.rend(); ++step) {
      const bool is_innermost = std::next(step) == path.rend();
      const unsigned module = ledger::high16(step->node.pc_module);
      std::uint32_t node = parent;
      if (module == ledger::kSizeModule) {
        damaged("a size in the middle of a stack was passed over");
      } else if (module == ledger::kPlaceModule && !is_innermost) {
        damaged("a place in the middle of a stack was passed over");
      } else if (parent != kNone && depth_[parent] >= kMaxDepth) {
        damaged("a stack deeper than any that leakdir keeps was cut");
      } else {
        node = stacks_.node(frame_of(step->node, module, step->found_by), parent);
        if (node >= depth_.size()) depth_.push_back(parent == kNone ? 1 : depth_[parent] + 1);
      }
      node_of_[step->key] = parent = node;
    }
    return parent;
  }

  std::uint32_t frame_of(const ledger::Node& node, unsigned module, FoundBy found_by) {
    const std::uint64_t pc = ledger::low48(node.pc_module);
    if (module == ledger::kPlaceModule) {
      std::string file = pc <= 0xffffffff ? reader_.text(static_cast<std::uint32_t>(pc)) : std::string();
      return stacks_.place(file, node.line);
    }
    auto known = module_of_.find(module);
    if (module != 0 && known == module_of_.end()) damaged("modules are missing");
    const bool is_exact = found_by.signal || (node.line & ledger::kNodeEntered) != 0;
    return stacks_.frame(pc, known == module_of_.end() ? kNone : known->second, is_exact, found_by.frame_pointer);
  }

  void warn_about_gaps() {
    auto& warnings = snapshot_.warnings;
    snapshot_.damage.insert(snapshot_.damage.end(), reader_.damage.begin(), reader_.damage.end());
    if (!snapshot_.passed_by.empty()) warnings.push_back(snapshot_.passed_by);
    if (snapshot_.dropped_blocks != 0)
      warnings.push_back(fmt::format("blocks that could not be recorded, because the ledger could not grow: {}",
                                     snapshot_.dropped_blocks));
    if (snapshot_.dropped_stacks != 0)
      warnings.push_back(fmt::format("blocks recorded with their caller alone, because the ledger could not grow: {}",
                                     snapshot_.dropped_stacks));
    if (snapshot_.children_unrecorded != 0)
      warnings.push_back(
          fmt::format("forked children that could not record, as DIR is closed to them or out of reach: {}",
                      snapshot_.children_unrecorded));
    if (snapshot_.never_recorded)
      warnings.emplace_back(kNeverRecorded);
    else if (snapshot_.paused && snapshot_.state == State::kRunning)
      warnings.emplace_back("recording is paused: blocks allocated since then are not here");
    else if (snapshot_.paused)
      warnings.emplace_back("recording was paused when it ended: blocks allocated since the pause are not here");
    else if (snapshot_.pauses != 0)
      warnings.push_back(
          fmt::format("recording was paused ({}x): blocks allocated meanwhile are not here", snapshot_.pauses));
  }

  const LedgerSurroundings& surroundings_;
  bool is_running_ = false;
  std::uint64_t signed_pages_ = 0;
  std::int64_t latest_ns_ = 0;  // of what was recorded
  bool has_kinds_ = false;      // some row has one
  LedgerReader reader_;
  Snapshot snapshot_;
  StackBuilder stacks_{snapshot_};
  std::unordered_map<std::uint64_t, std::uint32_t> node_of_;  // by index and how it was found
  std::unordered_map<std::uint32_t, std::uint32_t> module_of_;
  std::unordered_map<std::uint16_t, ledger::Thread> reused_threads_;  // whose rows others had before
  std::vector<std::uint32_t> depth_;                                  // of each of the snapshot's nodes
};

Snapshot load_ledger(const Bytes& bytes, const std::string& name, const LedgerSurroundings& surroundings) {
  LedgerLoad load(bytes, name, surroundings);
  load.read_blocks();
  return load.finish();
}

LedgerLoad::LedgerLoad(const Bytes& bytes, const std::string& name, const LedgerSurroundings& surroundings)
    : loader_(std::make_unique<Loader>(bytes, name, surroundings)) {}

LedgerLoad::~LedgerLoad() = default;

void LedgerLoad::make_room() { loader_->make_room(); }

void LedgerLoad::read_blocks() { loader_->read_what_changes(); }

const LedgerReader& LedgerLoad::reader() const { return loader_->reader(); }

const std::vector<Block>& LedgerLoad::blocks() const { return loader_->snapshot().blocks; }

Snapshot LedgerLoad::finish() { return loader_->finish(); }

Snapshot load_ledger_file(const std::string& path, BlocksWanted wanted) {
  LedgerSurroundings here;
  here.is_running = [&](const ledger::Header& header) { return is_running(header, path); };
  here.went_on_as = [&](const ledger::Header& header) { return went_on_as(header, path); };
  here.is_of_this_boot = [](const ledger::Header& header) { return is_of_this_boot(header); };
  here.now_ns = now_ns();
  here.wants_blocks_of_running = wanted == BlocksWanted::kAll;
  return load_ledger(FileBytes(path, FileBytes::Links::kRefused), path, here);
}

}  // namespace leakdir::tool
