// SPDX-License-Identifier: BSL-1.0
//
// `leakdir save`: one file takes the place of the directory, of a program that runs, has ended or was killed, and needs
// neither the directory nor the program any more.

#include <gmock/gmock-matchers.h>
#include <gtest/gtest.h>
#include <signal.h>
#include <unistd.h>

#include <filesystem>

#include "paths.hh"
#include "report_json.hh"
#include "target.hh"

namespace leakdir_test {
namespace {

using testing::HasSubstr;
namespace fs = std::filesystem;

class Save : public testing::TestWithParam<std::string> {
 protected:
  // A program of its own, that can be taken away.
  std::string program() {
    if (!exists(scratch_ / "app")) fs::copy_file(target("known_leaks", GetParam()), scratch_ / "app");
    return scratch_ / "app";
  }

  void save() {
    const Outcome outcome = run_tool({"save", "x.leaks"}, scratch_.path());
    ASSERT_TRUE(outcome.exited_with(0)) << outcome.describe();
    EXPECT_THAT(outcome.out, HasSubstr("saved to x.leaks, "));
    EXPECT_EQ(mode_of(scratch_ / "x.leaks"), 0600u);
  }

  // The last digit of a time may differ: the clock of a running program is still being tuned.
  nlohmann::json of(const std::string& name) {
    nlohmann::json json = report(scratch_ / name);
    for (const char* key : {"notices", "saved"}) json.erase(key);
    for (auto& stack : json.at("stacks")) stack.at("oldest") = stack.at("oldest").get<std::string>().substr(0, 19);
    return json;
  }

  // What the file tells is what the directory told, and goes on telling when that is gone.
  void stands_for_the_directory(const nlohmann::json& before) {
    EXPECT_EQ(of("x.leaks"), before);
    fs::rename(scratch_ / "mem", scratch_ / "gone");
    fs::remove(scratch_ / "app");
    EXPECT_EQ(of("x.leaks"), before);
    EXPECT_FALSE(stack_through(before, "leak_known", line_of("leak_known")).is_null());
    const Outcome check = run_tool({"check", "x.leaks"}, scratch_.path());
    EXPECT_TRUE(check.exited_with(23)) << check.describe();
    EXPECT_THAT(check.out, HasSubstr("leak: 4 live blocks, 12007 bytes (11.7 KiB) in 3 stacks"));
    const Outcome diff = run_tool({"diff", "--error-exitcode", "9", "x.leaks", "x.leaks"}, scratch_.path());
    EXPECT_TRUE(diff.exited_with(0)) << diff.describe();
    EXPECT_THAT(diff.out,
                HasSubstr("\n+0 bytes, +0 blocks; stacks by function: 0 new, 0 grown, 0 shrunk, 0 gone, 3 same\n"));
  }

  static std::string without_time(const std::string& record) {
    const size_t at = record.find("time: ");
    return record.substr(0, at) + record.substr(record.find('\n', at));
  }

  int line_of(const std::string& function) const {
    for (const Expected& one : expected_by(said_)) {
      if (one.function == function) return one.line;
    }
    return 0;
  }

