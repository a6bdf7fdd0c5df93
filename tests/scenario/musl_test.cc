// SPDX-License-Identifier: BSL-1.0
//
// Programs upon musl, with objects made by leakdir-mkobj --cc=musl-gcc: static, dynamic, and as a library for
// LD_PRELOAD. The tool, which runs upon glibc, reads what they leave.

#include <gmock/gmock-matchers.h>
#include <gtest/gtest.h>

#include "expected_kinds.hh"
#include "installation.hh"
#include "paths.hh"
#include "report_json.hh"
#include "target.hh"

namespace leakdir_test {
namespace {

using testing::AnyOf;
using testing::Contains;
using testing::ElementsAre;
using testing::HasSubstr;
using testing::StartsWith;

Outcome shell(const std::string& command, const std::string& cwd = "") {
  return run({{"sh", "-ec", command}, cwd, {}, "", 300});
}

std::string mkobj(const std::string& options) {
  return "sh " + build_root() + "/lib/package/leakdir-mkobj --source=" + kSourceRoot + "/lib " + options;
}

struct Linking {
  std::string name, making, flags;
};

void PrintTo(const Linking& linking, std::ostream* out) { *out << linking.name; }

// Without an index of the unwind tables, as musl-gcc links, and with one.
const Linking kLinkings[] = {
    {"static", "", "-static"},
    {"static_with_index", "", "-static -Wl,--eh-frame-hdr -Wl,--build-id"},
    {"dynamic", "--dynamic", "-Wl,--build-id"},
    {"dynamic_with_index", "--dynamic", "-no-pie -Wl,--eh-frame-hdr"},
};

// Made once, when it is asked for first.
std::string object_for(const std::string& making) {
  static const Scratch made;
  const std::string path = made / (making.empty() ? "leakdir-static.o" : "leakdir.o");
  if (exists(path)) return path;
  // What the compiler leaves out is said, and not of one that does it.
  const bool is_plain = making.empty();
  const std::string compiler = is_plain ? "musl-gcc" : "'musl-gcc -Wl,--eh-frame-hdr'";
  const Outcome outcome = shell(mkobj("--cc=" + compiler + " --output=" + path + " " + making), made.path());
  EXPECT_TRUE(outcome.exited_with(0)) << outcome.describe();
  EXPECT_EQ(outcome.err, "");
  EXPECT_EQ(outcome.out, is_plain ? "leakdir-mkobj: link with -Wl,--eh-frame-hdr too, as musl-gcc alone does not: "
                                    "stacks go on beyond a signal then, and C++ can throw\n"
                                  : "");
  return path;
}

std::string source(const std::string& name) { return std::string(kSourceRoot) + "/tests/targets/" + name; }

class Musl : public testing::Test {
 protected:
  void SetUp() override {
    if (!shell("command -v musl-gcc").exited_with(0)) GTEST_SKIP() << "there is no musl-gcc";
  }

  std::string link(const std::string& name, const std::string& flags) {
    const Outcome outcome =
        shell("musl-gcc -std=gnu11 -g -O2 -Wall -pthread " + source(name) + " -x none " + flags + " -o program",
              scratch_.path());
    EXPECT_TRUE(outcome.exited_with(0)) << outcome.describe();
    return scratch_ / "program";
  }

  std::string dir() const { return scratch_ / "mem"; }

  // Each expected block once, and no other; whole stacks, through libc's own functions to main.
  void expect_blocks(const std::string& output, std::size_t count) {
    const std::vector<Expected> expected = expected_by(output);
    ASSERT_EQ(expected.size(), count) << output;
    const nlohmann::json json = report(dir());
    EXPECT_EQ(totals_of(json).blocks, count);
    for (const Expected& block : expected) {
      const nlohmann::json stack = stack_through(json, block.function, block.line);
      ASSERT_FALSE(stack.is_null()) << block.function << ":" << block.line << "\n" << json.dump(1);
      const bool is_libcs = block.call.rfind("libc", 0) == 0;
      if (block.call != "libc getline") {  // musl takes what it needs
        EXPECT_EQ(stack.at("bytes"), block.size);
      }
      if (!is_libcs) {
        EXPECT_EQ(stack.at("call"), block.call);
        EXPECT_EQ(stack.at("frames").at(0).at("function"), block.function);
      }
    }
  }

  static std::vector<std::string> functions_of(const nlohmann::json& stack) {
    std::vector<std::string> names;
    for (const auto& frame : stack.at("frames")) names.push_back(frame.at("function"));
    return names;
  }

  Scratch scratch_;
};

class LinkedUponMusl : public Musl, public testing::WithParamInterface<Linking> {
 protected:
  Outcome run_program(const std::string& name, const std::vector<std::string>& arguments = {},
                      const std::map<std::string, std::string>& env = {}) {
    const std::string program = link(name, GetParam().flags + " " + object_for(GetParam().making));
    return run_in(scratch_, program, {"", arguments, env, 120});
  }

