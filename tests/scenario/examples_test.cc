// SPDX-License-Identifier: BSL-1.0
//
// tools/examples/: each is copied, and the commands of its page are run with leakdir as it is installed. Then what the
// page says must have come true. A unit file and CI jobs are tried as far as they can be here: by what reads them, and
// by their commands.

#include <gmock/gmock-matchers.h>
#include <gtest/gtest.h>
#include <signal.h>
#include <unistd.h>

#include <algorithm>
#include <memory>

#include "groups.hh"
#include "installation.hh"
#include "long_tests.hh"
#include "markdown.hh"
#include "paths.hh"
#include "record_reader.hh"
#include "report_json.hh"
#include "run_program.hh"
#include "schemas.hh"
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
  EXPECT_EQ(names_in(examples()), (std::vector<std::string>{"README.md", "ci", "cmake-gtest", "cross", "daemon",
                                                            "editors", "languages", "static", "test-runners"}));
  const std::string page = read_file(examples() + "/README.md");
  for (const std::string& name : names_in(examples())) {
    if (name == "README.md") continue;
    EXPECT_THAT(page, HasSubstr("](" + name + "/README.md)"));
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

// It compiles the object once more. cross_test.cc has the same processor in every run.
TEST_F(Examples, ProgramForArmIsReportedHere) {
  if (!kLongTests) GTEST_SKIP() << "-Dlong_tests=true";
  for (const char* needed : {"arm-linux-gnueabihf-g++", "qemu-arm"}) {
    if (!is_there(needed)) GTEST_SKIP() << "there is no " << needed;
  }
  const std::string said = run_page("cross");
  EXPECT_THAT(said, HasSubstr("00:00 21.5\n01:00 23.5\n03:00 27.5\n"));
  // (The /proc of an old qemu is not the program's: there it is not known to be lost.)
  EXPECT_THAT(said, testing::ContainsRegex("\n1 (live|lost) block, 32 bytes in 1 stack\n"));
  EXPECT_THAT(said, testing::ContainsRegex("#0 take_reading [^\n]*/thermometer.c:14"));
}

// What the problem matcher for VS Code makes of what `check` says; and lines of `report` are links.
TEST_F(Examples, EditorsAreLedToTheLines) {
  copy("editors");
  const auto tasks = nlohmann::json::parse(read_file(scratch_ / ".vscode/tasks.json")).at("tasks");
  const auto task = [&](std::size_t number, const std::string& label) {
    EXPECT_EQ(tasks.at(number).at("label"), label);
    return shell(tasks.at(number).at("command"));
  };
  ASSERT_TRUE(task(0, "build").exited_with(0));
  const Outcome checked = task(1, "leaks");
  EXPECT_TRUE(checked.exited_with(23)) << checked.describe();

  const std::string source = read_file(scratch_ / "words.c");
  const auto line_of = [&](const std::string& text) {
    const auto end = source.begin() + static_cast<std::ptrdiff_t>(source.find(text));
    return std::to_string(1 + std::count(source.begin(), end, '\n'));
  };
  const nlohmann::json matcher = tasks.at(1).at("problemMatcher").at("pattern");
  std::vector<std::string> problems;
  for (const std::string& line : lines_of(checked.out)) {
    const Groups found = groups_of(line, matcher.at("regexp"));
    if (found.empty()) continue;
    const auto group = [&](const char* what) { return found.at(matcher.at(what).get<std::size_t>()); };
    const std::string message = group("message");
    problems.push_back(group("file") + " " + group("line") + " " + group("severity") + " " +
                       message.substr(0, message.find(':')));
  }
  // Each leak, and below it its stack as far as it is in files of ours.
  const std::string copied = line_of("= malloc(strlen"), made = line_of("= malloc(16)"),
                    asked = line_of("= separators()"), counted = line_of("printf(");
  problems.erase(std::remove_if(problems.begin(), problems.end(),
                                [](const std::string& problem) { return problem.rfind("words.c ", 0) != 0; }),
                 problems.end());
  EXPECT_THAT(problems, testing::UnorderedElementsAre(
                            "words.c " + copied + " error leak in count_words",
                            "words.c " + copied + " note #0 count_words", "words.c " + counted + " note #1 main",
                            "words.c " + made + " error leak in separators", "words.c " + made + " note #0 separators",
                            "words.c " + asked + " note #1 count_words", "words.c " + counted + " note #2 main"))
      << checked.out;

  // A path from the root on, a colon and a number, with a blank before it and nothing or a blank behind.
  const std::string reported = shell("leakdir report --kinds all mem").out;
  std::vector<std::string> links;
  for (const std::string& line : lines_of(reported)) {
    const Groups found = groups_in(line, R"( (/[^ :]+):(\d+)( |$))");
    if (found.empty() || !exists(found[1])) continue;
    EXPECT_EQ(found[1], scratch_ / "words.c") << line;
    links.push_back(found[2]);
  }
  EXPECT_THAT(links, testing::UnorderedElementsAre(copied, counted, made, asked, counted)) << reported;
  const std::string said = run_page("editors");
  EXPECT_THAT(said, HasSubstr("\nwords.c:" + copied + ": error: leak in count_words: 20 bytes in 1 block, "));
}

// ---- Other languages: each lends two books, and gets one back

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

// Each by itself, as one of the two may not be here.
TEST_F(Examples, TestRunnersLeaveRecordsWhereTheyAreSentAlone) {
  for (const char* needed : {"cmake", "meson"}) {
    if (!is_there(needed)) GTEST_SKIP() << "there is no " << needed;
  }
  const std::string said = run_page("test-runners");
  EXPECT_THAT(said, HasSubstr("50% tests passed, 1 tests failed out of 2"));
  EXPECT_THAT(said, HasSubstr("table leaks, and fails under CTest\n"));
  EXPECT_THAT(said, testing::ContainsRegex("\nOk: +1 *\n"));
  EXPECT_THAT(said, testing::ContainsRegex("\nFail: +1 *\n"));
  EXPECT_THAT(said, HasSubstr("table leaks, and fails under meson\n"));
  for (const char* build : {"build-cmake", "build-meson"}) {
    const std::string leaks = scratch_ / build + "/leaks";
    EXPECT_EQ(names_in(leaks), (std::vector<std::string>{"greeting", "table"}));
    EXPECT_EQ(sizes_of(records_in(leaks + "/greeting")), std::vector<std::uint64_t>{});
    EXPECT_EQ(sizes_of(records_in(leaks + "/table")), std::vector<std::uint64_t>{13});
  }
  EXPECT_EQ(shell("find . -name mem -o -name .ledger -not -path '*/leaks/*'").out, "") << "nowhere else";
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
      for (const char* place : {"%t/gatherd", "/etc/gatherd"}) {
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

TEST_F(DaemonExample, UnitFilesAreGood) {
  if (!is_there("systemd-analyze")) GTEST_SKIP() << "there is no systemd-analyze";
  copy("daemon");
  std::string units;
  for (const std::string& name : names_in(scratch_.path())) {
    if (name.find(".service") == std::string::npos && name.find(".timer") == std::string::npos) continue;
    std::string unit = read_file(scratch_ / name);
    for (const char* program : {"/usr/local/bin/gatherd", "/usr/bin/leakdir"}) {
      if (unit.find(program) != std::string::npos) unit = replaced(unit, program, "/bin/true");
    }
    write_file(scratch_ / name, unit);
    units += " ./" + name;
  }
  EXPECT_EQ(std::count(units.begin(), units.end(), ' '), 4);
  const Outcome outcome = shell("systemd-analyze verify --man=no" + units);
  EXPECT_TRUE(outcome.exited_with(0)) << outcome.describe();
  EXPECT_THAT(outcome.err, Not(testing::AnyOf(HasSubstr("gatherd"), HasSubstr("leakdir")))) << outcome.describe();
}

// The line removes what an earlier run left, once it is old enough, and nothing of the run that lives.
TEST_F(DaemonExample, TmpfilesLineRemovesWhatAnEarlierRunLeft) {
  if (!is_there("systemd-tmpfiles")) GTEST_SKIP() << "there is no systemd-tmpfiles";
  copy("daemon");
  for (const char* file : {".ledger", "0x1.mem", "4711/.ledger", "previous/.ledger", "previous/0x1.mem"})
    write_file(scratch_ / "run/gatherd/mem/" + file, "x");
  const auto clean = [&](const std::string& age) {
    write_file(scratch_ / "gatherd.conf", replaced(read_file(scratch_ / "gatherd.tmpfiles"), " 7d", " " + age));
    const Outcome outcome =
        shell("systemd-tmpfiles --clean --root=" + scratch_.path() + " " + scratch_ / "gatherd.conf");
    EXPECT_TRUE(outcome.exited_with(0)) << outcome.describe();
    EXPECT_EQ(outcome.err, "");
    return names_in(scratch_ / "run/gatherd/mem/previous").size();
  };
  EXPECT_EQ(clean("7d"), 2u) << "they are young";
  EXPECT_EQ(clean("0"), 0u);
  EXPECT_EQ(names_in(scratch_ / "run/gatherd/mem"),
            (std::vector<std::string>{".ledger", "0x1.mem", "4711", "previous"}));
  EXPECT_TRUE(exists(scratch_ / "run/gatherd/mem/4711/.ledger"));
}

// What the units start, on the program as its unit starts it.
TEST_F(DaemonExample, MetricsAndAlertSeeTheDaemon) {
  run_page("daemon");
  const auto command_of = [&](const std::string& unit) {
    for (const std::string& line : lines_of(read_file(scratch_ / unit)))
      if (line.rfind("ExecStart=", 0) == 0)
        return replaced(replaced(line.substr(10), "/run/gatherd", scratch_.path()), "/usr/bin/leakdir", "leakdir");
    return std::string();
  };
  write_file(scratch_ / "leakdir.conf", "recording = 1\n");
  const std::string metrics = replaced(command_of("leakdir-metrics.service"), "/var/lib/prometheus/node-exporter/", "");
  const std::string alert = command_of("leakdir-alert.service");
  EXPECT_EQ(shell(metrics).status >> 8, 1) << "nothing runs yet";
  EXPECT_THAT(read_file(scratch_ / "leakdir.prom"), HasSubstr("leakdir_up{dir=\"" + dir() + "\"} 0\n"));
  EXPECT_TRUE(shell(alert).exited_with(3));
  Process process({{scratch_ / "gatherd", "5"}, scratch_.path(), environment_of_unit(), "", 120});
  ASSERT_TRUE(process.says("reading 5\n"));
  EXPECT_TRUE(shell(metrics).exited_with(0));
  EXPECT_THAT(read_file(scratch_ / "leakdir.prom"),
              testing::AllOf(HasSubstr("leakdir_up{dir=\"" + dir() + "\"} 1\n"),
                             HasSubstr("leakdir_process_running{dir=\"" + dir() + "\",program=\"" + scratch_.path() +
                                       "/gatherd\"} 1\n"),
                             HasSubstr(",function=\"take_reading\",")));
  EXPECT_TRUE(shell(alert).exited_with(0));
  EXPECT_TRUE(shell(replaced(alert, "16M", "20")).exited_with(23));
  process.kill(SIGTERM);
  process.wait();
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

  // Where the leak is that add_a_leak() makes.
  int line_of_leak() const {
    const std::string source = read_file(scratch_ / "words.c");
    const auto end = source.begin() + static_cast<std::ptrdiff_t>(source.find("char* copy = malloc("));
    return 1 + static_cast<int>(std::count(source.begin(), end, '\n'));
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
};

TEST_F(CiExample, PageWritesTheBaselineThatIsThere) {
  const std::string there = read_file(scratch_ / "leaks.json");
  run_page("ci");
  EXPECT_EQ(read_file(scratch_ / "leaks.json"), there);
}

TEST_F(CiExample, GitHubJobFailsOnANewLeakOnly) {
  std::vector<std::string> commands, always;
  const nlohmann::json file = yaml("github.yml");
  for (const auto& step : file.at("jobs").at("leaks").at("steps")) {
    if (!step.contains("run") || step.value("name", "") == "Install leakdir") continue;
    (step.value("if", "") == "always()" ? always : commands).push_back(step.at("run"));
  }
  const std::string check = "leakdir check --format github --baseline leaks.json mem";
  ASSERT_EQ(commands.size(), 3u);
  ASSERT_EQ(commands.back(), check);
  ASSERT_EQ(always.size(), 1u);
  EXPECT_EQ(run_until_one_fails(commands), (std::pair<int, std::string>{0, ""}));
  EXPECT_THAT(shell(check).out, testing::StartsWith("::notice title=leakdir::no new leak: 1 live block, 16 bytes"));
  add_a_leak();
  EXPECT_EQ(run_until_one_fails(commands), (std::pair<int, std::string>{23, check}));
  EXPECT_THAT(shell(check + " || true").out, HasSubstr("\n::error file=words.c,line=" + std::to_string(line_of_leak()) +
                                                       ",title=new leak in count_words::"));
  expect_page(always);
  const auto results = nlohmann::json::parse(read_file(scratch_ / "leaks.sarif")).at("runs").at(0).at("results");
  ASSERT_EQ(results.size(), 1u);
  EXPECT_EQ(results[0].at("locations").at(0).at("physicalLocation").at("region").at("startLine"), line_of_leak());
  EXPECT_EQ(no_sarif_reader().empty() ? faults_of_sarif(scratch_ / "leaks.sarif") : "", "");
}

TEST_F(CiExample, GitLabJobFailsOnANewLeakOnly) {
  const nlohmann::json job = yaml("gitlab.yml").at("leaks");
  const std::vector<std::string> commands = job.at("script");
  const std::string xml = scratch_ / job.at("artifacts").at("reports").at("junit").get<std::string>();
  EXPECT_EQ(run_until_one_fails(commands), (std::pair<int, std::string>{0, ""}));
  EXPECT_THAT(read_file(xml), HasSubstr(" tests=\"1\" failures=\"0\" "));
  add_a_leak();
  EXPECT_EQ(run_until_one_fails(commands), (std::pair<int, std::string>{23, commands.back()}));
  EXPECT_THAT(read_file(xml), HasSubstr(" tests=\"1\" failures=\"1\" "));
  EXPECT_THAT(read_file(xml), HasSubstr(" name=\"count_words "));
  EXPECT_EQ(no_junit_reader().empty() ? faults_of_junit(xml) : "", "");
  expect_page(job.at("after_script"));
}

}  // namespace
}  // namespace leakdir_test
