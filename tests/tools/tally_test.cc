// SPDX-License-Identifier: BSL-1.0
//
// Which stacks of two runs are the same, and what a baseline keeps of them.

#include "analyse/tally.hh"

#include <gmock/gmock-matchers.h>
#include <gtest/gtest.h>

#include <optional>

#include "analyse/compare.hh"
#include "base/error.hh"
#include "emit/emit.hh"
#include "load_from_memory.hh"

namespace leakdir::tool {
namespace {

using testing::ElementsAre;
using testing::HasSubstr;

TallyFrame frame(const std::string& function, const std::string& module = "/home/you/app") {
  return {{function, "/home/you/app.c", 12, false}, module, "0x9f6"};
}

TEST(Identity, IsFunctionsAndFilesWithoutDirectories) {
  EXPECT_THAT(identity_of({frame("make"), frame("plug", "/opt/lib/libplug.so.1"), frame("main")}, ""),
              ElementsAre("make (app)", "plug (libplug.so.1)", "main (app)"));
  EXPECT_THAT(identity_of({frame("make", "/tmp/build-2/app")}, ""), ElementsAre("make (app)"));
}

TEST(Identity, EndsWithMain) {
  EXPECT_THAT(identity_of({frame("make"), frame("main"), frame("__libc_start_call_main", "/lib/libc.so.6")}, ""),
              ElementsAre("make (app)", "main (app)"));
  EXPECT_THAT(identity_of({frame("main"), frame("main"), frame("_start")}, ""),
              ElementsAre("main (app)", "main (app)"));
}

TEST(Identity, LeavesOutWhatTheCompilerAndLibcAddToNames) {
  EXPECT_THAT(identity_of({frame("make.part.0"), frame("f.constprop.1.isra.0"), frame("g(int) [clone .cold]"),
                           frame("__GI___strndup", "/lib/libc.so.6"), frame("__strndup")},
                          ""),
              ElementsAre("make (app)", "f (app)", "g(int) (app)", "strndup (libc.so.6)", "strndup (app)"));
}

TEST(Identity, HoldsWhatIsNotKnown) {
  EXPECT_THAT(identity_of({frame(""), frame("", "")}, ""), ElementsAre("?? (app)", "??"));
  EXPECT_THAT(identity_of({frame("make")}, "/home/you/hooked.c"), ElementsAre("at hooked.c", "make (app)"));
}

TallyStack stack(std::vector<std::string> identity, std::uint64_t blocks, std::uint64_t bytes) {
  return {"malloc", std::move(identity), blocks, bytes, {}, {}};
}

TEST(PutInOrder, MakesOneOfEqualIdentities) {
  std::vector<TallyStack> stacks = {stack({"b"}, 1, 10), stack({"a"}, 2, 20), stack({"b"}, 3, 30)};
  stacks.push_back(stack({"b"}, 4, 40));
  stacks.back().call = "calloc";
  put_in_order(stacks);
  ASSERT_EQ(stacks.size(), 3u);
  EXPECT_THAT(stacks[0].identity, ElementsAre("a"));
  EXPECT_EQ(stacks[1].call, "calloc");
  EXPECT_EQ(stacks[2].blocks, 4u);
  EXPECT_EQ(stacks[2].bytes, 40u);
}

TEST(PutInOrder, AddsUpTheStacksOfTheReportThatAreOneByFunction) {
  Tally tally;
  EXPECT_EQ(count_of_stacks(tally), "0 stacks");
  tally.stacks = {stack({"a"}, 2, 20)};
  EXPECT_EQ(count_of_stacks(tally), "1 stack by function") << "of a baseline, which knows no others";
  tally.stacks[0].stacks = 1;
  EXPECT_EQ(count_of_stacks(tally), "1 stack");
  for (unsigned i = 0; i < 4; ++i) tally.stacks.push_back({"malloc", {i < 3 ? "a" : "b"}, 1, 10, {}, {}, 1});
  put_in_order(tally.stacks);
  EXPECT_EQ(tally.stacks.at(0).stacks, 4u);
  EXPECT_EQ(count_of_stacks(tally), "5 stacks, 2 by function");
}

TEST(Compare, TellsWhatIsNewGrownShrunkGoneAndTheSame) {
  const std::vector<TallyStack> before = {stack({"gone"}, 1, 10), stack({"grown"}, 1, 10), stack({"same"}, 5, 50),
                                          stack({"shrunk"}, 5, 50)};
  const std::vector<TallyStack> after = {stack({"grown"}, 3, 30), stack({"new"}, 1, 100), stack({"same"}, 5, 50),
                                         stack({"shrunk"}, 4, 40)};
  const auto all = compare(before, after);
  std::vector<std::string> names;
  std::vector<Fate> fates;
  for (const auto& one : all) names.push_back(one.stack().identity[0]), fates.push_back(one.fate);
  EXPECT_THAT(names, ElementsAre("new", "grown", "same", "gone", "shrunk"));
  EXPECT_THAT(fates, ElementsAre(Fate::kNew, Fate::kGrown, Fate::kSame, Fate::kGone, Fate::kShrunk));
  EXPECT_EQ(all[1].blocks, 2);
  EXPECT_EQ(all[1].bytes, 20);
  EXPECT_EQ(total_of(all, Fate::kGone).bytes, -10);
}

TEST(Compare, TakesMoreBlocksOrMoreBytesForGrowth) {
  EXPECT_EQ(compare({stack({"a"}, 1, 10)}, {stack({"a"}, 1, 11)})[0].fate, Fate::kGrown);
  EXPECT_EQ(compare({stack({"a"}, 1, 10)}, {stack({"a"}, 2, 10)})[0].fate, Fate::kGrown);
  EXPECT_EQ(compare({stack({"a"}, 2, 10)}, {stack({"a"}, 1, 20)})[0].fate, Fate::kGrown);
  EXPECT_TRUE(compare({}, {}).empty());
}

TallyStack with_kind(TallyStack stack, ledger::Reach reach, std::uint64_t blocks, std::uint64_t bytes) {
  stack.kinds[static_cast<std::size_t>(reach)] = {blocks, bytes};
  return stack;
}

TEST(Compare, TellsWhatWasHeldAndIsLost) {
  using ledger::Reach;
  const TallyStack held = with_kind(stack({"a"}, 2, 20), Reach::kReachable, 2, 20),
                   lost = with_kind(stack({"a"}, 2, 20), Reach::kDefinite, 2, 20),
                   fewer = with_kind(stack({"a"}, 1, 10), Reach::kPossible, 1, 10),
                   more = with_kind(stack({"a"}, 3, 30), Reach::kDefinite, 3, 30), unknown = stack({"a"}, 2, 20);
  EXPECT_EQ(compare({held}, {lost})[0].fate, Fate::kLost);
  EXPECT_EQ(compare({held}, {fewer})[0].fate, Fate::kLost);
  EXPECT_EQ(compare({held}, {more})[0].fate, Fate::kGrown);
  EXPECT_EQ(compare({lost}, {held})[0].fate, Fate::kSame);
  EXPECT_EQ(compare({lost}, {lost})[0].fate, Fate::kSame);
  EXPECT_EQ(compare({unknown}, {lost})[0].fate, Fate::kSame) << "an old baseline does not say what was lost";
  EXPECT_EQ(compare({lost}, {unknown})[0].fate, Fate::kSame);
}

TEST(LostPart, IsWhatCheckComparesWithABaseline) {
  using ledger::Reach;
  Tally run, baseline, old;
  run.stacks = {with_kind(with_kind(stack({"a"}, 5, 50), Reach::kDefinite, 2, 20), Reach::kReachable, 3, 30),
                with_kind(stack({"held"}, 1, 9), Reach::kReachable, 1, 9),
                with_kind(stack({"turned"}, 4, 40), Reach::kIndirect, 4, 40), stack({"unknown"}, 7, 70)};
  baseline.stacks = {with_kind(with_kind(stack({"a"}, 5, 50), Reach::kPossible, 2, 20), Reach::kReachable, 3, 30),
                     with_kind(stack({"held"}, 1, 9), Reach::kReachable, 1, 9),
                     with_kind(stack({"turned"}, 4, 40), Reach::kReachable, 4, 40)};
  old.stacks = {stack({"a"}, 5, 50), stack({"held"}, 1, 9), stack({"turned"}, 3, 30)};

  const Tally lost = lost_part_of(run), known = lost_part_of_baseline(baseline);
  ASSERT_EQ(lost.stacks.size(), 2u);
  EXPECT_EQ(lost.blocks(), 6u);
  EXPECT_EQ(lost.bytes(), 60u);
  const auto differences = compare(known.stacks, lost.stacks);
  EXPECT_EQ(total_of(differences, Fate::kLost).stacks, 1u);
  EXPECT_EQ(total_of(differences, Fate::kLost).blocks, 4);
  EXPECT_EQ(total_of(differences, Fate::kSame).stacks, 2u) << "a, and what is held as before";
  EXPECT_EQ(differences[0].stack().identity[0], "turned");

  const Tally known_of_old = lost_part_of_baseline(old);
  const auto with_old = compare(known_of_old.stacks, lost.stacks);
  EXPECT_EQ(total_of(with_old, Fate::kGrown).stacks, 1u) << "four are lost, and three were known";
  EXPECT_EQ(total_of(with_old, Fate::kShrunk).stacks, 1u);
  EXPECT_EQ(total_of(with_old, Fate::kGone).stacks, 1u);
}

Tally some() {
  Tally tally;
  tally.program = "/home/you/app";
  tally.stacks = {stack({"make (app)", "main (app)"}, 2, 40), stack({}, 1, 7)};
  tally.bad_frees = {{"double free", {"drop (app)"}, 3, 0, {}, {}}};
  put_in_order(tally.stacks);
  return tally;
}

TEST(Baseline, IsReadBackAsItWasWritten) {
  const Tally read = tally_of_json(baseline_text(some()), "b.json");
  EXPECT_EQ(baseline_text(read), baseline_text(some()));
  EXPECT_EQ(read.blocks(), 3u);
  EXPECT_EQ(read.bytes(), 47u);
  EXPECT_EQ(read.bad_free_count(), 3u);
  for (const auto& one : compare(read.stacks, some().stacks)) EXPECT_EQ(one.fate, Fate::kSame);
  EXPECT_EQ(compare(read.bad_frees, some().bad_frees).at(0).fate, Fate::kSame);
}

TEST(Baseline, IsTextForAReviewer) {
  Tally tally = some();
  tally.stacks.erase(tally.stacks.begin());
  tally.bad_frees.clear();
  EXPECT_EQ(baseline_text(tally),
            "{\n"
            "  \"leakdir-baseline\": 1,\n"
            "  \"program\": \"app\",\n"
            "  \"stacks\": [\n"
            "    {\n"
            "      \"call\": \"malloc\",\n"
            "      \"blocks\": 2,\n"
            "      \"bytes\": 40,\n"
            "      \"frames\": [\n"
            "        \"make (app)\",\n"
            "        \"main (app)\"\n"
            "      ]\n"
            "    }\n"
            "  ],\n"
            "  \"bad_frees\": []\n"
            "}\n");
}

std::string refusal(const std::string& text) {
  try {
    tally_of_json(text, "b.json");
    return {};
  } catch (const Error& error) {
    return error.what();
  }
}

TEST(Baseline, ThatIsDamagedIsRefusedInOneSentence) {
  EXPECT_THAT(refusal(""), HasSubstr("b.json is damaged: no JSON at byte"));
  EXPECT_THAT(refusal(baseline_text(some()).substr(0, 100)), HasSubstr("b.json is damaged: no JSON at byte"));
  EXPECT_EQ(refusal("[]"), "b.json is neither a report nor a baseline of leakdir's");
  EXPECT_EQ(refusal("{\"version\":1}"), "b.json is neither a report nor a baseline of leakdir's");
  EXPECT_EQ(refusal("{\"leakdir-baseline\":2}"), "b.json is a baseline of version 2; this leakdir reads version 1");
  EXPECT_EQ(refusal("{\"version\":9,\"stacks\":[]}"), "b.json is a report of version 9; this leakdir reads version 1");
  const std::string wrong = "b.json is damaged: a member is missing or of another type";
  EXPECT_EQ(refusal("{\"leakdir-baseline\":1}"), wrong);
  EXPECT_EQ(refusal("{\"leakdir-baseline\":1,\"stacks\":3,\"bad_frees\":[]}"), wrong);
  EXPECT_EQ(refusal("{\"leakdir-baseline\":1,\"bad_frees\":[],\"stacks\":[{\"call\":\"malloc\",\"frames\":[],"
                    "\"blocks\":-1,\"bytes\":1}]}"),
            wrong);
  EXPECT_EQ(refusal("{\"leakdir-baseline\":1,\"bad_frees\":[],\"stacks\":[{\"call\":\"malloc\",\"frames\":[1],"
                    "\"blocks\":1,\"bytes\":1}]}"),
            wrong);
  refusal(std::string(1000000, '['));
}

class TallyOf : public testing::Test {
 protected:
  TallyOf() {
    ledger.program("/home/you/app", 0x400000);
    ledger.thread(4711, "app", 10, 0);
    ledger.block({0x1000, 100, ledger.stack({0x401001, 0x401fff})});
    ledger.block({0x2000, 20, ledger.stack({0x402001, 0x401fff})});
    ledger.block({0x3000, 30, ledger.node(ledger.text("/src/hooked.c"), ledger::kPlaceModule, 0, 12)});
    ledger.double_free(0x5000, ledger.stack({0x401001}));
    ledger.header.bad_frees = 3;
    load();
  }