  bool is_static() const { return GetParam().making.empty(); }
};

TEST_P(LinkedUponMusl, EachWayInCGivesOneRecordWithItsWholeStack) {
  const Outcome outcome = run_program("each_way.c");
  ASSERT_TRUE(outcome.exited_with(0)) << outcome.describe();
  EXPECT_EQ(records_in(dir()).size(), 21u);
  expect_blocks(outcome.out, 21);
  const nlohmann::json json = report(dir());
  for (const nlohmann::json& stack : json.at("stacks")) {
    EXPECT_THAT(functions_of(stack), Contains("main"));
    EXPECT_FALSE(stack.value("truncated", false)) << stack.dump(1);
  }
  const Outcome diagnosis = run_tool({"doctor", scratch_ / "program"});
  EXPECT_THAT(diagnosis.out, AnyOf(HasSubstr("leakdir is in it, and there is no other malloc\n"),
                                   HasSubstr("leakdir is in it, and comes before the malloc of every library\n")));
  EXPECT_THAT(diagnosis.out, HasSubstr("of 1 source file\n"));
  const bool has_index = GetParam().flags.find("--eh-frame-hdr") != std::string::npos;
  EXPECT_THAT(diagnosis.out,
              HasSubstr(has_index ? ".eh_frame with its index, for " : ".eh_frame without an index, for "));
  EXPECT_EQ(diagnosis.out.find("link with -Wl,--eh-frame-hdr") == std::string::npos, has_index) << diagnosis.out;
  const Outcome checked = run_tool({"check", dir()});
  EXPECT_TRUE(checked.exited_with(23)) << checked.describe();
}

// Of a thread's function too; nothing lies beyond what called them.
TEST_P(LinkedUponMusl, StacksEndWhereMuslCallsTheProgram) {
  const Outcome outcome = run_program("other_processor.c");
  ASSERT_TRUE(outcome.exited_with(0)) << outcome.describe();
  expect_blocks(outcome.out, 3);
  std::vector<std::size_t> frames;
  const nlohmann::json json = report(dir());
  for (const nlohmann::json& stack : json.at("stacks")) {
    const std::vector<std::string> functions = functions_of(stack);
    frames.push_back(functions.size());
    if (functions[0] != "innermost") continue;
    EXPECT_THAT(std::vector<std::string>(functions.begin(), functions.begin() + 4),
                ElementsAre("innermost", "middle", "outermost", "main"));
  }
  EXPECT_THAT(frames, testing::UnorderedElementsAre(5u, 3u, 2u));
}

TEST_P(LinkedUponMusl, WhatMuslKeepsForItselfIsNotListed) {
  const Outcome outcome = run_program("other_libc.c", {"keeps"});
  ASSERT_TRUE(outcome.exited_with(0)) << outcome.describe();
  expect_clean(dir());
}

TEST_P(LinkedUponMusl, WhatIsFreedAtExitDoesNotLive) {
  const Outcome outcome = run_program("other_libc.c", {"ends"});
  ASSERT_TRUE(outcome.exited_with(0)) << outcome.describe();
  EXPECT_EQ(outcome.err, "");
  expect_clean(dir());
}

TEST_P(LinkedUponMusl, CallocClears) {
  const Outcome outcome = run_program("other_libc.c", {"clears"});
  ASSERT_TRUE(outcome.exited_with(0)) << outcome.describe();
  expect_clean(dir());
}

TEST_P(LinkedUponMusl, ConstructorsAreSeen) {
  const Outcome outcome = run_program("other_libc.c", {"nothing"}, {{"LEAK_IN_CONSTRUCTOR", "1"}});
  ASSERT_TRUE(outcome.exited_with(0)) << outcome.describe();
  expect_blocks(outcome.out, 1);
}

TEST_P(LinkedUponMusl, QuickExitIsNoKill) {
  const Outcome outcome = run_program("other_libc.c", {"quickly"});
  ASSERT_TRUE(outcome.exited_with(0)) << outcome.describe();
  EXPECT_EQ(report(dir()).at("state"), "exited");
}

TEST_P(LinkedUponMusl, SignalHandlersMayAllocate) {
  const Outcome outcome = run_program("other_libc.c", {"signals"});
  ASSERT_TRUE(outcome.exited_with(0)) << outcome.describe();
  expect_blocks(outcome.out, 1);
}

TEST_P(LinkedUponMusl, ForkedChildHasItsOwnRecords) {
  const Outcome outcome = run_program("other_libc.c", {"forks"});
  ASSERT_TRUE(outcome.exited_with(0)) << outcome.describe();
  EXPECT_EQ(sizes_of(records_in(dir())), std::vector<std::uint64_t>{1009});
  EXPECT_EQ(sizes_of(records_in(dir() + "/" + said(outcome.out, "child", "pid"))), std::vector<std::uint64_t>{1013});
}

TEST_P(LinkedUponMusl, KilledLosesNothing) {
  const Outcome outcome = run_program("other_processor.c", {"killed"});
  ASSERT_TRUE(outcome.killed_by(SIGKILL)) << outcome.describe();
  expect_blocks(outcome.out, 3);
  expect_recovered_after_kill(dir(), 3);
}

TEST_P(LinkedUponMusl, BadFreesHaveTheirStacksAndDoNoHarm) {
  for (const char* kind : {"double", "inside", "static", "stack"}) {
    SCOPED_TRACE(kind);
    const Outcome outcome = run_program("bad_free.c", {kind});
    ASSERT_TRUE(outcome.exited_with(0)) << outcome.describe();
    EXPECT_THAT(outcome.out, HasSubstr("goes on"));
    const nlohmann::json bad = report(dir()).at("bad_frees");
    ASSERT_EQ(bad.size(), 1u);
    EXPECT_THAT(bad[0].at("stacks").at("free").at(0).at("file").get<std::string>(), testing::EndsWith("/bad_free.c"));
  }
}

TEST_P(LinkedUponMusl, LostAndHeldAreToldApartAtExit) {
  const Outcome outcome = run_program("other_libc.c", {"loses"});
  ASSERT_TRUE(outcome.exited_with(0)) << outcome.describe();
  ASSERT_EQ(expected_kinds(outcome.out).size(), 7u);
  EXPECT_EQ(kinds_in(report(dir(), {"--kinds", "all"})), expected_kinds(outcome.out));
  EXPECT_EQ(sizes_of(records_in(dir() + "/lost")), (std::vector<std::uint64_t>{1031, 1033, 1049, 1061}));
}

// An emulator has a thread of its own, which /proc counts: musl's own count is asked.
TEST_F(Musl, LostAndHeldAreToldApartAtExitUnderAnEmulator) {
  if (!shell("command -v qemu-x86_64").exited_with(0)) GTEST_SKIP() << "there is no qemu-x86_64";
  const std::string program = link("other_libc.c", "-static " + object_for(""));
  const Outcome outcome = run_in(scratch_, "qemu-x86_64", {"", {program, "loses"}, {}, 120});
  ASSERT_TRUE(outcome.exited_with(0)) << outcome.describe();
  ASSERT_EQ(expected_kinds(outcome.out).size(), 7u);
  EXPECT_EQ(kinds_in(report(dir(), {"--kinds", "all"})), expected_kinds(outcome.out));
}

TEST_P(LinkedUponMusl, LostAndHeldAreToldApartFromOutside) {
  const std::string program = link("other_libc.c", GetParam().flags + " " + object_for(GetParam().making));
  const Process running(command_for(scratch_, program, {"", {"looked-at"}, {}, 120}));
  ASSERT_TRUE(running.says("ready\n"));
  EXPECT_EQ(kinds_in(report(dir(), {"--lost", "--kinds", "all"})), expected_kinds(running.output_so_far()));
}

TEST_P(LinkedUponMusl, ThreadsComeAndGoAndMayHaveSmallStacks) {
  const Outcome many = run_program("thread_churn.c");
  ASSERT_TRUE(many.exited_with(0)) << many.describe();
  EXPECT_EQ(sizes_of(records_in(dir())), (std::vector<std::uint64_t>{3301, 3303}));
  const Outcome small = run_program("small_stacks.c");
  ASSERT_TRUE(small.exited_with(0)) << small.describe();
  EXPECT_EQ(records_in(dir()).size(), 16u);
}

INSTANTIATE_TEST_SUITE_P(As, LinkedUponMusl, testing::ValuesIn(kLinkings),
                         [](const testing::TestParamInfo<Linking>& info) { return info.param.name; });

// There is no musl-g++: gcc's C++ compiler and library, which were made for glibc, do for what needs no streams. (From
// 2.38 on glibc's headers give strtoul another name.)
TEST_F(Musl, OperatorNewIsNoCallerAndExceptionsAreCaught) {
  write_file(scratch_ / "throws.cc",
             "#include <unistd.h>\n"
             "static int thrown(int n) { if (n != 0) throw n; return 0; }\n"
             "static int caught() { try { return thrown(7); } catch (int n) { return n; } }\n"
             "static int before_main = caught() == 7 ? 0 : (_exit(9), 0);\n");
  const Outcome linked = shell(
      "dir=$(dirname \"$(musl-gcc -print-libgcc-file-name)\"); version=$(basename \"$dir\")\n"
      "musl-gcc -x c++ -nostdinc++ -isystem /usr/include/c++/$version -isystem "
      "/usr/include/$(musl-gcc -dumpmachine)/c++/$version '-D__GLIBC_PREREQ(a,b)=0' -std=c++17 -g -O2 -static "
      "-Wl,--eh-frame-hdr -Wl,--defsym=__isoc23_strtoul=strtoul " +
          source("each_new.cc") + " throws.cc -x none " + object_for("") + " -lstdc++ -o program",
      scratch_.path());
  ASSERT_TRUE(linked.exited_with(0)) << linked.describe();
  const Outcome outcome = run_in(scratch_, scratch_ / "program");
  ASSERT_TRUE(outcome.exited_with(0)) << outcome.describe();
  EXPECT_EQ(records_in(dir()).size(), 10u);
  for (const Expected& block : expected_by(outcome.out)) {
    const nlohmann::json stack = stack_through(report(dir()), block.function, block.line);
    ASSERT_FALSE(stack.is_null()) << block.function;
    EXPECT_EQ(stack.at("call"), "operator new");
    EXPECT_EQ(stack.at("frames").at(0).at("function"), block.function);
  }
}

TEST_F(Musl, ObjectForDynamicProgramsMakesALibraryForOthers) {
  const Outcome made =
      shell("musl-gcc -shared -Wl,--eh-frame-hdr " + object_for("--dynamic") + " -o library.so", scratch_.path());
  ASSERT_TRUE(made.exited_with(0)) << made.describe();
  const std::string program = link("each_way.c", "-Wl,--eh-frame-hdr");
  const Outcome outcome = run_in(scratch_, program, {"", {}, {{"LD_PRELOAD", scratch_ / "library.so"}}, 120});
  ASSERT_TRUE(outcome.exited_with(0)) << outcome.describe();
  EXPECT_EQ(records_in(dir()).size(), 21u);
  expect_blocks(outcome.out, 21);
}

// Never an object that is silently off.
TEST_F(Musl, WhatDoesNotFitIsRefused) {
  const Outcome static_one =
      shell("musl-gcc -static " + source("linked.c") + " " + object_for("--dynamic") + " -o program", scratch_.path());
  EXPECT_FALSE(static_one.exited_with(0));
  EXPECT_THAT(static_one.err, HasSubstr("undefined reference to `__dls2b'"));
  const Outcome dynamic_one =
      shell("musl-gcc " + source("linked.c") + " " + object_for("") + " -o program", scratch_.path());
  EXPECT_FALSE(dynamic_one.exited_with(0));
  EXPECT_THAT(dynamic_one.err, HasSubstr("__malloc_size_classes"));
  const std::string program = link("linked.c", "");
  const Outcome preloaded = run({{kTool, "run", "--", program}, scratch_.path(), {}, "", 60});
  EXPECT_TRUE(preloaded.exited_with(1)) << preloaded.describe();
  EXPECT_THAT(preloaded.err, HasSubstr("program is for musl, and libleakdir.so for glibc: link into it what "));
  const Outcome diagnosis = run_tool({"doctor", program});
  EXPECT_TRUE(diagnosis.exited_with(3)) << diagnosis.describe();
  EXPECT_THAT(diagnosis.out, HasSubstr("link with the leakdir.o that leakdir-mkobj --cc=musl-gcc --dynamic makes\n"));
  const Outcome of_glibc =
      shell(mkobj("--cc=musl-gcc --libc=\"$(gcc -print-file-name=libc.a)\" --output=wrong.o"), scratch_.path());
  EXPECT_TRUE(of_glibc.exited_with(1)) << of_glibc.describe();
  EXPECT_THAT(of_glibc.err, HasSubstr("is not musl's\n"));
}

// The linked release is asked for its name at start, as leakdir-static.o fits one alone.
TEST_F(Musl, AnotherReleaseIsToldApart) {
  const Outcome made = shell("cp " + object_for("") +
                                 " old.o; bytes=$(grep -abo '1\\.2\\.[0-9]' old.o | head -n 1 | cut -d: -f1)\n"
                                 "printf 9 | dd of=old.o bs=1 seek=$((bytes + 4)) conv=notrunc 2>/dev/null",
                             scratch_.path());
  ASSERT_TRUE(made.exited_with(0)) << made.describe();
  const std::string program = link("linked.c", "-static old.o");
  const Outcome outcome = run_in(scratch_, program);
  ASSERT_TRUE(outcome.exited_with(0)) << outcome.describe();
  EXPECT_THAT(outcome.err, StartsWith("leakdir: leakdir-static.o was made from musl 1.2.9, this program has 1.2."));
}

}  // namespace
}  // namespace leakdir_test
