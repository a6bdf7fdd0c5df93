// SPDX-License-Identifier: BSL-1.0
//
// A ledger as a processor of the other byte order would have left it: each number that ledger.hh names is turned
// round, by its name, and nothing else.

#pragma once

#include <algorithm>
#include <cstring>
#include <string>
#include <vector>

#include "ledger_builder.hh"

namespace leakdir::tool {

template <class... Number>
void turn(Number&... numbers) {
  const auto one = [](auto& number) {
    auto* bytes = reinterpret_cast<char*>(&number);
    std::reverse(bytes, bytes + sizeof number);
  };
  (one(numbers), ...);
}

inline void turn_header(ledger::Header& h) {
  turn(h.version, h.byte_order, h.header_bytes, h.pointer_bytes, h.machine, h.state, h.pid, h.parent_pid, h.start_time,
       h.start_realtime_ns, h.tick_ns_q32, h.exit_realtime_ns, h.program, h.directory, h.suppressions, h.program_module,
       h.option_libc, h.option_depth, h.option_write, h.option_delay_ms, h.option_min_size, h.option_max_files,
       h.control, h.recording, h.flush_request, h.flush_done, h.sequence, h.dropped_blocks, h.dropped_stacks,
       h.unrecorded, h.pauses, h.bad_frees, h.files_over_limit, h.write_errors, h.file_bytes, h.extent_count,
       h.option_recording, h.block_pages, h.children_unrecorded, h.passed_by, h.passing_module, h.unseen_blocks,
       h.reach_look, h.some_unknown, h.unread_bytes, h.own_memory, h.children, h.children_removed, h.sample_bytes,
       h.sampling_threads, h.started_by, h.usable_size_asked);
}

inline std::string build_of_other_order(LedgerBuilder ledger, std::uint32_t rows_per_extent = 64) {
  LedgerBuilder::Layout layout = ledger.lay_out();
  for (auto& word : layout.blocks) turn(word);
  for (auto& period : layout.periods) turn(period.after, period.start);
  for (auto& node : ledger.nodes) turn(node.pc_module, node.parent, node.line);
  for (auto& thread : ledger.threads) turn(thread.tid, thread.allocations, thread.frees);
  for (auto& module : ledger.modules)
    turn(module.start, module.end, module.bias, module.unload_sequence, module.path, module.build_id_bytes);
  for (auto& bad : ledger.bad_frees)
    turn(bad.address, bad.time, bad.block, bad.block_bytes, bad.kind, bad.thread, bad.free_stack, bad.first_free_stack,
         bad.allocation_stack);
  std::string file = ledger.build(layout, rows_per_extent);
  ledger::Header header;
  std::memcpy(&header, file.data(), sizeof header);
  std::vector<ledger::Extent> extents(header.extent_count);
  std::memcpy(extents.data(), file.data() + ledger::kDirectoryOffset, extents.size() * sizeof(ledger::Extent));
  for (auto& extent : extents) turn(extent.file_offset, extent.kind, extent.first, extent.count);
  turn_header(header);
  std::memcpy(file.data(), &header, sizeof header);
  std::memcpy(file.data() + ledger::kDirectoryOffset, extents.data(), extents.size() * sizeof(ledger::Extent));
  return file;
}

}  // namespace leakdir::tool
