// SPDX-License-Identifier: BSL-1.0
#include "merge.hh"

#include <fmt/format.h>

#include <algorithm>
#include <map>
#include <set>
#include <tuple>

namespace leakdir::tool {

namespace {

class Merger {
 public:
  explicit Merger(std::vector<Snapshot> snapshots) : snapshots_(std::move(snapshots)) {}

  Snapshot all() {
    for (const auto& snapshot : snapshots_) pids_.insert(snapshot.pid);
    const Snapshot& first = snapshots_.front();
    all_.directory = first.directory;
    all_.program = first.program;
    all_.program_build_id = first.program_build_id;
    all_.pid = first.pid;
    all_.parent_pid = first.parent_pid;
    all_.state = first.state;
    all_.start_ns = first.start_ns;
    all_.end_ns = first.end_ns;
    all_.never_recorded = all_.from_records = true;
    all_.threads.push_back({0, "?"});
    for (const auto& snapshot : snapshots_) add(snapshot);
    return std::move(all_);
  }

 private:
  void add(const Snapshot& snapshot) {
    add_figures(snapshot);
    modules_.clear();
    for (const auto& module : snapshot.modules) modules_.push_back(module_like(module));
    frames_.clear();
    for (const auto& frame : snapshot.frames) frames_.push_back(frame_like(snapshot, frame));
    first_node_ = static_cast<std::uint32_t>(all_.nodes.size());
    for (const auto& node : snapshot.nodes)
      all_.nodes.push_back({frames_[node.frame], node.parent == kNone ? kNone : node.parent + first_node_});
    first_thread_ = all_.threads.size() - 1;
    all_.threads.insert(all_.threads.end(), snapshot.threads.begin() + 1, snapshot.threads.end());
    add_blocks(snapshot);
    for (BadFree bad_free : snapshot.bad_frees) {
      for (auto* stack : {&bad_free.free_stack, &bad_free.first_free_stack, &bad_free.allocation_stack})
        *stack = stack_of(*stack);
      bad_free.thread = thread_of(bad_free.thread);
      all_.bad_frees.push_back(bad_free);
    }
  }

  void add_figures(const Snapshot& snapshot) {
    all_.start_ns = std::min(all_.start_ns, snapshot.start_ns);
    all_.end_ns = std::max(all_.end_ns, snapshot.end_ns);
    all_.from_records &= snapshot.from_records;
    all_.lists_libc |= snapshot.lists_libc;
    all_.paused |= snapshot.paused;
    all_.never_recorded &= snapshot.never_recorded;
    all_.max_files = std::max(all_.max_files, snapshot.max_files);
    if (all_.suppressions.empty()) all_.suppressions = snapshot.suppressions;
    if (all_.passed_by.empty()) all_.passed_by = snapshot.passed_by;
    all_.sample_bytes = std::max(all_.sample_bytes, snapshot.sample_bytes);
    all_.sampling_threads += snapshot.sampling_threads;
    all_.allocations += snapshot.allocations;
    all_.frees += snapshot.frees;
    all_.dropped_blocks += snapshot.dropped_blocks;
    all_.dropped_stacks += snapshot.dropped_stacks;
    all_.files_behind += snapshot.files_behind;
    all_.unrecorded += snapshot.unrecorded;
    all_.children_unrecorded += snapshot.children_unrecorded;
    all_.children_unread += snapshot.children_unread;
    all_.pauses += snapshot.pauses;
    all_.bad_frees_seen += snapshot.bad_frees_seen;
    for (const auto& damage : snapshot.damage) all_.damage.push_back(snapshot.directory + ": " + damage);
    for (const auto& notice : snapshot.notices) all_.notices.push_back(snapshot.directory + ": " + notice);
    for (const auto& warning : snapshot.warnings) all_.warnings.push_back(snapshot.directory + ": " + warning);
  }

  void add_blocks(const Snapshot& snapshot) {
    Process process;
    process.pid = snapshot.pid;
    process.program = snapshot.program;
    process.state = snapshot.state;
    process.asked = {snapshot.reach_look, snapshot.state, snapshot.from_records, snapshot.saved_ns != 0};
    const bool has_parent = snapshot.parent_pid != 0 && pids_.count(snapshot.parent_pid) != 0;
    for (Block block : snapshot.blocks) {
      if (has_parent && (block.flags & ledger::kFlagInherited) != 0) continue;
      if (is_shown(snapshot, block)) {
        ++process.blocks;
        process.bytes += block.size;
        process.without_kind += block.reach == ledger::Reach::kUnknown;
      }
      block.stack = stack_of(block.stack);
      block.thread = thread_of(block.thread);
      all_.blocks.push_back(block);
    }
    all_.processes.push_back(std::move(process));
  }

  std::uint32_t stack_of(std::uint32_t stack) const { return stack == kNone ? kNone : stack + first_node_; }
  // A block has 16 bits for it: what is beyond is not known.
  std::uint16_t thread_of(std::uint16_t thread) const {
    const std::size_t number = thread + first_thread_;
    return thread == 0 || number > 0xffff ? 0 : static_cast<std::uint16_t>(number);
  }

  std::uint32_t module_like(const Module& module) {
    const auto key = std::make_tuple(module.path, module.build_id, module.path.empty() ? module.start : 0);
    const auto [at, is_new] = module_of_.try_emplace(key, static_cast<std::uint32_t>(all_.modules.size()));
    if (is_new) all_.modules.push_back(module);
    return at->second;
  }

  std::uint32_t frame_like(const Snapshot& snapshot, Frame frame) {
    if (frame.is_place) {
      const auto [at, is_new] = place_of_.try_emplace(snapshot.places[frame.module], all_.places.size());
      if (is_new) all_.places.push_back(at->first);
      frame.module = at->second;
    } else if (frame.module != kNone) {
      const std::uint64_t offset = offset_of(snapshot, frame);
      frame.module = modules_[frame.module];
      frame.pc = offset + all_.modules[frame.module].bias;
    }
    const auto key = std::make_tuple(frame.pc, frame.module, frame.is_place, frame.is_exact, frame.by_frame_pointer);
    const auto [at, is_new] = frame_of_.try_emplace(key, static_cast<std::uint32_t>(all_.frames.size()));
    if (is_new) all_.frames.push_back(frame);
    return at->second;
  }

  std::vector<Snapshot> snapshots_;
  Snapshot all_;
  std::set<std::uint32_t> pids_;
  std::map<std::tuple<std::string, std::string, std::uint64_t>, std::uint32_t> module_of_;
  std::map<std::string, std::uint32_t> place_of_;
  std::map<std::tuple<std::uint64_t, std::uint32_t, bool, bool, bool>, std::uint32_t> frame_of_;
  // Of the snapshot that is being added: where its parts are now.
  std::vector<std::uint32_t> modules_, frames_;
  std::uint32_t first_node_ = 0;
  std::size_t first_thread_ = 0;
};

}  // namespace

Snapshot merged(std::vector<Snapshot> snapshots) { return Merger(std::move(snapshots)).all(); }

}  // namespace leakdir::tool
