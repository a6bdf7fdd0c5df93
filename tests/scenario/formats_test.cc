// SPDX-License-Identifier: BSL-1.0
//
// Each format of the report, of a program that is running, has ended or was killed.

#include <gmock/gmock-matchers.h>
#include <gtest/gtest.h>
#include <signal.h>
#include <unistd.h>

#include <algorithm>
#include <map>
#include <memory>
#include <regex>

#include "browser.hh"
#include "defined.hh"
#include "paths.hh"
#include "report_json.hh"
#include "target.hh"

namespace leakdir_test {
namespace {

constexpr int kBlocks = 7;
constexpr std::uint64_t kBytes = 14028;  // 2001 + 2002 + …

// The state of the program, and how it is linked.
class Formats : public testing::TestWithParam<std::tuple<std::string, std::string>> {
 protected:
  void SetUp() override {
    const auto& [state, kind] = GetParam();
    const std::string wait_ms = state == "exited" ? "0" : "100000";
    program_ = std::make_unique<Process>(
        command_for(scratch_, target("leaks", kind), {"reach=0", {std::to_string(kBlocks), wait_ms}, {}, 110}));
    if (state == "exited") {
      ASSERT_TRUE(program_->wait().exited_with(0));
      return;
    }
    program_->says("leaked");
    if (state == "killed") {
      program_->kill(SIGKILL);
      ASSERT_TRUE(program_->wait().killed_by(SIGKILL));
    }
  }

  Outcome report_as(const std::string& format, const std::vector<std::string>& more_arguments = {}) {
    std::vector<std::string> arguments = {"report", "--format", format};
    arguments.insert(arguments.end(), more_arguments.begin(), more_arguments.end());
    const Outcome outcome = run_tool(arguments, scratch_.path());
    EXPECT_TRUE(outcome.exited_with(0) && outcome.err.empty()) << outcome.describe();
    return outcome;
  }

  const std::string& state() const { return std::get<0>(GetParam()); }

  Scratch scratch_;
  std::unique_ptr<Process> program_;
};

// All that `report` offers, also those that have no test of their own below.
TEST_P(Formats, EachOneNamesTheFunction) {
  for (const std::string& format : choices_of("report", "--format")) {
    SCOPED_TRACE(format);
#ifndef HAS_HTML
    if (format == "html") continue;
#endif
    const bool is_packed = format == "pprof";
    report_as(format, {"-o", "report"});
    const Outcome read = run({{is_packed ? "zcat" : "cat", scratch_ / "report"}, "", {}, "", 60});
    EXPECT_NE(read.out.find("leak_sized"), std::string::npos) << read.describe();
  }
}

TEST_P(Formats, FoldedHasTheStackInOneLine) {
  const std::string folded = report_as("folded").out;
  ASSERT_EQ(lines_of(folded).size(), 1u) << folded;
  const std::string end = ";main;leak_sized " + std::to_string(kBytes) + "\n";
  ASSERT_GE(folded.size(), end.size());
  EXPECT_EQ(folded.substr(folded.size() - end.size()), end);
}

TEST_P(Formats, PprofIsReadByItsSpecification) {
  report_as("pprof", {"-o", "profile"});
  const Outcome decoded = run({{"sh", "-c",
                                std::string("gzip -dc <profile | protoc --decode=perftools.profiles.Profile -I ") +
                                    kPprofProto + " profile.proto"},
                               scratch_.path(),
                               {},
                               "",
                               60});
  ASSERT_TRUE(decoded.exited_with(0)) << decoded.describe();
  EXPECT_NE(decoded.out.find("value: " + std::to_string(kBlocks) + "\n  value: " + std::to_string(kBytes) + "\n"),
            std::string::npos)
      << decoded.out;
  EXPECT_NE(decoded.out.find("string_table: \"leak_sized\"\n"), std::string::npos);
  EXPECT_NE(decoded.out.find(", " + state() + "\"\n"), std::string::npos) << decoded.out;
}

#ifdef HAS_HTML
TEST_P(Formats, HtmlOpensInABrowser) {
  if (!Browser::is_installed()) GTEST_SKIP() << Browser::kWhyNot;
  static Browser browser;
  report_as("html", {"-o", "report.html"});
  browser.open(scratch_ / "report.html");
  EXPECT_EQ(browser.evaluate("document.querySelector('#stack-facts b').textContent"), "13.7 KiB (14,028 bytes)");
  EXPECT_EQ(browser.evaluate("document.querySelector('#stack-title').textContent"), "leak_sized");
  const std::string process = browser.evaluate("document.querySelector('#process').textContent");
  EXPECT_NE(process.find(", pid " + std::to_string(program_->pid()) + ", " + state()), std::string::npos) << process;
  EXPECT_TRUE(browser.becomes_true("document.querySelector('#graph g[name=leak_sized]')"));
  EXPECT_TRUE(browser.errors().empty()) << browser.errors().front();
}
#endif

INSTANTIATE_TEST_SUITE_P(Program, Formats,
                         testing::Combine(testing::Values("running", "exited", "killed"),
                                          testing::Values("static", "pie")),
                         [](const testing::TestParamInfo<Formats::ParamType>& info) {
                           return std::get<0>(info.param) + "_" + std::get<1>(info.param);
                         });

// ---- Where a reader looks first ----------------------------------------------------------------------------------

// What leaks is one of 400 stacks and holds less than each of the others, which are full since the start.
class FirstScreen : public testing::TestWithParam<std::string> {
 protected:
  static constexpr std::size_t kLinesOfAScreen = 24;

