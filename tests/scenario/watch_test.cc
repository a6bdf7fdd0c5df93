// SPDX-License-Identifier: BSL-1.0
//
// leakdir watch on a running program: on a terminal, and where there is none.

#include <fcntl.h>
#include <gmock/gmock-matchers.h>
#include <gtest/gtest.h>
#include <signal.h>
#include <sys/stat.h>
#include <unistd.h>

#include "beyond_main.hh"
#include "paths.hh"
#include "report_json.hh"
#include "target.hh"
#include "tmux.hh"

namespace leakdir_test {
namespace {

using testing::AllOf;
using testing::EndsWith;
using testing::HasSubstr;
using testing::Not;
using testing::StartsWith;

class Watch : public testing::Test {
 protected:
  Watch() {
    if (mkfifo((scratch_ / "fifo").c_str(), 0600) != 0) throw std::runtime_error("no fifo");
    program_ = std::make_unique<Process>(command_for(scratch_, target("grows", "static"), {"", {"fifo"}, {}, 200}));
    wait_for("ready\n", 1);
    tell("leak 3 0");
  }

  // The program has done it when this returns.
  void tell(const std::string& what) {
    const int fifo = open((scratch_ / "fifo").c_str(), O_WRONLY);
    const std::string line = what + "\n";
    ASSERT_EQ(write(fifo, line.data(), line.size()), static_cast<ssize_t>(line.size()));
    close(fifo);
    if (what != "exit") wait_for("done\n", ++told_);
  }

  void wait_for(const std::string& text, int times) {
    for (int i = 0; i < 20000; ++i, usleep(1000)) {
      const std::string output = program_->output_so_far();
      int seen = 0;
      for (std::size_t at = 0; (at = output.find(text, at)) != std::string::npos; ++at) ++seen;
      if (seen >= times) return;
    }
    FAIL() << program_->output_so_far();
  }

  static std::string watch(const std::string& arguments) { return std::string(kTool) + " watch " + arguments; }

  // Under a shell that says how it ended, and whether the terminal is as it was.
  std::string in_shell(const std::string& arguments) const {
    return "before=$(stty -g); " + watch(arguments) +
           "; echo status=$?; [ \"$before\" = \"$(stty -g)\" ] && echo same settings; exec sleep 1000";
  }

  static void signal_child_of(const std::string& shell, const std::string& signal) {
    const std::string kill = "kill -" + signal + " $(cat /proc/" + shell + "/task/" + shell + "/children)";
    ASSERT_TRUE(run({{"sh", "-c", kill}, "", {}, "", 60}).exited_with(0));
  }

  static void expect_given_back(const Tmux& terminal) {
    ASSERT_TRUE(terminal.shows("same settings")) << terminal.text();
    EXPECT_EQ(terminal.knows("alternate_on"), "0");
    EXPECT_EQ(terminal.knows("cursor_flag"), "1");
  }

