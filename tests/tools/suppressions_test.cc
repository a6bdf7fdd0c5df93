// SPDX-License-Identifier: BSL-1.0
#include "analyse/suppressions.hh"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "base/error.hh"
#include "load_from_memory.hh"

namespace leakdir::tool {
namespace {

using testing::ElementsAre;
using testing::HasSubstr;

TEST(Pattern, IsFoundAnywhereInTheName) {
  EXPECT_TRUE(matches_pattern("make", "make_buffer"));
  EXPECT_TRUE(matches_pattern("buf", "make_buffer"));
  EXPECT_TRUE(matches_pattern("er", "make_buffer"));
  EXPECT_FALSE(matches_pattern("buffers", "make_buffer"));
  EXPECT_FALSE(matches_pattern("Make", "make_buffer"));
  EXPECT_FALSE(matches_pattern("x", ""));
  EXPECT_FALSE(matches_pattern("*", "")) << "a name that is not known is no name";
}

TEST(Pattern, IsHeldByAnchors) {
  EXPECT_TRUE(matches_pattern("^make", "make_buffer"));
  EXPECT_FALSE(matches_pattern("^buffer", "make_buffer"));
  EXPECT_TRUE(matches_pattern("buffer$", "make_buffer"));
  EXPECT_FALSE(matches_pattern("make$", "make_buffer"));
  EXPECT_TRUE(matches_pattern("^make_buffer$", "make_buffer"));
  EXPECT_FALSE(matches_pattern("^make_buffer$", "make_buffers"));
  EXPECT_TRUE(matches_pattern("foo$", "foobar::foo")) << "the first foo is not the last";
  EXPECT_TRUE(matches_pattern("main::$_0::", "main::$_0::operator()() const")) << "within, $ is a letter";
}

TEST(Pattern, StarStandsForAnything) {
  EXPECT_TRUE(matches_pattern("^a*c$", "ac"));
  EXPECT_TRUE(matches_pattern("^a*c$", "abcbc"));
  EXPECT_FALSE(matches_pattern("^a*c$", "abcb"));
  EXPECT_TRUE(matches_pattern("ns::*::push*(int)", "app::ns::Stack::push_back(int)"));
  EXPECT_FALSE(matches_pattern("ns::*::push*(long)", "app::ns::Stack::push_back(int)"));
  EXPECT_TRUE(matches_pattern("*", "anything"));
  EXPECT_TRUE(matches_pattern("^*b*$", "abc"));
  EXPECT_FALSE(matches_pattern("^*d*$", "abc"));
  EXPECT_TRUE(matches_pattern("^operator*$", "operator*(Matrix const&)"));
}

TEST(Pattern, ThatIsMeantToTakeForeverDoesNot) {
  EXPECT_FALSE(matches_pattern(std::string("a*a*a*a*a*a*a*a*a*a*a*a*b"), std::string(4000, 'a')));
}

TEST(ParseSuppressions, TakesRulesAndPassesOverCommentsAndBlankLines) {
  const auto rules = parse_suppressions("# known\n\n  leak:first \r\n\t# indented\nleak:^sec ond$", "app.supp");
  ASSERT_EQ(rules.size(), 2u);
  EXPECT_EQ(rules[0].pattern, "first");
  EXPECT_EQ(rules[0].origin, "app.supp:3");
  EXPECT_EQ(rules[1].pattern, "^sec ond$");
  EXPECT_EQ(rules[1].origin, "app.supp:5");
  EXPECT_EQ(parse_suppressions("\xef\xbb\xbfleak:a:b\n", "x")[0].pattern, "a:b");
  EXPECT_TRUE(parse_suppressions("", "x").empty());
}

std::string fault_in(const std::string& text) {
  try {
    parse_suppressions(text, "app.supp");
    return {};
  } catch (const Error& error) {
    return error.what();
  }
}

TEST(ParseSuppressions, RefusesABadLineByItsNumber) {
  EXPECT_EQ(fault_in("leak:a\nleaks:b\n"), "app.supp:2: \"leaks:b\" is no suppression; leak:PATTERN is");
  EXPECT_EQ(fault_in("make_buffer"), "app.supp:1: \"make_buffer\" is no suppression; leak:PATTERN is");
  EXPECT_EQ(fault_in("leak:\n"), "app.supp:1: leak: without a pattern; leak:* would suppress everything");
  EXPECT_EQ(fault_in("called_from_lib:libz.so\n"),
            "app.supp:1: called_from_lib: is for ThreadSanitizer; leaks are suppressed by leak:PATTERN");
  EXPECT_EQ(fault_in("odr_violation:x\n"),
            "app.supp:1: odr_violation: is for AddressSanitizer; leaks are suppressed by leak:PATTERN");
  EXPECT_THAT(fault_in("# from valgrind\n{\n  <name>\n"), HasSubstr("app.supp:2: this is a suppression of Valgrind's"));
  EXPECT_THAT(fault_in(std::string(100000, 'x')), testing::SizeIs(testing::Lt(200u)));
}

TEST(ParseSuppressions, WarnsOfABadLineWhenItMay) {
  std::vector<std::string> warnings;
  EXPECT_EQ(parse_suppressions("nonsense\nleak:a\n", "own", &warnings).size(), 1u);
  EXPECT_THAT(warnings,
              ElementsAre("own:1: \"nonsense\" is no suppression; leak:PATTERN is; the line was passed over"));
}

class Suppress : public testing::Test {
 protected:
  Suppress() {
    ledger.program("/home/you/app", 0x400000);
    const auto plugin = ledger.module("/opt/lib/libplugin.so.1", 0x7f0000000000);
    ledger.thread(4711, "app", 10, 0);
    ledger.block({0x1000, 100, ledger.stack({0x401001, 0x401fff})});  // make_buffer, inlined into build; main
    ledger.block({0x2000, 20, ledger.stack({0x402001, 0x401fff})});   // other; main
    ledger.block({0x3000, 30, ledger.stack({0x402001, 0x401fff})});
    ledger.block({0x4000, 7, ledger.stack({0x7f0000000123}, plugin)});  // nothing known but the library
    ledger.block({0x5000, 3, ledger.node(ledger.text("/src/hooked.c"), ledger::kPlaceModule, 0, 12)});
    snapshot = load_built(ledger);
    grouped = group(snapshot, {});
    lines.resize(snapshot.frames.size());
    for (std::size_t i = 0; i < snapshot.frames.size(); ++i) {
      if (snapshot.frames[i].pc == 0x401001)
        lines[i] = {{"make_buffer", "/src/buffer.c", 5, true}, {"build(int)", "/src/build.cc", 8, false}};
      if (snapshot.frames[i].pc == 0x402001) lines[i] = {{"other", "/src/other.c", 9, false}};
      if (snapshot.frames[i].pc == 0x401fff) lines[i] = {{"main", "/src/main.c", 90, false}};
    }
  }