  void SetUp() override {
    const bool has_exited = GetParam() == "exited";
    program_ = std::make_unique<Process>(command_for(
        scratch_, target("many_stacks", "pie"),
        {"max_files=10", has_exited ? std::vector<std::string>() : std::vector<std::string>{"wait"}, {}, 200}));
    if (has_exited) {
      ASSERT_TRUE(program_->wait().exited_with(0));
      return;
    }
    program_->says("leaked");
    if (GetParam() == "killed") {
      program_->kill(SIGKILL);
      ASSERT_TRUE(program_->wait().killed_by(SIGKILL));
    }
  }

  // "name_of_visitor /…/many_stacks.c:50", of the line that says so.
  static std::string the_leak() {
    const auto lines = lines_of(read_file(std::string(kSourceRoot) + "/tests/targets/many_stacks.c"));
    std::size_t line = 0;
    while (line < lines.size() && lines[line].find("// the leak") == std::string::npos) ++line;
    return "/many_stacks.c:" + std::to_string(line + 1);
  }

  std::string first_screen(const std::vector<std::string>& arguments) const {
    const Outcome outcome = run_tool(arguments, scratch_.path());
    EXPECT_TRUE(outcome.exited_with(arguments.front() == "check" ? 23 : 0)) << outcome.describe();
    std::string text;
    const auto lines = lines_of(outcome.out);
    for (std::size_t i = 0; i < std::min(lines.size(), kLinesOfAScreen); ++i) text += lines[i] + "\n";
    return text;
  }

  static void expect_the_leak(const std::string& text) {
    const std::size_t name = text.find("name_of_visitor /"), at = text.find(the_leak(), name);
    EXPECT_TRUE(name != std::string::npos && at != std::string::npos &&
                text.substr(name, at - name).find('\n') == std::string::npos)
        << text;
  }

