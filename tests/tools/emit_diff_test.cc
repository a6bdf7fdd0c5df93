// SPDX-License-Identifier: BSL-1.0
#include "emit/emit_diff.hh"

#include <gmock/gmock-matchers.h>
#include <gtest/gtest.h>

#include "analyse/stack_id.hh"
#include "json.hh"

namespace leakdir::tool {
namespace {

TallyStack stack(const std::string& function, std::uint64_t blocks, std::uint64_t bytes) {
  TallyStack made;
  made.call = "malloc";
  made.identity = {function + " (app)"};
  made.blocks = blocks;
  made.bytes = bytes;
  made.frames = {{{function, "/src/app.c", 5, true}, "/app", "0x9f6"}, {{"", "", 0, false}, "/lib/x.so", "0x10"}};
  return made;
}

class EmitDiff : public testing::Test {
 protected:
  EmitDiff() {
    before.origin = "mem-1";
    before.program = after.program = "/home/you/app";
    before.state = "exited";
    after.origin = "mem-2";
    after.state = "running";
    before.stacks = {stack("gone", 1, 10), stack("grown", 1, 10), stack("same", 5, 50), stack("shrunk", 5, 50)};
    after.stacks = {stack("grown", 3, 30), stack("new", 1, 100), stack("same", 5, 50), stack("shrunk", 4, 40)};
    for (auto& stack : before.stacks) stack.stacks = stack.blocks == 5 ? 3 : stack.blocks == 1 ? 1 : 2;
    before.stacks[0].stacks = 2;
    after.bad_frees = {stack("drop", 1, 0)};
    after.bad_frees[0].call = "double free";
    after.warnings = {"the ledger is cut short"};
  }

  Comparison comparison() const {
    return {before,    after, compare(before.stacks, after.stacks), compare(before.bad_frees, after.bad_frees),
            lists_all, top};
  }
  std::string text() const {
    std::string all;
    emit_diff_text(comparison(), [&all](std::string_view piece) { all += piece; });
    return all;
  }