  // What is left in bytes, after the rules of `text`.
  std::uint64_t left(const std::string& text) {
    Grouped rest = grouped;
    uses = suppress(snapshot, lines, parse_suppressions(text, "s"), rest);
    std::uint64_t bytes = 0, blocks = 0;
    for (const auto& group : rest.groups) bytes += group.bytes, blocks += group.blocks.size();
    EXPECT_EQ(rest.bytes, bytes);
    EXPECT_EQ(rest.blocks, blocks);
    EXPECT_EQ(rest.suppressed_bytes + bytes, 160u);
    EXPECT_EQ(rest.suppressed_blocks + blocks, 5u);
    return bytes;
  }

  LedgerBuilder ledger;
  Snapshot snapshot;
  Grouped grouped;
  FrameLines lines;
  std::vector<SuppressionUse> uses;
};

TEST_F(Suppress, MatchesFunctionFileAndModuleOfEveryFrame) {
  EXPECT_EQ(left(""), 160u);
  EXPECT_EQ(left("leak:^make_buffer$"), 60u) << "an inlined function";
  EXPECT_EQ(left("leak:^build(int)$"), 60u);
  EXPECT_EQ(left("leak:other.c"), 110u) << "a file";
  EXPECT_EQ(left("leak:^main$"), 10u) << "the outermost frame";
  EXPECT_EQ(left("leak:libplugin"), 153u) << "a module";
  EXPECT_EQ(left("leak:/hooked.c$"), 157u) << "the place of the macro hook";
  EXPECT_EQ(left("leak:no_such"), 160u);
  EXPECT_EQ(left("leak:*"), 0u);
}

TEST_F(Suppress, CountsEachBlockForOneRule) {
  EXPECT_EQ(left("leak:main\nleak:other\nleak:no_such"), 10u);
  ASSERT_EQ(uses.size(), 3u);
  EXPECT_EQ(uses[0].bytes, 100u);
  EXPECT_EQ(uses[0].blocks, 1u);
  EXPECT_EQ(uses[1].bytes, 50u) << "the inner frame decides";
  EXPECT_EQ(uses[1].blocks, 2u);
  EXPECT_EQ(uses[1].stacks, 1u);
  EXPECT_THAT(unused(uses), ElementsAre("s:3: leak:no_such suppressed nothing"));
}

TEST_F(Suppress, SuppressionsForAllTakeAll) {
  const std::string text = suppressions_for(snapshot, lines, grouped, grouped.groups.size());
  EXPECT_EQ(text,
            "# 1 block, 100 bytes in 1 stack\nleak:^make_buffer$\n"
            "# 2 blocks, 50 bytes in 1 stack\nleak:^other$\n"
            "# 1 block, 7 bytes in 1 stack\nleak:libplugin.so.1$\n"
            "# 1 block, 3 bytes in 1 stack\nleak:^/src/hooked.c$\n");
  EXPECT_EQ(left(text), 0u);
  EXPECT_EQ(left(suppressions_for(snapshot, lines, grouped, 1)), 60u);
}

TEST_F(Suppress, SuppressionsArePreciseAndSafe) {
  lines[snapshot.nodes[grouped.groups[0].stack].frame] = {
      {"std::vector<int>::push_back(int)", "/usr/include/c++/12/vector", 1, true}, {"fill", "/src/fill.cc", 2, false}};
  EXPECT_THAT(suppressions_for(snapshot, lines, grouped, 1), HasSubstr("leak:^fill$\n"));
  lines[snapshot.nodes[grouped.groups[0].stack].frame] = {{"__strdup", "string/strdup.c", 1, false}};
  EXPECT_THAT(suppressions_for(snapshot, lines, grouped, 1), HasSubstr("leak:^main$\n"));
  for (auto& of_frame : lines)
    if (!of_frame.empty() && of_frame[0].function == "main") of_frame[0].file = "src/main.c";
  lines[snapshot.nodes[grouped.groups[0].stack].frame] = {{"__strdup", "", 0, false}};
  EXPECT_THAT(suppressions_for(snapshot, lines, grouped, 1), HasSubstr("leak:^main$\n"));
  lines[snapshot.nodes[grouped.groups[0].stack].frame] = {{"make", "src/make.c", 1, false}};
  EXPECT_THAT(suppressions_for(snapshot, lines, grouped, 1), HasSubstr("leak:^make$\n"));
  lines[snapshot.nodes[grouped.groups[0].stack].frame] = {{"evil\nleak:*", "/src/fill.cc", 2, false}};
  EXPECT_THAT(suppressions_for(snapshot, lines, grouped, 1), testing::Not(HasSubstr("leak:*")));
  for (auto& of_frame : lines) of_frame.clear();
  EXPECT_EQ(suppressions_for(snapshot, lines, grouped, 1),
            "# 1 block, 100 bytes in 1 stack: no name is known to suppress them by\n");
}

}  // namespace
}  // namespace leakdir::tool
