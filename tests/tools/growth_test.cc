// SPDX-License-Identifier: BSL-1.0
//
// Several looks at one process: what grew between them, and what is kept from one to the next.

#include "analyse/growth.hh"

#include <gtest/gtest.h>

#include <array>
#include <random>

#include "analyse/stayers.hh"
#include "emit_fixture.hh"
#include "load_from_memory.hh"
#include "symbols/remembered_symbols.hh"

namespace leakdir::tool {
namespace {

class Growing : public testing::Test {
 protected:
  // A process with these blocks of 10 bytes at each of two places, in a library at `bias`, after `seconds`.
  Snapshot look(int at_first, int at_second, std::uint64_t bias, std::uint64_t seconds) {
    LedgerBuilder ledger;
    ledger.program("/home/you/app", 0x400000);
    const auto library = ledger.module("/opt/libgrow.so", bias);
    ledger.thread(1, "app", 1, 0);
    ledger.header.exit_realtime_ns = LedgerBuilder::kStart + seconds * 1'000'000'000;
    const auto first = ledger.node(bias + 0x100, library, 0), second = ledger.node(bias + 0x200, library, 0);
    std::uint64_t address = 0x1000;
    for (int i = 0; i < at_first; ++i) ledger.block({address += 16, 10, first});
    for (int i = 0; i < at_second; ++i) ledger.block({address += 16, 10, second});
    return load_built(ledger);
  }

