// SPDX-License-Identifier: BSL-1.0
//
// Makes ledgers as a program would leave them, in memory, for the tests of the tool. Nothing is checked: a test that
// wants a damaged ledger makes one by saying so, or by changing the bytes afterwards.

#pragma once

#include <algorithm>
#include <cstring>
#include <fstream>
#include <map>
#include <string>
#include <string_view>
#include <vector>

#include "ledger.hh"

namespace leakdir::tool {

class LedgerBuilder {
 public:
  // 2026-11-23T09:14:26Z, and ticks of one nanosecond.
  static constexpr std::uint64_t kStart = 1795425266000000000u;

  LedgerBuilder() {
    std::memcpy(header.magic, ledger::kMagic, sizeof header.magic);
    header.version = ledger::kVersion;
    header.byte_order = ledger::kByteOrder;
    header.header_bytes = ledger::kHeaderBytes;
    header.pointer_bytes = 8;
    header.state = static_cast<std::uint32_t>(ledger::ProcessState::kExited);
    header.pid = 4711;
    header.start_realtime_ns = kStart;
    header.tick_ns_q32 = std::uint64_t{1} << 32;
    header.exit_realtime_ns = kStart + 100'000'000'000;
    header.recording = 1;
    header.option_max_files = 100000;
    blocks.resize(1);
    nodes.resize(1);
    threads.resize(1);
    modules.resize(1);
    bad_frees.resize(1);
    text_.assign(1, '\0');
  }

  std::uint32_t text(std::string_view text) {
    auto at = static_cast<std::uint32_t>(text_.size());
    text_.append(text).push_back('\0');
    return at;
  }

  std::uint32_t module(std::string_view path, std::uint64_t bias, std::string_view build_id = {}) {
    ledger::Module module{};
    module.start = bias;
    module.end = bias + 0x100000;
    module.bias = bias;
    module.path = text(path);
    module.build_id_bytes = static_cast<std::uint32_t>(build_id.size());
    if (!build_id.empty())
      std::memcpy(module.build_id, build_id.data(), std::min(build_id.size(), sizeof module.build_id));
    modules.push_back(module);
    return static_cast<std::uint32_t>(modules.size() - 1);
  }

  void program(std::string_view path, std::uint64_t bias, std::string_view build_id = {}) {
    header.program_module = module(path, bias, build_id);
    header.program = modules.back().path;
  }

  std::uint32_t thread(std::uint32_t tid, std::string_view name, std::uint64_t allocations, std::uint64_t frees) {
    ledger::Thread thread{};
    thread.tid = tid;
    std::memcpy(thread.name, name.data(), std::min(name.size(), sizeof thread.name));
    thread.allocations = allocations;
    thread.frees = frees;
    threads.push_back(thread);
    return static_cast<std::uint32_t>(threads.size() - 1);
  }

  std::uint32_t node(std::uint64_t pc, unsigned module, std::uint32_t parent, std::uint32_t line = 0) {
    nodes.push_back({ledger::node_word(pc, module), parent, line});
    return static_cast<std::uint32_t>(nodes.size() - 1);
  }

  // Innermost first; all in one module.
  std::uint32_t stack(const std::vector<std::uint64_t>& pcs, unsigned module = 1) {
    std::uint32_t at = 0;
    for (auto pc = pcs.rbegin(); pc != pcs.rend(); ++pc) at = node(*pc, module, at);
    return at;
  }

  // A block of which nothing else is known, unless the caller says more.
  ledger::BadFree& double_free(std::uint64_t address, std::uint32_t stack) {
    ledger::BadFree bad_free{};
    bad_free.address = address;
    bad_free.kind = static_cast<std::uint32_t>(ledger::BadFreeKind::kDoubleFree);
    bad_free.thread = 1;
    bad_free.free_stack = stack;
    bad_frees.push_back(bad_free);
    return bad_frees.back();
  }

  struct BlockFields {
    std::uint64_t address = 0, size = 0;
    std::uint32_t stack = 0;
    ledger::Call call = ledger::Call::kMalloc;
    unsigned flags = 0;
    std::uint64_t time = 0;      // ticks
    std::uint64_t sequence = 0;  // 0: the next one
    unsigned thread = 1;
    ledger::BlockState state = ledger::BlockState::kLive;
    ledger::Reach reach = ledger::Reach::kUnknown;
  };

