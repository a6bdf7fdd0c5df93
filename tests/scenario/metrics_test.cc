// SPDX-License-Identifier: BSL-1.0
//
// `leakdir metrics`, as a timer runs it, on programs that run, have ended or were killed, or are not there.

#include <gmock/gmock-matchers.h>
#include <gtest/gtest.h>
#include <signal.h>

#include "paths.hh"
#include "report_json.hh"
#include "schemas.hh"
#include "target.hh"

namespace leakdir_test {
namespace {

using testing::HasSubstr;
using testing::MatchesRegex;
using testing::Not;

class Metrics : public testing::Test {
 protected:
  Outcome metrics(const std::vector<std::string>& arguments, int status = 0) {
    std::vector<std::string> all = {"metrics"};
    all.insert(all.end(), arguments.begin(), arguments.end());
    const Outcome outcome = run_tool(all, scratch_.path());
    EXPECT_TRUE(outcome.exited_with(status)) << outcome.describe();
    return outcome;
  }

  // The number of the sample whose labels have all of `labels`.
  static std::string value_of(const std::string& text, const std::string& name, const std::string& labels = "") {
    std::string value;
    for (const auto& line : lines_of(text)) {
      if (line.rfind(name + "{", 0) != 0 || line.find(labels) == std::string::npos) continue;
      EXPECT_EQ(value, "") << name << " is there twice";
      value = line.substr(line.rfind(' ') + 1);
    }
    return value;
  }