  GrowthMeter meter;
};

TEST_F(Growing, IsSinceTheFirstLookWhereverTheLibraryLies) {
  const Snapshot first = look(5, 2, 0x7f0000000000, 10), second = look(5, 9, 0x7e0000000000, 22);
  const Growth none = meter.measure(first, group(first, {}));
  EXPECT_EQ(none.when, "in 0 ms");
  EXPECT_EQ(none.total.bytes, 0);
  ASSERT_EQ(none.groups.size(), 2u);
  EXPECT_EQ(none.groups[0].blocks, 0);

  const Growth some = meter.measure(second, group(second, {}));
  EXPECT_EQ(some.when, "in 12.0 s");
  EXPECT_EQ(some.total.blocks, 7);
  EXPECT_EQ(some.total.bytes, 70);
  ASSERT_EQ(some.groups.size(), 2u) << "the second place is the larger now";
  EXPECT_EQ(some.groups[0].blocks, 7);
  EXPECT_EQ(some.groups[1].blocks, 0);
}

TEST_F(Growing, OfWhatHasGoneIsInTheTotal) {
  const Snapshot first = look(5, 2, 0x7f0000000000, 10), second = look(0, 2, 0x7f0000000000, 11);
  meter.measure(first, group(first, {}));
  const Growth less = meter.measure(second, group(second, {}));
  EXPECT_EQ(less.total.blocks, -5);
  EXPECT_EQ(less.total.bytes, -50);
  ASSERT_EQ(less.groups.size(), 1u);
  EXPECT_EQ(less.groups[0].blocks, 0);
}

TEST_F(Growing, OfANewStackIsAllOfIt) {
  const Snapshot first = look(5, 0, 0x7f0000000000, 10), second = look(5, 2, 0x7f0000000000, 11);
  meter.measure(first, group(first, {}));
  Grouped grouped = group(second, {});
  Growth more = meter.measure(second, grouped);
  EXPECT_EQ(more.groups[1].bytes, 20);
  sort_by_growth(grouped, more);
  EXPECT_EQ(grouped.groups[0].bytes, 20u);
  EXPECT_EQ(more.groups[0].bytes, 20);
  EXPECT_EQ(more.groups[1].bytes, 0);
}

// A running process that is watched has no kinds, and at its exit it finds them out; killed, it has none again.
TEST_F(Growing, IsThatOfTheStackWhereKindsWereNotKnownAtOneOfTheLooks) {
  using ledger::Reach;
  const auto look_at = [&](std::vector<Reach> blocks) {
    LedgerBuilder ledger;
    ledger.program("/home/you/app", 0x400000);
    const auto stack = ledger.stack({0x401000});
    std::uint64_t address = 0x1000;
    for (const Reach reach : blocks) {
      const LedgerBuilder::BlockFields block = {address += 16, 10, stack};
      reach == Reach::kUnknown ? ledger.block(block) : ledger.block_of_kind(reach, block);
    }
    return load_built(ledger);
  };
  const Snapshot without = look_at({Reach::kUnknown, Reach::kUnknown}),
                 with = look_at({Reach::kDefinite, Reach::kReachable, Reach::kReachable});
  meter.measure(without, group(without, {}));
  const Growth at_exit = meter.measure(with, group(with, {}));
  ASSERT_EQ(at_exit.groups.size(), 2u);
  EXPECT_EQ(at_exit.groups[0].blocks, 1) << "three where there were two";
  EXPECT_EQ(at_exit.groups[1].blocks, 0);
  EXPECT_EQ(at_exit.total.blocks, 1);

  GrowthMeter other;
  other.measure(with, group(with, {}));
  const Growth killed = other.measure(without, group(without, {}));
  ASSERT_EQ(killed.groups.size(), 1u);
  EXPECT_EQ(killed.groups[0].blocks, -1);
}

TEST_F(Growing, AStackWhoseBlocksAreLostNowHasGrownAmongTheLost) {
  const auto look_at = [&](ledger::Reach reach) {
    LedgerBuilder ledger;
    ledger.program("/home/you/app", 0x400000);
    const auto stack = ledger.stack({0x401000});
    ledger.block_of_kind(ledger::Reach::kDefinite, {0x1000, 10, stack});
    ledger.block_of_kind(reach, {0x2000, 20, stack});
    return load_built(ledger);
  };
  const Snapshot first = look_at(ledger::Reach::kReachable), second = look_at(ledger::Reach::kDefinite);
  Grouped before = group(first, {}), after = group(second, {});
  keep_kinds(before, kLostKinds);
  keep_kinds(after, kLostKinds);
  EXPECT_EQ(meter.measure(first, before).total.bytes, 0);
  const Growth growth = meter.measure(second, after);
  EXPECT_EQ(growth.total.bytes, 20);
  ASSERT_EQ(growth.groups.size(), 1u);
  EXPECT_EQ(growth.groups[0].bytes, 20);
}

TEST_F(Growing, KindsOfOneStackAreMeasuredApart) {
  LedgerBuilder ledger;
  ledger.program("/home/you/app", 0x400000);
  const auto stack = ledger.stack({0x401000});
  ledger.block_of_kind(ledger::Reach::kDefinite, {0x1000, 10, stack});
  ledger.block_of_kind(ledger::Reach::kReachable, {0x2000, 500, stack});
  const Snapshot snapshot = load_built(ledger);
  meter.measure(snapshot, group(snapshot, {}));
  for (const auto& change : meter.measure(snapshot, group(snapshot, {})).groups) EXPECT_EQ(change.bytes, 0);
}

TEST(Names, AreLookedUpOnceWhateverIsLookedAtAgain) {
  auto fake = std::make_unique<FakeSymbols>();
  const unsigned& asked = fake->asked;
  RememberedSymbols symbols(std::move(fake));
  Module app;
  app.path = "/home/you/app";
  app.build_id = "one";
  for (int look = 0; look < 3; ++look) {
    ASSERT_EQ(symbols.lookup(app, 0x9f6).size(), 2u);
    EXPECT_EQ(symbols.lookup(app, 0x9f6)[1].function, "build");
    EXPECT_TRUE(symbols.lookup(app, 0x77).empty()) << "that nothing is known is an answer, too";
  }
  EXPECT_EQ(asked, 2u);
  app.build_id = "two";
  EXPECT_EQ(symbols.lookup(app, 0x1b29)[0].function, "main");
  symbols.lookup(app, 0x9f6);
  EXPECT_EQ(asked, 4u) << "another build is another file";
  app.path = "/opt/app";
  symbols.lookup(app, 0x9f6);
  EXPECT_EQ(asked, 5u);
}

// ---- All through the run -----------------------------------------------------------------------------------------

// A run of 100 s.
class Stayers : public EmitFixture {
 protected:
  // One block each step; the first at `from`.
  void blocks(std::uint32_t stack, unsigned count, std::uint64_t from_ms, std::uint64_t step_ms,
              std::uint64_t size = 8) {
    for (unsigned i = 0; i < count; ++i)
      ledger.block({address_ += 64, size, stack, ledger::Call::kMalloc, 0, (from_ms + i * step_ms) * 1'000'000});
  }

