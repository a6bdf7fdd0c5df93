// SPDX-License-Identifier: BSL-1.0
//
// tools/examples/: each is copied, and the commands of its page are run with leakdir as it is installed. Then what the
// page says must have come true. A unit file and CI jobs are tried as far as they can be here: by what reads them, and
// by their commands.

#include <gmock/gmock.h>
#include <gtest/gtest.h>
#include <signal.h>
#include <unistd.h>

#include <algorithm>
#include <memory>

#include "installation.hh"
#include "markdown.hh"
#include "paths.hh"
#include "record_reader.hh"
#include "report_json.hh"
#include "run_program.hh"
#include "scratch_directory.hh"

namespace leakdir_test {
namespace {

using testing::HasSubstr;
using testing::Not;

std::string examples() { return std::string(kSourceRoot) + "/tools/examples"; }

std::string replaced(std::string text, const std::string& from, const std::string& to) {
  EXPECT_THAT(text, HasSubstr(from));
  for (std::size_t at = 0; (at = text.find(from, at)) != std::string::npos; at += to.size())
    text.replace(at, from.size(), to);
  return text;
}

class Examples : public testing::Test {
 protected:
  static void SetUpTestSuite() { installation_ = std::make_unique<Installation>(); }
  static void TearDownTestSuite() { installation_.reset(); }

  std::map<std::string, std::string> environment() const {
    return {{"PATH", installation_->prefix() + "/bin:" + getenv("PATH")},
            {"PKG_CONFIG_PATH", installation_->libdir() + "/pkgconfig"},
            {"CMAKE_PREFIX_PATH", installation_->prefix()}};
  }

  Outcome shell(const std::string& commands) const {
    return run({{"bash", "-e", "-u", "-o", "pipefail", "-c", commands}, scratch_.path(), environment(), "", 600});
  }

  bool is_there(const std::string& command) const { return shell("command -v " + command).exited_with(0); }

  void copy(const std::string& name) {
    const Outcome outcome = shell("cp -R '" + examples() + "/" + name + "/.' .");
    ASSERT_TRUE(outcome.exited_with(0)) << outcome.describe();
  }

  // All that the commands of the page said on standard output.
  std::string run_page(const std::string& name) {
    copy(name);
    std::string said;
    const std::vector<Block> blocks = sh_blocks_of(read_file(scratch_ / "README.md"));
    EXPECT_FALSE(blocks.empty());
    for (const Block& block : blocks) {
      const Outcome outcome = shell(block.commands);
      EXPECT_TRUE(outcome.exited_with(0)) << name << "/README.md:" << block.line << "\n" << outcome.describe();
      said += outcome.out;
    }
    return said;
  }

  std::string dir() const { return scratch_ / "mem"; }

