// SPDX-License-Identifier: BSL-1.0
#include "analyse/suppressions.hh"

#include <gmock/gmock-more-matchers.h>
#include <gtest/gtest.h>

#include "analyse/pattern.hh"
#include "analyse/suppressions_for.hh"
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
  EXPECT_THAT(fault_in(std::string(100000, 'x')), testing::SizeIs(testing::Lt(200u)));
}

using Kind = FramePattern::Kind;

TEST(ParseSuppressions, TakesBlocksAsValgrindHasThem) {
  const auto rules = parse_suppressions(
      "leak:first\n"
      "# of Valgrind's\n"
      "{\n"
      "   <insert_a_suppression_name_here>\n"
      "   Memcheck:Leak\n"
      "   match-leak-kinds: definite\n"
      "   fun:malloc\n"
      "   fun:make*\n"
      "   # known since March\n"
      "   ...\n"
      "   obj:/usr/lib/*/libz.so.1\n"
      "   src:*/z.c\n"
      "   fun:_ZN3app4growEPc\n"
      "}\n"
      "{\n  other tools\n  Memcheck:Param\n  write(buf)\n  fun:write\n}\n"
      "{\n  theirs\n  Helgrind:Race\n  fun:f\n}\n"
      "{\nboth\nHelgrind , leakdir:Leak\nfun:g\n}\n"
      "leak:last\n",
      "app.supp");
  ASSERT_EQ(rules.size(), 4u);
  EXPECT_EQ(rules[0].in_words(), "leak:first");
  EXPECT_EQ(rules[1].in_words(), "{<insert_a_suppression_name_here>}");
  EXPECT_EQ(rules[1].origin, "app.supp:3");
  std::vector<std::pair<Kind, std::string>> frames;
  for (const auto& frame : rules[1].frames) frames.emplace_back(frame.kind, frame.glob);
  EXPECT_THAT(frames, ElementsAre(std::pair(Kind::kFunction, "malloc"), std::pair(Kind::kFunction, "make*"),
                                  std::pair(Kind::kAnyFrames, ""), std::pair(Kind::kModule, "/usr/lib/*/libz.so.1"),
                                  std::pair(Kind::kFile, "*/z.c"), std::pair(Kind::kFunction, "app::grow(char\\*)")));
  EXPECT_EQ(rules[2].in_words(), "{both}");
  EXPECT_EQ(rules[3].origin, "app.supp:31");
}

TEST(ParseSuppressions, RefusesABadBlockByItsLine) {
  EXPECT_EQ(fault_in("{\n  <name>\n"), "app.supp:1: the block that starts here has no end");
  EXPECT_EQ(fault_in("{\n}\n"), "app.supp:1: a block needs a name, leakdir:Leak and frames, each in a line of its own");
  EXPECT_EQ(fault_in("{\nname\n}\n"),
            "app.supp:1: a block needs a name, leakdir:Leak and frames, each in a line of its own");
  EXPECT_EQ(fault_in("{\nname\nleakdir:Leak\n}\n"), "app.supp:1: a block without frames would suppress everything");
  EXPECT_EQ(fault_in("{\nname\nleakdir:Leak\n...\n}\n"),
            "app.supp:1: a block without frames would suppress everything");
  EXPECT_EQ(fault_in("{\nname\nfun\nfun:f\n}\n"), "app.supp:3: \"fun\" is no TOOL:KIND, such as leakdir:Leak");
  EXPECT_EQ(fault_in("{\nname\nMemcheck:Foo\nfun:f\n}\n"),
            "app.supp:3: \"Foo\" is no kind that Memcheck knows; Leak is that of leaks");
  EXPECT_EQ(fault_in("{\nname\nleakdir:leak\nfun:f\n}\n"),
            "app.supp:3: \"leak\" is no kind that leakdir knows; Leak is that of leaks");
  EXPECT_EQ(fault_in("{\nname\nMemchek:Leak\nfun:f\n}\n"),
            "app.supp:3: \"Memchek:Leak\" is of no tool that finds leaks; Memcheck:Leak and leakdir:Leak are");
  for (const char* known :
       {"Memcheck:Addr4", "Memcheck:Value8", "Memcheck: Cond", "drd:ConflictingAccess", "Memcheck,Helgrind:Race"})
    EXPECT_EQ(fault_in(std::string("{\nname\n") + known + "\nfun:f\n}\n"), "") << known;
  EXPECT_EQ(fault_in("{\nname\nleakdir:Leak\nfunc:f\n}\n"),
            "app.supp:4: \"func:f\" is no frame; fun:, obj:, src: and ... are");
  EXPECT_EQ(fault_in("{\nname\nleakdir:Leak\nfun: \n}\n"), "app.supp:4: fun: without a pattern");
}