  Tally before, after;
  bool lists_all = false;
  std::size_t top = 0;
};

constexpr char kHead[] =
    "old: mem-1: /home/you/app, exited, 12 live blocks, 120 bytes in 9 stacks, 4 by function\n"
    "new: mem-2: /home/you/app, running, 13 live blocks, 220 bytes in 4 stacks by function, 1 bad free\n"
    "+100 bytes, +1 block; stacks by function: 1 new, 1 grown, 1 shrunk, 1 gone, 1 same\n"
    "\n"
    "new: +100 bytes, +1 block, malloc\n"
    "    #0 new /src/app.c:5 (inlined)\n"
    "    #1 /lib/x.so+0x10\n";
constexpr char kGrown[] =
    "\n"
    "grown: +20 bytes, +2 blocks (10 in 1 -> 30 in 3), malloc\n"
    "    #0 grown /src/app.c:5 (inlined)\n"
    "    #1 /lib/x.so+0x10\n";
constexpr char kTail[] =
    "\n"
    "new: +1 bad free: double free\n"
    "    #0 drop /src/app.c:5 (inlined)\n"
    "    #1 /lib/x.so+0x10\n"
    "\n"
    "warning: mem-2: the ledger is cut short\n";

TEST_F(EmitDiff, TextShowsWhatGrewLargestFirst) { EXPECT_EQ(text(), std::string(kHead) + kGrown + kTail); }

TEST_F(EmitDiff, OfASampleSaysWhatIsEstimated) {
  after.sample_bytes = 1024;
  after.recorded = {2, 30, 2};
  EXPECT_THAT(text(), testing::HasSubstr("old: mem-1: /home/you/app, exited, 12 live blocks, 120 bytes in 9 stacks"));
  EXPECT_THAT(text(), testing::HasSubstr(
                          "running, an estimated 13 live blocks, 220 bytes in 4 stacks by function (in the sample "
                          "2 blocks, 30 bytes), 1 bad free\n"
                          "+100 bytes, +1 block, estimated; stacks"));
  std::string json;
  emit_diff_json(comparison(), [&json](std::string_view piece) { json += piece; });
  const auto parsed = nlohmann::json::parse(json);
  EXPECT_FALSE(parsed["old"].contains("sample"));
  EXPECT_EQ(parsed["new"]["sample"]["bytes"], 1024);
  EXPECT_EQ(parsed["new"]["recorded"]["bytes"], 30);
}

TEST_F(EmitDiff, TextShowsWhatShrankWhenAsked) {
  lists_all = true;
  EXPECT_EQ(text(), std::string(kHead) + kGrown +
                        "\ngone: -10 bytes, -1 block, malloc\n"
                        "    #0 gone /src/app.c:5 (inlined)\n"
                        "    #1 /lib/x.so+0x10\n"
                        "\nshrunk: -10 bytes, -1 block (50 in 5 -> 40 in 4), malloc\n"
                        "    #0 shrunk /src/app.c:5 (inlined)\n"
                        "    #1 /lib/x.so+0x10\n" +
                        kTail);
}

TEST_F(EmitDiff, TopLeavesOutTheSmaller) {
  top = 1;
  EXPECT_EQ(text(), std::string(kHead) + "\n1 more stack by function not shown\n" + kTail);
}

TEST_F(EmitDiff, ControlCharactersDoNotReachTheTerminal) {
  after.stacks[1].frames[0].line.function = "\x1b[2Jnew";
  after.stacks[1].frames[1].module = "\x1b]0;x";
  after.origin = after.program = after.state = after.warnings[0] = after.bad_frees[0].call = "\x1b";
  EXPECT_EQ(text().find('\x1b'), std::string::npos);
}

TEST_F(EmitDiff, JsonHasAllOfIt) {
  std::string all;
  emit_diff_json(comparison(), [&all](std::string_view piece) { all += piece; });
  using Json = nlohmann::json;
  const auto pair = [](int before_it, int after_it) { return Json{{"old", before_it}, {"new", after_it}}; };
  const auto stack_of = [&](const char* change, const char* function, const Json& numbers) {
    TallyStack same = stack(function, 1, 1);
    same.call = numbers.value("kind", same.call);
    Json whole = {{"change", change},
                  {"id", stack_id(same)},
                  {"identity", {std::string(function) + " (app)"}},
                  {"frames",
                   {{{"module", "/app"},
                     {"offset", "0x9f6"},
                     {"function", function},
                     {"file", "/src/app.c"},
                     {"line", 5},
                     {"inlined", true}},
                    {{"module", "/lib/x.so"},
                     {"offset", "0x10"},
                     {"function", ""},
                     {"file", ""},
                     {"line", 0},
                     {"inlined", false}}}}};
    whole.update(numbers);
    return whole;
  };
  const auto live = [&](const char* change, const Json& blocks, const Json& bytes) {
    return stack_of(change, change, {{"call", "malloc"}, {"blocks", blocks}, {"bytes", bytes}});
  };
  const Json expected = {{"version", 1},
                         {"old",
                          {{"origin", "mem-1"},
                           {"program", "/home/you/app"},
                           {"state", "exited"},
                           {"blocks", 12},
                           {"bytes", 120},
                           {"stacks", 4},
                           {"stacks_of_report", 9},
                           {"bad_frees", 0},
                           {"warnings", Json::array()}}},
                         {"new",
                          {{"origin", "mem-2"},
                           {"program", "/home/you/app"},
                           {"state", "running"},
                           {"blocks", 13},
                           {"bytes", 220},
                           {"stacks", 4},
                           {"stacks_of_report", 0},
                           {"bad_frees", 1},
                           {"warnings", {"the ledger is cut short"}}}},
                         {"stacks",
                          {live("new", pair(0, 1), pair(0, 100)), live("grown", pair(1, 3), pair(10, 30)),
                           live("same", pair(5, 5), pair(50, 50)), live("gone", pair(1, 0), pair(10, 0)),
                           live("shrunk", pair(5, 4), pair(50, 40))}},
                         {"bad_frees", {stack_of("new", "drop", {{"kind", "double free"}, {"count", pair(0, 1)}})}}};
  EXPECT_EQ(Json::parse(all), expected) << all;
}

TEST_F(EmitDiff, TheOwnFrameIsNamedWhereItIsNotTheFirst) {
  after.stacks[1].own = 1;
  EXPECT_THAT(text(), testing::HasSubstr("\nnew: +100 bytes, +1 block, malloc, in /lib/x.so+0x10 (#1)\n    #0 new "));
  after.stacks[1].own = 0;
  EXPECT_THAT(text(), testing::HasSubstr("\nnew: +100 bytes, +1 block, malloc\n    #0 new "));
}

TEST_F(EmitDiff, GrowthIsANewOrGrownStackOrBadFree) {
  EXPECT_TRUE(comparison().has_grown());
  after.stacks = before.stacks;
  EXPECT_TRUE(comparison().has_grown()) << "the bad free";
  after.bad_frees.clear();
  EXPECT_FALSE(comparison().has_grown());
  after.stacks.pop_back();
  EXPECT_FALSE(comparison().has_grown());
}

TEST_F(EmitDiff, AStackThatWasHeldAndIsLostIsSaidSo) {
  const auto reachable = static_cast<std::size_t>(ledger::Reach::kReachable),
             definite = static_cast<std::size_t>(ledger::Reach::kDefinite);
  before.stacks = {stack("cache", 2, 20), stack("grown", 1, 10)};
  after.stacks = {stack("cache", 2, 20), stack("grown", 3, 30)};
  before.stacks[0].kinds[reachable] = {2, 20};
  after.stacks[0].kinds[definite] = {1, 10};
  after.stacks[0].kinds[reachable] = {1, 10};
  after.stacks[1].kinds[definite] = {3, 30};
  after.bad_frees.clear();
  after.warnings.clear();
  const std::string all = text();
  EXPECT_EQ(all.substr(all.find('+')),
            "+20 bytes, +2 blocks; stacks by function: 0 new, 1 grown, 1 lost, 0 shrunk, 0 gone, 0 same\n"
            "\n"
            "grown: +20 bytes, +2 blocks (10 in 1 -> 30 in 3), malloc, 3 definitely lost\n"
            "    #0 grown /src/app.c:5 (inlined)\n"
            "    #1 /lib/x.so+0x10\n"
            "\n"
            "lost: +0 bytes, +0 blocks (20 in 2 -> 20 in 2), malloc, 1 definitely lost, 1 still reachable (before: 2 "
            "still reachable)\n"
            "    #0 cache /src/app.c:5 (inlined)\n"
            "    #1 /lib/x.so+0x10\n");
  EXPECT_TRUE(comparison().has_grown());
  std::string json_text;
  emit_diff_json(comparison(), [&](std::string_view piece) { json_text += piece; });
  const auto json = nlohmann::json::parse(json_text);
  EXPECT_EQ(json["stacks"][1]["change"], "lost");
  EXPECT_EQ(json["stacks"][1]["kinds"],
            nlohmann::json::parse(R"({"definite":{"old":0,"new":1},"indirect":{"old":0,"new":0},
              "possible":{"old":0,"new":0},"reachable":{"old":2,"new":1}})"));
  EXPECT_EQ(json["stacks"][0]["kinds"]["definite"], nlohmann::json::parse(R"({"old":null,"new":3})"));
}

}  // namespace
}  // namespace leakdir::tool