  // A block of which somebody found out the kind: the process itself, when it exited.
  std::uint32_t block_of_kind(ledger::Reach reach, BlockFields fields) {
    header.reach_look = static_cast<std::uint32_t>(ledger::ReachLook::kDone);
    fields.reach = reach;
    return block(fields);
  }

  std::uint32_t block(BlockFields fields) {
    if (fields.sequence == 0) fields.sequence = ++sequence_;
    times_[fields.sequence] = fields.time;
    const unsigned flags = fields.flags | static_cast<unsigned>(fields.reach) << ledger::kReachShift;
    std::uint32_t stack = fields.stack;
    if (fields.size > ledger::kMostSizeInRow)
      stack = node(fields.size >> ledger::kSizeBits, ledger::kSizeModule, stack);
    const std::uint64_t time = std::min(fields.time, ledger::kMostTime);
    blocks.push_back({{ledger::block_word0(fields.address, fields.state, fields.call, flags),
                       ledger::block_word1(stack, time, fields.thread),
                       ledger::block_word2(fields.sequence, fields.thread, fields.size & ledger::kMostSizeInRow)}});
    return static_cast<std::uint32_t>(blocks.size() - 1);
  }

  // What becomes of blocks, and of the header with them.
  struct Layout {
    std::vector<std::uint64_t> blocks;  // words
    std::vector<ledger::Period> periods;
    ledger::Header header;
  };
  Layout lay_out() const {
    Layout layout{{}, std::vector<ledger::Period>(1), header};
    if (is_of_old_version) {
      layout.header.version = header.sample_bytes != 0 ? ledger::kOldVersionOfSample : ledger::kOldVersion;
      lay_out_old_rows(layout);
    } else {
      lay_out_rows(layout);
    }
    return layout;
  }

  // The file. Arrays are cut into extents of `rows_per_extent` rows, so that readers meet more than one; of more
  // where the directory would not hold them all. Blocks are cut into pages at least.
  std::string build(std::uint32_t rows_per_extent = 64) const { return build(lay_out(), rows_per_extent); }

  std::string build(const Layout& layout, std::uint32_t rows_per_extent) const {
    const std::size_t most = std::max({layout.blocks.size(), nodes.size(), text_.size()});
    rows_per_extent = std::max(rows_per_extent, static_cast<std::uint32_t>(most / 500));
    std::vector<ledger::Extent> extents;
    std::string body;
    auto add = [&](ledger::Kind kind, const void* records, std::size_t count, std::size_t bytes, std::size_t most) {
      for (std::size_t first = 0; first < count; first += most) {
        const std::size_t some = std::min<std::size_t>(most, count - first);
        extents.push_back({ledger::kHeaderBytes + body.size(), static_cast<std::uint32_t>(kind),
                           static_cast<std::uint32_t>(first), static_cast<std::uint32_t>(some), 0});
        body.append(static_cast<const char*>(records) + first * bytes, some * bytes);
      }
    };
    auto add_rows = [&](ledger::Kind kind, const auto& rows) {
      add(kind, rows.data(), rows.size(), sizeof rows[0], rows_per_extent);
    };
    const std::size_t unit = is_of_old_version ? sizeof(ledger::OldBlock) : sizeof(std::uint64_t);
    const std::size_t page = is_of_old_version ? 1 : ledger::kPageWords;
    add_rows(ledger::Kind::kText, text_);
    add(ledger::Kind::kBlocks, layout.blocks.data(), layout.blocks.size() * sizeof(std::uint64_t) / unit, unit,
        (rows_per_extent + page - 1) / page * page);
    add_rows(ledger::Kind::kNodes, nodes);
    add_rows(ledger::Kind::kThreads, threads);
    add_rows(ledger::Kind::kModules, modules);
    add_rows(ledger::Kind::kBadFrees, bad_frees);
    if (layout.periods.size() > 1) add_rows(ledger::Kind::kPeriods, layout.periods);
    extents.insert(extents.end(), extra_extents.begin(), extra_extents.end());

    ledger::Header whole = layout.header;
    whole.file_bytes = ledger::kHeaderBytes + body.size();
    whole.extent_count = static_cast<std::uint32_t>(extents.size());
    std::string file(ledger::kHeaderBytes, '\0');
    std::memcpy(file.data(), &whole, sizeof whole);
    std::memcpy(file.data() + ledger::kDirectoryOffset, extents.data(), extents.size() * sizeof(ledger::Extent));
    return file + body;
  }

