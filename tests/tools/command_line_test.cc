// SPDX-License-Identifier: BSL-1.0
//
// The tool as a user runs it: exit status, messages, options. Argument: the tool.

#include <fcntl.h>
#include <gmock/gmock-matchers.h>
#include <gtest/gtest.h>
#include <sys/mman.h>
#include <sys/wait.h>
#include <unistd.h>

#include <cstdlib>
#include <filesystem>
#include <map>
#include <string>

#include "json.hh"
#include "ledger_builder.hh"
#include "pseudo_terminal.hh"
#include "scratch_directory.hh"

namespace leakdir::tool {
namespace {

using leakdir_test::exists;
using leakdir_test::read_file;
using leakdir_test::Scratch;
using leakdir_test::write_file;
using testing::HasSubstr;
using testing::Not;
using testing::StartsWith;

std::string the_tool;

class CommandLine : public testing::Test {
 protected:
  CommandLine() {
    ledger.program("/not/here/app", 0x400000);
    ledger.thread(4711, "app", 17, 14);
    std::filesystem::create_directory(directory / "mem");
  }

  // Runs the tool in the directory; keeps what it said.
  int run(const std::string& arguments, const std::string& before = "env -u NO_COLOR TERM=xterm") {
    if (has_ledger) ledger.write(directory / "mem/.ledger");
    const std::string command = "cd " + directory.path() + " && " + before + " " + the_tool + " " + arguments + " >" +
                                directory / "out" + " 2>" + directory / "err";
    int status = std::system(command.c_str());
    out = read_file(directory / "out");
    err = read_file(directory / "err");
    return WIFEXITED(status) ? WEXITSTATUS(status) : -1;
  }

  void expect_one_line_of_error() const {
    EXPECT_THAT(err, StartsWith("leakdir: "));
    EXPECT_EQ(err.find('\n'), err.size() - 1) << err;
    EXPECT_EQ(out, "");
  }

  void add_blocks() {
    ledger.block({0x733270, 20, ledger.stack({0x401000})});
    ledger.block({0x733280, 30, ledger.stack({0x402000}), ledger::Call::kMalloc, 0, 1});
    ledger.block({0x733290, 72704, ledger.stack({0x403000}), ledger::Call::kMalloc, ledger::kFlagLibc});
  }

  // 2 blocks, 44 bytes are lost; 3 are still reachable.
  void add_kinds() {
    using ledger::Reach;
    ledger.block_of_kind(Reach::kDefinite, {0x1000, 40, ledger.stack({0x401000})});
    ledger.block_of_kind(Reach::kIndirect, {0x2000, 4, ledger.stack({0x402000})});
    ledger.block_of_kind(Reach::kReachable, {0x3000, 100, ledger.stack({0x401000})});
    ledger.block_of_kind(Reach::kReachable, {0x4000, 200, ledger.stack({0x403000})});
    ledger.block_of_kind(Reach::kReachable, {0x5000, 300, ledger.stack({0x403000})});
  }

  // The first line of standard output.
  std::string answer() const { return out.substr(0, out.find('\n')); }