  Scratch scratch_;
  std::unique_ptr<Process> program_;
};

TEST_P(FirstScreen, NamesTheLeak) {
  for (const char* command : {"report", "check"}) {
    SCOPED_TRACE(command);
    expect_the_leak(first_screen({command}));
  }
  expect_the_leak(first_screen({"watch", "--count", "1"}));
  const std::string verdict = first_screen({"check", "--top", "0"});
  EXPECT_NE(verdict.find(GetParam() == "exited" ? "; the largest that is lost: name_of_visitor "
                                                : "; allocated all through the run and still live: name_of_visitor "),
            std::string::npos)
      << verdict;
#ifdef HAS_HTML
  ASSERT_TRUE(run_tool({"report", "--format", "html", "-o", "report.html"}, scratch_.path()).exited_with(0));
  if (!Browser::is_installed()) GTEST_SKIP() << Browser::kWhyNot;
  Browser browser;
  browser.open(scratch_ / "report.html", 1280, 800);
  // What lies within the window, and no part of a graph.
  const std::string seen = browser.evaluate(
      "[...document.querySelectorAll('#remarks li, #stacks td:nth-child(5)')].filter((one) => {"
      " const box = one.getBoundingClientRect(); return box.height > 0 && box.bottom <= innerHeight; })"
      ".map((one) => one.title || one.textContent).join('\\n')");
  if (GetParam() == "exited") {  // the first row's title
    EXPECT_NE(seen.find("name_of_visitor\n"), std::string::npos) << seen;
    EXPECT_EQ(browser.evaluate("document.querySelector('#frames .own:nth-child(2) .source').textContent"),
              "char* const name = xmalloc(37);  // the leak");
  } else {
    expect_the_leak(seen);
  }
#endif
}

INSTANTIATE_TEST_SUITE_P(Program, FirstScreen, testing::Values("running", "exited", "killed"),
                         [](const auto& info) { return info.param; });

// ---- What others make of names ------------------------------------------------------------------------------------

// A program with operators, templates, a lambda and a function of no name's namespace, each of which leaks.
void leak_by_odd_names(const Scratch& scratch) {
  write_file(scratch / "app.cc", R"(#include <cstdlib>
void* volatile kept;
struct Shelf {
  void operator()(int bytes) const { kept = std::malloc(bytes); }
  void operator<<(int bytes) { kept = std::malloc(bytes); }
};
namespace { void lend() { kept = std::malloc(1409); } }
template <class T> void make(std::size_t bytes) { kept = std::malloc(bytes); }
int main() {
  Shelf shelf;
  shelf(1237);
  shelf << 1301;
  lend();
  make<int>(1511);
  make<long>(1613);
  [](int more) { kept = std::malloc(1700 + more); }(9);
}
)");
  const Outcome built = run({{"g++", "-g", "app.cc", kObject, "-o", "app"}, scratch.path(), {}, "", 120});
  ASSERT_TRUE(built.exited_with(0)) << built.describe();
  ASSERT_TRUE(run_in(scratch, scratch / "app").exited_with(0));
}

// Bytes and name of each function that has allocated itself, the largest first.
const std::vector<std::string> kOddNames = {"1709 main::{lambda(int)#1}::operator()(int) const",
                                            "1613 void make<long>(unsigned long)",
                                            "1511 void make<int>(unsigned long)",
                                            "1409 (anonymous namespace)::lend()",
                                            "1301 Shelf::operator<<(int)",
                                            "1237 Shelf::operator()(int) const"};

// pprof itself, where Go is: it must not take a name for a mangled one and cut it.
TEST(PprofOfGo, ShowsNamesWhole) {
  const Scratch scratch;
  if (!run({{"sh", "-c", "go tool pprof -help 2>&1 | grep -q pprof"}, scratch.path(), {}, "", 60}).exited_with(0))
    GTEST_SKIP() << "there is no go tool pprof";
  leak_by_odd_names(scratch);
  ASSERT_TRUE(run_tool({"report", "--format", "pprof", "-o", "profile"}, scratch.path()).exited_with(0));
  const Outcome top = run({{"sh", "-c", "go tool pprof -top -unit=bytes profile"},
                           scratch.path(),
                           {{"PPROF_TMPDIR", scratch.path()}},
                           "",
                           120});
  // "     1709B 19.46% 19.46%      1709B 19.46%  name"; of what allocated nothing itself the first is 0.
  std::vector<std::string> names;
  for (const std::string& line : lines_of(top.out)) {
    const std::size_t name = line.rfind("%  "), bytes = line.find_first_not_of(' ');
    if (name == std::string::npos || line[bytes] < '1' || line[bytes] > '9') continue;
    names.push_back(line.substr(bytes, line.find('B') - bytes) + line.substr(name + 2));
  }
  EXPECT_EQ(names, kOddNames) << top.describe();
}

// flamegraph.pl, as Debian has it in a package of Perl's profiler. It shows < and > in names as ( and ).
TEST(FlameGraph, HasEachFrameInItsWidth) {
  const char* const script = "/usr/share/perl5/Devel/NYTProf/flamegraph.pl";
  if (access(script, R_OK) != 0) GTEST_SKIP() << "there is no flamegraph.pl (libdevel-nytprof-perl)";
  const Scratch scratch;
  leak_by_odd_names(scratch);
  ASSERT_TRUE(run_tool({"report", "--format", "folded", "-o", "folded"}, scratch.path()).exited_with(0));
  const Outcome drawn =
      run({{"perl", script, "--countname", "bytes", "--width", "1220", "folded"}, scratch.path(), {}, "", 60});
  ASSERT_TRUE(drawn.exited_with(0) && drawn.err.empty()) << drawn.describe();
  constexpr double kRow = 16;  // pixels
  struct Drawn {
    double y = 0, width = 0, bytes = 0;
  };
  std::map<std::string, Drawn> frames;  // main is there for each kind of block: added up
  const std::regex frame(
      "<title>([^<]*) \\(([0-9,]*) bytes, [0-9.]*%\\)</title><rect x=\"[0-9.]*\" y=\"([0-9.]*)\" width=\"([0-9.]*)\"");
  for (std::sregex_iterator found(drawn.out.begin(), drawn.out.end(), frame), end; found != end; ++found) {
    std::string bytes = (*found)[2];
    bytes.erase(std::remove(bytes.begin(), bytes.end(), ','), bytes.end());
    Drawn& one = frames[(*found)[1]];
    one.y = std::stod((*found)[3]);
    one.width += std::stod((*found)[4]);
    one.bytes += std::stod(bytes);
  }
  const Drawn &all = frames["all"], &main = frames["main"];
  EXPECT_EQ(all.bytes, 1709 + 1613 + 1511 + 1409 + 1301 + 1237) << drawn.out;
  EXPECT_EQ(all.width, 1200);
  EXPECT_EQ(main.bytes, all.bytes) << "all comes from it";
  EXPECT_NEAR(main.width, 1200, 0.21);
  std::vector<std::string> names, expected = kOddNames;
  for (std::string& one : expected) {
    std::replace(one.begin(), one.end(), '<', '(');
    std::replace(one.begin(), one.end(), '>', ')');
  }
  for (const auto& [name, at] : frames) {
    if (at.y >= main.y) continue;  // main itself, and what called it
    names.push_back(std::to_string(static_cast<int>(at.bytes)) + " " + name);
    EXPECT_EQ(main.y - at.y, kRow) << name << " stands upon main";
    EXPECT_NEAR(at.width, all.width * at.bytes / all.bytes, 0.11) << name;  // both ends have one digit
  }
  EXPECT_THAT(names, testing::UnorderedElementsAreArray(expected));
}

#ifdef HAS_HTML
// The page of speedscope, with its list of functions: total, what they have allocated themselves, name.
class Speedscope : public testing::Test {
 protected:
  void SetUp() override {
    if (kSpeedscope[0] == '\0') GTEST_SKIP() << "meson could not fetch speedscope";
    if (!Browser::is_installed()) GTEST_SKIP() << Browser::kWhyNot;
  }