  Scratch scratch_;
  std::unique_ptr<Process> program_;
  int told_ = 0;
};

TEST_F(Watch, OnATerminalIsRedrawnWithWhatGrew) {
  const Tmux terminal(in_shell("--interval 0.1"), scratch_.path(), 100, 30);
  ASSERT_TRUE(terminal.shows("q quits"));
  EXPECT_EQ(terminal.knows("alternate_on"), "1");
  EXPECT_EQ(terminal.knows("cursor_flag"), "0");
  EXPECT_THAT(terminal.screen()[0], AllOf(HasSubstr("/grows.static, pid "), HasSubstr(", running since ")));
  ASSERT_TRUE(terminal.shows("\n3 live blocks, 3027 bytes in 1 stack\ngrowth: none in "));
  EXPECT_THAT(terminal.text(), AllOf(HasSubstr("\n3027 bytes in 3 blocks, 100.0 %, malloc, oldest "),
                                     HasSubstr("    #0 leak_more "), Not(HasSubstr("__libc_start"))));
  tell("leak 2 0");
  ASSERT_TRUE(terminal.shows("\n5 live blocks, 5045 bytes in 1 stack\ngrowth: +2018 bytes, +2 blocks in "));
  tell("leak 1 4");
  ASSERT_TRUE(terminal.shows("\n6 live blocks, 6054 bytes in 2 stacks\ngrowth: +3027 bytes, +3 blocks in "));
  EXPECT_THAT(terminal.text(), HasSubstr("+1009 bytes, +1 block in "));
  tell("free 5");
  ASSERT_TRUE(terminal.shows("\n1 live block, 1009 bytes in 1 stack\ngrowth: -2018 bytes, -2 blocks in "));
  terminal.press("q");
  expect_given_back(terminal);
  EXPECT_THAT(terminal.text(), HasSubstr("status=0"));
  EXPECT_THAT(terminal.text(), HasSubstr("1 live block, 1009 bytes in 1 stack")) << "the last picture stays";
}

TEST_F(Watch, EndsWithCtrlCAndBySignalsAndGivesTheTerminalBack) {
  for (const char* end : {"C-c", "TERM", "HUP"}) {
    const Tmux terminal(in_shell("--interval 0.1"), scratch_.path(), 100, 30);
    ASSERT_TRUE(terminal.shows("q quits"));
    if (end[0] == 'C')
      terminal.press(end);
    else
      signal_child_of(terminal.knows("pane_pid"), end);
    expect_given_back(terminal);
  }
}

TEST_F(Watch, EndsWhenTheProcessEndsAndSaysSo) {
  {
    const Tmux terminal(in_shell("--interval 0.1"), scratch_.path(), 100, 30);
    ASSERT_TRUE(terminal.shows("q quits"));
    tell("exit");
    expect_given_back(terminal);
    EXPECT_THAT(terminal.text(), HasSubstr("\nprocess " + std::to_string(program_->pid()) + " has exited\nstatus=0\n"));
    EXPECT_THAT(terminal.text(), HasSubstr("3 live blocks, 3027 bytes in 1 stack"));
  }
  const Outcome again = run_tool({"watch"}, scratch_.path());
  EXPECT_TRUE(again.exited_with(0));
  EXPECT_THAT(again.out, EndsWith("\nprocess " + std::to_string(program_->pid()) + " has exited\n"));
}

TEST_F(Watch, SaysOfAKilledProcessThatItWas) {
  const Tmux terminal(in_shell("--interval 0.1"), scratch_.path(), 100, 30);
  ASSERT_TRUE(terminal.shows("q quits"));
  program_->kill(SIGKILL);
  program_->wait();
  expect_given_back(terminal);
  EXPECT_THAT(terminal.text(),
              HasSubstr("process " + std::to_string(program_->pid()) + " did not leave through exit\nstatus=0\n"));
}

TEST_F(Watch, ShowsAsManyStacksAsTheTerminalIsHigh) {
  for (int depth = 1; depth < 12; ++depth) tell("leak 1 " + std::to_string(depth));
  const Tmux terminal(in_shell("--interval 0.1"), scratch_.path(), 100, 20);
  ASSERT_TRUE(terminal.shows("q quits"));
  EXPECT_THAT(terminal.screen()[0], HasSubstr("/grows.static, pid ")) << "nothing scrolled away";
  EXPECT_THAT(terminal.text(), HasSubstr("14 live blocks, 14126 bytes (13.8 KiB) in 12 stacks"));
  EXPECT_THAT(terminal.text(), HasSubstr(", from 10 more stacks not shown"));
  terminal.resize(100, 50);
  ASSERT_TRUE(terminal.shows(", from 4 more stacks not shown"));
  EXPECT_THAT(terminal.screen()[0], HasSubstr("/grows.static, pid "));
  terminal.resize(30, 6);
  ASSERT_TRUE(terminal.shows("\n14 live blocks"));
  terminal.press("q");
  ASSERT_TRUE(terminal.shows("same settings"));
}

TEST_F(Watch, KeysSortGroupAndForgetGrowth) {
  tell("leak 1 4");  // 3027 bytes in one stack, that is older, and 1009 in another
  const Tmux terminal(in_shell("--interval 0.1"), scratch_.path(), 120, 40);
  ASSERT_TRUE(terminal.shows("q quits, ? helps, s: by bytes, g: stack"));
  tell("leak 1 4");
  ASSERT_TRUE(terminal.shows("\n5 live blocks, 5045 bytes in 2 stacks\ngrowth: +1009 bytes, +1 block in "));
  const auto first_of = [](const std::string& text, const std::string& one, const std::string& other) {
    return text.find(one) < text.find(other) ? one : other;
  };
  const std::string old = "3027 bytes in 3 blocks", grown = "2018 bytes in 2 blocks";
  EXPECT_EQ(first_of(terminal.text(), old, grown), old);
  for (const char* key : {"blocks", "age", "growth"}) {
    terminal.press("s");
    ASSERT_TRUE(terminal.shows(std::string("s: by ") + key)) << terminal.text();
  }
  EXPECT_EQ(first_of(terminal.text(), old, grown), grown) << "what grew most is first";

  terminal.press("g");
  ASSERT_TRUE(terminal.shows("s: by bytes, g: function")) << "functions have no order by growth";
  EXPECT_THAT(terminal.text(), HasSubstr("\nby function:\n5045 bytes in 5 blocks, 100.0 %, 2 stacks, oldest "));
  EXPECT_THAT(terminal.text(), HasSubstr(": leak_more\n"));
  terminal.press("Enter");
  ASSERT_TRUE(terminal.shows(" " + libc_beyond_main().back() + " "))
      << "its stacks, with all frames" << terminal.text();
  EXPECT_THAT(terminal.text(), AllOf(HasSubstr(old), HasSubstr(grown), HasSubstr("Esc: back")));
  for (const char* by : {"caller", "file", "module", "stack"}) {
    terminal.press("g");
    ASSERT_TRUE(terminal.shows(std::string("g: ") + by));
  }
  EXPECT_THAT(terminal.text(), HasSubstr("growth: +1009 bytes, +1 block in "));
  terminal.press("r");
  ASSERT_TRUE(terminal.shows("\ngrowth: none in ")) << "it counts from then on";
  tell("leak 1 0");
  ASSERT_TRUE(terminal.shows("\n6 live blocks, 6054 bytes in 2 stacks\ngrowth: +1009 bytes, +1 block in "));
  terminal.press("q");
  expect_given_back(terminal);
}

TEST_F(Watch, KeysScrollAndOpenAStackThatStaysOpenWhateverComes) {
  for (int depth = 1; depth < 12; ++depth) tell("leak " + std::to_string(13 - depth) + " " + std::to_string(depth));
  const Tmux terminal(in_shell("--interval 0.1"), scratch_.path(), 110, 16);
  ASSERT_TRUE(terminal.shows("q quits"));
  EXPECT_THAT(terminal.text(), AllOf(HasSubstr("\n12108 bytes (11.8 KiB) in 12 blocks"), Not(HasSubstr("\n> "))));
  terminal.press("Down");
  ASSERT_TRUE(terminal.shows("\n> 12108 bytes (11.8 KiB) in 12 blocks"));
  terminal.press("j");
  ASSERT_TRUE(terminal.shows("\n> 11099 bytes (10.8 KiB) in 11 blocks"));
  terminal.press("Up");
  ASSERT_TRUE(terminal.shows("\n> 12108 bytes"));
  terminal.press("End");
  ASSERT_TRUE(terminal.shows("\n> 2018 bytes in 2 blocks")) << terminal.text();
  EXPECT_THAT(terminal.text(), AllOf(Not(HasSubstr("12108 bytes (")), HasSubstr(" more stacks not shown")));
  EXPECT_THAT(terminal.screen()[0], HasSubstr("/grows.static, pid ")) << "what the process is stays in sight";
  terminal.press("PageUp");
  ASSERT_TRUE(terminal.shows("\n> 3027 bytes in 3 blocks")) << "two fit " << terminal.text();
  terminal.press("Home");
  ASSERT_TRUE(terminal.shows("\n> 12108 bytes"));

  terminal.press("Enter");  // leak_more below two of descend, main and what called it: longer than the screen
  ASSERT_TRUE(terminal.shows("Esc: back"));
  EXPECT_THAT(terminal.text(), AllOf(HasSubstr("\n    #0 leak_more "), HasSubstr("\n    #3 main ")));
  tell("leak 30 9");  // another stack is the largest now
  ASSERT_TRUE(terminal.shows("\n110 live blocks")) << terminal.text();
  EXPECT_THAT(terminal.text(), AllOf(HasSubstr("12108 bytes (11.8 KiB) in 12 blocks"), HasSubstr("#3 main ")));
  terminal.press("Escape");
  ASSERT_TRUE(terminal.shows("\n> 12108 bytes")) << "and it is chosen still";
  terminal.press("Home");
  terminal.press("Enter");
  ASSERT_TRUE(terminal.shows("34306 bytes (33.5 KiB) in 34 blocks"));
  EXPECT_THAT(terminal.text(), Not(HasSubstr(" main ")));
  terminal.press("End");
  ASSERT_TRUE(terminal.shows(" main ")) << "the end of a stack that is longer than the screen";
  EXPECT_THAT(terminal.text(), Not(HasSubstr("#0 leak_more")));
  terminal.press("?");
  ASSERT_TRUE(terminal.shows("growth counts from now\n")) << "what the keys do";
  terminal.press("Escape");
  ASSERT_TRUE(terminal.shows("\n> 34306 bytes"));
  terminal.press("q");
  expect_given_back(terminal);
}

TEST_F(Watch, ATerminalThatNobodyKnowsGetsBlocksOfText) {
  for (const char* kind : {"dumb", "no-such-terminal"}) {
    const Tmux terminal(std::string("export TERM=") + kind + "; " + in_shell("--interval 0.05 --count 2"),
                        scratch_.path(), 110, 40);
    ASSERT_TRUE(terminal.shows("same settings")) << kind;
    EXPECT_THAT(terminal.text(), AllOf(HasSubstr("\nat 20"), HasSubstr("status=0"))) << "two looks";
  }
}

TEST_F(Watch, ElsewhereEachLookIsABlockOfText) {
  const Outcome outcome = run_tool({"watch", "--count", "3", "--interval", "0.1"}, scratch_.path());
  EXPECT_TRUE(outcome.exited_with(0)) << outcome.describe();
  EXPECT_EQ(outcome.err, "");
  EXPECT_EQ(outcome.out.find('\x1b'), std::string::npos);
  int looks = 0, growths = 0;
  for (const auto& line : lines_of(outcome.out)) {
    if (line == "3 live blocks, 3027 bytes in 1 stack") ++looks;
    if (line.rfind("growth: ", 0) == 0) {
      ++growths;
      EXPECT_EQ(growths, looks - 1) << "the first look has nothing to compare with";
      EXPECT_THAT(line, AllOf(StartsWith("growth: none in "), Not(testing::EndsWith(" in 0 ms"))));
    }
  }
  EXPECT_EQ(looks, 3);
  EXPECT_EQ(growths, 2);
  EXPECT_THAT(outcome.out, StartsWith("at 20"));
}

TEST_F(Watch, ElsewhereItGoesOnUntilTheProcessEnds) {
  Process watching({{kTool, "watch", "--interval", "0.05", "--sort", "growth"}, scratch_.path(), {}, "", 60});
  watching.says("growth: none");
  tell("leak 1 2");
  watching.says("growth: +1009");
  tell("exit");
  const Outcome outcome = watching.wait();
  EXPECT_TRUE(outcome.exited_with(0)) << outcome.describe();
  EXPECT_THAT(outcome.out, EndsWith("\nprocess " + std::to_string(program_->pid()) + " has exited\n"));
  const std::size_t last =
      outcome.out.rfind("4 live blocks, 4036 bytes in 2 stacks\ngrowth: +1009 bytes, +1 block in ");
  ASSERT_NE(last, std::string::npos) << outcome.out;
  EXPECT_LT(outcome.out.find("1009 bytes in 1 block", last), outcome.out.find("3027 bytes in 3 blocks", last))
      << "what grew most comes first";
}

TEST_F(Watch, AsJsonEachLookIsALine) {
  Process watching({{kTool, "watch", "--interval", "0.05", "--format", "json", "--top", "1", "--sort", "growth"},
                    scratch_.path(),
                    {},
                    "",
                    60});
  watching.says("\"blocks\":3");
  tell("leak 2 2");
  ASSERT_TRUE(watching.says("\"totals\":{\"blocks\":5"));
  tell("exit");
  const Outcome outcome = watching.wait();
  EXPECT_TRUE(outcome.exited_with(0)) << outcome.describe();
  EXPECT_EQ(outcome.err, "");
  std::vector<nlohmann::json> looks;
  for (const auto& line : lines_of(outcome.out)) looks.push_back(nlohmann::json::parse(line));
  ASSERT_GE(looks.size(), 3u);

  nlohmann::json first = looks.front();
  EXPECT_EQ(first.at("growth"), nlohmann::json({{"blocks", 0}, {"bytes", 0}, {"milliseconds", 0}}));
  EXPECT_EQ(first.at("state"), "running");
  EXPECT_EQ(first.at("pid"), program_->pid());
  EXPECT_EQ(first.at("totals"), nlohmann::json({{"blocks", 3}, {"bytes", 3027}, {"stacks", 1}}));
  EXPECT_EQ(first.at("stacks").at(0).at("growth"), nlohmann::json({{"blocks", 0}, {"bytes", 0}}));
  EXPECT_EQ(first.at("not_shown"), nlohmann::json({{"blocks", 0}, {"bytes", 0}, {"stacks", 0}}));

  const nlohmann::json& last = looks.back();
  EXPECT_EQ(last.at("version"), 1);
  EXPECT_EQ(last.at("ended"), "process " + std::to_string(program_->pid()) + " has exited");
  EXPECT_EQ(last.at("state"), "exited");
  EXPECT_EQ(last.at("totals").at("bytes"), 5045);
  EXPECT_EQ(last.at("growth").at("bytes"), 2018);
  EXPECT_GT(last.at("growth").at("milliseconds"), 0);
  EXPECT_EQ(last.at("totals").at("kinds").size(), 4u) << "it looked at its exit";
  ASSERT_EQ(last.at("stacks").size(), 1u);
  nlohmann::json stack = last.at("stacks").at(0);
  EXPECT_EQ(stack.at("function"), "leak_more");
  EXPECT_THAT(stack.at("file").get<std::string>(), EndsWith("/grows.c"));
  EXPECT_EQ(stack.at("blocks"), 2);
  EXPECT_EQ(stack.at("growth"), nlohmann::json({{"blocks", 2}, {"bytes", 2018}}));
  EXPECT_EQ(stack.at("identity").at(1), "descend (grows.static)");
  EXPECT_EQ(last.at("not_shown"), nlohmann::json({{"blocks", 3}, {"bytes", 3027}, {"stacks", 1}}));
  for (const auto& look : looks) {
    EXPECT_EQ(look.contains("ended"), &look == &looks.back());
  }
}

// Of another process that records below the first one's directory; it comes and goes while they are watched.
TEST_F(Watch, OfATreeGoesOnUntilTheLastProcessHasEnded) {
  const Tmux terminal(in_shell("--all --interval 0.1"), scratch_.path(), 100, 30);
  ASSERT_TRUE(terminal.shows("\n1 process as one, 1 running\n3 live blocks, 3027 bytes in 1 stack\ngrowth: none in "));
  ASSERT_EQ(mkfifo((scratch_ / "other").c_str(), 0600), 0);
  Process other(command_for(scratch_, target("grows", "static"), {"", {"other"}, {}, 200}));
  ASSERT_TRUE(other.says("ready\n"));
  const auto tell_other = [&](const std::string& what) {
    return run({{"sh", "-c", "echo " + what + " >other"}, scratch_.path(), {}, "", 60}).exited_with(0);
  };
  ASSERT_TRUE(tell_other("leak 2 0"));
  ASSERT_TRUE(
      terminal.shows("\n2 processes as one, 2 running\n5 live blocks, 5045 bytes in 1 stack\n"
                     "growth: +2018 bytes, +2 blocks in "))
      << "they have the same program, so the same stack";

  const std::string text = run_tool({"watch", "--all", "--count", "1"}, scratch_.path()).out;
  EXPECT_THAT(text, HasSubstr("\n2 processes as one:\n    " + std::to_string(program_->pid()) +
                              ", running: 3 live blocks, 3027 bytes of its own, "));
  const std::string json = run_tool({"watch", "--all", "--count", "1", "--format", "json"}, scratch_.path()).out;
  const nlohmann::json processes = nlohmann::json::parse(json).at("processes");
  ASSERT_EQ(processes.size(), 2u);
  EXPECT_EQ(processes.at(0).at("pid"), program_->pid());
  EXPECT_EQ(processes.at(1).at("pid"), other.pid());
  EXPECT_EQ(processes.at(1).at("blocks"), 2);
  EXPECT_EQ(processes.at(1).at("state"), "running");

  tell("exit");
  ASSERT_TRUE(terminal.shows("\n2 processes as one, 1 running\n"));
  ASSERT_TRUE(tell_other("exit"));
  expect_given_back(terminal);
  EXPECT_THAT(terminal.text(), HasSubstr("\nall 2 processes have ended\nstatus=0\n"));
}

TEST_F(Watch, WhatCannotBeReadIsSaid) {
  const Outcome outcome = run_tool({"watch", "nothing"}, scratch_.path());
  EXPECT_TRUE(outcome.exited_with(1)) << outcome.describe();
  EXPECT_EQ(outcome.err, "leakdir: nothing: no such directory\n");
}

}  // namespace
}  // namespace leakdir_test
