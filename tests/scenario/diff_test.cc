// SPDX-License-Identifier: BSL-1.0
//
// `leakdir diff`: what grew between two runs, of programs that run, have ended or were killed, from directories and
// from reports that were saved.

#include <gtest/gtest.h>
#include <signal.h>
#include <unistd.h>

#include "report_json.hh"
#include "target.hh"

namespace leakdir_test {
namespace {

class Diff : public testing::TestWithParam<std::string> {
 protected:
  RunOptions into(const std::string& dir, const std::vector<std::string>& arguments) const {
    return {"dir=" + dir, arguments, {}, 90};
  }
  void leave(const std::string& dir, const std::vector<std::string>& arguments = {}) {
    run_in(scratch_, target("known_leaks", GetParam()), into(dir, arguments));
  }

  nlohmann::json diff(const std::string& before, const std::string& after) {
    const Outcome outcome = run_tool({"diff", "--format", "json", before, after}, scratch_.path());
    EXPECT_TRUE(outcome.exited_with(0)) << outcome.describe();
    return nlohmann::json::parse(outcome.out);
  }

  // Three more blocks of leak_known, and nothing else.
  void shows_the_growth(const nlohmann::json& json, const std::string& state) {
    EXPECT_EQ(json.at("new").at("state"), state);
    ASSERT_EQ(json.at("stacks").size(), 3u) << json;
    const auto& grown = json.at("stacks").at(0);
    EXPECT_EQ(grown.at("change"), "grown");
    EXPECT_EQ(grown.at("frames").at(0).at("function"), "leak_known");
    EXPECT_EQ(grown.at("blocks").dump() + grown.at("bytes").dump(), R"({"new":5,"old":2}{"new":20005,"old":8002})");
    EXPECT_EQ(json.at("stacks").at(1).at("change"), "same");
    EXPECT_EQ(json.at("stacks").at(2).at("change"), "same");
  }

  Scratch scratch_;
};

TEST_P(Diff, ShowsWhatGrewBetweenTwoRuns) {
  leave("one");
  leave("two", {"0", "return", "3"});
  shows_the_growth(diff("one", "two"), "exited");
#ifdef HAS_HTML
  const Outcome page = run_tool({"diff", "--format", "html", "-o", "page.html", "one", "two"}, scratch_.path());
  EXPECT_TRUE(page.exited_with(0)) << page.describe();
  EXPECT_NE(read_file(scratch_ / "page.html").find("\"diff\":{\"bytes\":12003,\"blocks\":3}"), std::string::npos);
#endif
  const Outcome outcome = run_tool({"diff", "--error-exitcode", "9", "one", "two"}, scratch_.path());
  EXPECT_TRUE(outcome.exited_with(9)) << outcome.describe();
  EXPECT_NE(
      outcome.out.find("\n+12003 bytes, +3 blocks; stacks by function: 0 new, 1 grown, 0 shrunk, 0 gone, 2 same\n"),
      std::string::npos)
      << outcome.out;
  EXPECT_NE(outcome.out.find(
                "\ngrown: +12003 bytes, +3 blocks (8002 in 2 -> 20005 in 5), malloc, 5 definitely lost (before: 2 "
                "definitely lost)\n    #0 leak_known /"),
            std::string::npos)
      << outcome.out;
  EXPECT_TRUE(run_tool({"diff", "--error-exitcode", "9", "two", "one"}, scratch_.path()).exited_with(0));
  EXPECT_TRUE(run_tool({"diff", "--error-exitcode", "9", "one", "one"}, scratch_.path()).exited_with(0));
}

TEST_P(Diff, ShowsWhatGrewInAProgramThatWasKilled) {
  leave("one");
  leave("two", {"0", "abort", "3"});
  shows_the_growth(diff("one", "two"), "killed");
}

TEST_P(Diff, ShowsWhatGrewInAProgramThatRuns) {
  leave("one");
  Process program(command_for(scratch_, target("known_leaks", GetParam()), into("two", {"60000", "return", "3"})));
  program.says("leaked");
  shows_the_growth(diff("one", "two"), "running");
  program.kill(SIGKILL);
  program.wait();
}

TEST_P(Diff, TakesSavedReportsAndBaselines) {
  leave("one");
  leave("two", {"0", "return", "3"});
  const nlohmann::json direct = diff("one", "two");
  for (const char* name : {"one", "two"})
    write_file(scratch_ / (std::string(name) + ".json"), report(scratch_ / name).dump());
  EXPECT_EQ(diff("one.json", "two.json").at("stacks"), direct.at("stacks"));
  EXPECT_EQ(diff("one.json", "two").at("stacks"), direct.at("stacks"));
  ASSERT_TRUE(run_tool({"check", "--write-baseline", "known.json", "one"}, scratch_.path()).exited_with(0));
  shows_the_growth(diff("known.json", "two"), "exited");
}

TEST_P(Diff, LeavesOutWhatIsSuppressed) {
  leave("one");
  leave("two", {"0", "return", "3"});
  write_file(scratch_ / "two.json", report(scratch_ / "two").dump());
  write_file(scratch_ / "known.supp", "leak:^leak_known$\n");
  for (const char* after : {"two", "two.json"}) {
    const Outcome outcome =
        run_tool({"diff", "--error-exitcode", "9", "--suppressions", "known.supp", "one", after}, scratch_.path());
    EXPECT_TRUE(outcome.exited_with(0)) << outcome.describe();
  }
}

INSTANTIATE_TEST_SUITE_P(Linked, Diff, testing::Values("static", "pie"));

TEST(DiffOfNothing, IsOneClearLine) {
  const Scratch scratch;
  write_file(scratch / "some.json", "{\"some\":1}");
  write_file(scratch / "some.text", "text");
  for (const char* name : {"none", "some.json", "some.text"}) {
    const Outcome outcome = run_tool({"diff", name, name}, scratch.path());
    EXPECT_TRUE(outcome.exited_with(1)) << outcome.describe();
    EXPECT_EQ(lines_of(outcome.err).size(), 1u);
    EXPECT_NE(outcome.err.find(name), std::string::npos);
  }
  EXPECT_TRUE(run_tool({"diff", "one"}, scratch.path()).exited_with(2));
}

}  // namespace
}  // namespace leakdir_test