  Scratch scratch_;
};

TEST_F(Metrics, TellOfAProgramWhileItRunsAndAfterItWasKilled) {
  Process program(command_for(scratch_, target("leaks", "static"), {"", {"3", "60000"}, {}, 90}));
  ASSERT_TRUE(program.says("leaked"));
  const std::string running = metrics({"-o", "app.prom"}).out;
  EXPECT_EQ(running, "");
  const std::string text = read_file(scratch_ / "app.prom");
  EXPECT_EQ(value_of(text, "leakdir_up"), "1");
  EXPECT_EQ(value_of(text, "leakdir_trusted"), "1");
  EXPECT_EQ(value_of(text, "leakdir_process_running"), "1");
  EXPECT_EQ(value_of(text, "leakdir_process_pid"), std::to_string(program.pid()));
  EXPECT_EQ(value_of(text, "leakdir_live_blocks"), "3");
  EXPECT_EQ(value_of(text, "leakdir_live_bytes"), "6006");
  EXPECT_EQ(value_of(text, "leakdir_stack_bytes", "function=\"leak_sized\""), "6006");
  EXPECT_EQ(value_of(text, "leakdir_stack_bytes", "stack=\"other\""), "0");
  EXPECT_THAT(text, HasSubstr("/leaks.c\"} 6006\n"));
  EXPECT_THAT(text, Not(HasSubstr("leakdir_lost_")));
  EXPECT_EQ(mode_of(scratch_ / "app.prom"), 0644u);
  EXPECT_EQ(names_in(scratch_.path()), (std::vector<std::string>{"app.prom", "mem"})) << "nothing is left beside it";

  const std::string lost = metrics({"--lost"}).out;
  EXPECT_EQ(value_of(lost, "leakdir_lost_bytes"), value_of(lost, "leakdir_kind_bytes", "kind=\"definite\""));

  program.kill(SIGKILL);
  program.wait();
  const std::string killed = metrics({}).out;
  EXPECT_EQ(value_of(killed, "leakdir_process_running"), "0");
  EXPECT_EQ(value_of(killed, "leakdir_live_bytes"), "6006");
}

TEST_F(Metrics, OfOneDirectoryDoNotKeepThoseOfAnotherAway) {
  run_in(scratch_, target("bad_free", "pie"), {"dir=one", {"double"}, {}, 60});
  run_in(scratch_, target("known_leaks", "static"), {"dir=two", {}, {}, 60});
  const Outcome outcome = metrics({"one", "nothing", "two", "two", "--top", "1", "-o", "all.prom"}, 1);
  EXPECT_THAT(outcome.err, HasSubstr("leakdir: nothing: no such directory\n"));
  const std::string text = read_file(scratch_ / "all.prom");
  EXPECT_EQ(value_of(text, "leakdir_up", "dir=\"one\""), "1");
  EXPECT_EQ(value_of(text, "leakdir_up", "dir=\"nothing\""), "0");
  EXPECT_EQ(value_of(text, "leakdir_bad_frees_total", "dir=\"one\""), "1");
  EXPECT_EQ(value_of(text, "leakdir_live_bytes", "dir=\"one\""), "0");
  EXPECT_EQ(value_of(text, "leakdir_live_bytes", "dir=\"two\""), "12007");
  EXPECT_EQ(value_of(text, "leakdir_suppressed_bytes", "dir=\"two\""), "4007");
  EXPECT_EQ(value_of(text, "leakdir_lost_blocks", "dir=\"two\""), "4") << "at its exit it looked itself";
  EXPECT_EQ(value_of(text, "leakdir_stack_bytes", "function=\"leak_known\""), "8002");
  EXPECT_EQ(value_of(text, "leakdir_stack_bytes",
                     "two\",program=\"" + target("known_leaks", "static") + "\",stack=\"other\""),
            "4005");
  for (const char* format : {"prometheus", "openmetrics"})
    metrics({"one", "nothing", "two", "--format", format, "-o", format}, 1);
  EXPECT_EQ(read_file(scratch_ / "openmetrics").substr(read_file(scratch_ / "openmetrics").size() - 6), "# EOF\n");
  EXPECT_EQ(no_openmetrics_reader().empty() ? faults_of_openmetrics(scratch_ / "openmetrics") : "", "");
  EXPECT_EQ(no_prometheus_reader().empty() ? faults_of_prometheus(scratch_ / "prometheus") : "", "");
  if (!no_prometheus_reader().empty()) GTEST_SKIP() << no_prometheus_reader();
}

TEST_F(Metrics, TakeAProcessTreeAsOne) {
  run_in(scratch_, target("fork_with_threads", "static"), {"write=exit:reach=0", {"6"}, {}, 60});
  const std::string parent = metrics({}).out, all = metrics({"--all"}).out;
  EXPECT_EQ(value_of(parent, "leakdir_live_blocks"), "3");
  EXPECT_EQ(value_of(all, "leakdir_live_blocks"), "9");
  EXPECT_EQ(value_of(all, "leakdir_live_bytes"), std::to_string(4001 + 4003 + 4007 + 6 * 5003));
  EXPECT_EQ(value_of(all, "leakdir_process_pid"), value_of(parent, "leakdir_process_pid"));
}

// The first process is a launcher, which has ended.
TEST_F(Metrics, OfATreeSayWhichProcessRunsAndTrustNoMoreThanCheckDoes) {
  const Outcome launched = run_in(scratch_, target("launcher", "pie"), {"write=sync", {"stays"}, {}, 60});
  ASSERT_TRUE(launched.exited_with(0)) << launched.describe();
  std::string daemon;
  for (int tries = 0; daemon.empty() && tries < 3000; ++tries) {
    for (const auto& name : names_in(scratch_ / "mem"))
      if (name.find_first_not_of("0123456789") == std::string::npos &&
          !names_in(scratch_ / "mem/" + name, ".mem").empty())
        daemon = name;
    usleep(10000);
  }
  ASSERT_FALSE(daemon.empty());
  const std::string text = metrics({"--all"}).out;
  EXPECT_EQ(value_of(text, "leakdir_process_running"), "1");
  EXPECT_EQ(value_of(text, "leakdir_process_pid"), daemon);
  EXPECT_EQ(value_of(text, "leakdir_trusted"), "1");
  kill(std::stoi(daemon), SIGKILL);

  write_file(scratch_ / "mem/" + daemon + "/.ledger", "?");
  EXPECT_EQ(value_of(metrics({"--all"}).out, "leakdir_trusted"), "0");
  EXPECT_EQ(value_of(metrics({}).out, "leakdir_trusted"), "1");
}

// A stack has one id, whatever the build and wherever its lines are.
TEST_F(Metrics, KnowAStackAgainInAnotherBuild) {
  const std::string folder = std::string(kSourceRoot) + "/tests/targets", source = read_file(folder + "/known_leaks.c");
  std::vector<std::string> stacks[2];
  for (int build = 0; build < 2; ++build) {
    const std::string directory = build == 0 ? "one" : "another";
    write_file(scratch_ / directory + "/known_leaks.c", (build == 0 ? "" : "/* two\n * lines */\n") + source);
    const Outcome compiled =
        run({{"gcc", "-g", build == 0 ? "-O2" : "-O1", "-I", folder, "known_leaks.c", kObject, "-o", "known_leaks"},
             scratch_ / directory,
             {},
             "",
             60});
    ASSERT_TRUE(compiled.exited_with(0)) << compiled.describe();
    ASSERT_TRUE(run_in(scratch_, scratch_ / directory + "/known_leaks").exited_with(0));
    for (const auto& line : lines_of(metrics({}).out))
      if (line.rfind("leakdir_stack_bytes", 0) == 0)
        stacks[build].push_back(line.substr(line.find("stack="), line.find(",file=") - line.find("stack=")));
  }
  EXPECT_EQ(stacks[0].size(), 4u);
  EXPECT_EQ(stacks[0], stacks[1]);
  EXPECT_THAT(stacks[0][0], MatchesRegex("stack=\"[0-9a-f]{16}\",function=\"leak_known\""));
}

}  // namespace
}  // namespace leakdir_test