  Scratch directory;
  LedgerBuilder ledger;
  bool has_ledger = true;
  std::string out, err;
};

TEST_F(CommandLine, ReportTakesMemAsItsDirectory) {
  add_blocks();
  EXPECT_EQ(run("report"), 0);
  EXPECT_THAT(out, HasSubstr("2 live blocks, 50 bytes in 2 stacks\n"));
  EXPECT_THAT(out, HasSubstr("    #0 /not/here/app+0x2000\n"));
  EXPECT_THAT(out, HasSubstr("warning: /not/here/app is not here; its frames are shown as module+offset\n"));
  EXPECT_EQ(err, "");
  EXPECT_EQ(run("report " + directory / "mem"), 0);
}

TEST_F(CommandLine, HelpAndVersionAreNoErrors) {
  EXPECT_EQ(run("--help"), 0);
  EXPECT_THAT(out, HasSubstr("report"));
  EXPECT_THAT(out, HasSubstr("recover"));
  EXPECT_EQ(run("report --help"), 0);
  for (const char* option : {"--top", "--min-age", "--sort", "--format", "--output", "--error-exitcode", "--color",
                             "--program", "--sysroot", "--debug-path", "--libc"})
    EXPECT_THAT(out, HasSubstr(option));
  EXPECT_EQ(run("--version"), 0);
  EXPECT_THAT(out, StartsWith("leakdir "));
}

TEST_F(CommandLine, WrongUsageIsStatusTwoAndOneLine) {
  for (const char* arguments : {"",
                                "nonsense",
                                "report --nonsense",
                                "report --top x",
                                "report --top 0",
                                "report --sort size",
                                "report --format xml",
                                "report --color sometimes",
                                "report --min-age -1",
                                "report --error-exitcode 256",
                                "check mem mem2",
                                "check --new-only",
                                "check --allow-growth 5",
                                "check --max-growth 5",
                                "check --baseline a --since b",
                                "check --baseline a --allow-growth x",
                                "check --max-bytes 5%",
                                "check --top x",
                                "check --format xml",
                                "check --write-baseline a --baseline b mem mem2",
                                "watch --interval 0",
                                "watch --count 0",
                                "watch --sort size",
                                "recover --top 3"}) {
    EXPECT_EQ(run(arguments), 2) << arguments;
    expect_one_line_of_error();
  }
}

// Also where its value would pass for a directory. What may have been meant is named, too, if there is such a thing.
TEST_F(CommandLine, WhatIsMisspeltIsNamed) {
  for (const auto& [option, meant] :
       {std::pair("--baselin", "--baseline"), std::pair("--suppresions", "--suppressions"),
        std::pair("--max-byte", "--max-bytes"), std::pair("--lsot", "--lost"), std::pair("--kinds", "")}) {
    EXPECT_EQ(run(std::string("check ") + option + " x mem"), 2);
    const std::string guess = *meant == '\0' ? "" : std::string("; did you mean ") + meant + "?";
    EXPECT_EQ(err, std::string("leakdir: The following argument was not expected: ") + option + guess +
                       "; see leakdir --help\n");
  }
  EXPECT_EQ(run("check --basline=x mem"), 2);
  EXPECT_THAT(err, HasSubstr("; did you mean --baseline?; see"));
  EXPECT_EQ(run("chek mem"), 2);
  EXPECT_EQ(err, "leakdir: there is no command chek; did you mean check?; see leakdir --help\n");
  EXPECT_EQ(run("--hlep"), 2);
  EXPECT_THAT(err, HasSubstr("; did you mean --help?; see"));
  EXPECT_EQ(run("mem"), 2);
  EXPECT_EQ(err, "leakdir: there is no command mem; see leakdir --help\n");
  EXPECT_EQ(run("why"), 2);
  EXPECT_EQ(err, "leakdir: ADDRESS is required; see leakdir --help\n");
}

TEST_F(CommandLine, WhyTellsWhatIsWrongWithItsArguments) {
  add_blocks();
  EXPECT_EQ(run("why mem"), 2);
  EXPECT_EQ(
      err,
      "leakdir: of which block? Its address comes after DIR, as in the name of its record: leakdir why mem 0x…; see "
      "leakdir --help\n");
  EXPECT_EQ(run("why 0x1000 mem"), 2);
  EXPECT_EQ(err, "leakdir: the block's address comes after DIR: leakdir why mem 0x1000; see leakdir --help\n");
  EXPECT_EQ(run("why mem block"), 2);
  EXPECT_EQ(err, "leakdir: block is no address (0x…, as in the name of a record); see leakdir --help\n");
  EXPECT_EQ(run("why mem 0x1000"), 1);
  EXPECT_THAT(err, HasSubstr("who holds a block only memory can tell"));
}

TEST_F(CommandLine, NothingByFunctionHasNoHeading) {
  EXPECT_EQ(run("report --group-by function"), 0);
  EXPECT_THAT(out, Not(HasSubstr("by function")));
}

TEST_F(CommandLine, ANumberThatIsNoneIsNamed) {
  for (const char* number : {"0", "-1", "x", "1.5"}) {
    EXPECT_EQ(run(std::string("report --top=") + number), 2);
    EXPECT_EQ(err, std::string("leakdir: --top: ") + number + " is no number above 0; see leakdir --help\n");
  }
}

TEST_F(CommandLine, WhatCannotBeReadIsStatusOneAndOneLine) {
  has_ledger = false;
  for (const char* command : {"report", "recover"}) {
    EXPECT_EQ(run(command), 1);
    expect_one_line_of_error();
    EXPECT_THAT(err, HasSubstr("has neither a ledger nor record files"));
    EXPECT_EQ(run(std::string(command) + " none"), 1);
    expect_one_line_of_error();
    EXPECT_THAT(err, HasSubstr("none: no such directory"));
  }
  write_file(directory / "mem/.ledger", "leakdir\n but cut");
  EXPECT_EQ(run("report"), 1);
  expect_one_line_of_error();
}

TEST_F(CommandLine, ErrorExitcodeIsForLiveBlocksAndBadFrees) {
  EXPECT_EQ(run("report --error-exitcode 23"), 0);
  ledger.block({0x733290, 72704, 0, ledger::Call::kMalloc, ledger::kFlagLibc});
  EXPECT_EQ(run("report --error-exitcode 23"), 0) << "libc's own";
  EXPECT_EQ(run("report --error-exitcode 23 --libc"), 23);
  ledger.header.bad_frees = 1;
  EXPECT_EQ(run("report --error-exitcode 23"), 23);
  ledger.header.bad_frees = 0;
  add_blocks();
  EXPECT_EQ(run("report --error-exitcode 23"), 23);
  EXPECT_EQ(run("report --error-exitcode 23 --format json"), 23);
  EXPECT_EQ(run("report --error-exitcode 23 --min-age 1000"), 0);
}

TEST_F(CommandLine, JsonGoesToAFile) {
  add_blocks();
  EXPECT_EQ(run("report --format json -o report.json --top 1"), 0);
  EXPECT_EQ(out, "");
  auto report = nlohmann::json::parse(read_file(directory / "report.json"));
  EXPECT_EQ(report["totals"]["bytes"], 50);
  EXPECT_EQ(report["stacks"].size(), 1u);
  EXPECT_EQ(report["stacks"][0]["bytes"], 30);
}

TEST_F(CommandLine, ProfilesGoToAFileAndNotToATerminal) {
  add_blocks();
  EXPECT_EQ(run("report --format folded"), 0);
  EXPECT_EQ(out, "app+0x2000 30\napp+0x1000 20\n");
  EXPECT_EQ(run("report --format pprof"), 0);
  EXPECT_THAT(out, StartsWith("\x1f\x8b"));
  const Shown shown = run_on_terminal("cd " + directory.path() + " && " + the_tool + " report --format pprof");
  EXPECT_EQ(shown.status, 1);
  EXPECT_EQ(shown.text,
            "leakdir: a pprof profile is binary and nothing for a terminal: --output FILE says where to write it\r\n");
}

TEST_F(CommandLine, ThePageIsMadeOrItIsSaidWhyNot) {
  add_blocks();
  const int status = run("report --format html -o page.html");
  if (status == 0) {
    EXPECT_THAT(read_file(directory / "page.html"), StartsWith("<!DOCTYPE html>"));
    return;
  }
  EXPECT_EQ(status, 1);
  expect_one_line_of_error();
  EXPECT_THAT(err, HasSubstr("this build has no html: "));
  EXPECT_FALSE(exists(directory / "page.html"));
}

TEST_F(CommandLine, OutputThatCannotBeWrittenIsAnError) {
  EXPECT_EQ(run("report -o none/report"), 1);
  expect_one_line_of_error();
  if (access("/dev/full", W_OK) == 0) {
    EXPECT_EQ(run("report -o /dev/full"), 1);
    expect_one_line_of_error();
    EXPECT_THAT(err, HasSubstr("No space left on device"));
  }
}

TEST_F(CommandLine, ColourIsForTerminalsUnlessAskedFor) {
  add_blocks();
  run("report");
  EXPECT_THAT(out, Not(HasSubstr("\x1b[")));
  run("report --color always");
  EXPECT_THAT(out, HasSubstr("\x1b["));
  run("report --color always", "env NO_COLOR=1");
  EXPECT_THAT(out, HasSubstr("\x1b[")) << "what is asked for on the command line counts more";
}

TEST_F(CommandLine, ATerminalGetsColourAndLinesThatFit) {
  add_blocks();
  ledger.program("/a/path/that/is/long/enough/to/be/cut/in/two/app", 0x600000);
  ledger.block({0x7332a0, 40, ledger.stack({0x601000}, 2)});
  ledger.write(directory / "mem/.ledger");
  const std::string here = "cd " + directory.path() + "; unset NO_COLOR; export TERM=xterm; ";
  const Shown shown = run_on_terminal(here + the_tool + " report", 40);
  EXPECT_EQ(shown.status, 0);
  EXPECT_THAT(shown.text, HasSubstr("\x1b[1m3 live blocks\x1b[0m"));
  EXPECT_THAT(shown.text, HasSubstr("    #0 ...h/to/be/cut/in/two/app+0x1000\r\n"));
  for (const auto& command : {"NO_COLOR=1 " + the_tool + " report", "TERM=dumb " + the_tool + " report",
                              the_tool + " report --color never", the_tool + " report | cat"}) {
    const Shown plain = run_on_terminal(here + command, 40);
    EXPECT_THAT(plain.text, HasSubstr("\n3 live blocks, 90 bytes")) << command;
    EXPECT_THAT(plain.text, Not(HasSubstr("\x1b"))) << command;
  }
}

TEST_F(CommandLine, SortAndLibcReachTheReport) {
  add_blocks();
  run("report --libc");
  EXPECT_THAT(out, HasSubstr("\n\n72704 bytes (71.0 KiB) in 1 block"));
  run("report --sort age");
  EXPECT_LT(out.find("20 bytes in 1 block"), out.find("30 bytes in 1 block"));
}

TEST_F(CommandLine, TimesAreNumbers) {
  add_blocks();
  for (const char* wrong :
       {"report --min-age nan", "watch --interval NAN", "pause --timeout -nan", "report --min-age inf"})
    EXPECT_EQ(run(wrong), 2) << wrong;
}

TEST_F(CommandLine, RecoverWritesTheFilesAndSaysHowMany) {
  add_blocks();
  ledger.header.state = static_cast<std::uint32_t>(ledger::ProcessState::kRunning);
  ledger.header.start_time = 1;  // no process has that pid since then
  EXPECT_EQ(run("recover"), 0);
  EXPECT_THAT(
      out,
      StartsWith(
          "2 record files written, 0 already there, 0 removed: ./mem\nnote: which blocks are lost is not known: "));
  EXPECT_TRUE(exists(directory / "mem/0x733270.mem"));
  EXPECT_FALSE(exists(directory / "mem/0x733290.mem"));
  EXPECT_EQ(run("recover"), 0);
  EXPECT_THAT(
      out,
      StartsWith(
          "0 record files written, 2 already there, 0 removed: ./mem\nnote: which blocks are lost is not known: "));
  EXPECT_EQ(run("report"), 0);
  EXPECT_THAT(out, HasSubstr("killed"));
}

TEST_F(CommandLine, RecoverHonoursMaxFiles) {
  add_blocks();
  ledger.header.option_max_files = 1;
  EXPECT_EQ(run("recover"), 0);
  EXPECT_THAT(out, HasSubstr("1 record file written"));
  EXPECT_THAT(out, HasSubstr("1 live block without a file, over the limit of max_files"));
  EXPECT_EQ(run("recover --max-files 10"), 0);
  EXPECT_THAT(out, HasSubstr("1 record file written, 1 already there"));
}

TEST_F(CommandLine, RecoverLeavesARunningProcessAlone) {
  add_blocks();
  // This test itself, as far as the tool can tell: no start time and boot given, and its ledger mapped.
  ledger.header.state = static_cast<std::uint32_t>(ledger::ProcessState::kRunning);
  ledger.header.pid = static_cast<std::uint32_t>(getpid());
  ledger.write(directory / "mem/.ledger");
  int file = open((directory / "mem/.ledger").c_str(), O_RDONLY | O_CLOEXEC);
  ASSERT_GE(file, 0);
  has_ledger = false;  // it must not be written anew, or the mapping would be of another file
  void* mapping = mmap(nullptr, 4096, PROT_READ, MAP_SHARED, file, 0);
  close(file);
  ASSERT_NE(mapping, MAP_FAILED);
  EXPECT_EQ(run("recover"), 1);
  expect_one_line_of_error();
  EXPECT_THAT(err, HasSubstr("is running"));
  EXPECT_FALSE(exists(directory / "mem/0x733270.mem"));
  EXPECT_EQ(run("report"), 0);
  EXPECT_THAT(out, HasSubstr("running since"));

  // Damaged: of what is live the process has files all the same, and may have freed since what they tell of.
  std::filesystem::resize_file(directory / "mem/.ledger", ledger::kHeaderBytes);
  write_file(directory / "mem/0x733270.mem", "[+0x1] --> addr:0x733270, size:20\n");
  EXPECT_EQ(run("report"), 0);
  EXPECT_THAT(out, StartsWith("the ledger is damaged: 1 record file beside it that it lacks, not counted in, as the "
                              "process runs\n"));
  EXPECT_THAT(out, HasSubstr("no live blocks in what could be read\n"));
  EXPECT_EQ(run("check"), 3);
  EXPECT_EQ(run("recover"), 1);
  EXPECT_THAT(err, HasSubstr("is running"));
  ledger.write(directory / "mem/.ledger");
  std::filesystem::remove(directory / "mem/0x733270.mem");

  munmap(mapping, 4096);
  EXPECT_EQ(run("recover"), 0) << "an exec has unmapped the ledger";
}

TEST_F(CommandLine, ADamagedLedgerIsNoProofThatABlockWasFreed) {
  add_blocks();
  EXPECT_EQ(run("report --format json -o old.json"), 0);
  has_ledger = false;
  std::filesystem::resize_file(directory / "mem/.ledger", ledger::kHeaderBytes);
  EXPECT_EQ(run("recover"), 1) << "it has no block, and no record file tells of one";
  EXPECT_THAT(out, HasSubstr("0 record files written, 0 already there, 0 removed: ./mem\n"));
  EXPECT_THAT(out, HasSubstr("note: the ledger is damaged, so no record file was removed or replaced\n"));

  EXPECT_EQ(run("diff old.json mem"), 1);
  EXPECT_THAT(out, StartsWith("new: mem could not be read whole, as its ledger is damaged\n"));
  EXPECT_THAT(out, HasSubstr(" 0 gone, 1 not read, 0 same\n"));
  EXPECT_EQ(run("diff --all old.json mem"), 1);
  EXPECT_THAT(out, HasSubstr("\nnot read: -50 bytes, -2 blocks"));
  EXPECT_EQ(run("diff --format json old.json mem"), 1);
  const auto json = nlohmann::json::parse(out);
  EXPECT_EQ(json["new"]["damaged"], true);
  EXPECT_FALSE(json["old"].contains("damaged"));

  write_file(directory / "mem/0x733270.mem", "[+0x1] --> addr:0x733270, size:20\n");
  EXPECT_EQ(run("recover"), 1) << "all that there is was there";
  EXPECT_THAT(out, HasSubstr("0 record files written, 1 already there, 0 removed: ./mem\n"));
}

TEST_F(CommandLine, RecoverNeedsALedger) {
  has_ledger = false;
  write_file(directory / "mem/0x10.mem", "[+0x1] --> addr:0x10, size:20\n");
  EXPECT_EQ(run("recover"), 1);
  expect_one_line_of_error();
  EXPECT_THAT(err, HasSubstr("has no ledger to recover from"));
  EXPECT_EQ(run("report"), 0);
  EXPECT_THAT(out, HasSubstr("1 live block, 20 bytes in 1 stack\n"));
}

TEST_F(CommandLine, TextLeadsWithWhatIsLostAndProgramsGetAll) {
  add_kinds();
  EXPECT_EQ(run("report"), 0);
  EXPECT_THAT(out, HasSubstr("\n2 lost blocks, 44 bytes in 2 stacks\n"
                             "definitely lost: 1 block, 40 bytes in 1 stack\n"
                             "indirectly lost: 1 block, 4 bytes in 1 stack\n"
                             "still reachable: 3 blocks, 600 bytes in 2 stacks: --kinds all lists them\n"));
  EXPECT_THAT(out, Not(HasSubstr("500 bytes in 2 blocks")));
  run("report --kinds all");
  EXPECT_THAT(out, HasSubstr("\n5 live blocks, 644 bytes in 3 stacks\n"));
  EXPECT_THAT(out, HasSubstr("\n500 bytes in 2 blocks still reachable, "));
  run("report --kinds reachable --top 1");
  EXPECT_THAT(out, HasSubstr("\n3 live blocks (reachable), 600 bytes in 2 stacks\n"));
  EXPECT_THAT(out, HasSubstr("\n100 bytes in 1 block, from 1 more stack not shown\n"));
  for (const auto& [options, stacks] : std::map<std::string, std::size_t>{{"", 4},
                                                                          {"--lost", 2},
                                                                          {"--kinds definite,reachable", 3},
                                                                          {"--lost --kinds all", 4},
                                                                          {"--kinds lost", 2},
                                                                          {"--kinds lost,reachable", 4},
                                                                          {"--kinds none", 0}}) {
    EXPECT_EQ(run("report --format json " + options), 0);
    EXPECT_EQ(nlohmann::json::parse(out)["stacks"].size(), stacks) << options;
  }
  run("report --format folded --lost");
  EXPECT_EQ(out, "[definitely lost];app+0x1000 40\n[indirectly lost];app+0x2000 4\n");
  run("report --group-by module");
  EXPECT_THAT(out, HasSubstr("44 bytes in 2 blocks, 100.0 %, 2 stacks, oldest 1 min 40 s: /not/here/app\n"));
  run("watch");  // in which what lives counts, at its end too
  EXPECT_THAT(out, HasSubstr("\n5 live blocks, 644 bytes in 3 stacks\n"));
  run("watch --lost");
  EXPECT_THAT(out, HasSubstr("\n2 lost blocks, 44 bytes in 2 stacks\n"));
  run("watch --kinds reachable");
  EXPECT_THAT(out, HasSubstr("\n3 live blocks (reachable), 600 bytes in 2 stacks\n"));
}

TEST_F(CommandLine, KindsAreWordsOfValgrinds) {
  for (const char* wrong : {"definitely", "''", "all,definite", "definite,,possible"}) {
    EXPECT_EQ(run(std::string("report --kinds ") + wrong), 2) << wrong;
    expect_one_line_of_error();
  }
}

TEST_F(CommandLine, ErrorExitcodeIsForTheKindsThatTheUserNames) {
  ledger.block_of_kind(ledger::Reach::kReachable, {0x3000, 100, ledger.stack({0x401000})});
  EXPECT_EQ(run("report --error-exitcode 23"), 23) << "what a text shows in one line is live all the same";
  EXPECT_EQ(run("report --error-exitcode 23 --format json"), 23);
  EXPECT_EQ(run("report --error-exitcode 23 --lost"), 0);
  EXPECT_EQ(run("report --error-exitcode 23 --kinds definite,possible --format json"), 0);
  EXPECT_EQ(run("report --error-exitcode 23 --kinds reachable"), 23);
  ledger.block_of_kind(ledger::Reach::kPossible, {0x4000, 100, ledger.stack({0x401000})});
  EXPECT_EQ(run("report --error-exitcode 23 --lost"), 23);
}

TEST_F(CommandLine, WhoAsksWhatIsLostWhereNobodyLookedIsToldWhy) {
  add_blocks();
  const std::string why =
      "leakdir: which blocks are lost is not known: nobody looked when it exited (reach=0, or an earlier leakdir)\n";
  for (const char* command :
       {"report --lost", "report --kinds definite", "report --lost --format json", "watch --lost"}) {
    EXPECT_EQ(run(command), 1) << command;
    expect_one_line_of_error();
    EXPECT_EQ(err, why) << command;
  }
  EXPECT_EQ(run("report --kinds all"), 0);
  EXPECT_THAT(out, HasSubstr("\n2 live blocks, 50 bytes in 2 stacks\n"));
  EXPECT_EQ(run("check --lost"), 3);
  EXPECT_EQ(out,
            "no trustworthy data: which blocks are lost is not known: nobody looked when it exited (reach=0, or an "
            "earlier leakdir)\n");
  ledger.blocks.resize(1);
  EXPECT_EQ(run("report --lost"), 0) << "nothing is live, so nothing is lost";
  EXPECT_EQ(run("check --lost"), 0);
  EXPECT_EQ(out, "no leak: nothing is live after 17 allocations and 14 frees: /not/here/app\n");
}

TEST_F(CommandLine, CheckLostFailsOnLostBlocksOnly) {
  ledger.block_of_kind(ledger::Reach::kReachable, {0x3000, 100, ledger.stack({0x401000})});
  EXPECT_EQ(run("check"), 23);
  EXPECT_EQ(run("check --lost"), 0);
  EXPECT_EQ(out, "no lost block; 1 block, 100 bytes is still reachable: /not/here/app\n");
  add_kinds();
  EXPECT_EQ(run("check --lost"), 23);
  EXPECT_EQ(out,
            "leak: 2 lost blocks, 44 bytes in 2 stacks, 1 by function; 4 blocks, 700 bytes are still reachable; the "
            "largest: /not/here/app+0x1000\n"
            "\n44 bytes in 2 blocks, 100.0 %, malloc, 1 definitely lost, 1 indirectly lost\n"
            "    #0 /not/here/app+0x1000\n");
  ledger.blocks.resize(1);
  ledger.block_of_kind(ledger::Reach::kReachable, {0x3000, 100, ledger.stack({0x401000})});
  ledger.double_free(0x9000, ledger.stack({0x404000}));
  ledger.header.bad_frees = 1;
  EXPECT_EQ(run("check --lost"), 23);
  EXPECT_THAT(out, StartsWith("no leak, but 1 bad free; 1 block, 100 bytes is still reachable; double free: "));
}

TEST_F(CommandLine, CheckLostKnowsNoVerdictWhereThreadsMayHoldABlock) {
  ledger.block_of_kind(ledger::Reach::kReachable, {0x3000, 100, ledger.stack({0x401000})});
  ledger.block({0x4000, 20, ledger.stack({0x402000})});
  ledger.header.reach_look = static_cast<std::uint32_t>(ledger::ReachLook::kThreads);
  EXPECT_EQ(run("check --lost"), 3);
  EXPECT_EQ(out,
            "no trustworthy data: whether 1 block, 20 bytes are lost is not known: other threads were running when "
            "it exited, and one may have held it in a register: end the threads before, or look while it runs (report "
            "--lost)\n");
  ledger.block({0x5000, 30, ledger.stack({0x402000}), ledger::Call::kMalloc, 1u << ledger::kReachShift});
  EXPECT_EQ(run("check --lost"), 23) << "one is lost, whatever becomes of the other";
  EXPECT_THAT(out, StartsWith("leak: 1 lost block, 30 bytes in 1 stack; 1 block, 100 bytes is still reachable; "));
}

TEST_F(CommandLine, ABaselineTellsWhatWasHeldFromWhatIsLost) {
  add_kinds();
  EXPECT_EQ(run("check --lost --write-baseline known.json"), 0);
  EXPECT_EQ(answer(),
            "baseline written to known.json: 5 live blocks, 644 bytes in 3 stacks, 1 by function, 0 bad frees");
  EXPECT_EQ(run("check --baseline known.json"), 0);
  EXPECT_EQ(run("check --lost --baseline known.json"), 0);
  EXPECT_EQ(answer(),
            "no new leak: 2 lost blocks, 44 bytes in 2 stacks, 1 by function, 0 bad frees are known; 3 blocks, "
            "600 bytes are still reachable");
  // As much is live as before, and one more of it is lost.
  ledger.blocks[5].word[0] ^= ledger::flag_bits((4u ^ 1u) << ledger::kReachShift);
  EXPECT_EQ(run("check --baseline known.json"), 0);
  EXPECT_THAT(err, HasSubstr("note: more is lost than known.json says, in 1 stack by function; the first: "
                             "/not/here/app+0x3000: --lost fails on that\n"));
  EXPECT_EQ(run("check --lost --baseline known.json"), 23);
  EXPECT_EQ(answer(),
            "leak: 1 stack by function that grew, +1 blocks and +300 bytes against known.json; the first: "
            "/not/here/app+0x3000");
}

TEST_F(CommandLine, AStackThatWasHeldAndIsLostFailsAgainstTheBaseline) {
  const auto stack = ledger.stack({0x401000});
  const auto block = ledger.block_of_kind(ledger::Reach::kReachable, {0x3000, 100, stack});
  EXPECT_EQ(run("check --write-baseline known.json"), 0);
  EXPECT_EQ(run("check --lost --baseline known.json"), 0);
  EXPECT_EQ(answer(),
            "no new leak: 0 lost blocks, 0 bytes in 0 stacks, 0 bad frees are known; 1 block, 100 bytes is still "
            "reachable");
  EXPECT_EQ(err.find("less is lost"), std::string::npos);
  ledger.blocks[block].word[0] ^= ledger::flag_bits((4u ^ 3u) << ledger::kReachShift);
  EXPECT_EQ(run("check --lost --baseline known.json"), 23);
  EXPECT_EQ(answer(),
            "leak: 1 stack by function whose blocks were still reachable, +1 blocks and +100 bytes against "
            "known.json; the first: /not/here/app+0x1000");
}

TEST_F(CommandLine, CheckShowsFiveStacksOrAsManyAsAreWanted) {
  for (unsigned i = 0; i < 7; ++i)
    ledger.block({0x1000 * (i + 1), 100 + i, ledger.stack({0x401000}), static_cast<ledger::Call>(i)});
  const auto stacks = [&](const std::string& arguments) {
    EXPECT_EQ(run("check " + arguments), 23);
    std::size_t count = 0;
    for (std::size_t at = 0; (at = out.find("    #0 ", at)) != std::string::npos; ++at) ++count;
    return count;
  };
  EXPECT_EQ(stacks(""), 5u);
  EXPECT_THAT(out, testing::EndsWith("\n2 more stacks by function not shown\n"));
  EXPECT_EQ(stacks("--top 7"), 7u);
  EXPECT_EQ(stacks("--top 0"), 0u);
  EXPECT_EQ(out, answer() + "\n") << "the line alone";
  EXPECT_EQ(run("check --format json"), 23);
  EXPECT_EQ(nlohmann::json::parse(out).at("stacks").size(), 7u) << "programs have all";
  EXPECT_EQ(run("check --format json --top 2"), 23);
  EXPECT_EQ(nlohmann::json::parse(out).at("stacks").size(), 2u);
  EXPECT_EQ(run("check --format github"), 23);
  EXPECT_EQ(std::count(out.begin(), out.end(), '\n'), 8) << "the line, five stacks, what is not shown, a warning:\n"
                                                         << out;
}

TEST_F(CommandLine, CheckWritesAFormatToAFileAndTheTextAllTheSame) {
  add_blocks();
  EXPECT_EQ(run("check"), 23);
  const std::string text = out;
  for (const char* format : {"text", "json", "junit", "sarif", "github", "gcc"}) {
    EXPECT_EQ(run(std::string("check --format ") + format), 23);
    const std::string alone = out;
    EXPECT_EQ(run(std::string("check -o written --format ") + format), 23);
    EXPECT_EQ(out, text) << format;
    EXPECT_EQ(read_file(directory / "written"), alone) << format;
  }
  EXPECT_EQ(run("check -o none/written --format json"), 1);
  EXPECT_EQ(out, "");
  EXPECT_THAT(err, testing::EndsWith("leakdir: cannot write none/written: No such file or directory\n"));
}

// Each format says it in its own way, whatever was the matter.
TEST_F(CommandLine, CheckWritesEachFormatOfWhatCannotBeTrusted) {
  for (const char* format : {"text", "json", "junit", "sarif", "github", "gcc"}) {
    EXPECT_EQ(run(std::string("check --format ") + format + " nothing"), 3);
    EXPECT_THAT(out, HasSubstr("no trustworthy data: nothing: no such directory")) << format;
  }
}

TEST_F(CommandLine, CheckSinceASavedFileCountsWhatCameOnTop) {
  add_blocks();
  EXPECT_EQ(run("save then.leaks"), 0);
  EXPECT_EQ(run("check --since then.leaks"), 0);
  EXPECT_EQ(out,
            "no leak: +0 bytes, +0 blocks since then.leaks: 2 live blocks, 50 bytes in 2 stacks, 1 by function: "
            "/not/here/app\n");
  ledger.block({0x8000, 40, ledger.stack({0x409000}), ledger::Call::kCalloc});
  EXPECT_EQ(run("check --since then.leaks"), 23);
  EXPECT_EQ(
      out,
      "leak: +40 bytes, +1 blocks since then.leaks: 3 live blocks, 90 bytes in 3 stacks, 2 by function; the first: "
      "/not/here/app+0x9000\n"
      "\nnew: +40 bytes, +1 block, calloc\n    #0 /not/here/app+0x9000\n");
  EXPECT_EQ(run("check --since then.leaks --max-growth 40"), 0);
  EXPECT_EQ(run("check --since then.leaks --max-growth 39"), 23);
  EXPECT_EQ(run("check --since then.leaks --max-growth 80%"), 0);
  EXPECT_EQ(run("check --since then.leaks --max-growth 79%"), 23);
  EXPECT_EQ(run("check --max-bytes 90"), 0);
  EXPECT_EQ(run("check --max-bytes 89"), 23);
  EXPECT_EQ(run("check --since none"), 1);
  expect_one_line_of_error();
  // What was lost then nobody knows.
  EXPECT_EQ(run("check --lost --since then.leaks"), 1);
  EXPECT_EQ(err, "leakdir: then.leaks does not tell which blocks were lost then\n");
}

TEST_F(CommandLine, ABaselineOfSeveralRunsHasTheLargestOfEachStack) {
  ledger.block({0x1000, 10, ledger.stack({0x401000})});
  ledger.block({0x2000, 1, ledger.stack({0x401000}), ledger::Call::kCalloc});
  EXPECT_EQ(run("save first.leaks"), 0);
  ledger.blocks.resize(1);
  ledger.block({0x1000, 3, ledger.stack({0x401000})});
  ledger.block({0x1100, 4, ledger.stack({0x401000})});
  EXPECT_EQ(run("check --write-baseline known.json first.leaks mem"), 0);
  EXPECT_EQ(out, "baseline written to known.json: 3 live blocks, 11 bytes in 2 stacks, 0 bad frees\n");
  EXPECT_EQ(run("check --baseline known.json"), 0);
  EXPECT_EQ(run("check --baseline known.json first.leaks"), 0);
  const auto known = nlohmann::json::parse(read_file(directory / "known.json"));
  EXPECT_EQ(known.at("stacks").at(1).at("blocks"), 2);
  EXPECT_EQ(known.at("stacks").at(1).at("bytes"), 10);
  // A third run is added to what is known.
  ledger.block({0x1200, 5, ledger.stack({0x401000})});
  EXPECT_EQ(run("check --baseline known.json"), 23);
  EXPECT_EQ(run("check --write-baseline known.json known.json mem"), 0);
  EXPECT_EQ(run("check --baseline known.json"), 0);
  EXPECT_EQ(run("check --baseline known.json first.leaks"), 0);
  // One that cannot be trusted makes none.
  EXPECT_EQ(run("check --write-baseline other.json first.leaks nothing"), 3);
  EXPECT_THAT(out, StartsWith("no trustworthy data: nothing: "));
  EXPECT_FALSE(exists(directory / "other.json"));
}

TEST_F(CommandLine, SavedFilesAndRecordsKeepTheKinds) {
  add_kinds();
  EXPECT_EQ(run("save app.leaks"), 0);
  EXPECT_EQ(run("report --lost app.leaks"), 0);
  EXPECT_THAT(out, HasSubstr("\n2 lost blocks, 44 bytes in 2 stacks\n"));
  EXPECT_EQ(run("recover --into records app.leaks"), 0);
  EXPECT_EQ(run("report records"), 0);
  EXPECT_THAT(out, HasSubstr("\n2 lost blocks, 44 bytes in 2 stacks\n"));
  EXPECT_THAT(read_file(directory / "records/0x1000.mem"), HasSubstr("\nreach: definitely lost\n"));
}

}  // namespace
}  // namespace leakdir::tool

int main(int argc, char** argv) {
  testing::InitGoogleTest(&argc, argv);
  if (argc != 2) return 2;
  leakdir::tool::the_tool = std::filesystem::absolute(argv[1]);
  return RUN_ALL_TESTS();
}