  static std::unique_ptr<Installation> installation_;
  Scratch scratch_;
};

std::unique_ptr<Installation> Examples::installation_;

// A folder more wants a test here, and a line on the page.
TEST_F(Examples, AreAllTriedAndListed) {
  EXPECT_EQ(names_in(examples()),
            (std::vector<std::string>{"README.md", "ci", "cmake-gtest", "cross", "daemon", "languages", "static"}));
  const std::string page = read_file(examples() + "/README.md");
  for (const std::string& name : names_in(examples())) {
    if (name != "README.md") EXPECT_THAT(page, HasSubstr("](" + name + "/README.md)"));
  }
}

TEST_F(Examples, StaticProgramShowsItsTwoLeaks) {
  const std::string said = run_page("static");
  EXPECT_THAT(said, HasSubstr("2 lost blocks, 75 bytes in 2 stacks\n"));
  EXPECT_THAT(said, HasSubstr("#0 sign "));
  EXPECT_EQ(sizes_of(records_in(dir())), (std::vector<std::uint64_t>{11, 64}));
}

TEST_F(Examples, TestThatLeaksFailsUnderCTest) {
  if (!is_there("cmake")) GTEST_SKIP() << "there is no cmake";
  const std::string said = run_page("cmake-gtest");
  EXPECT_THAT(said, HasSubstr("50% tests passed, 1 tests failed out of 2"));
  EXPECT_THAT(said, testing::ContainsRegex("Shelf.LendsABook \\(Failed\\)"));
  EXPECT_THAT(said, HasSubstr("Shelf::lend"));
  EXPECT_THAT(said, HasSubstr("LendsABook leaks, and fails\n"));
}

TEST_F(Examples, ProgramForArmIsReportedHere) {
  for (const char* needed : {"arm-linux-gnueabihf-g++", "qemu-arm"}) {
    if (!is_there(needed)) GTEST_SKIP() << "there is no " << needed;
  }
  const std::string said = run_page("cross");
  EXPECT_THAT(said, HasSubstr("00:00 21.5\n01:00 25.5\n"));
  EXPECT_THAT(said, HasSubstr("1 live block, 32 bytes in 1 stack\n"));  // (qemu's /proc is not the program's)
  EXPECT_THAT(said, testing::ContainsRegex("#0 take_reading [^\n]*/thermometer.c:14"));
}

// ---- Other languages: each lends two books, and gets one back
// ---------------------------------------------------------

TEST_F(Examples, AllLanguagesAreTriedAndListed) {
  const std::vector<std::string> tried = {"ada", "fortran", "go", "pascal", "rust"};
  std::vector<std::string> there = names_in(examples() + "/languages");
  there.erase(std::remove(there.begin(), there.end(), "README.md"), there.end());
  EXPECT_EQ(there, tried);
  const std::string page = read_file(examples() + "/languages/README.md");
  for (const std::string& name : there) EXPECT_THAT(page, HasSubstr("](" + name + "/README.md)"));
}

TEST_F(Examples, RustLeadsToItsLine) {
  if (!is_there("rustc")) GTEST_SKIP() << "there is no rustc";
  const std::string said = run_page("languages/rust");
  EXPECT_THAT(said, HasSubstr("1 lost block, 1237 bytes in 1 stack\n"));
  EXPECT_THAT(said, HasSubstr("kept by Rust's standard library"));
  // Rust's newer names and its older ones.
  EXPECT_THAT(said, testing::ContainsRegex("#[0-9]+ (shelf::Shelf|<shelf::Shelf>)::lend [^\n]*/shelf.rs:10\n"));
  EXPECT_THAT(said, testing::ContainsRegex("in (shelf::Shelf|<shelf::Shelf>)::lend \\(#[0-9]+\\)\n"));
}

TEST_F(Examples, FortranLeadsToItsLine) {
  if (!is_there("gfortran")) GTEST_SKIP() << "there is no gfortran";
  const std::string said = run_page("languages/fortran");
  EXPECT_THAT(said, HasSubstr("1 lost block, 1236 bytes in 1 stack\n"));
  EXPECT_THAT(said, testing::ContainsRegex("#0 shelves::lend [^\n]*/shelf.f90:6\n *#1 shelf [^\n]*/shelf.f90:15\n"));
}

TEST_F(Examples, AdaLeadsToItsLine) {
  if (!is_there("gnatmake")) GTEST_SKIP() << "there is no gnatmake";
  const std::string said = run_page("languages/ada");
  EXPECT_THAT(said, HasSubstr("1 lost block, 1012 bytes in 1 stack\n"));
  EXPECT_THAT(said, testing::ContainsRegex("#1 shelves.lend.copy [^\n]*/shelves.adb:5\n *#2 shelves.lend [^\n]*:8\n"
                                           " *#3 shelf [^\n]*/shelf.adb:11\n"));
}

TEST_F(Examples, GoLeadsToTheLineOfItsC) {
  if (!is_there("go")) GTEST_SKIP() << "there is no go";
  const std::string said = run_page("languages/go");
  EXPECT_THAT(said, HasSubstr("1 live block, 1237 bytes in 1 stack\n"));
  EXPECT_THAT(said, testing::ContainsRegex("#0 lend [^\n]*/shelf.go:8"));
  EXPECT_THAT(said, HasSubstr(" runtime.asmcgocall "));
}

TEST_F(Examples, PascalLeadsToItsLine) {
  if (!is_there("fpc")) GTEST_SKIP() << "there is no fpc";
  const std::string said = run_page("languages/pascal");
  EXPECT_THAT(said, HasSubstr("2 lost blocks, 2538 bytes in 2 stacks\n"));
  EXPECT_THAT(said, testing::ContainsRegex("#0 KEEP [^\n]*/shelf.pas:11\n *#1 main [^\n]*/shelf.pas:23 "));
  EXPECT_THAT(said, testing::ContainsRegex("#1 main [^\n]*/shelf.pas:26 "));
}

class DaemonExample : public Examples {
 protected:
  // The environment that the unit file gives, its places being here.
  std::map<std::string, std::string> environment_of_unit() const {
    std::map<std::string, std::string> variables;
    const std::string mark = "Environment=";
    for (const std::string& line : lines_of(read_file(scratch_ / "gatherd.service"))) {
      if (line.rfind(mark, 0) != 0) continue;
      const std::size_t equals = line.find('=', mark.size());
      std::string value = line.substr(equals + 1);
      for (const char* place : {"%S/gatherd", "/etc/gatherd"}) {
        if (value.find(place) != std::string::npos) value = replaced(value, place, scratch_.path());
      }
      variables[line.substr(mark.size(), equals - mark.size())] = value;
    }
    EXPECT_EQ(variables.size(), 2u);
    return variables;
  }

