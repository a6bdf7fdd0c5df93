// SPDX-License-Identifier: BSL-1.0
//
// What the tests of all formats share: a process with two stacks and a bad free, and symbols made up by the test.

#pragma once

#include <gtest/gtest.h>

#include <algorithm>
#include <map>
#include <string>

#include "emit/emit.hh"
#include "load_from_memory.hh"

namespace leakdir::tool {

// Knows a few addresses, and counts how often it was asked.
class FakeSymbols : public Symbols {
 public:
  std::vector<SourceLine> lookup(const Module&, std::uint64_t offset) override {
    ++asked;
    auto known = lines.find(offset);
    return known == lines.end() ? std::vector<SourceLine>() : known->second;
  }

  std::map<std::uint64_t, std::vector<SourceLine>> lines = {
      {0x9f6, {{"make_buffer", "/home/you/app.c", 69, true}, {"build", "/home/you/app.c", 80, false}}},
      {0x1b29, {{"main", "/home/you/app.c", 101, false}}},
      {0x1ff, {{"no_debug_info", "", 0, false}}},
  };
  unsigned asked = 0;
};

class EmitFixture : public testing::Test {
 protected:
  EmitFixture() {
    ledger.program("/home/you/app", 0x400000);
    ledger.thread(4711, "app", 17, 14);
  }

  void two_stacks() {
    auto first = ledger.stack({0x4009f7, 0x401b2a});
    ledger.block({0x733270, 20, first, ledger::Call::kMalloc, 0, 88'000'000'000});
    ledger.block({0x733290, 40, first, ledger::Call::kMalloc, 0, 90'000'000'000});
    ledger.block({0x7332d0, 20, ledger.node(0x999, 0, ledger.stack({0x400200})), ledger::Call::kNew});
  }

  // Blocks of 1023 and 4095 bytes stand for 1.58 and 1.02 each, one of 9 for 102.9.
  void a_sample() {
    ledger.header.sample_bytes = 1024;
    ledger.header.sampling_threads = 1;
    auto first = ledger.stack({0x4009f7, 0x401b2a});
    ledger.block({0x1000, 1023, first});
    ledger.block({0x2000, 4095, first});
    ledger.block({0x3000, 9, ledger.stack({0x400200})});
  }

  // All four kinds, and two of them in one stack.
  void four_kinds() {
    auto first = ledger.stack({0x4009f7, 0x401b2a});
    auto second = ledger.stack({0x400200});
    ledger.block_of_kind(ledger::Reach::kReachable, {0x1000, 1000, first});
    ledger.block_of_kind(ledger::Reach::kDefinite, {0x2000, 20, first});
    ledger.block_of_kind(ledger::Reach::kPossible, {0x3000, 30, second});
    ledger.block_of_kind(ledger::Reach::kIndirect, {0x4000, 7, second});
    ledger.block_of_kind(ledger::Reach::kDefinite, {0x5000, 21, first});
    ledger.block_of_kind(ledger::Reach::kReachable, {0x6000, 300, second});
  }

  void one_bad_free() {
    ledger::BadFree& bad_free = ledger.double_free(0x733300, ledger.stack({0x401b2a}));
    bad_free.time = 1'000'000'000;
    bad_free.block = 0x733300;
    bad_free.block_bytes = 30;
    bad_free.first_free_stack = ledger.stack({0x400200});
    ledger.header.bad_frees = 1;
  }

  template <class Print>
  std::string emit(Print print, std::size_t top = ~std::size_t{0}, const GroupOptions& options = {},
                   KindSet kinds = kAllKinds) {
    const Snapshot snapshot = load_built(ledger, ledger.header.state == 1);
    Grouped grouped = group(snapshot, options);
    keep_kinds(grouped, kinds);
    const std::size_t shown = std::min(top, grouped.groups.size());
    const FrameLines lines = symbolise(snapshot, shown_stacks(snapshot, grouped, shown), symbols);
    std::string out;
    print(Report{snapshot, grouped, lines, shown, options.min_age_ns > 0, snapshot.warnings},
          [&out](std::string_view piece) { out += piece; });
    return out;
  }

  LedgerBuilder ledger;
  FakeSymbols symbols;
};

}  // namespace leakdir::tool