  void load() {
    snapshot = load_built(ledger);
    grouped = group(snapshot, {});
    lines.assign(snapshot.frames.size(), {});
    for (std::size_t i = 0; i < snapshot.frames.size(); ++i) {
      if (snapshot.frames[i].pc == 0x401001)
        lines[i] = {{"std::grow()", "/usr/include/c++/vector", 5, true}, {"build(int)", "/src/build.cc", 8, false}};
      if (snapshot.frames[i].pc == 0x401fff) lines[i] = {{"main", "/src/main.c", 90, false}};
    }
  }

  LedgerBuilder ledger;
  Snapshot snapshot;
  Grouped grouped;
  FrameLines lines;
};

TEST_F(TallyOf, ASnapshotHasItsStacksAndBadFrees) {
  const Tally tally = tally_of(snapshot, grouped, lines);
  ASSERT_EQ(tally.stacks.size(), 3u);
  EXPECT_THAT(tally.stacks[0].identity, ElementsAre("?? (app)", "main (app)"));
  EXPECT_THAT(tally.stacks[1].identity, ElementsAre("at hooked.c"));
  EXPECT_THAT(tally.stacks[2].identity, ElementsAre("std::grow() (app)", "build(int) (app)", "main (app)"));
  EXPECT_EQ(own_frame_of(tally.stacks[0]), "main /src/main.c:90");
  EXPECT_EQ(own_frame_of(tally.stacks[1]), "at hooked.c");
  EXPECT_EQ(own_frame_of(tally.stacks[2]), "build(int) /src/build.cc:8");
  EXPECT_EQ(tally.bad_free_count(), 3u) << "of two the ledger kept no details";
  EXPECT_EQ(tally.blocks(), 3u);
  EXPECT_EQ(tally.bytes(), 150u);
}

TEST_F(TallyOf, KindsAreKeptByReportsAndBaselinesBesideWhatAStackIs) {
  using ledger::Reach;
  ledger.blocks.resize(1);
  const auto stack = ledger.stack({0x401001, 0x401fff});
  ledger.block_of_kind(Reach::kDefinite, {0x1000, 20, stack});
  ledger.block_of_kind(Reach::kReachable, {0x2000, 30, stack});
  ledger.block_of_kind(Reach::kReachable, {0x3000, 40, stack});
  load();
  const Tally direct = tally_of(snapshot, grouped, lines);
  ASSERT_EQ(direct.stacks.size(), 1u);
  EXPECT_EQ(direct.stacks[0].blocks, 3u);
  EXPECT_EQ(direct.stacks[0].lost().bytes, 20u);
  EXPECT_EQ(direct.stacks[0].held().bytes, 70u);
  EXPECT_EQ(kinds_of(direct.stacks[0]), "1 definitely lost, 2 still reachable");
  const std::string baseline = baseline_text(direct);
  EXPECT_THAT(baseline, HasSubstr("      \"bytes\": 90,\n"
                                  "      \"kinds\": {\n"
                                  "        \"definite\": {\n"
                                  "          \"blocks\": 1,\n"
                                  "          \"bytes\": 20\n"
                                  "        },\n"
                                  "        \"reachable\": {\n"
                                  "          \"blocks\": 2,\n"
                                  "          \"bytes\": 70\n"
                                  "        }\n"
                                  "      },\n"
                                  "      \"frames\": [\n"));
  const Report report{snapshot, grouped, lines, grouped.groups.size(), false, {}};
  std::string text;
  emit_json(report, [&text](std::string_view piece) { text += piece; });
  EXPECT_EQ(baseline_text(tally_of_json(text, "report.json")), baseline);
  EXPECT_EQ(baseline_text(tally_of_json(baseline, "baseline.json")).substr(baseline.find("stacks")),
            baseline.substr(baseline.find("stacks")));
}

TEST_F(TallyOf, AReportInJsonIsTheSame) {
  const Report report{snapshot, grouped, lines, grouped.groups.size(), false, {}};
  std::string text;
  emit_json(report, [&text](std::string_view piece) { text += piece; });
  const Tally from_json = tally_of_json(text, "report.json"), direct = tally_of(snapshot, grouped, lines);
  EXPECT_EQ(baseline_text(from_json), baseline_text(direct));
  EXPECT_TRUE(from_json.warnings.empty());
  EXPECT_EQ(own_frame_of(from_json.stacks[2]), "build(int) /src/build.cc:8");
}

TEST_F(TallyOf, ASampleHasWhatWasRecordedOrWhatThatStandsFor) {
  ledger.header.sample_bytes = 64;
  load();
  const Report report{snapshot, grouped, lines, grouped.groups.size(), false, {}};
  std::string text;
  emit_json(report, [&text](std::string_view piece) { text += piece; });
  for (const Tally& recorded : {tally_of(snapshot, grouped, lines), tally_of_json(text, "report.json")}) {
    EXPECT_EQ(recorded.sample_bytes, 64u);
    EXPECT_EQ(recorded.blocks(), 3u);
    EXPECT_EQ(recorded.bytes(), 150u);
  }
  for (const Tally& estimated : {tally_of(snapshot, grouped, lines, Wrappers(), Figures::kEstimated),
                                 tally_of_json(text, "report.json", Figures::kEstimated)}) {
    EXPECT_EQ(estimated.blocks(), 8u);  // 1.26 of 100 bytes, 3.57 of 20 and 2.60 of 30: 1, 4 and 3
    EXPECT_EQ(estimated.bytes(), 126u + 71u + 78u);
    EXPECT_EQ(estimated.recorded.blocks, 3u);
    EXPECT_EQ(estimated.recorded.bytes, 150u);
  }
}

// Two calls of one function, on different lines: two stacks of a report, one by function.
TEST_F(TallyOf, StacksAreCountedAsTheReportCountsThem) {
  ledger.block({0x6000, 1, ledger.stack({0x401005, 0x401fff})});
  ledger.block({0x7000, 1, ledger.stack({0x401005, 0x401ff0})});
  snapshot = load_built(ledger);
  grouped = group(snapshot, {});
  ASSERT_EQ(grouped.groups.size(), 5u);
  lines.assign(snapshot.frames.size(), {});
  for (std::size_t i = 0; i < snapshot.frames.size(); ++i) {
    const std::uint64_t pc = snapshot.frames[i].pc;
    if (pc == 0x401001 || pc == 0x401005) lines[i] = {{"build", "/src/build.c", static_cast<unsigned>(pc & 15), false}};
    if (pc == 0x401fff || pc == 0x401ff0) lines[i] = {{"main", "/src/main.c", static_cast<unsigned>(pc & 255), false}};
  }
  const Tally direct = tally_of(snapshot, grouped, lines);
  EXPECT_EQ(count_of_stacks(direct), "5 stacks, 3 by function");
  std::string text;
  emit_json({snapshot, grouped, lines, grouped.groups.size(), false, {}},
            [&text](std::string_view piece) { text += piece; });
  EXPECT_EQ(count_of_stacks(tally_of_json(text, "report.json")), "5 stacks, 3 by function");
  EXPECT_EQ(count_of_stacks(tally_of_json(baseline_text(direct), "known.json")), "3 stacks by function");
}

// Programs, libraries, functions and files have names of any bytes.
class NotUtf8 : public testing::Test {
 protected:
  NotUtf8() {
    ledger.program("/home/caf\xe9/app\xff", 0x400000);
    const auto library = ledger.module("/opt/lib\xfe\\xfe.so", 0x7f0000000000);
    ledger.thread(4711, "t\xe9", 10, 0);
    ledger.block({0x1000, 100, ledger.stack({0x401001, 0x401fff})});
    ledger.block({0x2000, 20, ledger.stack({0x7f0000000123}, library)});
    ledger.block({0x3000, 30, ledger.node(ledger.text("/src/h\xe9.c"), ledger::kPlaceModule, 0, 12)});
    ledger.double_free(0x5000, ledger.stack({0x401001}));
    ledger.header.bad_frees = 1;
    snapshot = load_built(ledger);
    grouped = group(snapshot, {});
    lines.resize(snapshot.frames.size());
    for (std::size_t i = 0; i < snapshot.frames.size(); ++i) {
      if (snapshot.frames[i].pc == 0x401001) lines[i] = {{"cr\xe9\xe9r", "/src/cr\xe9.c", 5, false}};
      if (snapshot.frames[i].pc == 0x401fff) lines[i] = {{"\\xe9_main", "/src/\\xe9.c", 9, false}};
    }
    direct = tally_of(snapshot, grouped, lines);
  }