  std::uint64_t live_blocks() const { return totals_of(report(dir())).blocks; }

  bool comes_to_more_than(std::uint64_t blocks) const {
    for (int waited_ms = 0; waited_ms < 60000; waited_ms += 50) {
      if (live_blocks() > blocks) return true;
      usleep(50000);
    }
    return false;
  }

  static void wait_for_readings(const Process& process, int more) {
    const std::size_t so_far = lines_of(process.output_so_far()).size();
    ASSERT_TRUE(process.says("reading " + std::to_string(so_far + static_cast<std::size_t>(more)) + "\n"));
  }
};

TEST_F(DaemonExample, IsSwitchedOnAndOffWhileItRuns) {
  EXPECT_THAT(run_page("daemon"), HasSubstr("leakdir is in it"));
  Process process({{scratch_ / "gatherd", "5"}, scratch_.path(), environment_of_unit(), "", 120});
  ASSERT_TRUE(process.says("reading 5\n"));
  EXPECT_EQ(live_blocks(), 0u);

  const Outcome edit = shell("sed -i 's/^recording = 0/recording = 1/' leakdir.conf");
  ASSERT_TRUE(edit.exited_with(0)) << edit.describe();
  EXPECT_TRUE(comes_to_more_than(0));

  const Outcome pause = run_tool({"pause", dir()});
  ASSERT_TRUE(pause.exited_with(0)) << pause.describe();
  wait_for_readings(process, 3);  // the last one that was recorded is freed, or forgotten
  const std::uint64_t paused_at = live_blocks();
  wait_for_readings(process, 30);
  EXPECT_EQ(live_blocks(), paused_at);

  const Outcome resume = run_tool({"resume", dir()});
  ASSERT_TRUE(resume.exited_with(0)) << resume.describe();
  EXPECT_TRUE(comes_to_more_than(paused_at));

  process.kill(SIGTERM);
  const Outcome outcome = process.wait();
  EXPECT_TRUE(outcome.exited_with(0)) << outcome.describe();
  EXPECT_EQ(records_in(dir()).size(), live_blocks());
}

TEST_F(DaemonExample, UnitFileIsGood) {
  if (!is_there("systemd-analyze")) GTEST_SKIP() << "there is no systemd-analyze";
  copy("daemon");
  const std::string unit = read_file(scratch_ / "gatherd.service");
  write_file(scratch_ / "gatherd.service", replaced(unit, "/usr/local/bin/gatherd", "/bin/true"));
  const Outcome outcome = shell("systemd-analyze verify --man=no ./gatherd.service");
  EXPECT_TRUE(outcome.exited_with(0)) << outcome.describe();
  EXPECT_THAT(outcome.err, Not(HasSubstr("gatherd"))) << outcome.describe();
}

class CiExample : public Examples {
 protected:
  void SetUp() override {
    if (!shell("python3 -c 'import yaml'").exited_with(0)) GTEST_SKIP() << "there is no python3-yaml";
    copy("ci");
  }