  std::vector<std::string> found() {
    const Snapshot snapshot = load_built(ledger);
    const Grouped grouped = group(snapshot, {});
    const FrameLines lines = symbolise(snapshot, shown_stacks(snapshot, grouped, grouped.groups.size()), symbols);
    const tool::Stayers stayers = stayers_of(snapshot, grouped, lines, Wrappers());
    std::vector<std::string> names;
    for (const auto& stayer : stayers.stayers)
      names.push_back(stayer.name + ", " + std::to_string(stayer.blocks) + " of " + std::to_string(stayer.bytes) +
                      words_of(stayer.spread));
    of_groups_.clear();
    for (const Spread spread : stayers.spreads) of_groups_ += "-<>="[static_cast<unsigned>(spread)];
    return names;
  }

  std::string of_groups_;

 private:
  std::uint64_t address_ = 0x10000;
};

TEST_F(Stayers, AreThoseWithBlocksOfTheWholeRun) {
  blocks(ledger.stack({0x400200}), 50, 0, 2000);                   // all along
  blocks(ledger.stack({0x401b2a}), 5000, 0, 1);                    // a table that is filled at the start
  blocks(ledger.stack({0x4009f7, 0x401b2a}), 40, 80000, 500, 16);  // what is needed just now
  EXPECT_EQ(found(), (std::vector<std::string>{"no_debug_info, 50 of 400"}));
  EXPECT_EQ(of_groups_, "--=") << "the smallest";
}

// Of 256 entries one is chosen by chance, so often that one lives for twice or four times as long as the run, and
// replaced.
class StayersOfACache : public Stayers, public testing::WithParamInterface<unsigned> {};

TEST_P(StayersOfACache, AreMostlyYoung) {
  const auto leak = ledger.stack({0x400200}), cache = ledger.stack({0x4009f7, 0x401b2a});
  std::array<std::uint64_t, 256> entries{};
  std::mt19937 chance(17);
  const std::uint64_t lifetimes = GetParam(), replaced = lifetimes * entries.size();
  for (std::uint64_t i = 0; i < replaced; ++i) entries[chance() % entries.size()] = i * 100000 / replaced;
  for (const std::uint64_t at_ms : entries) blocks(cache, 1, at_ms, 1, 4096);
  // A table whose entries are made at the start, and some of them anew.
  const auto table = ledger.stack({0x401b2a});
  blocks(table, 500, 0, 2, 500);
  blocks(table, 14, 6000, 6600, 500);
  blocks(leak, 50, 0, 2000);
  EXPECT_EQ(found(),
            (std::vector<std::string>{"no_debug_info, 50 of 400",
                                      "make_buffer /home/you/app.c:69, 256 of 1048576, most from the run's second half",
                                      "main /home/you/app.c:101, 514 of 257000, most from the run's first half"}));
  EXPECT_EQ(of_groups_, "><=");
}

INSTANTIATE_TEST_SUITE_P(Lifetimes, StayersOfACache, testing::Values(2, 4));

// Few are not said to lean: chance puts eleven of sixteen into a half once in ten times.
TEST_F(Stayers, LeanByMoreThanChance) {
  blocks(ledger.stack({0x400200}), 5, 0, 12500);
  blocks(ledger.stack({0x400200}), 11, 51000, 4500);
  EXPECT_EQ(found(), (std::vector<std::string>{"no_debug_info, 16 of 128"}));
  blocks(ledger.stack({0x400200}), 9, 51000, 4500);
  EXPECT_EQ(found(), (std::vector<std::string>{"no_debug_info, 25 of 200, most from the run's second half"}));
}

TEST_F(Stayers, AreToldByTheirOwnFrame) {
  // Each stack for itself has blocks of half of the run only.
  blocks(ledger.stack({0x4009f7, 0x401b2a}), 25, 0, 2000);
  blocks(ledger.stack({0x4009f7, 0x400200}), 25, 50000, 2000, 16);
  EXPECT_EQ(found(), (std::vector<std::string>{"make_buffer /home/you/app.c:69, 50 of 600"}));
  EXPECT_EQ(of_groups_, "==");
}

TEST_F(Stayers, WithoutAnOwnFrameAreToldByAllTheirFrames) {
  symbols.lines[0x9f6] = {{"xmalloc", "/home/you/app.c", 5, false}};
  symbols.lines[0x1b29] = {{"xstrdup", "/home/you/app.c", 7, false}};
  symbols.lines[0x1ff] = {{"xcalloc", "/home/you/app.c", 9, false}};
  blocks(ledger.stack({0x4009f7, 0x401b2a}), 5000, 0, 1);
  blocks(ledger.stack({0x4009f7, 0x400200}), 50, 0, 2000, 16);
  EXPECT_EQ(found(), (std::vector<std::string>{"xmalloc /home/you/app.c:5, 50 of 800"}));
  EXPECT_EQ(of_groups_, "-=");
}

TEST_F(Stayers, WithoutAStackAreToldByCallAndSize) {
  blocks(0, 5000, 0, 1, 24);
  blocks(0, 50, 0, 2000, 37);
  EXPECT_EQ(found(), (std::vector<std::string>{"[no stack], malloc of 37 bytes, 50 of 1850"}));
  EXPECT_EQ(of_groups_, "=");
}

TEST_F(Stayers, HaveBlocksEnough) {
  blocks(ledger.stack({0x400200}), 15, 0, 6600);
  EXPECT_EQ(found(), std::vector<std::string>());
  blocks(ledger.stack({0x400200}), 1, 50000, 1);
  EXPECT_EQ(found().size(), 1u);
}

TEST_F(Stayers, MayRestForAnEighthOfTheRunAndNoLonger) {
  const auto stack = ledger.stack({0x400200});
  blocks(stack, 43, 0, 2000);
  EXPECT_EQ(found().size(), 1u) << "up to 84 s";
  ledger.blocks.resize(1);
  blocks(stack, 37, 0, 2000);
  EXPECT_EQ(found(), std::vector<std::string>()) << "up to 72 s";
}

TEST_F(Stayers, AreOfNoShortRun) {
  ledger.header.exit_realtime_ns = LedgerBuilder::kStart + 999'999'999;
  blocks(ledger.stack({0x400200}), 99, 0, 10);
  EXPECT_EQ(found(), std::vector<std::string>());
}

TEST_F(Stayers, AreNamedBeforeAnythingElse) {
  blocks(ledger.stack({0x400200}), 50, 0, 2000);
  blocks(ledger.stack({0x401b2a}), 5000, 0, 1);
  const std::string text = emit([&](const Report& plain, const Sink& sink) {
    const Growth growth = {"in 2.0 s", 2'000'000'000, {{}, {2, 16}}, {2, 16}};
    Report report = plain;
    report.growth = &growth;
    report.stayers = stayers_of(report.snapshot, report.grouped, report.lines, report.wrappers).stayers;
    emit_text(report, {}, sink);
  });
  const std::string head = text.substr(0, text.find("\n\n"));
  EXPECT_NE(head.find("\ngrowth: +16 bytes, +2 blocks in 2.0 s\n"
                      "grew most in 2.0 s: no_debug_info, +16 bytes, +2 blocks\n"
                      "allocated all through the run and still live: no_debug_info, 400 bytes in 50 blocks\n"),
            std::string::npos)
      << text;
}

}  // namespace
}  // namespace leakdir::tool