  void expect_the_same(const Tally& tally) {
    ASSERT_EQ(tally.stacks.size(), 3u);
    ASSERT_EQ(tally.bad_frees.size(), 1u);
    for (const auto& one : compare(direct.stacks, tally.stacks)) EXPECT_EQ(one.fate, Fate::kSame);
    for (const auto& one : compare(direct.bad_frees, tally.bad_frees)) EXPECT_EQ(one.fate, Fate::kSame);
    EXPECT_THAT(tally.stacks[0].identity, ElementsAre("?? (lib\xfe\\xfe.so)"));
    EXPECT_THAT(tally.stacks[1].identity, ElementsAre("at h\xe9.c"));
    EXPECT_THAT(tally.stacks[2].identity, ElementsAre("cr\xe9\xe9r (app\xff)", "\\xe9_main (app\xff)"));
  }

  LedgerBuilder ledger;
  Snapshot snapshot;
  Grouped grouped;
  FrameLines lines;
  Tally direct;
};

TEST_F(NotUtf8, ABaselineKnowsItAgain) {
  expect_the_same(tally_of_json(baseline_text(direct), "known.json"));
  EXPECT_EQ(tally_of_json(baseline_text(direct), "known.json").program, "app\xff");
  EXPECT_THAT(baseline_text(direct), HasSubstr("        \"cr\\\\xe9\\\\xe9r (app\\\\xff)\",\n"
                                               "        \"\\\\x5cxe9_main (app\\\\xff)\"\n"));
}

TEST_F(NotUtf8, AReportInJsonKnowsItAgain) {
  std::string text;
  emit_json({snapshot, grouped, lines, grouped.groups.size(), false, {}},
            [&text](std::string_view piece) { text += piece; });
  const Tally tally = tally_of_json(text, "report.json");
  expect_the_same(tally);
  EXPECT_EQ(tally.program, "/home/caf\xe9/app\xff");
  EXPECT_EQ(tally.stacks[2].frames[0].line.file, "/src/cr\xe9.c");
  EXPECT_EQ(tally.stacks[2].frames[0].module, "/home/caf\xe9/app\xff");
  EXPECT_EQ(tally.stacks[2].frames[1].line.file, "/src/\\xe9.c");
}

TEST_F(TallyOf, AReportThatWasCutByTopSaysSo) {
  const Report report{snapshot, grouped, lines, 1, false, {}};
  std::string text;
  emit_json(report, [&text](std::string_view piece) { text += piece; });
  EXPECT_THAT(tally_of_json(text, "report.json").warnings,
              ElementsAre("report.json lists 1 of 3 stacks: the others are taken for gone"));
}

TEST_F(TallyOf, ATallyIsSuppressedAsGroupsAre) {
  Tally tally = tally_of(snapshot, grouped, lines);
  suppress(tally, parse_suppressions("leak:^build(int)$", "s"));
  EXPECT_EQ(tally.bytes(), 50u);
  suppress(tally, parse_suppressions("leak:main.c", "s"));
  EXPECT_EQ(tally.bytes(), 30u);
  suppress(tally, parse_suppressions("leak:/src/hooked", "s"));
  EXPECT_EQ(tally.bytes(), 0u);
}

TEST_F(TallyOf, OfAStackABlockForSomeKindsTakesBlocksOfTheseAlone) {
  const auto rule = [](const std::string& kinds) {
    return parse_suppressions("{\nx\nleakdir:Leak\nmatch-leak-kinds: " + kinds + "\nfun:main\n}\n", "s");
  };
  const auto amount = [](std::uint64_t blocks, std::uint64_t bytes) { return Amount{blocks, bytes, 1}; };
  TallyStack stack;
  stack.call = "malloc";
  stack.frames = {{{"main", "", 0, false}, "", "0x1"}};
  stack.blocks = 6, stack.bytes = 600;
  const auto left_of = [&](const std::string& kinds) {
    Tally tally;
    tally.stacks = {stack};
    suppress(tally, rule(kinds));
    return tally.stacks.empty() ? std::optional<std::uint64_t>() : tally.bytes();
  };
  EXPECT_EQ(left_of("definite"), 600u) << "not known";
  EXPECT_EQ(left_of("all"), std::nullopt);
  stack.kinds[static_cast<std::size_t>(ledger::Reach::kDefinite)] = amount(2, 300);
  stack.kinds[static_cast<std::size_t>(ledger::Reach::kReachable)] = amount(3, 200);
  EXPECT_EQ(left_of("definite"), 300u);
  EXPECT_EQ(left_of("possible"), 600u);
  EXPECT_EQ(left_of("definite,indirect,possible,reachable"), 100u);
  stack.blocks = 5, stack.bytes = 500;
  EXPECT_EQ(left_of("definite,reachable"), std::nullopt);
  // Of a baseline: it was held, and no block of it counts.
  stack.blocks = stack.bytes = 0;
  stack.kinds = {};
  EXPECT_EQ(left_of("definite"), 0u);
}

}  // namespace
}  // namespace leakdir::tool