  nlohmann::json yaml(const std::string& name) {
    const Outcome outcome =
        shell("python3 -c 'import json, sys, yaml; print(json.dumps(yaml.safe_load(open(sys.argv[1]))))' " + name);
    EXPECT_TRUE(outcome.exited_with(0)) << outcome.describe();
    return nlohmann::json::parse(outcome.out);
  }

  void add_a_leak() {
    write_file(scratch_ / "words.c", replaced(read_file(scratch_ / "words.c"), "  free(copy);\n", ""));
  }

  // What the job keeps when it has failed.
  void expect_page(const std::vector<std::string>& commands) {
#ifdef HAS_HTML
    EXPECT_EQ(run_until_one_fails(commands), (std::pair<int, std::string>{0, ""}));
    EXPECT_TRUE(exists(scratch_ / "leaks.html"));
#else
    (void)commands;
#endif
  }

  // Runs the commands until one fails. Gives the exit status of that, and the command.
  std::pair<int, std::string> run_until_one_fails(const std::vector<std::string>& commands) {
    for (const std::string& command : commands) {
      const Outcome outcome = shell(command);
      if (!outcome.exited_with(0)) return {WEXITSTATUS(outcome.status), command};
    }
    return {0, ""};
  }

  static constexpr char kCheck[] = "leakdir check --baseline leaks.json mem";
};

TEST_F(CiExample, PageWritesTheBaselineThatIsThere) {
  const std::string there = read_file(scratch_ / "leaks.json");
  run_page("ci");
  EXPECT_EQ(read_file(scratch_ / "leaks.json"), there);
}

TEST_F(CiExample, GitHubJobFailsOnANewLeakOnly) {
  std::vector<std::string> commands, on_failure;
  const nlohmann::json file = yaml("github.yml");
  for (const auto& step : file.at("jobs").at("leaks").at("steps")) {
    if (!step.contains("run") || step.value("name", "") == "Install leakdir") continue;
    (step.value("if", "") == "failure()" ? on_failure : commands).push_back(step.at("run"));
  }
  ASSERT_EQ(commands.size(), 3u);
  ASSERT_EQ(on_failure.size(), 1u);
  EXPECT_EQ(run_until_one_fails(commands), (std::pair<int, std::string>{0, ""}));
  add_a_leak();
  EXPECT_EQ(run_until_one_fails(commands), (std::pair<int, std::string>{23, kCheck}));
  expect_page(on_failure);
}

TEST_F(CiExample, GitLabJobFailsOnANewLeakOnly) {
  const nlohmann::json job = yaml("gitlab.yml").at("leaks");
  const std::vector<std::string> commands = job.at("script");
  EXPECT_EQ(run_until_one_fails(commands), (std::pair<int, std::string>{0, ""}));
  add_a_leak();
  EXPECT_EQ(run_until_one_fails(commands), (std::pair<int, std::string>{23, kCheck}));
  expect_page(job.at("after_script"));
}

}  // namespace
}  // namespace leakdir_test