  Scratch scratch_;
  std::string said_;
};

TEST_P(Save, HoldsAProgramThatHasEnded) {
  said_ = run_in(scratch_, program()).out;
  const nlohmann::json before = of("mem");
  EXPECT_EQ(before.at("state"), "exited");
  save();
  stands_for_the_directory(before);
}

TEST_P(Save, HoldsAProgramThatWasKilled) {
  said_ = run_in(scratch_, program(), {"", {"0", "abort"}, {}, 60}).out;
  const nlohmann::json before = of("mem");
  EXPECT_EQ(before.at("state"), "killed");
  save();
  stands_for_the_directory(before);
}

TEST_P(Save, HoldsAProgramThatRunsAsOfThen) {
  Process process(command_for(scratch_, program(), {"", {"60000"}, {}, 90}));
  process.says("leaked");
  said_ = process.output_so_far();
  const nlohmann::json before = of("mem");
  EXPECT_EQ(before.at("state"), "running");
  save();
  const std::string then = run_tool({"report", "x.leaks"}, scratch_.path()).out;
  EXPECT_THAT(then, HasSubstr(", as of 20"));
  process.kill(SIGKILL);
  process.wait();
  EXPECT_EQ(run_tool({"report", "x.leaks"}, scratch_.path()).out, then) << "ages count to when it was saved";
  stands_for_the_directory(before);
}

TEST_P(Save, HoldsWhatRecoverNeeds) {
  run_in(scratch_, target("known_leaks", GetParam()));
  save();
  EXPECT_TRUE(run_tool({"recover", "x.leaks"}, scratch_.path()).exited_with(1)) << "it must be told where";
  EXPECT_TRUE(run_tool({"recover", "--into", "mem", "x.leaks"}, scratch_.path()).exited_with(1))
      << "there are the records of a run already";
  const Outcome recover = run_tool({"recover", "--into", "files", "x.leaks"}, scratch_.path());
  ASSERT_TRUE(recover.exited_with(0)) << recover.describe();
  EXPECT_EQ(records_in(scratch_ / "files").size(), 5u);
  EXPECT_EQ(names_in(scratch_ / "files", ".mem"), names_in(scratch_ / "mem", ".mem"));
  EXPECT_EQ(names_in(scratch_ / "files/lost"), names_in(scratch_ / "mem/lost"));
  for (const std::string& name : names_in(scratch_ / "files", ".mem"))
    EXPECT_EQ(without_time(read_file(scratch_ / "files/" + name)), without_time(read_file(scratch_ / "mem/" + name)));
}

TEST_P(Save, KeepsBadFrees) {
  run_in(scratch_, target("bad_free", GetParam()), {"", {"double"}, {}, 60});
  const nlohmann::json before = of("mem");
  ASSERT_EQ(before.at("bad_frees").size(), 1u);
  save();
  EXPECT_EQ(of("x.leaks"), before);
}

INSTANTIATE_TEST_SUITE_P(Linked, Save, testing::Values("static", "pie"));

TEST(SavedFile, WithoutNamesIsReadWithTheProgram) {
  const Scratch scratch;
  fs::copy_file(target("known_leaks", "static"), scratch / "app");
  run_in(scratch, scratch / "app");
  const nlohmann::json before = report(scratch / "mem");
  ASSERT_TRUE(run_tool({"save", "--no-names", "x.leaks"}, scratch.path()).exited_with(0));
  fs::rename(scratch / "app", scratch / "elsewhere");
  EXPECT_THAT(report(scratch / "x.leaks").at("warnings").dump(), HasSubstr("app is not here"));
  EXPECT_EQ(report(scratch / "x.leaks", {"--program", scratch / "elsewhere"}).at("stacks"), before.at("stacks"));
}

TEST(SavedFile, HoldsRecordFilesWithoutALedger) {
  const Scratch scratch;
  run_in(scratch, target("leaks", "static"), {"", {"3"}, {}, 60});
  fs::remove(scratch / "mem/.ledger");
  const nlohmann::json before = report(scratch / "mem");
  ASSERT_TRUE(run_tool({"save", "x.leaks"}, scratch.path()).exited_with(0));
  EXPECT_EQ(report(scratch / "x.leaks").at("stacks"), before.at("stacks"));
  EXPECT_EQ(report(scratch / "x.leaks").at("from_records"), true);
  EXPECT_TRUE(run_tool({"check", "x.leaks"}, scratch.path()).exited_with(3));
}

TEST(SavedFile, AppearsWholeOrNotAtAll) {
  const Scratch scratch;
  run_in(scratch, target("leaks", "static"), {"", {"3"}, {}, 60});
  for (const std::vector<std::string>& arguments : std::vector<std::vector<std::string>>{
           {"save"}, {"save", "mem"}, {"save", "none/x.leaks"}, {"save", "x.leaks", "none"}, {"save", "/dev/full"}}) {
    const Outcome outcome = run_tool(arguments, scratch.path());
    EXPECT_TRUE(outcome.exited_with(arguments.size() == 1 ? 2 : 1)) << outcome.describe();
    EXPECT_EQ(lines_of(outcome.err).size(), 1u) << outcome.err;
  }
  // No room for a file, nor for a word about it.
  const Outcome small = run({{"sh", "-c", std::string("ulimit -f 0; trap '' XFSZ; exec ") + kTool + " save x.leaks"},
                             scratch.path(),
                             {},
                             "",
                             60});
  EXPECT_TRUE(small.exited_with(1)) << small.describe();
  EXPECT_EQ(names_in(scratch.path()), std::vector<std::string>{"mem"});
}

TEST(SavedFile, ThatIsDamagedIsOneClearLine) {
  const Scratch scratch;
  run_in(scratch, target("leaks", "static"), {"", {"3"}, {}, 60});
  ASSERT_TRUE(run_tool({"save", "x.leaks"}, scratch.path()).exited_with(0));
  const std::string good = read_file(scratch / "x.leaks");
  write_file(scratch / "short.leaks", good.substr(0, good.size() / 2));
  std::string bad = good;
  bad[good.size() / 2] = static_cast<char>(bad[good.size() / 2] ^ 4);
  write_file(scratch / "bad.leaks", bad);
  write_file(scratch / "other.leaks", "something else");
  for (const char* name : {"short.leaks", "bad.leaks", "other.leaks"}) {
    for (const char* command : {"report", "recover", "save"}) {
      std::vector<std::string> arguments = {command, name};
      if (arguments[0] == "save") arguments.insert(arguments.begin() + 1, "y.leaks");
      const Outcome outcome = run_tool(arguments, scratch.path());
      EXPECT_TRUE(outcome.exited_with(1)) << outcome.describe();
      EXPECT_EQ(outcome.out, "");
      EXPECT_EQ(lines_of(outcome.err).size(), 1u) << outcome.err;
      EXPECT_THAT(outcome.err, HasSubstr(name));
    }
    EXPECT_TRUE(run_tool({"check", name}, scratch.path()).exited_with(3));
  }
}

}  // namespace
}  // namespace leakdir_test
