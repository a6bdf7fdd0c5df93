// SPDX-License-Identifier: BSL-1.0
//
// Ledgers whole, foreign, cut short, damaged and hostile.

#include <fmt/format.h>
#include <gmock/gmock-more-matchers.h>
#include <gtest/gtest.h>

#include <random>

#include "analyse/group.hh"
#include "base/error.hh"
#include "big_endian.hh"
#include "load/recover.hh"
#include "load_from_memory.hh"

namespace leakdir::tool {
namespace {

using testing::Contains;
using testing::HasSubstr;
using testing::IsEmpty;

// Two blocks in two stacks, one of them freed since.
LedgerBuilder small_ledger() {
  LedgerBuilder ledger;
  ledger.program("/home/you/app", 0x400000, "\x3f\x01");
  ledger.thread(4711, "app", 17, 14);
  ledger.block({0x733270, 20, ledger.stack({0x4009f7, 0x401b2a}), ledger::Call::kCalloc, 0, 123'456'000});
  LedgerBuilder::BlockFields freed{0x733300, 30, ledger.stack({0x400a00})};
  freed.state = ledger::BlockState::kFreed;
  ledger.block(freed);
  return ledger;
}

// The sentence with which a file is refused, one line that names it; empty if it is not refused.
std::string refusal_of(const std::string& file) {
  try {
    load_bytes(file);
    return {};
  } catch (const Error& error) {
    const std::string sentence = error.what();
    EXPECT_EQ(sentence.find('\n'), std::string::npos) << sentence;
    EXPECT_THAT(sentence, HasSubstr("mem/.ledger"));
    return sentence;
  }
}

template <class Change>
std::string changed(std::string file, Change change) {
  ledger::Header header;
  std::memcpy(&header, file.data(), sizeof header);
  change(header);
  std::memcpy(file.data(), &header, sizeof header);
  return file;
}

TEST(LoadLedger, GivesEachLiveBlockWithAllThatIsKnownOfIt) {
  Snapshot snapshot = load_built(small_ledger());
  EXPECT_THAT(with_damage(snapshot, snapshot.warnings), IsEmpty());
  ASSERT_EQ(snapshot.blocks.size(), 1u);
  const Block& block = snapshot.blocks[0];
  EXPECT_EQ(block.address, 0x733270u);
  EXPECT_EQ(block.size, 20u);
  EXPECT_EQ(block.sequence, 1u);
  EXPECT_EQ(block.time_ns, static_cast<std::int64_t>(LedgerBuilder::kStart) + 123'456'000);
  EXPECT_STREQ(ledger::kCallNames[block.call], "calloc");
  EXPECT_EQ(snapshot.threads[block.thread].tid, 4711u);
  EXPECT_EQ(snapshot.threads[block.thread].name, "app");
  auto frames = frames_of(snapshot, block.stack);
  ASSERT_EQ(frames.size(), 2u);
  EXPECT_EQ(snapshot.frames[frames[0]].pc, 0x4009f7u);
  EXPECT_EQ(offset_of(snapshot, snapshot.frames[frames[0]]), 0x9f7u);
  EXPECT_EQ(snapshot.frames[frames[1]].pc, 0x401b2au);
  EXPECT_EQ(snapshot.program, "/home/you/app");
  EXPECT_EQ(snapshot.program_build_id, "\x3f\x01");
  EXPECT_EQ(snapshot.pid, 4711u);
  EXPECT_EQ(snapshot.allocations, 17u);
  EXPECT_EQ(snapshot.frees, 14u);
}

TEST(LoadLedger, ReadsArraysThatAreCutIntoManyExtents) {
  LedgerBuilder ledger = small_ledger();
  for (unsigned i = 0; i < 500; ++i)
    ledger.block({0x800000 + 16 * i, i, ledger.stack({0x401000 + i, 0x402000 + i, 0x403000})});
  Snapshot snapshot = load_bytes(ledger.build(3));
  EXPECT_THAT(with_damage(snapshot, snapshot.warnings), IsEmpty());
  ASSERT_EQ(snapshot.blocks.size(), 501u);
  for (unsigned i = 0; i < 500; ++i) {
    const Block& block = snapshot.blocks[i + 1];
    EXPECT_EQ(block.size, i);
    auto frames = frames_of(snapshot, block.stack);
    ASSERT_EQ(frames.size(), 3u);
    EXPECT_EQ(snapshot.frames[frames[0]].pc, 0x401000u + i);
    EXPECT_EQ(snapshot.frames[frames[1]].pc, 0x402000u + i);
  }
}

TEST(LoadLedger, HeadsOfPagesAreCountedAndAreNotBlocks) {
  LedgerBuilder ledger = small_ledger();
  for (unsigned i = 0; i < 2 * ledger::kBlocksPerPage; ++i) ledger.block({0x800000 + 16 * i, 1 + i, 0});
  for (const bool is_old : {false, true}) {
    ledger.is_of_old_version = is_old;
    ledger.header.block_pages = 3;
    EXPECT_EQ(load_built(ledger).blocks.size(), 1 + 2 * ledger::kBlocksPerPage);
    EXPECT_FALSE(load_built(ledger).is_damaged());
    ledger.header.block_pages = 4;
    EXPECT_THAT(load_built(ledger).damage, Contains(HasSubstr("pages of blocks are missing")));
  }
}

// What a row has no room for.
TEST(LoadLedger, SizesThreadsAndTimesAreWhatTheyWereHoweverLarge) {
  LedgerBuilder ledger = small_ledger();
  const std::uint32_t stack = ledger.stack({0x4009f7, 0x401b2a});
  const std::uint64_t sizes[] = {0, 1, 0xffff, 0x10000, 0x10001, 0x123456789a, ledger::kMask48};
  const std::uint64_t times[] = {0, 1, ledger::kMostTime, ledger::kMostTime + 1, 1ull << 40, (1ull << 40) + 7, 3};
  while (ledger.threads.size() < 0x3fff) ledger.threads.emplace_back();
  const std::uint32_t last_thread = ledger.thread(815, "last", 1, 0);
  ASSERT_EQ(last_thread, 0x3fffu);
  for (unsigned i = 0; i < std::size(sizes); ++i)
    ledger.block({0x800000 + 16 * i, sizes[i], stack, ledger::Call::kNew, 0, times[i], 1000 + i, last_thread});
  for (const bool is_old : {false, true}) {
    ledger.is_of_old_version = is_old;
    const Snapshot snapshot = load_built(ledger);
    EXPECT_FALSE(snapshot.is_damaged());
    ASSERT_EQ(snapshot.blocks.size(), 1 + std::size(sizes));
    for (unsigned i = 0; i < std::size(sizes); ++i) {
      const Block& block = snapshot.blocks[1 + i];
      EXPECT_EQ(block.size, sizes[i]);
      EXPECT_EQ(block.time_ns, static_cast<std::int64_t>(LedgerBuilder::kStart + times[i]));
      EXPECT_EQ(block.sequence, 1000 + i);
      EXPECT_EQ(snapshot.threads[block.thread].tid, 815u);
      EXPECT_EQ(block.stack, snapshot.blocks[1].stack);
    }
  }
}

TEST(LoadLedger, APeriodThatIsNotInForceYetIsNone) {
  LedgerBuilder ledger = small_ledger();
  ledger.block({0x800000, 1, 0, ledger::Call::kMalloc, 0, 1000, 5});
  LedgerBuilder::Layout layout = ledger.lay_out();
  layout.periods.push_back({4, 77777});
  layout.header.sequence = 5 << ledger::kPeriodBits;
  const auto time_in = [&] {
    return load_bytes(ledger.build(layout, 64)).blocks.back().time_ns -
           static_cast<std::int64_t>(LedgerBuilder::kStart);
  };
  EXPECT_EQ(time_in(), 1000);
  layout.header.sequence |= 1;
  EXPECT_EQ(time_in(), 78777);
  EXPECT_FALSE(load_bytes(ledger.build(layout, 64)).is_damaged());
  for (const ledger::Period lost : {ledger::Period{0, 0}, ledger::Period{4, 77777}}) {
    layout.periods.back() = lost;
    layout.header.sequence += lost.start == 0 ? 0 : 1;  // one more than there are
    EXPECT_THAT(load_bytes(ledger.build(layout, 64)).damage, Contains(HasSubstr("the times of blocks are missing")));
  }
}

TEST(LoadLedger, ASizeThatIsNotTheFirstOfAStackIsPassedOver) {
  LedgerBuilder ledger = small_ledger();
  const std::uint32_t size = ledger.node(1, ledger::kSizeModule, ledger.stack({0x401000}));
  ledger.block({0x800000, 1, ledger.node(0x402000, 1, size)});
  ledger.block({0x800010, 1, ledger.node(2, ledger::kSizeModule, size)});
  const Snapshot snapshot = load_built(ledger);
  ASSERT_EQ(snapshot.blocks.size(), 3u);
  EXPECT_EQ(frames_of(snapshot, snapshot.blocks[1].stack).size(), 2u);
  EXPECT_EQ(snapshot.blocks[1].size, 1u);
  EXPECT_EQ(frames_of(snapshot, snapshot.blocks[2].stack).size(), 1u);
  EXPECT_EQ(snapshot.blocks[2].size, 0x20001u);
  EXPECT_THAT(snapshot.damage, Contains(HasSubstr("a size in the middle of a stack was passed over")));
}

// The row of the block has the lower bits alone.
TEST(LoadLedger, ASizeWhoseNodeIsNotThereIsSaidToBeMissing) {
  LedgerBuilder ledger = small_ledger();
  ledger.block({0x800000, 0x1234567, ledger.stack({0x401000})});
  EXPECT_FALSE(load_built(ledger).is_damaged());
  ledger.nodes.pop_back();
  const Snapshot snapshot = load_built(ledger);
  EXPECT_EQ(snapshot.blocks.at(1).size, 0x4567u);
  EXPECT_THAT(snapshot.damage, Contains(HasSubstr("sizes of 64 KiB and more may be missing")));
}

TEST(LoadLedger, ASizeThatNoBlockCanHaveIsPassedOver) {
  LedgerBuilder ledger = small_ledger();
  ledger.block({0x800000, 7, ledger.node(0x100000000, ledger::kSizeModule, ledger.stack({0x401000}))});
  const Snapshot snapshot = load_built(ledger);
  EXPECT_EQ(snapshot.blocks.at(1).size, 7u);
  EXPECT_EQ(frames_of(snapshot, snapshot.blocks[1].stack).size(), 1u);
  EXPECT_THAT(snapshot.damage, Contains(HasSubstr("sizes that no block can have")));
}

TEST(LoadLedger, ABlockOfAThreadWhoseRowAnotherHasNowIsOfAnUnknownThread) {
  LedgerBuilder ledger = small_ledger();
  const std::uint32_t thread = ledger.thread(815, "later", 2, 0);
  ledger.threads[thread].after = 100;
  const std::uint64_t sequences[] = {99, 100, 101};
  for (const std::uint64_t sequence : sequences)
    ledger.block({0x800000 + 16 * sequence, 1, 0, ledger::Call::kMalloc, 0, 0, sequence, thread});
  const Snapshot snapshot = load_built(ledger);
  EXPECT_EQ(snapshot.blocks.at(1).thread, 0);
  EXPECT_EQ(snapshot.blocks.at(2).thread, 0);
  EXPECT_EQ(snapshot.threads[snapshot.blocks.at(3).thread].name, "later");
  EXPECT_FALSE(snapshot.is_damaged());
}

TEST(LoadLedger, SaysThatItIsOfASample) {
  LedgerBuilder ledger = small_ledger();
  EXPECT_EQ(load_built(ledger).sample_bytes, 0u);
  EXPECT_THAT(load_built(ledger).notices, IsEmpty());
  ledger.header.sample_bytes = 524288;
  ledger.header.sampling_threads = 3;
  const Snapshot sample = load_built(ledger);
  EXPECT_EQ(sample.sample_bytes, 524288u);
  EXPECT_EQ(sample.sampling_threads, 3u);
  EXPECT_EQ(sample.blocks.at(0).sample_bytes, 524288u);
  EXPECT_THAT(sample.notices, testing::ElementsAre(HasSubstr("this is a sample, one block in 524288 allocated bytes")));
  EXPECT_THAT(sample.warnings, IsEmpty());
  ledger.header.sample_bytes = ~std::uint64_t{0};
  EXPECT_TRUE(load_built(ledger).is_damaged());
  EXPECT_EQ(load_built(ledger).blocks.at(0).sample_bytes, kMostSampleBytes);
}

TEST(LoadLedger, SaysThatTheMachineMayHaveLostPower) {
  LedgerBuilder ledger;
  LedgerSurroundings later;
  later.is_running = [](const ledger::Header&) { return false; };
  later.is_of_this_boot = [](const ledger::Header&) { return false; };
  const auto notices_of = [&](const LedgerSurroundings& surroundings) {
    const std::string file = ledger.build();
    return load_ledger(MemoryBytes(file), "mem/.ledger", surroundings).notices;
  };
  EXPECT_TRUE(notices_of(later).empty()) << "it has exited, and its ledger was complete";
  ledger.header.state = static_cast<std::uint32_t>(ledger::ProcessState::kRunning);
  EXPECT_EQ(notices_of(later).size(), 1u);
  later.is_of_this_boot = [](const ledger::Header&) { return true; };
  EXPECT_TRUE(notices_of(later).empty());
}

TEST(LoadLedger, StateIsExitedRunningOrKilled) {
  LedgerBuilder ledger = small_ledger();
  EXPECT_EQ(load_built(ledger).state, State::kExited);
  ledger.header.state = static_cast<std::uint32_t>(ledger::ProcessState::kRunning);
  EXPECT_EQ(load_built(ledger, true).state, State::kRunning);
  EXPECT_EQ(load_built(ledger, false).state, State::kKilled);
}

TEST(LoadLedger, AgesOfAKilledProcessCountToTheLastThatItRecorded) {
  LedgerBuilder ledger = small_ledger();
  ledger.header.state = static_cast<std::uint32_t>(ledger::ProcessState::kRunning);
  ledger.block({0x900000, 1, 0, ledger::Call::kMalloc, 0, 7'000'000'000});
  EXPECT_EQ(load_built(ledger).end_ns, static_cast<std::int64_t>(LedgerBuilder::kStart) + 7'000'000'000);
}

TEST(LoadLedger, ATickMayBeAFractionOfANanosecondOrMany) {
  LedgerBuilder ledger = small_ledger();
  ledger.header.tick_ns_q32 = (std::uint64_t{1000} << 32) + (std::uint64_t{1} << 31);
  EXPECT_EQ(load_built(ledger).blocks[0].time_ns,
            static_cast<std::int64_t>(LedgerBuilder::kStart + 123'456'000ull * 1000 + 123'456'000 / 2));
}

TEST(LoadLedger, WhatWasNotRecordedIsSaid) {
  LedgerBuilder ledger = small_ledger();
  ledger.header.dropped_blocks = 3;
  ledger.header.dropped_stacks = 4;
  ledger.header.pauses = 2;
  auto warnings = load_built(ledger).warnings;
  ASSERT_EQ(warnings.size(), 3u);
  EXPECT_THAT(warnings[0], HasSubstr("could not grow: 3"));
  EXPECT_THAT(warnings[1], HasSubstr("caller alone, because the ledger could not grow: 4"));
  EXPECT_THAT(warnings[2], HasSubstr("recording was paused (2x)"));
  ledger.header.state = static_cast<std::uint32_t>(ledger::ProcessState::kRunning);
  ledger.header.recording = 0;
  EXPECT_THAT(load_built(ledger, true).warnings, Contains(HasSubstr("recording is paused")));
}

TEST(LoadLedger, ForeignFilesAreRefusedWithASentence) {
  const std::string good = small_ledger().build();
  EXPECT_EQ(refusal_of(good), "");
  EXPECT_THAT(refusal_of(""), HasSubstr("is empty"));
  EXPECT_THAT(refusal_of("\x7f"
                         "ELF, and more than eight bytes"),
              HasSubstr("is not a leakdir ledger"));
  EXPECT_THAT(refusal_of("leak"), HasSubstr("is not a leakdir ledger"));
  EXPECT_THAT(refusal_of(std::string(70000, '\0')), HasSubstr("has no header yet"));
  EXPECT_THAT(refusal_of(changed(good, [](auto& header) { header.byte_order = 0x04030201; })),
              HasSubstr("has layout version 67108864"));
  EXPECT_THAT(refusal_of(changed(good, [](auto& header) { header.byte_order = 7; })), HasSubstr("damaged"));
  EXPECT_THAT(refusal_of(changed(good, [](auto& header) { header.version = 9; })),
              HasSubstr("has layout version 9, and this leakdir reads versions 1, 2 and 4 only"));
  EXPECT_THAT(refusal_of(changed(good, [](auto& header) { header.header_bytes = 4096; })), HasSubstr("damaged"));
}

// Of all that is in a ledger, by what the tool makes of it.
std::string all_of(const std::string& file) {
  const Snapshot snapshot = load_bytes(file);
  std::string all = fmt::format("{} {} {} {} {} {}\n", snapshot.program, snapshot.program_build_id, snapshot.pid,
                                snapshot.allocations, snapshot.frees, snapshot.bad_frees.size());
  for (const auto& warning : with_damage(snapshot, snapshot.warnings)) all += warning + '\n';
  for (const auto& block : snapshot.blocks) all += record_text(snapshot, block) + '\n';
  for (const auto& bad_free : snapshot.bad_frees) all += bad_free_text(snapshot, bad_free) + '\n';
  return all;
}

TEST(LoadLedger, NumbersOfTheOtherByteOrderAreTheSameNumbers) {
  LedgerBuilder ledger = small_ledger();
  const std::uint32_t stack = ledger.stack({0x4009f7, 0x401b2a});
  const std::uint32_t library = ledger.module("/lib/libfoo.so", 0x7f0000000000, "0123456789abcdefghij");
  for (unsigned i = 0; i < 300; ++i)
    ledger.block({0x800000 + 16 * i, 1 + i, ledger.stack({std::uint64_t{0x7f0000001000} + i, 0x7f0000002000}, library),
                  ledger::Call::kMalloc, i % 3 == 0 ? ledger::kFlagInherited : 0, i * 1000});
  const std::uint32_t place = ledger.node(ledger.text("app.c"), ledger::kPlaceModule, stack, 69);
  ledger.block({0x900000, 77, place, ledger::Call::kNew, ledger::kFlagPlace});
  ledger.block_of_kind(ledger::Reach::kDefinite, {0xa00000, 78, stack});
  ledger::BadFree& bad = ledger.double_free(0x733270, stack);
  bad.allocation_stack = bad.first_free_stack = stack;
  bad.block = 0x733270;
  bad.block_bytes = 20;
  bad.time = 1000;
  ledger.header.dropped_blocks = 3;
  ledger.header.pauses = 2;
  const std::string expected = all_of(ledger.build(4));
  EXPECT_THAT(expected, HasSubstr("addr:0xa00000, size:78"));
  EXPECT_THAT(expected, HasSubstr("app.c:69"));
  EXPECT_EQ(all_of(build_of_other_order(ledger, 4)), expected);
}

TEST(LoadLedger, CutAtAnyLengthItIsRefusedOrGivesASubset) {
  LedgerBuilder ledger = small_ledger();
  for (unsigned i = 0; i < 20; ++i) ledger.block({0x800000 + 16 * i, 1, ledger.stack({0x401000 + i})});
  const std::string whole = ledger.build(4);
  const std::size_t all = load_bytes(whole).blocks.size();
  ASSERT_EQ(all, 21u);
  std::vector<std::size_t> lengths;
  for (std::size_t length = 0; length < 600; ++length) lengths.push_back(length);
  for (std::size_t length = ledger::kDirectoryOffset - 50; length < ledger::kDirectoryOffset + 2000; ++length)
    lengths.push_back(length);
  for (std::size_t length = ledger::kHeaderBytes - 50; length < whole.size(); ++length) lengths.push_back(length);
  std::size_t blocks_before = 0;
  for (std::size_t length : lengths) {
    const std::string cut = whole.substr(0, length);
    if (!refusal_of(cut).empty()) {
      EXPECT_LT(length, sizeof(ledger::Header));
      continue;
    }
    Snapshot snapshot = load_bytes(cut);
    EXPECT_THAT(snapshot.damage, Contains(HasSubstr("cut short"))) << "at " << length;
    EXPECT_GE(snapshot.blocks.size(), blocks_before) << "at " << length;
    EXPECT_LE(snapshot.blocks.size(), all);
    blocks_before = snapshot.blocks.size();
  }
  EXPECT_EQ(blocks_before, all);
}

TEST(LoadLedger, EveryFlippedBitOfHeaderAndDirectoryIsRefusedOrSurvived) {
  const std::string good = small_ledger().build();
  std::size_t refused = 0, read = 0;
  auto flip = [&](std::size_t from, std::size_t bytes) {
    for (std::size_t bit = 0; bit < bytes * 8; ++bit) {
      std::string bad = good;
      bad[from + bit / 8] = static_cast<char>(bad[from + bit / 8] ^ 1 << bit % 8);
      if (refusal_of(bad).empty())
        ++read;
      else
        ++refused;
    }
  };
  flip(0, sizeof(ledger::Header));
  EXPECT_EQ(refused, 8u * (8 + 4 + 4 + 4)) << "magic, version, byte order and header size, and nothing else";
  flip(ledger::kDirectoryOffset, 6 * sizeof(ledger::Extent));
  EXPECT_EQ(refused, 8u * 20);
  EXPECT_EQ(read, 8u * (sizeof(ledger::Header) - 20 + 6 * sizeof(ledger::Extent)));
}

TEST(LoadLedger, ACircleOfNodesIsCut) {
  LedgerBuilder ledger = small_ledger();
  auto first = ledger.node(0x401000, 1, 0);
  auto second = ledger.node(0x402000, 1, first);
  auto third = ledger.node(0x403000, 1, second);
  ledger.nodes[first].parent = third;
  ledger.block({0x800000, 1, third});
  ledger.block({0x800010, 1, first});
  auto own_parent = ledger.node(0x404000, 1, 0);
  ledger.nodes[own_parent].parent = own_parent;
  ledger.block({0x800020, 1, own_parent});
  Snapshot snapshot = load_built(ledger);
  EXPECT_THAT(snapshot.damage, Contains(HasSubstr("goes round in a circle")));
  EXPECT_EQ(frames_of(snapshot, snapshot.blocks[1].stack).size(), 3u);
  EXPECT_EQ(frames_of(snapshot, snapshot.blocks[3].stack).size(), 1u);
  EXPECT_EQ(group(snapshot, {}).blocks, 4u);
}

TEST(LoadLedger, AStackDeeperThanAnyIsCut) {
  LedgerBuilder ledger = small_ledger();
  std::uint32_t node = 0;
  for (unsigned i = 0; i < 5000; ++i) node = ledger.node(0x401000 + i, 1, node);
  ledger.block({0x800000, 1, node});
  Snapshot snapshot = load_built(ledger);
  EXPECT_THAT(snapshot.damage, Contains(HasSubstr("deeper than any")));
  EXPECT_LE(frames_of(snapshot, snapshot.blocks[1].stack).size(), kMaxDepth);
}

TEST(LoadLedger, TheDeepestStackThatLeakdirKeepsIsWhole) {
  LedgerBuilder ledger = small_ledger();
  std::uint32_t node = 0;
  for (unsigned i = 0; i < 128; ++i) node = ledger.node(0x401000 + i, 1, node);
  node = ledger.node(ledger.text("app.c"), ledger::kPlaceModule, node, 69);
  ledger.block({0x800000, 1, node});
  Snapshot snapshot = load_built(ledger);
  EXPECT_THAT(with_damage(snapshot, snapshot.warnings), IsEmpty());
  EXPECT_EQ(frames_of(snapshot, snapshot.blocks[1].stack).size(), 129u);
}

TEST(LoadLedger, NodesThatAreNotThereEndTheStack) {
  LedgerBuilder ledger = small_ledger();
  ledger.block({0x800000, 1, 999999});
  ledger.block({0x800010, 1, ledger.node(0x401000, 1, 888888)});
  Snapshot snapshot = load_built(ledger);
  EXPECT_EQ(snapshot.blocks[1].stack, kNone);
  EXPECT_EQ(frames_of(snapshot, snapshot.blocks[2].stack).size(), 1u);
  EXPECT_THAT(snapshot.damage, Contains(HasSubstr("frames are missing")));
}

TEST(LoadLedger, APlaceInTheMiddleOfAStackIsPassedOver) {
  LedgerBuilder ledger = small_ledger();
  auto place = ledger.node(ledger.text("app.c"), ledger::kPlaceModule, ledger.stack({0x401000}), 69);
  ledger.block({0x800000, 1, place});
  ledger.block({0x800010, 1, ledger.node(0x402000, 1, place)});
  ledger.block({0x800020, 1, ledger.node(0x403000, 1, ledger.node(1, ledger::kPlaceModule, 0, 1))});
  Snapshot snapshot = load_built(ledger);
  for (std::size_t i : {2, 3})
    for (auto frame : frames_of(snapshot, snapshot.blocks[i].stack)) EXPECT_FALSE(snapshot.frames[frame].is_place);
  EXPECT_TRUE(snapshot.frames[frames_of(snapshot, snapshot.blocks[1].stack)[0]].is_place);
}

TEST(LoadLedger, IndicesOfModulesThreadsAndTextsBeyondTheEndMeanNotKnown) {
  LedgerBuilder ledger = small_ledger();
  ledger.header.program = 0xfffffff0;
  LedgerBuilder::BlockFields fields{0x800000, 1, ledger.node(0x401000, 4000, 0)};
  fields.thread = 0xffff;
  ledger.block(fields);
  ledger.modules[1].path = 123456;
  ledger.modules[1].build_id_bytes = 41;
  Snapshot snapshot = load_built(ledger);
  EXPECT_EQ(snapshot.program, "");
  EXPECT_EQ(snapshot.modules.at(0).path, "");
  EXPECT_EQ(snapshot.modules.at(0).build_id, "");
  EXPECT_EQ(snapshot.blocks[1].thread, 0);
  EXPECT_EQ(snapshot.frames[snapshot.nodes[snapshot.blocks[1].stack].frame].module, kNone);
}

TEST(LoadLedger, AnUnknownCallIsShownAsMalloc) {
  LedgerBuilder ledger = small_ledger();
  ledger.block({0x800000, 1, 0, static_cast<ledger::Call>(15)});
  Snapshot snapshot = load_built(ledger);
  EXPECT_EQ(snapshot.blocks[1].call, 0);
  EXPECT_THAT(snapshot.damage, Contains(HasSubstr("unknown function")));
}

TEST(LoadLedger, ATextWithoutItsZeroEndsWithTheFile) {
  LedgerBuilder ledger = small_ledger();
  ledger.header.program = ledger.text("/unfinished");
  std::string file = ledger.build();
  const std::size_t at = file.find("/unfinished");
  ASSERT_NE(at, std::string::npos);
  // Its extent is the last but for others behind it: let it end inside the text.
  ledger::Extent extent;
  for (std::size_t i = 0;; ++i) {
    std::memcpy(&extent, file.data() + ledger::kDirectoryOffset + i * sizeof extent, sizeof extent);
    if (extent.file_offset <= at && at < extent.file_offset + extent.count) {
      extent.count = static_cast<std::uint32_t>(at + 5 - extent.file_offset);
      std::memcpy(file.data() + ledger::kDirectoryOffset + i * sizeof extent, &extent, sizeof extent);
      break;
    }
  }
  EXPECT_EQ(load_bytes(file).program, "/unfi");
}

TEST(LoadLedger, ATextMayGoOnInTheNextExtentAndIsNotEndless) {
  LedgerBuilder ledger = small_ledger();
  const std::string path = "/" + std::string(2000, 'x');
  ledger.header.program = ledger.text(path);
  EXPECT_EQ(load_bytes(ledger.build(64)).program, path);
  ledger.header.program = ledger.text(std::string(100000, 'y'));
  EXPECT_EQ(load_bytes(ledger.build(4096)).program.size(), 4096u);
}

TEST(LoadLedger, AThreadsNameNeedNotEndWithAZero) {
  LedgerBuilder ledger = small_ledger();
  ledger.thread(5, "sixteen-letters!", 0, 0);
  EXPECT_EQ(load_built(ledger).threads.at(2).name, "sixteen-letters!");
}

TEST(LoadLedger, ExtentsBeyondTheFileOrOverEachOtherArePassedOver) {
  LedgerBuilder ledger = small_ledger();
  const auto blocks = static_cast<std::uint32_t>(ledger::Kind::kBlocks);
  const auto nodes = static_cast<std::uint32_t>(ledger::Kind::kNodes);
  ledger.extra_extents = {{~std::uint64_t{0} - 8, blocks, 128, 100, 0},                  // the end overflows
                          {std::uint64_t{1} << 60, blocks, 256, 100, 0},                 // behind the file
                          {ledger::kHeaderBytes, blocks, 512, 100, 0},                   // over another extent
                          {0, nodes, 1000, 10, 0},                                       // over the header
                          {ledger::kHeaderBytes + (1 << 20), 99, 1, 1, 0},               // no such kind
                          {std::uint64_t{1} << 61, blocks, 0xfffffff0, 0xfffffff0, 0}};  // indices overflow
  Snapshot snapshot = load_built(ledger);
  EXPECT_EQ(snapshot.blocks.size(), 1u);
  EXPECT_THAT(snapshot.damage, Contains(HasSubstr("overlap")));
  EXPECT_THAT(snapshot.damage, Contains(HasSubstr("unknown kind")));
  EXPECT_THAT(snapshot.damage, Contains(HasSubstr("cut short")));
}

TEST(LoadLedger, TwoExtentsForTheSameRecordsCountOnce) {
  LedgerBuilder ledger = small_ledger();
  std::string file = ledger.build();
  ledger.extra_extents = {{file.size(), static_cast<std::uint32_t>(ledger::Kind::kBlocks), 0, 64, 0}};
  file = ledger.build() + std::string(64 * sizeof(ledger::Block), '\x02');
  Snapshot snapshot = load_bytes(file);
  EXPECT_EQ(snapshot.blocks.size(), 1u);
  EXPECT_THAT(snapshot.damage, Contains(HasSubstr("overlap")));
}

TEST(LoadLedger, MoreExtentsThanFitAreNotBelieved) {
  const std::string file = changed(small_ledger().build(), [](auto& header) { header.extent_count = 0xffffffff; });
  Snapshot snapshot = load_bytes(file);
  EXPECT_EQ(snapshot.blocks.size(), 1u);
  EXPECT_THAT(snapshot.damage, Contains(HasSubstr("more than fit")));
}

TEST(LoadLedger, BadFreesAreReadWhenTheyAreComplete) {
  LedgerBuilder ledger = small_ledger();
  ledger::BadFree bad_free{};
  bad_free.address = 0x733300;
  bad_free.time = 5;
  bad_free.block = 0x733300;
  bad_free.block_bytes = 30;
  bad_free.kind = static_cast<std::uint32_t>(ledger::BadFreeKind::kDoubleFree);
  bad_free.thread = 1;
  bad_free.free_stack = ledger.stack({0x401234});
  bad_free.first_free_stack = 777777;
  ledger.bad_frees.push_back(bad_free);
  bad_free.kind = 0;
  ledger.bad_frees.push_back(bad_free);
  bad_free.kind = 4000;
  ledger.bad_frees.push_back(bad_free);
  ledger.header.bad_frees = 12;
  Snapshot snapshot = load_built(ledger);
  ASSERT_EQ(snapshot.bad_frees.size(), 2u);
  EXPECT_STREQ(ledger::kBadFreeNames[snapshot.bad_frees[0].kind], "double free");
  EXPECT_EQ(frames_of(snapshot, snapshot.bad_frees[0].free_stack).size(), 1u);
  EXPECT_EQ(snapshot.bad_frees[0].first_free_stack, kNone);
  EXPECT_EQ(snapshot.bad_frees[0].allocation_stack, kNone);
  EXPECT_STREQ(ledger::kBadFreeNames[snapshot.bad_frees[1].kind], "unknown");
  EXPECT_EQ(snapshot.bad_frees_seen, 12u);
}

// Bytes that change while they are read: each reading of the block sees the next of its states.
class ChangingBytes : public Bytes {
 public:
  ChangingBytes(std::string file, std::size_t at, std::vector<ledger::Block> states)
      : file_(std::move(file)), at_(at), states_(std::move(states)) {}
  std::uint64_t size() const override { return file_.size(); }
  std::size_t read(std::uint64_t offset, void* to, std::size_t count) const override {
    if (offset <= at_ && at_ < offset + count) {
      std::memcpy(file_.data() + at_, &states_[std::min(next_, states_.size() - 1)], sizeof(ledger::Block));
      ++next_;
    }
    return MemoryBytes(file_).read(offset, to, count);
  }

 private:
  mutable std::string file_;
  std::size_t at_;
  std::vector<ledger::Block> states_;
  mutable std::size_t next_ = 0;
};

class RunningLedger : public testing::Test {
 protected:
  RunningLedger() : ledger(small_ledger()) {
    ledger.header.state = static_cast<std::uint32_t>(ledger::ProcessState::kRunning);
    file = ledger.build();
    at = file.find(std::string(reinterpret_cast<const char*>(&ledger.blocks[1]), sizeof(ledger::Block)));
  }

  Snapshot load_changing(std::vector<ledger::Block> states) {
    LedgerSurroundings surroundings;
    surroundings.is_running = [](const ledger::Header&) { return true; };
    return load_ledger(ChangingBytes(file, at, std::move(states)), "mem/.ledger", surroundings);
  }

  ledger::Block with_size(std::uint64_t size) const {
    ledger::Block block = ledger.blocks[1];
    block.word[2] = ledger::block_word2(1, 1, size);
    return block;
  }

  LedgerBuilder ledger;
  std::string file;
  std::size_t at;
};

TEST_F(RunningLedger, ABlockThatIsWrittenAgainMeanwhileIsReadUntilItIsSteady) {
  Snapshot snapshot = load_changing({with_size(1), with_size(2), with_size(3), with_size(3)});
  ASSERT_EQ(snapshot.blocks.size(), 1u);
  EXPECT_EQ(snapshot.blocks[0].size, 3u);
}

TEST_F(RunningLedger, ABlockThatIsFreedMeanwhileIsNotLive) {
  ledger::Block freed = with_size(1);
  freed.word[0] = ledger::block_word0(0x733270, ledger::BlockState::kFreed, ledger::Call::kMalloc, 0);
  EXPECT_EQ(load_changing({with_size(1), freed}).blocks.size(), 0u);
}

TEST_F(RunningLedger, ABlockThatNeverHoldsStillIsLeftOut) {
  std::vector<ledger::Block> states;
  for (unsigned i = 0; i < 20; ++i) states.push_back(with_size(i));
  EXPECT_EQ(load_changing(states).blocks.size(), 0u);
}

// In two steps: the process grows until it stands still, and goes on before what its blocks refer to is read.
TEST_F(RunningLedger, WhatItIsWhileItStandsStillIsShown) {
  class Replaced : public Bytes {
   public:
    std::string file;
    std::uint64_t size() const override { return file.size(); }
    std::size_t read(std::uint64_t offset, void* to, std::size_t count) const override {
      return MemoryBytes(file).read(offset, to, count);
    }
  } bytes;
  bytes.file = file;
  LedgerSurroundings surroundings;
  surroundings.is_running = [](const ledger::Header&) { return true; };
  surroundings.stands_still = true;
  LedgerLoad load(bytes, "mem/.ledger", surroundings);
  load.make_room();

  // By so much that there are pages, and extents, which were not there.
  LedgerBuilder grown = ledger;
  const std::uint32_t stack = grown.stack({0x4009f7, 0x401b2a, 0x401c00});
  for (unsigned i = 1; i <= 3 * ledger::kBlocksPerPage; ++i) grown.block({0x900000 + i * 64, 48, stack});
  bytes.file = grown.build();
  load.read_blocks();
  EXPECT_EQ(load.blocks().size(), 1 + 3 * ledger::kBlocksPerPage);

  LedgerBuilder later = grown;
  for (auto& block : later.blocks)
    if (ledger::block_state(block.word[0]) == ledger::BlockState::kLive) block = {};
  bytes.file = later.build();
  const Snapshot snapshot = load.finish();
  EXPECT_EQ(snapshot.blocks.size(), 1 + 3 * ledger::kBlocksPerPage);
  EXPECT_EQ(frames_of(snapshot, snapshot.blocks.back().stack).size(), 3u);
  EXPECT_FALSE(snapshot.is_damaged());
}

}  // namespace
}  // namespace leakdir::tool
