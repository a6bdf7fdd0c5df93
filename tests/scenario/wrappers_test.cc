// SPDX-License-Identifier: BSL-1.0
//
// A block that came through a wrapper is its caller's, in everything that the tool says; suppressions are for a stack
// and not for all that comes through the wrapper; and blocks are added up by more than their stacks.

#include <gmock/gmock-matchers.h>
#include <gtest/gtest.h>

#include "report_json.hh"
#include "target.hh"

namespace leakdir_test {
namespace {

using testing::HasSubstr;

using Amounts = std::map<std::string, std::pair<std::uint64_t, std::uint64_t>>;  // blocks, bytes

// Without what a compiler that knows namespaces puts in front.
std::string bare(std::string function) {
  const std::string space = "(anonymous namespace)::";
  for (std::size_t at = 0; (at = function.find(space)) != std::string::npos;) function.erase(at, space.size());
  return function.substr(0, function.find('('));
}

Amounts by_own_frame(const nlohmann::json& json) {
  Amounts result;
  for (const auto& stack : json.at("stacks")) {
    const std::string function = stack.at("frames").at(stack.at("own_frame").get<std::size_t>()).at("function");
    auto& amount = result[bare(function)];
    amount.first += stack.at("blocks").get<std::uint64_t>();
    amount.second += stack.at("bytes").get<std::uint64_t>();
  }
  return result;
}

class Wrappers : public testing::TestWithParam<std::string> {
 protected:
  void leave(const std::vector<std::string>& arguments = {}) {
    ASSERT_TRUE(run_in(scratch_, target("wrappers", GetParam()), {"reach=0", arguments, {}, 60}).exited_with(0));
  }
  std::string said(std::vector<std::string> arguments, int status = 0) {
    const Outcome outcome = run_tool(arguments, scratch_.path());
    EXPECT_TRUE(outcome.exited_with(status)) << outcome.describe();
    return outcome.out;
  }