TEST(ParseSuppressions, TakesKindsAsValgrindHasThem) {
  const auto kinds_in = [](const std::string& line) {
    return parse_suppressions("{\nx\nMemcheck:Leak\n" + line + "fun:f\n}\n", "s").at(0).kinds;
  };
  EXPECT_EQ(kinds_in(""), kAllKinds);
  EXPECT_EQ(kinds_in("match-leak-kinds: all\n"), kAllKinds);
  EXPECT_EQ(kinds_in("match-leak-kinds:none\n"), 0u);
  EXPECT_EQ(kinds_in("match-leak-kinds: definite\n"), kind_bit(ledger::Reach::kDefinite));
  EXPECT_EQ(kinds_in("match-leak-kinds: possible, reachable\n"),
            kind_bit(ledger::Reach::kPossible) | kind_bit(ledger::Reach::kReachable));
  EXPECT_EQ(
      fault_in("{\nx\nMemcheck:Leak\nmatch-leak-kinds: lost\nfun:f\n}\n"),
      "app.supp:4: match-leak-kinds: is followed by some of definite, indirect, possible and reachable, or by all or "
      "none");
  EXPECT_EQ(fault_in("{\nx\nMemcheck:Leak\nfun:f\nmatch-leak-kinds: definite\n}\n"),
            "app.supp:5: \"match-leak-kinds: definite\" is no frame; fun:, obj:, src: and ... are");
  const std::string text = "{\n   x\n   leakdir:Leak\n   match-leak-kinds: indirect,possible\n   fun:f\n}\n";
  EXPECT_EQ(text_of_block(parse_suppressions(text, "s").at(0)), text);
}

