// SPDX-License-Identifier: BSL-1.0
//
// Makes ledgers as a program would leave them, in memory, for the tests of the tool. Nothing is checked: a test that
// wants a damaged ledger makes one by saying so, or by changing the bytes afterwards.

#pragma once

#include <algorithm>
#include <cstring>
#include <fstream>
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
    nodes.push_back({ledger::block_word(pc, module), parent, line});
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
    if (blocks.size() % ledger::kBlocksPerPage == 0) blocks.emplace_back();
    if (fields.sequence == 0) fields.sequence = ++sequence_;
    ledger::Block block;
    const unsigned flags = fields.flags | static_cast<unsigned>(fields.reach) << ledger::kReachShift;
    block.word[0] = ledger::block_word0(fields.address, fields.state, fields.call, flags);
    block.word[1] = ledger::block_word(fields.size, fields.thread);
    block.word[2] = ledger::block_word(fields.sequence, fields.stack & 0xffff);
    block.word[3] = ledger::block_word(fields.time, fields.stack >> 16);
    blocks.push_back(block);
    return static_cast<std::uint32_t>(blocks.size() - 1);
  }

  // The file. Arrays are cut into extents of `rows_per_extent` rows, so that readers meet more than one; of more
  // where the directory would not hold them all.
  std::string build(std::uint32_t rows_per_extent = 64) const {
    const std::size_t most = std::max({blocks.size(), nodes.size(), text_.size()});
    rows_per_extent = std::max(rows_per_extent, static_cast<std::uint32_t>(most / 500));
    std::vector<ledger::Extent> extents;
    std::string body;
    auto add = [&](ledger::Kind kind, const void* records, std::size_t count) {
      const std::size_t bytes = ledger::kRowBytes[static_cast<std::uint32_t>(kind)];
      for (std::size_t first = 0; first < count; first += rows_per_extent) {
        const std::size_t some = std::min<std::size_t>(rows_per_extent, count - first);
        extents.push_back({ledger::kHeaderBytes + body.size(), static_cast<std::uint32_t>(kind),
                           static_cast<std::uint32_t>(first), static_cast<std::uint32_t>(some), 0});
        body.append(static_cast<const char*>(records) + first * bytes, some * bytes);
      }
    };
    add(ledger::Kind::kText, text_.data(), text_.size());
    add(ledger::Kind::kBlocks, blocks.data(), blocks.size());
    add(ledger::Kind::kNodes, nodes.data(), nodes.size());
    add(ledger::Kind::kThreads, threads.data(), threads.size());
    add(ledger::Kind::kModules, modules.data(), modules.size());
    add(ledger::Kind::kBadFrees, bad_frees.data(), bad_frees.size());
    extents.insert(extents.end(), extra_extents.begin(), extra_extents.end());

    ledger::Header whole = header;
    whole.file_bytes = ledger::kHeaderBytes + body.size();
    whole.extent_count = static_cast<std::uint32_t>(extents.size());
    std::string file(ledger::kHeaderBytes, '\0');
    std::memcpy(file.data(), &whole, sizeof whole);
    std::memcpy(file.data() + ledger::kDirectoryOffset, extents.data(), extents.size() * sizeof(ledger::Extent));
    return file + body;
  }

  void write(const std::string& path) const { std::ofstream(path, std::ios::binary) << build(); }

  ledger::Header header{};
  std::vector<ledger::Block> blocks;
  std::vector<ledger::Node> nodes;
  std::vector<ledger::Thread> threads;
  std::vector<ledger::Module> modules;
  std::vector<ledger::BadFree> bad_frees;
  std::vector<ledger::Extent> extra_extents;

 private:
  std::string text_;
  std::uint64_t sequence_ = 0;
};

}  // namespace leakdir::tool