  // As speedscope's own command hands a file to its page. Each row as "bytes name", of what they have themselves.
  std::vector<std::string> functions_in(const std::string& file) {
    const Outcome coded = run({{"base64", "-w0", scratch_ / file}, "", {}, "", 60});
    write_file(scratch_ / "profile.js", "speedscope.loadFileFromBase64(\"" + file + "\", \"" + coded.out + "\")");
    Browser browser;  // a fresh one: a page that differs in what stands behind # alone is not loaded again
    browser.open(std::string(kSpeedscope) + "#localProfilePath=" + scratch_ / "profile.js");
    EXPECT_TRUE(browser.becomes_true("document.title.startsWith('" + file + "')"));
    browser.press("3");  // "Sandwich"
    EXPECT_TRUE(browser.becomes_true("document.querySelectorAll('tr').length > 1"));
    return browser.evaluate(
        "[...document.querySelectorAll('tr')].slice(1).map((row) => row.innerText.split('\\t')"
        ".map((cell) => cell.trim())).map(([total, self, name]) => "
        "self.replace(/ .*/, '').replace(',', '') + ' ' + name)");
  }

  Scratch scratch_;
};

TEST_F(Speedscope, ShowsNamesWhole) {
  leak_by_odd_names(scratch_);
  for (const char* format : {"folded", "pprof"}) {
    SCOPED_TRACE(format);
    ASSERT_TRUE(run_tool({"report", "--format", format, "-o", format}, scratch_.path()).exited_with(0));
    std::vector<std::string> names = functions_in(format), expected = kOddNames;
    names.resize(std::min(names.size(), expected.size()));
    if (std::string(format) == "pprof") {  // whose unit is known: bytes, which it shows in KiB
      for (std::string& one : expected) {
        char kib[20];
        snprintf(kib, sizeof kib, "%.2f", std::stod(one) / 1024);
        one.replace(0, 4, kib);
      }
    }
    EXPECT_EQ(names, expected);
  }
}

TEST_F(Speedscope, ShowsNamesOfRustAsTheyAreWritten) {
  if (!run({{"sh", "-c", "command -v rustc"}, "", {}, "", 60}).exited_with(0)) GTEST_SKIP() << "there is no rustc";
  write_file(scratch_ / "shelf.rs", R"(struct Shelf(u8);
trait Keep {
    fn keep(&self) -> Vec<u8>;
}
impl Keep for Shelf {
    #[inline(never)]
    fn keep(&self) -> Vec<u8> {
        Vec::with_capacity(1301)
    }
}
fn main() {
    std::mem::forget(Shelf(1).keep());
}
)");
  const std::string library = std::string(kObject).substr(0, std::string(kObject).rfind('/'));
  const Outcome built =
      run({{"rustc", "--edition", "2021", "-g", "-L", library, "-l", "static:+whole-archive=leakdir", "shelf.rs"},
           scratch_.path(),
           {},
           "",
           120});
  ASSERT_TRUE(built.exited_with(0)) << built.describe();
  ASSERT_TRUE(run_in(scratch_, scratch_ / "shelf").exited_with(0));
  for (const char* format : {"folded", "pprof"}) {
    SCOPED_TRACE(format);
    ASSERT_TRUE(run_tool({"report", "--format", format, "-o", format}, scratch_.path()).exited_with(0));
    const std::vector<std::string> names = functions_in(format);
    EXPECT_NE(std::find(names.begin(), names.end(), "0 <shelf::Shelf as shelf::Keep>::keep"), names.end())
        << testing::PrintToString(names);
  }
}
#endif

}  // namespace
}  // namespace leakdir_test