TEST(ParseSuppressions, PassesOverABadBlockAsAWhole) {
  std::vector<std::string> warnings;
  const auto rules = parse_suppressions("{\nx\nleakdir:Leak\nnonsense\nfun:a\n}\nleak:a\n{\nopen\n", "own", &warnings);
  ASSERT_EQ(rules.size(), 1u);
  EXPECT_EQ(rules[0].pattern, "a");
  EXPECT_THAT(warnings,
              ElementsAre("own:4: \"nonsense\" is no frame; fun:, obj:, src: and ... are; the block was passed over",
                          "own:8: the block that starts here has no end; the block was passed over"));
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

// A block of frames, the call and main() left out.
std::string block(const std::string& frames) { return "{\nx\nleakdir:Leak\n" + frames + "}\n"; }

TEST_F(Suppress, ABlockOfFramesIsTheStackFromTheInside) {
  EXPECT_EQ(left(block("fun:make_buffer\n")), 60u);
  EXPECT_EQ(left(block("fun:malloc\nfun:make_buffer\nfun:build(int)\nfun:main\n")), 60u);
  EXPECT_EQ(left(block("fun:calloc\nfun:make_buffer\n")), 160u) << "another call";
  EXPECT_EQ(left(block("fun:build*\n")), 160u) << "it is not the innermost";
  EXPECT_EQ(left(block("fun:make_buffer\nfun:main\n")), 160u) << "a frame is missing";
  EXPECT_EQ(left(block("fun:make_buffer\n...\nfun:main\n")), 60u);
  EXPECT_EQ(left(block("...\nfun:main\n")), 10u);
  EXPECT_EQ(left(block("...\nfun:main\nfun:more\n")), 160u) << "the stack ends before";
  EXPECT_EQ(left(block("fun:*\nfun:*\n")), 0u) << "also what has no name, and the place";
  EXPECT_EQ(left(block("obj:*/app\nobj:/home/you/app\n")), 10u);
  EXPECT_EQ(left(block("obj:*/libplugin.so*\n")), 153u);
  EXPECT_EQ(left(block("src:*/other.c\n")), 110u);
  EXPECT_EQ(left(block("src:/src/hooked.c\n")), 157u) << "what the macro hook recorded";
  EXPECT_EQ(left(block("fun:malloc\nsrc:/src/hooked.c\n")), 157u);
  EXPECT_EQ(left(block("fun:other\n") + "leak:main\n"), 10u);
  ASSERT_EQ(uses.size(), 2u);
  EXPECT_EQ(uses[0].bytes, 50u) << "blocks of frames are asked first";
  EXPECT_EQ(uses[1].bytes, 100u);
  left(block("fun:gone\n"));
  EXPECT_THAT(unused(uses), ElementsAre("s:1: {x} suppressed nothing"));
}

TEST_F(Suppress, ABlockForSomeKindsTakesBlocksOfTheseAlone) {
  snapshot.reach_look = ledger::ReachLook::kDone;
  for (auto& block : snapshot.blocks)
    block.reach = block.address == 0x2000 ? ledger::Reach::kReachable : ledger::Reach::kDefinite;
  grouped = group(snapshot, {});
  const auto for_kinds = [](const std::string& kinds) { return block("match-leak-kinds: " + kinds + "\nfun:other\n"); };
  EXPECT_EQ(left(for_kinds("reachable")), 140u);
  EXPECT_EQ(left(for_kinds("definite")), 130u);
  EXPECT_EQ(left(for_kinds("definite,reachable")), 110u);
  EXPECT_EQ(left(for_kinds("all")), 110u);
  EXPECT_EQ(left(for_kinds("indirect,possible")), 160u);
  EXPECT_THAT(unused(uses), ElementsAre("s:1: {x} suppressed nothing"));
  EXPECT_EQ(left(for_kinds("possible") + for_kinds("definite")), 130u) << "the next one is asked";
  EXPECT_EQ(left(for_kinds("reachable") + "leak:other"), 110u);
}

TEST_F(Suppress, ABlockForSomeKindsTakesNothingOfWhichNoKindIsKnown) {
  const std::string text = block("match-leak-kinds: definite\nfun:other\n");
  EXPECT_EQ(left(text), 160u);
  EXPECT_THAT(unused(uses), ElementsAre("s:1: {x} is for kinds of leaks (definite), and whether 2 blocks are of such a "
                                        "kind is not known: not suppressed"));
  EXPECT_EQ(left(text + "leak:other"), 110u) << "one for all kinds does not ask";
  EXPECT_THAT(unused(uses), ElementsAre("s:1: {x} suppressed nothing"));
  EXPECT_EQ(left(block("match-leak-kinds: all\nfun:other\n")), 110u);
}

TEST_F(Suppress, ABlockOfValgrindsKnowsOperatorNewAndWhatIsBelowMain) {
  for (auto& group : grouped.groups) group.call = static_cast<std::uint8_t>(ledger::Call::kNew);
  for (const char* call :
       {"_Znwm", "_Znaj", "_Znw*", "_ZnwmRKSt9nothrow_t", "operator new(unsigned long)", "operator new"})
    EXPECT_EQ(left(block(std::string("fun:") + call + "\nfun:other\n")), 110u) << call;
  EXPECT_EQ(left(block("fun:malloc\nfun:other\n")), 160u);
  EXPECT_EQ(left(block("...\nfun:main\nfun:(below main)\n")), 160u);
  for (auto& of_frame : lines)
    if (!of_frame.empty() && of_frame[0].function == "main")
      of_frame.push_back({"__libc_start_call_main", "", 0, false});
  EXPECT_EQ(left(block("...\nfun:main\nfun:(below main)\n")), 10u);
}

constexpr char kBlocksForAll[] =
    "# 1 block, 100 bytes in 1 stack\n"
    "{\n   make_buffer\n   leakdir:Leak\n   fun:malloc\n   fun:make_buffer\n   fun:build(int)\n   fun:main\n}\n"
    "# 2 blocks, 50 bytes in 1 stack\n"
    "{\n   other\n   leakdir:Leak\n   fun:malloc\n   fun:other\n   fun:main\n}\n"
    "# 1 block, 7 bytes in 1 stack\n"
    "{\n   libplugin.so.1\n   leakdir:Leak\n   fun:malloc\n   obj:*/libplugin.so.1\n}\n"
    "# 1 block, 3 bytes in 1 stack\n"
    "{\n   hooked.c\n   leakdir:Leak\n   fun:malloc\n   src:/src/hooked.c\n}\n";

TEST_F(Suppress, SuppressionsForAllTakeAll) {
  const MadeSuppressions made = suppressions_for(snapshot, lines, grouped, grouped.groups.size());
  EXPECT_EQ(made.text, kBlocksForAll);
  EXPECT_THAT(made.warnings, testing::IsEmpty());
  EXPECT_EQ(left(made.text), 0u);
}

TEST_F(Suppress, SuppressionsForOneTakeThatAlone) {
  const std::uint64_t bytes[] = {100, 50, 7, 3};
  for (std::size_t i = 0; i < grouped.groups.size(); ++i) {
    std::rotate(grouped.groups.begin(), grouped.groups.begin() + (i == 0 ? 0 : 1), grouped.groups.end());
    const MadeSuppressions made = suppressions_for(snapshot, lines, grouped, 1);
    EXPECT_THAT(made.warnings, testing::IsEmpty());
    EXPECT_EQ(left(made.text), 160 - bytes[i]);
    ASSERT_EQ(uses.size(), 1u);
  }
}

TEST_F(Suppress, SuppressionsAreSafe) {
  auto& innermost = lines[snapshot.nodes[grouped.groups[0].stack].frame];
  innermost = {{"evil\nleak:*", "/src/fill.cc", 2, false}, {"f(char*, \xff)", "/src/f.c", 1, false}};
  const std::string text = suppressions_for(snapshot, lines, grouped, 1).text;
  EXPECT_THAT(text, HasSubstr("   evil\\x0aleak:*\n   leakdir:Leak\n   fun:malloc\n   fun:evil\\\\x0aleak:\\*\n"
                              "   fun:f(char\\*, \\\\xff)\n   fun:main\n}\n"));
  EXPECT_EQ(left(text), 60u);
  for (const char* name : {"}", "#f", " f ", "{"}) {
    innermost = {{name, "/src/fill.cc", 2, false}};
    EXPECT_EQ(left(suppressions_for(snapshot, lines, grouped, 1).text), 60u) << name;
  }
  for (auto& of_frame : lines) of_frame.clear();
  EXPECT_EQ(suppressions_for(snapshot, lines, grouped, 1).text,
            "# 1 block, 100 bytes in 1 stack: no name is known to suppress them by\n")
      << "the program's frames without names: that would be everything";
}

TEST_F(Suppress, SuppressionsAreForTheSameFunctionInAnotherBuild) {
  auto& innermost = lines[snapshot.nodes[grouped.groups[0].stack].frame];
  innermost = {{"__GI___strdup", "", 0, false}, {"fill.constprop.0", "/src/fill.c", 1, false}};
  const std::string text = suppressions_for(snapshot, lines, grouped, 1).text;
  EXPECT_THAT(text, HasSubstr("   fill.constprop.0\n   leakdir:Leak\n   fun:malloc\n   fun:strdup\n   fun:fill\n"));
  EXPECT_EQ(left(text), 60u);
  innermost = {{"strdup", "", 0, false}, {"fill", "/src/fill.c", 1, false}};
  EXPECT_EQ(left(text), 60u);
}

// Twenty functions call one wrapper, some of them twice.
class SuppressOneWrapper : public testing::Test {
 protected:
  static constexpr unsigned kCallers = 20;

  void leak(unsigned caller, unsigned line, std::uint64_t size) {
    ledger.block({next_ += 0x100, size, ledger.stack({0x401001, 0x402000 + caller * 0x100 + line, 0x40f001})});
  }

  void load() {
    snapshot = load_built(ledger);
    grouped = group(snapshot, {});
    lines.assign(snapshot.frames.size(), {});
    for (std::size_t i = 0; i < snapshot.frames.size(); ++i) {
      const std::uint64_t pc = snapshot.frames[i].pc;
      const std::string name = pc == 0x401001   ? "mosquitto__calloc"
                               : pc == 0x40f001 ? "main"
                                                : "user_" + std::to_string((pc - 0x402000) / 0x100);
      lines[i] = {{name, "/src/app.c", static_cast<unsigned>(pc & 0xff), false}};
    }
  }

  SuppressOneWrapper() {
    ledger.program("/home/you/app", 0x400000);
    ledger.thread(4711, "app", 10, 0);
    for (unsigned i = 0; i < kCallers; ++i) leak(i, 1, 1000 - i);
    leak(0, 2, 10);
    load();
  }

  std::uint64_t blocks_left(const std::string& text) {
    Grouped rest = grouped;
    suppress(snapshot, lines, parse_suppressions(text, "s"), rest);
    return rest.blocks;
  }

  LedgerBuilder ledger;
  Snapshot snapshot;
  Grouped grouped;
  FrameLines lines;
  std::uint64_t next_ = 0x100000;
};

TEST_F(SuppressOneWrapper, HidesWhatItWasMadeFromAndNoOther) {
  ASSERT_EQ(grouped.groups.size(), 21u);
  const MadeSuppressions all = suppressions_for(snapshot, lines, grouped, 21);
  EXPECT_THAT(all.warnings, testing::IsEmpty());
  EXPECT_THAT(all.text, HasSubstr("# 2 blocks, 1010 bytes in 2 stacks\n{\n   user_0\n   leakdir:Leak\n   fun:malloc\n"
                                  "   fun:mosquitto__calloc\n   fun:user_0\n   fun:main\n}\n"));
  EXPECT_EQ(parse_suppressions(all.text, "s").size(), 20u) << "two stacks are one by function";
  EXPECT_EQ(blocks_left(all.text), 0u);
  leak(kCallers, 1, 77);
  leak(3, 9, 5);
  load();
  ASSERT_EQ(grouped.blocks, 23u);
  EXPECT_EQ(blocks_left(all.text), 1u) << "a leak through the same wrapper, in a function that had none";
}

TEST_F(SuppressOneWrapper, SaysWhereItWouldHideMore) {
  const MadeSuppressions one = suppressions_for(snapshot, lines, grouped, 1);
  EXPECT_THAT(one.text, testing::StartsWith("# 1 block, 1000 bytes in 1 stack\n"
                                            "# It hides more than it was made from: 1 block, 10 bytes in 1 stack\n{"));
  EXPECT_THAT(one.warnings, ElementsAre("the suppression {user_0} hides more than it was made from: 1 block, 10 bytes "
                                        "in 1 stack"));
  EXPECT_EQ(blocks_left(one.text), 19u);
  // A stack of which the outer frames were not kept.
  ledger.block({next_ += 0x100, 5000, ledger.stack({0x401001})});
  load();
  const MadeSuppressions cut = suppressions_for(snapshot, lines, grouped, 1);
  EXPECT_THAT(cut.warnings, ElementsAre(HasSubstr("{mosquitto__calloc} hides more than it was made from: 21 blocks")));
}

}  // namespace
}  // namespace leakdir::tool