  void write(const std::string& path) const { std::ofstream(path, std::ios::binary) << build(); }

  ledger::Header header{};
  bool is_of_old_version = false;     // the file that is built
  std::vector<ledger::Block> blocks;  // from 1 on, without the heads of pages; build() has the times of their periods
  std::vector<ledger::Node> nodes;
  std::vector<ledger::Thread> threads;
  std::vector<ledger::Module> modules;
  std::vector<ledger::BadFree> bad_frees;
  std::vector<ledger::Extent> extra_extents;

 private:
  void lay_out_rows(Layout& layout) const {
    set_periods(layout);
    std::size_t in_page = ledger::kBlocksPerPage;
    for (std::size_t i = 1; i < blocks.size(); ++i, ++in_page) {
      if (in_page == ledger::kBlocksPerPage) {
        in_page = 0;
        layout.blocks.insert(layout.blocks.end(), {ledger::kPageSign, 1});
      }
      const auto& word = blocks[i].word;
      const ledger::Period& period = period_of(layout, ledger::block_sequence(word[2]));
      constexpr std::uint64_t kTime = ledger::kMostTime << ledger::kTimeShift;
      const std::uint64_t time = time_of(blocks[i]) - period.start;
      layout.blocks.insert(layout.blocks.end(), {word[0], (word[1] & ~kTime) | time << ledger::kTimeShift, word[2]});
    }
    layout.blocks.resize((layout.blocks.size() + ledger::kPageWords - 1) / ledger::kPageWords * ledger::kPageWords);
  }

  void lay_out_old_rows(Layout& layout) const {
    std::vector<ledger::OldBlock> rows;
    for (std::size_t i = 1; i < blocks.size(); ++i) {
      if (rows.size() % ledger::kOldRowsPerPage == 0) rows.push_back({{0, 0, ledger::kPageSign, 0}});
      const auto& word = blocks[i].word;
      std::uint32_t stack = ledger::block_stack(word[1]);
      std::uint64_t size = ledger::block_size_in_row(word[2]);
      if (stack < nodes.size() && ledger::is_size_node(nodes[stack])) {
        size |= ledger::size_above_row(nodes[stack]);
        stack = nodes[stack].parent;
      }
      const auto pair = [](std::uint64_t low, std::uint64_t high) { return (low & ledger::kMask48) | high << 48; };
      rows.push_back({{word[0], pair(size, ledger::block_thread(blocks[i])),
                       pair(ledger::block_sequence(word[2]), stack & 0xffff), pair(time_of(blocks[i]), stack >> 16)}});
    }
    for (const auto& row : rows) layout.blocks.insert(layout.blocks.end(), std::begin(row.word), std::end(row.word));
  }

  std::uint64_t time_of(const ledger::Block& block) const {
    const auto known = times_.find(ledger::block_sequence(block.word[2]));
    return known != times_.end() ? known->second : ledger::block_time(block.word[1]);
  }

  // A new one wherever the time is not to be told in the one before.
  void set_periods(Layout& layout) const {
    for (const auto& [sequence, time] : times_) {
      const std::uint64_t start = layout.periods.back().start;
      if (time < start || time - start > ledger::kMostTime) layout.periods.push_back({sequence - 1, time});
    }
    if (layout.periods.size() > 1)
      layout.header.sequence = times_.rbegin()->first << ledger::kPeriodBits | (layout.periods.size() - 1);
  }
  static const ledger::Period& period_of(const Layout& layout, std::uint64_t sequence) {
    std::size_t i = layout.periods.size() - 1;
    while (i > 0 && layout.periods[i].after >= sequence) --i;
    return layout.periods[i];
  }

  std::string text_;
  std::uint64_t sequence_ = 0;
  std::map<std::uint64_t, std::uint64_t> times_;  // of blocks, by sequence number
};

}  // namespace leakdir::tool