  Scratch scratch_;
};

TEST_P(Wrappers, TheOwnFrameIsTheFirstThatIsNone) {
  leave();
  EXPECT_EQ(by_own_frame(report(scratch_ / "mem")), (Amounts{{"open_client", {3, 3603}},
                                                             {"open_server", {1, 1203}},
                                                             {"parse", {1, 1604}},
                                                             {"keep_name", {1, 26}},
                                                             {"get_memory", {2, 2414}}}))
      << "nothing tells that get_memory is a wrapper";
  EXPECT_EQ(by_own_frame(report(scratch_ / "mem", {"--alloc-fn", "*get_memory"})).at("read_all"),
            std::pair(std::uint64_t{2}, std::uint64_t{2414}));
  EXPECT_EQ(
      by_own_frame(report(scratch_ / "mem", {"--alloc-fn", "*get_memory", "--alloc-fn", "*open_client"})).at("main"),
      std::pair(std::uint64_t{3}, std::uint64_t{3603}));
}

TEST_P(Wrappers, CheckAndTheReportNameTheCaller) {
  leave();
  EXPECT_THAT(said({"check"}, 23), testing::ContainsRegex("8 live blocks, 8850 bytes in 6 stacks, 5 by function; the "
                                                          "largest: .*open_client.* /.*/wrappers.cc:[0-9]+\n"));
  const std::string report = said({"report", "--color", "never"});
  EXPECT_THAT(report,
              testing::ContainsRegex("\n3603 bytes in 3 blocks, 40.7 %, malloc, oldest [^,]*, in [^,]*open_client"
                                     "[^,]* \\(#1\\)\n    #0 [^\n]*xmalloc"));
}

TEST_P(Wrappers, SuppressionsHideWhatTheyWereMadeFromAndNoMore) {
  leave();
  const std::string known = said({"report", "--gen-suppressions"});
  write_file(scratch_ / "known.supp", known);
  EXPECT_THAT(known, HasSubstr("# 2 blocks, 2414 bytes in 2 stacks\n{\n"));
  EXPECT_EQ(report(scratch_ / "mem", {"--suppressions", scratch_ / "known.supp"}).at("totals").dump(),
            R"({"blocks":0,"bytes":0,"stacks":0})");
  said({"check", "--suppressions", "known.supp"});
  // One of five.
  write_file(scratch_ / "one.supp", said({"report", "--gen-suppressions", "--top", "1"}));
  const auto rest = report(scratch_ / "mem", {"--suppressions", scratch_ / "one.supp"});
  EXPECT_EQ(rest.at("totals").dump(), R"({"blocks":5,"bytes":5247,"stacks":5})");
  EXPECT_EQ(rest.at("not_listed").at("suppressed"), 3);
  // Another leak through the same wrapper.
  leave({"more"});
  EXPECT_EQ(by_own_frame(report(scratch_ / "mem", {"--suppressions", scratch_ / "known.supp"})),
            (Amounts{{"late", {1, 1209}}}));
  said({"check", "--suppressions", "known.supp"}, 23);
}

TEST_P(Wrappers, BlocksAreAddedUpByMoreThanTheirStacks) {
  leave();
  const auto added_up = [&](const std::string& by) {
    const auto json = report(scratch_ / "mem", {"--group-by", by});
    Amounts amounts;
    std::uint64_t bytes = 0, stacks = 0;
    for (const auto& group : json.at("groups")) {
      std::string name = bare(group.at("name"));
      if (by == "caller") name = name.substr(0, name.find(' '));
      amounts[name.substr(name.rfind('/') + 1)] = {group.at("blocks"), group.at("bytes")};
      bytes += group.at("bytes").get<std::uint64_t>();
      std::uint64_t of_stacks = 0;
      for (const auto& index : group.at("stacks"))
        of_stacks += json.at("stacks").at(index.get<std::size_t>()).at("bytes").get<std::uint64_t>();
      EXPECT_EQ(of_stacks, group.at("bytes"));
      stacks += group.at("stacks").size();
    }
    EXPECT_EQ(bytes, 8850u);
    EXPECT_EQ(stacks, 6u);
    EXPECT_EQ(json.at("group_by"), by);
    return amounts;
  };
  EXPECT_EQ(added_up("function"), (Amounts{{"open_client", {3, 3603}},
                                           {"open_server", {1, 1203}},
                                           {"parse", {1, 1604}},
                                           {"keep_name", {1, 26}},
                                           {"get_memory", {2, 2414}}}));
  EXPECT_EQ(added_up("file"), (Amounts{{"wrappers.cc", {8, 8850}}}));
  const Amounts callers = added_up("caller");
  EXPECT_EQ(callers.at("xmalloc"), std::pair(std::uint64_t{4}, std::uint64_t{4806}));
  EXPECT_EQ(callers.size(), 4u);
  const std::string program = target("wrappers", GetParam());
  EXPECT_EQ(added_up("module"), (Amounts{{program.substr(program.rfind('/') + 1), {8, 8850}}}));
}

TEST_P(Wrappers, BottomUpShowsWhoCalled) {
  leave();
  const std::string text = said({"report", "--bottom-up", "--group-by", "caller", "--color", "never"});
  EXPECT_THAT(text,
              testing::ContainsRegex("\n4806 bytes in 4 blocks, 54.3 %, 2 stacks, oldest [^:]*: [^\n]*xmalloc[^\n]*\n"
                                     "    3603 bytes in 3 blocks from [^\n]*open_client[^\n]*\n"
                                     "        3603 bytes in 3 blocks from main\n"
                                     "    1203 bytes in 1 block from [^\n]*open_server[^\n]*\n"
                                     "        1203 bytes in 1 block from main\n"));
}

INSTANTIATE_TEST_SUITE_P(Targets, Wrappers, testing::Values("static", "pie"),
                         [](const auto& info) { return info.param; });

}  // namespace
}  // namespace leakdir_test
