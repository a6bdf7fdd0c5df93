// SPDX-License-Identifier: BSL-1.0
//
// The report as text and as JSON, with symbols made up by the test.

#include "emit/emit.hh"

#include <gmock/gmock-matchers.h>
#include <gtest/gtest.h>

#include "emit_fixture.hh"
#include "json.hh"

namespace leakdir::tool {
namespace {

using testing::HasSubstr;
using testing::Not;

class Emit : public EmitFixture {
 protected:
  std::string text(std::size_t top = ~std::size_t{0}, const GroupOptions& options = {}) {
    return emit([](const Report& report, const Sink& sink) { emit_text(report, {}, sink); }, top, options);
  }

  std::string text_of(KindSet kinds) {
    return emit([](const Report& report, const Sink& sink) { emit_text(report, {}, sink); }, ~std::size_t{0}, {},
                kinds);
  }

  nlohmann::json json(std::size_t top = ~std::size_t{0}) { return nlohmann::json::parse(emit(emit_json, top)); }
};

TEST_F(Emit, TextShowsTotalsThenStacksWithTheirLines) {
  two_stacks();
  EXPECT_EQ(text(),
            "/home/you/app, pid 4711, exited 2026-11-23T09:16:06.000000Z\n"
            "3 live blocks, 80 bytes in 2 stacks\n"
            "leakdir looked: it saw 17 allocations and 14 frees\n"
            "which blocks are lost is not known: nobody looked when it exited (reach=0, or an earlier leakdir)\n"
            "\n"
            "60 bytes in 2 blocks, 75.0 %, malloc, oldest 12.0 s\n"
            "    #0 make_buffer /home/you/app.c:69 (inlined)\n"
            "    #1 build /home/you/app.c:80\n"
            "    #2 main /home/you/app.c:101\n"
            "\n"
            "20 bytes in 1 block, 25.0 %, operator new, oldest 1 min 40 s, in no_debug_info (#1)\n"
            "    #0 0x999\n"
            "    #1 no_debug_info /home/you/app+0x200\n");
}

TEST_F(Emit, OfASampleBothFiguresAreGiven) {
  a_sample();
  EXPECT_EQ(text(),
            "/home/you/app, pid 4711, exited 2026-11-23T09:16:06.000000Z\n"
            "3 live blocks of a sample, 5127 bytes in 2 stacks\n"
            "estimated for all: 106 blocks, 6716 bytes, give or take 1460 bytes\n"
            "leakdir looked: in its sample were 17 allocations and 14 frees\n"
            "which blocks are lost is not known: nobody looked when it exited (reach=0, or an earlier leakdir)\n"
            "\n"
            "5118 bytes in 2 blocks, estimated 5790 bytes in 3 blocks, 86.2 %, malloc, oldest 1 min "
            "40 s\n"
            "    #0 make_buffer /home/you/app.c:69 (inlined)\n"
            "    #1 build /home/you/app.c:80\n"
            "    #2 main /home/you/app.c:101\n"
            "\n"
            "9 bytes in 1 block, estimated 926 bytes in 103 blocks, 13.8 %, malloc, oldest 1 min 40 s\n"
            "    #0 no_debug_info /home/you/app+0x200\n"
            "\n"
            "note: this is a sample, one block in 1024 allocated bytes on average: there are others, which were not "
            "recorded\n");
  const nlohmann::json report = json();
  EXPECT_EQ(report["sample"]["bytes"], 1024);
  EXPECT_EQ(report["totals"]["blocks"], 3);
  EXPECT_EQ(report["totals"]["estimated"],
            nlohmann::json::parse(R"({"blocks":106,"bytes":6716,"bytes_deviation":1460})"));
  EXPECT_EQ(report["stacks"][1]["blocks"], 1);
  EXPECT_EQ(report["stacks"][1]["estimated"]["blocks"], 103);
}

TEST_F(Emit, OfAllBlocksNothingIsEstimated) {
  two_stacks();
  const nlohmann::json report = json();
  EXPECT_FALSE(report.contains("sample"));
  EXPECT_FALSE(report["totals"].contains("estimated"));
  EXPECT_FALSE(report["stacks"][0].contains("estimated"));
  EXPECT_THAT(text(), Not(HasSubstr("estimated")));
}

TEST_F(Emit, TextShowsBadFreesWithTheirStacks) {
  one_bad_free();
  EXPECT_EQ(text(),
            "/home/you/app, pid 4711, exited 2026-11-23T09:16:06.000000Z\n"
            "no live blocks, 1 bad free\n"
            "leakdir looked: it saw 17 allocations and 14 frees\n"
            "\n"
            "bad free: double free at 0x733300, block 0x733300 of 30 bytes, thread 4711 app, "
            "2026-11-23T09:14:27.000000Z\n"
            "  freed here\n"
            "    #0 main /home/you/app.c:101\n"
            "  freed before here (the caller is all that is kept of a free)\n"
            "    #0 no_debug_info /home/you/app+0x200\n");
}

TEST_F(Emit, NothingLiveIsSaidTogetherWithTheProofThatLeakdirLooked) {
  EXPECT_EQ(text(),
            "/home/you/app, pid 4711, exited 2026-11-23T09:16:06.000000Z\n"
            "no live blocks\n"
            "leakdir looked: it saw 17 allocations and 14 frees\n");
}

TEST_F(Emit, NoLiveBlocksAndNoCallsIsNoProof) {
  ledger.threads.resize(1);
  EXPECT_THAT(text(), HasSubstr("no live blocks\nleakdir was there, but saw no call: the hooks did not run, or the "
                                "program never allocated\n"));
}

// Each state has one statement about what leakdir saw, and it is the true one.
TEST_F(Emit, OfARunThatWasPausedFromTheStartNoHooksAreBlamed) {
  ledger.threads.resize(1);
  ledger.header.option_recording = static_cast<std::uint32_t>(ledger::Recording::kPaused);
  ledger.header.recording = 0;
  ledger.header.pauses = 1;
  for (const auto state : {ledger::ProcessState::kRunning, ledger::ProcessState::kExited}) {
    ledger.header.state = static_cast<std::uint32_t>(state);
    const std::string report = text();
    EXPECT_THAT(report, testing::EndsWith("no live blocks\n\nwarning: recording was paused from the start, and nobody "
                                          "switched it on: nothing was recorded\n"));
    EXPECT_THAT(report, Not(HasSubstr("hooks")));
  }
}

TEST_F(Emit, OfARunThatWasPausedAllTheTimeThatItAllocatedNoHooksAreBlamed) {
  ledger.threads.resize(1);
  ledger.header.pauses = 1;
  EXPECT_THAT(text(), testing::EndsWith("no live blocks\n"
                                        "leakdir was there, but saw no call while recording was on\n"
                                        "\n"
                                        "warning: recording was paused (1x): blocks allocated meanwhile are not "
                                        "here\n"));
}

TEST_F(Emit, OfAKilledProcessNothingIsStillPaused) {
  ledger.header.recording = 0;
  ledger.header.pauses = 1;
  ledger.header.state = 0;
  const std::string report = text();
  EXPECT_THAT(report, HasSubstr("warning: recording was paused when it ended: blocks allocated since the pause "
                                "are not here\n"));
  EXPECT_THAT(report, Not(HasSubstr("is paused")));
}

TEST_F(Emit, WhereAllIsBelowMinSizeThatIsSaidOnce) {
  ledger.threads.resize(1);
  ledger.header.unrecorded = 5;
  EXPECT_THAT(text(), testing::EndsWith("no live blocks\nleakdir recorded nothing: all that it saw was 5 allocations "
                                        "below min_size\n"));
}

TEST_F(Emit, OfADamagedLedgerNothingIsClaimedThatWasNotRead) {
  ledger.threads.resize(1);
  ledger.block({0x1000, 20, 4711, ledger::Call::kMalloc, ledger::kFlagLibc});  // a stack that is not there
  const std::string report = text();
  EXPECT_THAT(report, HasSubstr("no live blocks in what could be read\n"
                                "what leakdir saw is not known, as the ledger is damaged\n"));
  const std::string
      sizes = "the ledger is damaged: sizes of 64 KiB and more may be missing, and such blocks count for less",
      stacks = "the ledger is damaged: stacks whose frames are missing were cut",
      threads = "the ledger is damaged: threads are missing";
  EXPECT_THAT(report, testing::StartsWith(sizes + "\n" + stacks + "\n" + threads + "\n/home/you/app, "));
  EXPECT_THAT(report, Not(HasSubstr("warning:")));
  EXPECT_EQ(json()["damaged"], true);
  EXPECT_EQ(json()["warnings"], (nlohmann::json{sizes, stacks, threads}));
  ledger.blocks.resize(1);
  EXPECT_FALSE(json().contains("damaged"));
}

TEST_F(Emit, EachStateOfTheProcessIsNamed) {
  ledger.header.state = static_cast<std::uint32_t>(ledger::ProcessState::kRunning);
  EXPECT_THAT(text(), HasSubstr("pid 4711, running since 2026-11-23T09:14:26.000000Z\n"));
  EXPECT_EQ(json()["state"], "running");
  ledger.header.state = 0;
  EXPECT_THAT(text(), HasSubstr("pid 4711, killed"));
  EXPECT_EQ(json()["state"], "killed");
  ledger.header.state = static_cast<std::uint32_t>(ledger::ProcessState::kExited);
  EXPECT_THAT(text(), HasSubstr("pid 4711, exited 2026-11-23T09:16:06.000000Z\n"));
  EXPECT_EQ(json()["state"], "exited");
}

TEST_F(Emit, WhatIsNotListedIsCounted) {
  ledger.block({0x1000, 72704, 0, ledger::Call::kMalloc, ledger::kFlagLibc});
  ledger.block({0x2000, 5, 0, ledger::Call::kMalloc, ledger::kFlagIgnored});
  ledger.block({0x3000, 5, 0, ledger::Call::kMalloc, 0, 99'000'000'000});
  ledger.header.unrecorded = 3;
  GroupOptions options;
  options.min_age_ns = 10'000'000'000;
  EXPECT_THAT(
      text(~std::size_t{0}, options),
      HasSubstr("no live blocks of that age\n"
                "leakdir looked: it saw 17 allocations and 14 frees\n"
                "not listed: 1 block younger than that\n"
                "not listed: 1 block, 72704 bytes (71.0 KiB), of libc's and the C++ runtime's own (--libc lists "
                "them)\n"
                "not listed: 1 block under leakdir_ignore()\n"
                "not recorded: 3 allocations below min_size\n"));
}

TEST_F(Emit, WithTopTheRestIsOneLineAndOnlyShownStacksAreLookedUp) {
  two_stacks();
  std::string report = text(1);
  EXPECT_THAT(report, HasSubstr("3 live blocks, 80 bytes in 2 stacks\n"));
  EXPECT_THAT(report, HasSubstr("\n20 bytes in 1 block, from 1 more stack not shown\n"));
  EXPECT_THAT(report, Not(HasSubstr("no_debug_info")));
  EXPECT_EQ(symbols.asked, 2u);
}

TEST_F(Emit, EachFrameIsLookedUpOnceHoweverManyStacksItIsIn) {
  for (unsigned i = 0; i < 100; ++i)
    ledger.block({0x1000 + 16 * i, 1, ledger.stack({0x400300 + i, 0x4009f7, 0x401b2a})});
  text();
  EXPECT_EQ(symbols.asked, 102u);
}

TEST_F(Emit, WarningsAndNotesComeLast) {
  ledger.header.dropped_blocks = 5;
  EXPECT_THAT(text(), testing::EndsWith("\nwarning: blocks that could not be recorded, because the ledger could not "
                                        "grow: 5\n"));
}

TEST_F(Emit, FlagsOfTheStackAreTold) {
  auto place = ledger.node(ledger.text("app.c"), ledger::kPlaceModule, ledger.stack({0x401b2a}), 69);
  ledger.block({0x1000, 1, place, ledger::Call::kMalloc,
                ledger::kFlagPlace | ledger::kFlagEarly | ledger::kFlagTruncated | ledger::kFlagInherited});
  ledger.header.parent_pid = 4700;
  std::string report = text();
  EXPECT_THAT(report, HasSubstr("pid 4711 (forked by 4700)"));
  EXPECT_THAT(report, HasSubstr(", 1 inherited from the parent\n"
                                "    at app.c:69\n"
                                "    #0 main /home/you/app.c:101\n"
                                "    (from before start-up: the caller is all that is known)\n"
                                "    (deeper frames were not kept)\n"));
  auto stack = json()["stacks"][0];
  EXPECT_EQ(stack["location"], "app.c:69");
  EXPECT_EQ(stack["truncated"], true);
  EXPECT_EQ(stack["inherited"], 1);
  EXPECT_EQ(stack["frames"].size(), 1u);
}

TEST_F(Emit, NamesCannotReachTheTerminalAsCommands) {
  ledger.header.program = ledger.text("/tmp/\x1b]0;owned\x07");
  symbols.lines[0x9f6] = {{"evil\x1b[2J", "a\nb", 1, false}};
  two_stacks();
  std::string report = text();
  EXPECT_EQ(report.find('\x1b'), std::string::npos);
  EXPECT_THAT(report, HasSubstr("/tmp/\\x1b]0;owned\\x07, pid"));
  EXPECT_THAT(report, HasSubstr("#0 evil\\x1b[2J a\\x0ab:1\n"));
}

TEST_F(Emit, ColourOnlyAddsToTheText) {
  two_stacks();
  one_bad_free();
  std::string coloured = emit([](const Report& report, const Sink& sink) { emit_text(report, {true, 0}, sink); });
  EXPECT_THAT(coloured, HasSubstr("\x1b[1m"));
  std::string plain;
  for (std::size_t i = 0; i < coloured.size(); ++i) {
    if (coloured[i] == '\x1b')
      i = coloured.find('m', i);
    else
      plain += coloured[i];
  }
  EXPECT_EQ(plain, text());
}

TEST_F(Emit, ColourMakesTheUsersOwnFunctionsStandOut) {
  symbols.lines[0x200 - 1] = {{"std::vector<int>::reserve(unsigned long)", "/usr/include/v.h", 5, true},
                              {"grow", "/home/you/app.c", 7, false}};
  ledger.block(
      {0x1000, 1,
       ledger.node(0x7f0000000100, ledger.module("/lib/libc.so.6", 0x7f0000000000), ledger.stack({0x400200}))});
  const std::string coloured = emit([](const Report& report, const Sink& sink) { emit_text(report, {true, 0}, sink); });
  EXPECT_THAT(coloured,
              HasSubstr("    #0 \x1b[2m/lib/libc.so.6+0x100\x1b[0m\n"
                        "    #1 \x1b[2mstd::vector<int>::reserve(unsigned long) /usr/include/v.h:5 (inlined)\x1b[0m\n"
                        "    #2 \x1b[1mgrow\x1b[0m /home/you/app.c:7\n"));
}

TEST_F(Emit, OnATerminalFramesFitIntoItsWidth) {
  symbols.lines[0x1b29] = {
      {"app::Cache<std::map<int, int>, 3>::insert(int)", "/home/you/src/deep/down/cache.cc", 1234, true},
      {"run", "/home/you/a.c", 7, false}};
  ledger.block({0x1000, 1, ledger.stack({0x401b2a, 0x455555})});
  const std::string narrow = emit([](const Report& report, const Sink& sink) { emit_text(report, {false, 40}, sink); });
  EXPECT_THAT(narrow, HasSubstr("    #0 app::Cache<...>::insert(int)\n"
                                "          ...own/cache.cc:1234 (inlined)\n"
                                "    #1 run /home/you/a.c:7\n"
                                "    #2 /home/you/app+0x55555\n"));
  EXPECT_THAT(text(), HasSubstr("    #0 app::Cache<std::map<int, int>, 3>::insert(int) "
                                "/home/you/src/deep/down/cache.cc:1234 (inlined)\n"));
}

TEST_F(Emit, InBriefAStackIsItsFirstFramesOfTheUser) {
  symbols.lines[0x2ff] = {{"std::vector<int>::reserve(unsigned long)", "", 0, false}};
  symbols.lines[0x3ff] = {{"__libc_start_main_impl", "", 0, false}};
  one_bad_free();
  ledger.block({0x1000, 30, ledger.stack({0x400300, 0x400300, 0x4009f7, 0x401b2a, 0x400400})});
  ledger.block({0x2000, 20, ledger.stack({0x400300, 0x400400})});
  ledger.block({0x3000, 10, 0});
  const std::string brief = emit([](const Report& report, const Sink& sink) {
    emit_text(report, {false, 0, 2, true}, sink);
  });
  EXPECT_EQ(brief,
            "/home/you/app, pid 4711, exited 2026-11-23T09:16:06.000000Z\n"
            "3 live blocks, 60 bytes in 3 stacks, 1 bad free\n"
            "\n"
            "30 bytes in 1 block, 50.0 %, malloc, oldest 1 min 40 s\n"
            "    #2 make_buffer /home/you/app.c:69 (inlined)\n"
            "    #3 build /home/you/app.c:80\n"
            "\n"
            "20 bytes in 1 block, 33.3 %, malloc, oldest 1 min 40 s\n"
            "    #0 std::vector<int>::reserve(unsigned long) /home/you/app+0x300\n"
            "    #1 __libc_start_main_impl /home/you/app+0x400\n"
            "\n"
            "10 bytes in 1 block, 16.7 %, malloc, oldest 1 min 40 s\n"
            "    (no stack)\n");
}

TEST_F(Emit, GrowthIsToldOfEachStackAndOfAll) {
  two_stacks();
  const Growth growth = {"since the start", 12'000'000'000, {{2, 10300}, {-1, -20}}, {1, 10280}};
  const std::string report = emit([&](const Report& plain, const Sink& sink) {
    Report with_growth = plain;
    with_growth.growth = &growth;
    emit_text(with_growth, {}, sink);
  });
  EXPECT_THAT(report, HasSubstr("\ngrowth: +10280 bytes (10.0 KiB), +1 block since the start\n"));
  EXPECT_THAT(report, HasSubstr(", malloc, oldest 12.0 s, +10300 bytes (10.1 KiB), +2 blocks since the start\n"));
  EXPECT_THAT(
      report,
      HasSubstr(", operator new, oldest 1 min 40 s, in no_debug_info (#1), -20 bytes, -1 block since the start\n"));
}

TEST_F(Emit, NoGrowthIsSaidToo) {
  two_stacks();
  Growth growth = {"in 12.0 s", 12'000'000'000, {{}, {}}, {}};
  TextStyle style;
  const auto growth_text = [&] {
    return emit([&](const Report& plain, const Sink& sink) {
      Report with_growth = plain;
      with_growth.growth = &growth;
      emit_text(with_growth, style, sink);
    });
  };
  EXPECT_THAT(growth_text(), HasSubstr("\ngrowth: none in 12.0 s\n"));
  growth.over_ns = 0;
  EXPECT_THAT(growth_text(), Not(HasSubstr("growth"))) << "at the first look there is nothing to compare with";
  style.is_look = true;
  EXPECT_THAT(growth_text(), HasSubstr("\ngrowth: from now on\n"));
}

TEST_F(Emit, RecentGrowthIsWhatIsYoungAndStillLive) {
  two_stacks();
  const Snapshot snapshot = load_built(ledger);  // it ended after 100 s; blocks are of 0 s, 88 s and 90 s
  const Growth growth = recent_growth(snapshot, group(snapshot, {}), 12'000'000'000);
  ASSERT_EQ(growth.groups.size(), 2u);
  EXPECT_EQ(growth.groups[0].bytes, 40) << "and not the one that is just 12 s old";
  EXPECT_EQ(growth.groups[0].blocks, 1);
  EXPECT_EQ(growth.groups[1].bytes, 0);
  EXPECT_EQ(growth.total.bytes, 40);
  EXPECT_EQ(growth.total.blocks, 1);
}

TEST_F(Emit, WhereNamesOrLinesAreMissingAHintTellsWhatToDo) {
  ledger.modules.resize(1);
  ledger.program("/home/you/app", 0x400000, "\x0f\xa1");
  const auto library = ledger.module("/opt/libshape.so", 0x500000);
  ledger.block({0x1000, 1, ledger.node(0x500200, library, ledger.stack({0x405555}))});
  ledger.block({0x2000, 1, ledger.node(0x7f0000000100, ledger.module("/lib/libc.so.6", 0x7f0000000000), 0)});
  EXPECT_THAT(
      text(),
      testing::EndsWith("\nhint: no names are known for /home/you/app: give the file with its symbols by --program "
                        "FILE, or the debug file "
                        "of build-id 0fa1 by --debug-path DIR; build it with -g and keep a copy that is not stripped\n"
                        "hint: no lines are known for /opt/libshape.so: compile it with -g, or give its debug file by "
                        "--debug-path DIR\n"));
  two_stacks();
  EXPECT_THAT(text(), Not(HasSubstr("known for /home/you/app"))) << "of some frames, lines are known";
}

TEST_F(Emit, JsonHasTheKeysOfTheContract) {
  two_stacks();
  one_bad_free();
  auto report = json();
  EXPECT_EQ(report["version"], 1);
  EXPECT_EQ(report["program"], "/home/you/app");
  EXPECT_EQ(report["pid"], 4711);
  EXPECT_EQ(report["state"], "exited");
  EXPECT_EQ(report["totals"], (nlohmann::json{{"blocks", 3}, {"bytes", 80}, {"stacks", 2}}));
  EXPECT_EQ(report["seen"], (nlohmann::json{{"allocations", 17}, {"frees", 14}, {"bad_frees", 1}}));

  ASSERT_EQ(report["stacks"].size(), 2u);
  auto stack = report["stacks"][0];
  EXPECT_EQ(stack["blocks"], 2);
  EXPECT_EQ(stack["bytes"], 60);
  EXPECT_EQ(stack["call"], "malloc");
  EXPECT_EQ(stack["oldest"], "2026-11-23T09:15:54.000000Z");
  EXPECT_EQ(stack["addresses"], (nlohmann::json{"0x733270", "0x733290"}));
  EXPECT_EQ(stack["thread"], (nlohmann::json{{"tid", 4711}, {"name", "app"}}));
  ASSERT_EQ(stack["frames"].size(), 3u);
  EXPECT_EQ(stack["frames"][0], (nlohmann::json{{"address", "0x4009f7"},
                                                {"module", "/home/you/app"},
                                                {"offset", "0x9f7"},
                                                {"function", "make_buffer"},
                                                {"file", "/home/you/app.c"},
                                                {"line", 69},
                                                {"inlined", true}}));
  EXPECT_EQ(stack["frames"][1]["function"], "build");
  EXPECT_EQ(stack["frames"][1]["address"], "0x4009f7");
  EXPECT_EQ(stack["frames"][1]["inlined"], false);
  EXPECT_EQ(report["stacks"][1]["frames"][0], (nlohmann::json{{"address", "0x999"},
                                                              {"module", ""},
                                                              {"offset", "0x999"},
                                                              {"function", ""},
                                                              {"file", ""},
                                                              {"line", 0},
                                                              {"inlined", false}}));

  ASSERT_EQ(report["bad_frees"].size(), 1u);
  auto bad_free = report["bad_frees"][0];
  EXPECT_EQ(bad_free["kind"], "double free");
  EXPECT_EQ(bad_free["address"], "0x733300");
  EXPECT_EQ(bad_free["stacks"]["free"][0]["function"], "main");
  EXPECT_EQ(bad_free["stacks"]["first_free"][0]["function"], "no_debug_info");
  EXPECT_EQ(bad_free["stacks"]["allocation"], nlohmann::json::array());
}

TEST_F(Emit, JsonOfNothingHasEmptyLists) {
  auto report = json();
  EXPECT_EQ(report["stacks"], nlohmann::json::array());
  EXPECT_EQ(report["bad_frees"], nlohmann::json::array());
  EXPECT_EQ(report["totals"]["blocks"], 0);
}

TEST_F(Emit, JsonIsValidUtf8WhateverThePathsAre) {
  ledger.header.program = ledger.text("/home/\xff\xfe\"\\\n");
  EXPECT_EQ(json()["program"], "/home/\\xff\\xfe\"\\\n");
}

// xmalloc, its caller, and main.
constexpr const char* kThroughAWrapper[] = {"xmalloc", "open_client", "main"};

TEST_F(Emit, TheOwnFrameIsNamedWhereItIsNotTheFirst) {
  for (unsigned i = 0; i < 3; ++i) symbols.lines[0x4ff + i * 0x100] = {{kThroughAWrapper[i], "/src/a.c", i + 1, false}};
  ledger.block({0x1000, 30, ledger.stack({0x400500, 0x400600, 0x400700})});
  EXPECT_THAT(text(), HasSubstr("\n30 bytes in 1 block, 100.0 %, malloc, oldest 1 min 40 s, in open_client (#1)\n"
                                "    #0 xmalloc /src/a.c:1\n    #1 open_client /src/a.c:2\n"));
  EXPECT_EQ(json()["stacks"][0]["own_frame"], 1);
  const std::string brief = emit([](const Report& report, const Sink& sink) {
    emit_text(report, {false, 0, 2, true}, sink);
  });
  EXPECT_THAT(brief, HasSubstr("oldest 1 min 40 s\n    #1 open_client /src/a.c:2\n    #2 main /src/a.c:3\n"));
  const std::string named = emit([](Report report, const Sink& sink) {
    report.wrappers = Wrappers({"open_client"});
    emit_text(report, {}, sink);
  });
  EXPECT_THAT(named, HasSubstr(", in main (#2)\n"));
}

TEST_F(Emit, JsonHasNoOwnFrameWhereThereAreNoFrames) {
  ledger.block({0x1000, 30, 0});
  EXPECT_FALSE(json()["stacks"][0].contains("own_frame"));
}

TEST_F(Emit, JsonTotalsAreOfAllStacksAlsoWithTop) {
  two_stacks();
  auto report = json(1);
  EXPECT_EQ(report["stacks"].size(), 1u);
  EXPECT_EQ(report["totals"]["stacks"], 2);
  EXPECT_EQ(report["totals"]["bytes"], 80);
}

TEST_F(Emit, TextLeadsWithWhatIsLostAndTheRestTakesOneLine) {
  four_kinds();
  EXPECT_EQ(text_of(kLostKinds),
            "/home/you/app, pid 4711, exited 2026-11-23T09:16:06.000000Z\n"
            "4 lost blocks, 78 bytes in 2 stacks\n"
            "definitely lost: 2 blocks, 41 bytes in 1 stack\n"
            "indirectly lost: 1 block, 7 bytes in 1 stack\n"
            "possibly lost: 1 block, 30 bytes in 1 stack\n"
            "still reachable: 2 blocks, 1300 bytes in 2 stacks: --kinds all lists them\n"
            "leakdir looked: it saw 17 allocations and 14 frees\n"
            "\n"
            "41 bytes in 2 blocks definitely lost, 52.6 %, malloc, oldest 1 min 40 s\n"
            "    #0 make_buffer /home/you/app.c:69 (inlined)\n"
            "    #1 build /home/you/app.c:80\n"
            "    #2 main /home/you/app.c:101\n"
            "\n"
            "7 bytes in 1 block indirectly lost, 9.0 %, malloc, oldest 1 min 40 s\n"
            "    #0 no_debug_info /home/you/app+0x200\n"
            "\n"
            "30 bytes in 1 block possibly lost, 38.5 %, malloc, oldest 1 min 40 s\n"
            "    #0 no_debug_info /home/you/app+0x200\n");
}

TEST_F(Emit, WithAllKindsWhatIsStillReachableComesLast) {
  four_kinds();
  const std::string all = text_of(kAllKinds);
  EXPECT_THAT(all, HasSubstr("6 live blocks, 1378 bytes in 2 stacks\n"));
  EXPECT_THAT(all, HasSubstr("\nstill reachable: 2 blocks, 1300 bytes in 2 stacks\nleakdir looked"));
  EXPECT_LT(all.find("30 bytes in 1 block possibly lost, 2.2 %"), all.find("1000 bytes in 1 block still reachable"));
  EXPECT_LT(all.find("1000 bytes in 1 block still reachable"), all.find("300 bytes in 1 block still reachable"));
}

TEST_F(Emit, OtherKindsAreNamedBehindTheTotal) {
  four_kinds();
  EXPECT_THAT(text_of(*parse_kinds("possible,reachable")),
              HasSubstr("\n3 live blocks (possible,reachable), 1330 bytes in 2 stacks\n"
                        "definitely lost: 2 blocks, 41 bytes in 1 stack: --kinds all lists them\n"
                        "indirectly lost: 1 block, 7 bytes in 1 stack: --kinds all lists them\n"
                        "possibly lost: 1 block, 30 bytes in 1 stack\n"
                        "still reachable: 2 blocks, 1300 bytes in 2 stacks\n"));
  EXPECT_THAT(
      text_of(0),
      HasSubstr("\nno live blocks are listed (--kinds none)\ndefinitely lost: 2 blocks, 41 bytes in 1 stack: --kinds"));
}

TEST_F(Emit, WhereNothingIsLostThatIsSaidFirst) {
  ledger.block_of_kind(ledger::Reach::kReachable, {0x1000, 10, ledger.stack({0x401b2a})});
  EXPECT_THAT(text_of(kLostKinds),
              HasSubstr("Z\nno lost blocks\nstill reachable: 1 block, 10 bytes in 1 stack: --kinds all lists them\n"));
}

TEST_F(Emit, WhatOnlyRunningThreadsMayHoldIsNeitherLostNorHeld) {
  four_kinds();
  ledger.block({0x7000, 70, ledger.stack({0x401b2a})});
  ledger.header.reach_look = static_cast<std::uint32_t>(ledger::ReachLook::kThreads);
  ledger.header.unread_bytes = 4096;
  const std::string lost = text_of(kLostKinds);
  EXPECT_THAT(lost, HasSubstr("4 lost blocks, 78 bytes in 2 stacks\n"));
  EXPECT_THAT(lost, HasSubstr("\nnot known: 1 block, 70 bytes in 1 stack (--kinds all lists them): other threads were "
                              "running when it exited, and one may have held it in a register: end the threads before, "
                              "or look while it runs (report --lost)\n"
                              "not looked at: 4096 bytes of memory that could not be read\n"));
  EXPECT_THAT(text_of(kAllKinds), HasSubstr("\n70 bytes in 1 block, 4.8 %, malloc"));
}

TEST_F(Emit, NothingIsLostAsFarAsIsKnownWhereThreadsMayHoldABlock) {
  ledger.block({0x7000, 70, ledger.stack({0x401b2a})});
  ledger.header.reach_look = static_cast<std::uint32_t>(ledger::ReachLook::kThreads);
  EXPECT_THAT(text_of(kLostKinds), HasSubstr("Z\nno lost blocks, as far as is known\nnot known: 1 block, 70 bytes"));
  EXPECT_THAT(text_of(kAllKinds), HasSubstr("Z\n1 live block, 70 bytes in 1 stack\nnot known: 1 block, 70 bytes"));
}

// Then there was no search: what libc keeps is held by libc.
TEST_F(Emit, WhereOnlyLibcsBlocksLivedNobodyLookedForThem) {
  two_stacks();
  for (auto& block : ledger.blocks) block.word[0] |= ledger::flag_bits(ledger::kFlagLibc);
  ledger.header.option_libc = 1;
  GroupOptions options;
  options.lists_libc = true;
  EXPECT_THAT(text(~std::size_t{0}, options), HasSubstr("\nwhich blocks are lost is not known: only libc's own blocks "
                                                        "were live when it exited, and those nobody looks for\n"));
}

// Who did not look says why, and nothing is guessed.
TEST_F(Emit, WhyNobodyLookedIsOneLine) {
  two_stacks();
  ledger.blocks[1].word[0] |= ledger::flag_bits(1u << ledger::kReachShift);  // of a look that was not finished
  using ledger::ProcessState;
  using ledger::ReachLook;
  struct Case {
    ProcessState state;
    ReachLook look;
    const char* why;
  };
  for (const Case& at : {
           Case{ProcessState::kExited, ReachLook::kNone,
                "nobody looked when it exited (reach=0, or an earlier leakdir)"},
           Case{static_cast<ProcessState>(0), ReachLook::kNone,
                "it ended without exit() (by _exit, a signal or exec), and nobody looked; if there is a core, that "
                "would "
                "tell (--core FILE)"},
           Case{ProcessState::kRunning, ReachLook::kNone, "it is running, and nobody has looked yet (--lost looks)"},
           Case{ProcessState::kExited, ReachLook::kNoMaps, "/proc/self/maps could not be read when it exited"},
           Case{ProcessState::kExited, ReachLook::kNoMemory, "there was no memory to look with when it exited"},
           Case{ProcessState::kExited, ReachLook::kForeign, "it ran upon another allocator than glibc's"},
           Case{ProcessState::kExited, ReachLook::kUnreadable, "its memory could not be read when it exited"},
           Case{ProcessState::kExited, static_cast<ReachLook>(77),
                "nobody looked when it exited (reach=0, or an earlier leakdir)"},
       }) {
    ledger.header.state = static_cast<std::uint32_t>(at.state);
    ledger.header.reach_look = static_cast<std::uint32_t>(at.look);
    const std::string report = text_of(kLostKinds);
    EXPECT_THAT(report, HasSubstr("\n3 live blocks, 80 bytes in 2 stacks\n"));
    EXPECT_THAT(report, HasSubstr(std::string("\nwhich blocks are lost is not known: ") + at.why + "\n"));
    EXPECT_THAT(report, Not(HasSubstr("definitely")));
    EXPECT_FALSE(json()["totals"].contains("kinds"));
    for (const auto& stack : json()["stacks"]) EXPECT_FALSE(stack.contains("kind"));
  }
}

TEST_F(Emit, JsonHasTheKindOfEachStackAndTheirSums) {
  four_kinds();
  const nlohmann::json report = json();
  EXPECT_EQ(report["totals"], nlohmann::json::parse(R"({"blocks":6,"bytes":1378,"stacks":5,"kinds":{
    "definite":{"blocks":2,"bytes":41},"indirect":{"blocks":1,"bytes":7},"possible":{"blocks":1,"bytes":30},
    "reachable":{"blocks":2,"bytes":1300}}})"));
  EXPECT_EQ(report["not_listed"]["kinds"], 0);
  std::vector<std::string> kinds;
  for (const auto& stack : report["stacks"]) kinds.push_back(stack["kind"]);
  EXPECT_THAT(kinds, testing::ElementsAre("definite", "indirect", "possible", "reachable", "reachable"));
  EXPECT_EQ(report["stacks"][0]["addresses"], nlohmann::json({"0x2000", "0x5000"}));
  EXPECT_EQ(report["stacks"][3]["addresses"], nlohmann::json({"0x1000"}));
}

TEST_F(Emit, WhatRuntimesKeepIsCounted) {
  ledger.block({0x2000, 20, ledger.stack({0x401b2a})});
  const Snapshot snapshot = load_built(ledger, false);
  Grouped grouped = group(snapshot, {});
  grouped.runtimes = {{"libobjc", 1, 2, 40}, {"GLib", 3, 4, 7}};
  const FrameLines lines(snapshot.frames.size());
  const Report report{snapshot, grouped, lines, 1, false, {}};
  std::string json, text;
  emit_json(report, [&](std::string_view piece) { json += piece; });
  emit_text(report, {false, 0}, [&](std::string_view piece) { text += piece; });
  EXPECT_EQ(nlohmann::json::parse(json)["not_listed"]["runtimes"], 6);
  EXPECT_EQ(nlohmann::json::parse(json)["runtimes"],
            nlohmann::json::parse(R"([{"name":"libobjc","blocks":2,"bytes":40,"stacks":1},
                                      {"name":"GLib","blocks":4,"bytes":7,"stacks":3}])"));
  EXPECT_THAT(text, HasSubstr("not listed: 2 blocks, 40 bytes, kept by libobjc (--no-runtime-suppressions lists them)\n"
                              "not listed: 4 blocks, 7 bytes, kept by GLib (--no-runtime-suppressions lists them)\n"));
}

TEST_F(Emit, JsonCountsTheKindsThatAreNotListed) {
  four_kinds();
  const auto report = nlohmann::json::parse(emit(emit_json, ~std::size_t{0}, {}, kLostKinds));
  EXPECT_EQ(report["totals"]["blocks"], 4);
  EXPECT_EQ(report["totals"]["bytes"], 78);
  EXPECT_EQ(report["totals"]["stacks"], 3);
  EXPECT_EQ(report["stacks"].size(), 3u);
  EXPECT_EQ(report["totals"]["kinds"]["reachable"], nlohmann::json({{"blocks", 2}, {"bytes", 1300}}));
  EXPECT_EQ(report["not_listed"]["kinds"], 2);
}

}  // namespace
}  // namespace leakdir::tool
