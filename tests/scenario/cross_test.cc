// SPDX-License-Identifier: BSL-1.0
//
// Programs for other processors, with objects that were made by the two ways there are (meson with a cross file,
// leakdir-mkobj), run by qemu: their records are right, and the tool of this machine reads them and their ledgers.

#include <gmock/gmock-matchers.h>
#include <gtest/gtest.h>
#include <signal.h>

#include <algorithm>
#include <map>
#include <memory>

#include "bad_free_kinds.hh"
#include "core_dump.hh"
#include "debug_information.hh"
#include "expected_kinds.hh"
#include "groups.hh"
#include "installation.hh"
#include "paths.hh"
#include "report_json.hh"
#include "survivors.hh"
#include "target.hh"
#include "whole_libpthread.hh"

namespace leakdir_test {
namespace {

using testing::HasSubstr;
using testing::Not;

Outcome shell(const std::string& command, const std::string& cwd = "") {
  return run({{"sh", "-ec", command}, cwd, {}, "", 300});
}

bool is_there(const std::string& command) { return shell("command -v " + command).exited_with(0); }

std::string mkobj(const std::string& options) {
  return "sh " + build_root() + "/lib/package/leakdir-mkobj --source=" + kSourceRoot + "/lib " + options;
}

// Reported as what it is, with each stack that has to be known.
void expect_bad_free(const std::string& dir, const Bad& bad, const Outcome& outcome) {
  ASSERT_TRUE(outcome.exited_with(0)) << outcome.describe();
  EXPECT_THAT(outcome.out, HasSubstr("goes on"));
  const nlohmann::json found = report(dir).at("bad_frees");
  ASSERT_EQ(found.size(), 1u);
  EXPECT_EQ(found[0].at("kind"), bad.kind);
  const std::pair<const char*, bool> stacks[] = {
      {"free", true}, {"first_free", bad.first_free}, {"allocation", bad.allocation}};
  const std::map<std::string, std::string> lines = {
      {"free", "free"}, {"first_free", "first"}, {"allocation", "allocation"}};
  for (const auto& [which, is_known] : stacks) {
    if (!is_known) continue;
    const nlohmann::json& frames = found[0].at("stacks").at(which);
    ASSERT_FALSE(frames.empty()) << which;
    EXPECT_THAT(frames[0].at("file").get<std::string>(), testing::EndsWith("/bad_free.c")) << which;
    EXPECT_EQ(frames[0].at("line"), std::stoi(said(outcome.out, "at", lines.at(which)))) << which;
  }
}

constexpr char kNoTables[] = "-fno-asynchronous-unwind-tables -fno-unwind-tables";

struct Processor {
  std::string name, compiler, flags, emulator;
  bool by_meson;
};

void PrintTo(const Processor& processor, std::ostream* out) { *out << processor.name; }

// Those of the long form need compilers that setup.sh does not install (g++-s390x-linux-gnu and so on).
const Processor kProcessors[] = {
    {"aarch64", "aarch64-linux-gnu", "", "qemu-aarch64", true},
    {"arm", "arm-linux-gnueabihf", "-funwind-tables", "qemu-arm", false},
#ifdef LONG_TESTS
    {"i386", "i686-linux-gnu", "", "env", false},  // x86-64 runs them itself
    {"riscv64", "riscv64-linux-gnu", "-funwind-tables", "qemu-riscv64", false},
    {"s390x", "s390x-linux-gnu", "", "qemu-s390x", false},
    {"ppc64le", "powerpc64le-linux-gnu", "", "qemu-ppc64le", false},
#endif
};

// What a project's own flags may be, and the object is made without.
constexpr const char* kOddFlags =
    "-ansi -std=c99 -Wstrict-prototypes -Wall -Wextra -Wshadow -Werror -finstrument-functions --coverage "
    "-fsanitize=undefined";

class Cross : public testing::TestWithParam<Processor> {
 protected:
  void SetUp() override {
    for (const std::string& needed : {GetParam().compiler + "-g++", GetParam().emulator}) {
      if (!is_there(needed)) GTEST_SKIP() << "there is no " << needed;
    }
    ASSERT_TRUE(exists(object())) << "the object was not made";
  }

  // Made once.
  std::string object() {
    static const Scratch made;
    const std::string path = made / GetParam().name;
    if (!exists(path)) {
      const Outcome outcome =
          GetParam().by_meson
              ? shell("meson setup --cross-file tests/cross/" + GetParam().name + ".ini " + path +
                          ".build && ninja -j2 -C " + path + ".build lib/leakdir-static.o && cp " + path +
                          ".build/lib/leakdir-static.o " + path,
                      kSourceRoot)
              : shell("mkdir -p 'with a space'; TMPDIR=\"$PWD/with a space\" " +
                          mkobj("--cc='" + GetParam().compiler + "-gcc " + kOddFlags + "' --output=" + path),
                      made.path());
      EXPECT_TRUE(outcome.exited_with(0)) << outcome.describe();
      if (!GetParam().by_meson) {
        EXPECT_EQ(outcome.err, "");
      }
    }
    return path;
  }

  void compile(const std::string& source) {
    const bool is_cxx = source.find(".cc") != std::string::npos;
    // (-D: without it a 32-bit program under qemu cannot read all folders.)
    const Outcome link = shell(GetParam().compiler + (is_cxx ? "-g++ -std=c++17" : "-gcc -std=gnu11") +
                                   " -g -O2 -Wall -D_FILE_OFFSET_BITS=64 " + GetParam().flags + " -static -pthread " +
                                   kSourceRoot + "/tests/targets/" + source + " -x none " + object() +
                                   (is_cxx ? whole_libpthread() : "") + " -o program",
                               scratch_.path());
    EXPECT_TRUE(link.exited_with(0)) << link.describe();
    EXPECT_EQ(link.err, "");
  }

  static std::string whole_libpthread() {
    std::string flags;
    for (const std::string& flag : kWholeLibpthread) flags += " " + flag;
    return flags;
  }

  Outcome run_program(const std::string& source, const std::vector<std::string>& arguments = {},
                      const std::string& leakdir_options = "") {
    if (source != compiled_) compile(source);
    compiled_ = source;
    RunOptions options = {leakdir_options, {scratch_ / "program"}, {}, 120};
    options.arguments.insert(options.arguments.end(), arguments.begin(), arguments.end());
    return run_in(scratch_, GetParam().emulator, options);
  }

  std::string dir() const { return scratch_ / "mem"; }

  // Each expected block once, where it was allocated, and no other: in the ledger and in the files.
  void expect_blocks(const std::string& output, std::size_t count) {
    const std::vector<Expected> expected = expected_by(output);
    ASSERT_EQ(expected.size(), count) << output;
    const nlohmann::json json = report(dir());
    EXPECT_EQ(totals_of(json).blocks, count);
    for (const Expected& block : expected) {
      const bool has_stack = block.call.rfind("libc", 0) != 0 || libc_has_tables();
      const nlohmann::json stack =
          has_stack ? stack_through(json, block.function, block.line) : stack_of(json, block.size);
      ASSERT_FALSE(stack.is_null()) << block.function << ":" << block.line << "\n" << json.dump(1);
      EXPECT_EQ(stack.at("bytes"), block.size);
      if (block.call.rfind("libc", 0) == 0 || is_by_frame_of_library(stack)) continue;
      EXPECT_EQ(stack.at("call"), block.call);
      EXPECT_EQ(stack.at("frames").at(0).at("function").get<std::string>().substr(0, block.function.size()),
                block.function);
    }
  }

  // A libstdc++ that was compiled without optimisation (that of Debian 13's cross compiler to arm64) has a function
  // between an aligned operator new and posix_memalign.
  static bool is_by_frame_of_library(const nlohmann::json& stack) {
    if (stack.at("call") != "posix_memalign") return false;
    const std::string function = stack.at("frames").at(0).at("function");
    if (function.rfind("__gnu_cxx::aligned_alloc", 0) != 0) return false;
    const std::string tools = GetParam().compiler;
    return shell(tools + "-ar x $(" + tools + "-g++ -print-file-name=libstdc++.a) new_opa.o; " + tools +
                     "-nm new_opa.o | grep ' t _ZN9__gnu_cxxL13aligned_alloc'",
                 Scratch().path())
        .exited_with(0);
  }

  // Whether the emulator is in this as Linux: where tests/cross/`what`.c ends with 0.
  static bool emulator_passes(const std::string& what) {
    const Scratch scratch;
    const Outcome link = shell(
        GetParam().compiler + "-gcc -static " + kSourceRoot + "/tests/cross/" + what + ".c -o asks", scratch.path());
    EXPECT_TRUE(link.exited_with(0)) << link.describe();
    const Outcome answer = shell(GetParam().emulator + " ./asks", scratch.path());
    EXPECT_TRUE(answer.exited_with(0) || answer.exited_with(1)) << answer.describe();
    return answer.exited_with(0);
  }

  static bool libc_has_tables() { return GetParam().name != "arm" && GetParam().name != "riscv64"; }

  nlohmann::json stack_of(const nlohmann::json& json, std::uint64_t size) {
    for (const auto& stack : json.at("stacks")) {
      if (stack.at("bytes") == size) return stack;
    }
    return {};
  }

  // By unwind tables exit() is left. Where most of libc has none, or of another kind, what lies in its frames from
  // before may hold one block that is lost, with what that one leads to. Nothing is called lost for it.
  static void allow_what_exit_holds(const Kinds& found, Kinds& expected) {
    if (libc_has_tables()) return;
    std::vector<std::pair<std::string, std::uint64_t>> held;
    for (const auto& block : expected)
      if (block.first != "reachable" && found.count(block) == 0 && found.count({"reachable", block.second}) == 1)
        held.push_back(block);
    EXPECT_LE(std::count_if(held.begin(), held.end(), [](const auto& block) { return block.first != "indirect"; }), 1);
    for (const auto& block : held) {
      expected.erase(expected.find(block));
      expected.insert({"reachable", block.second});
    }
  }
  // The stack of a thread that has ended is told on x86-64 only: what it held may count as held.
  static void forget_ended_thread(Kinds& kinds) {
    for (auto kind = kinds.begin(); kind != kinds.end();) {
      const bool is_its = kind->second == 4101 || kind->second == 4103 || kind->second == 4105;
      kind = is_its ? kinds.erase(kind) : std::next(kind);
    }
  }

  static std::vector<std::string> functions_of(const nlohmann::json& stack) {
    std::vector<std::string> names;
    for (const auto& frame : stack.at("frames")) names.push_back(frame.at("function"));
    return names;
  }

  Scratch scratch_;
  std::string compiled_;
};

TEST_P(Cross, EachWayInCGivesOneRecord) {
  const Outcome outcome = run_program("each_way.c");
  ASSERT_TRUE(outcome.exited_with(0)) << outcome.describe();
  EXPECT_EQ(records_in(dir()).size(), 22u);
  expect_blocks(outcome.out, 22);
  // The mark is in it, and tells the program's source from leakdir's, by whichever way the object was made.
  const Outcome diagnosis = run_tool({"doctor", scratch_ / "program"});
  EXPECT_THAT(diagnosis.out, HasSubstr("leakdir is in it, and there is no other malloc\n"));
  // (Debian 11's libpthread.a has debug information: its files are counted, too.)
  const bool is_alone = !has_debug_information(GetParam().compiler + "-gcc", "libpthread.a");
  EXPECT_THAT(diagnosis.out, HasSubstr(is_alone ? "of 1 source file\n" : " source files\n"));
}

TEST_P(Cross, OperatorNewIsNoCaller) {
  const Outcome outcome = run_program("each_new.cc");
  ASSERT_TRUE(outcome.exited_with(0)) << outcome.describe();
  EXPECT_EQ(records_in(dir()).size(), 10u);
  expect_blocks(outcome.out, 10);
}

TEST_P(Cross, StacksAreWhole) {
  const Outcome outcome = run_program("other_processor.c");
  ASSERT_TRUE(outcome.exited_with(0)) << outcome.describe();
  expect_blocks(outcome.out, 3);
  const std::vector<std::string> functions = functions_of(stack_of(report(dir()), 1409));
  ASSERT_GE(functions.size(), 4u);
  EXPECT_EQ(std::vector<std::string>(functions.begin(), functions.begin() + 4),
            (std::vector<std::string>{"innermost", "middle", "outermost", "main"}));
}

// Without unwind tables it is no whole one, and does not look like one.
TEST_P(Cross, AStackThatCannotGoOnSaysSo) {
  if (GetParam().name != "aarch64" && GetParam().name != "riscv64") GTEST_SKIP() << "nobody looks at the code";
  const Outcome link = shell(GetParam().compiler + "-gcc -std=gnu11 -g -O2 -static -pthread " + kNoTables + " " +
                                 kSourceRoot + "/tests/targets/other_processor.c " + object() + " -o program",
                             scratch_.path());
  ASSERT_TRUE(link.exited_with(0)) << link.describe();
  for (const std::string options : {"", "unwind=boost"}) {
    if (GetParam().name == "riscv64" && !options.empty()) continue;  // there, libgcc alone knows of tables
    const Outcome outcome = run_in(scratch_, GetParam().emulator, {options, {scratch_ / "program"}, {}, 120});
    ASSERT_TRUE(outcome.exited_with(0)) << outcome.describe();
    const nlohmann::json stack = stack_of(report(dir()), 1409);
    EXPECT_EQ(functions_of(stack), std::vector<std::string>{"innermost"}) << options;
    EXPECT_TRUE(stack.value("truncated", false)) << options << stack.dump(1);
  }
  const Outcome whole = run_program("other_processor.c");
  ASSERT_TRUE(whole.exited_with(0)) << whole.describe();
  const nlohmann::json stack = stack_of(report(dir()), 1409);
  EXPECT_FALSE(stack.value("truncated", false)) << stack.dump(1);
}

// (On 32-bit ARM the table of what was interrupted would lead the unwinder astray: the stack ends where the signal
// came.)
TEST_P(Cross, SignalHandlersMayAllocateWhereverTheSignalCame) {
  const Outcome outcome = run_program("other_processor.c", {"signal"});
  ASSERT_TRUE(outcome.exited_with(0)) << outcome.describe();
  expect_blocks(outcome.out, 1);
  std::vector<std::string> functions = functions_of(stack_of(report(dir()), 1427));
  ASSERT_GE(functions.size(), 2u);
  if (GetParam().name != "arm") functions.resize(2);
  EXPECT_EQ(functions, (std::vector<std::string>{"allocate_in_handler", "handler"}));
}

// In its first look libgcc allocates under its mutex. It must not be asked on the way through that, of the code that
// the signal's handler returns to, which is in no module under qemu.
TEST_P(Cross, AThreadThatIsCancelledWhereItWaitsIsCleanedUp) {
  const Outcome outcome = run_program("other_processor.c", {"cancel"});
  ASSERT_TRUE(outcome.exited_with(0)) << outcome.describe();
  expect_blocks(outcome.out, 1);
}

#ifdef LONG_TESTS
// Counted by qemu, which says each instruction. (QEMU_ONE_INSN_PER_TB is the option's name since qemu 8.1.)
TEST_P(Cross, FastWalkTakesAFractionOfBoosts) {
  if (GetParam().name != "aarch64" && GetParam().name != "riscv64") GTEST_SKIP() << "there is no fast walk";
  if (!emulator_passes("can_ask")) GTEST_SKIP() << "this emulator does not say what can be read";
  const Outcome outcome = run_program("other_processor.c", {"pairs", "1"});
  ASSERT_TRUE(outcome.exited_with(0)) << outcome.describe();
  const auto instructions = [&](const std::string& unwind, int pairs) {
    const Outcome counted =
        shell("LEAKDIR_OPTIONS=summary=0:write=exit:unwind=" + unwind +
                  " QEMU_SINGLESTEP=1 QEMU_ONE_INSN_PER_TB=1 QEMU_LOG=exec,nochain QEMU_LOG_FILENAME=/dev/stdout " +
                  GetParam().emulator + " ./program pairs " + std::to_string(pairs) + " | grep -c ^Trace",
              scratch_.path());
    EXPECT_TRUE(counted.exited_with(0)) << counted.describe();
    return std::atol(counted.out.c_str());
  };
  // (The first ones make the walk learn.)
  const long fast = (instructions("fast", 128) - instructions("fast", 64)) / 64;
  std::printf("a malloc and a free, 33 frames deep: %ld instructions\n", fast);
  EXPECT_GT(fast, 300);
  EXPECT_LT(fast, 3000);
  const long boost = instructions("boost", 2) - instructions("boost", 1);
  std::printf("with Boost: %ld\n", boost);
  EXPECT_GT(boost, 30 * fast);
}
#endif

TEST_P(Cross, SignalHandlersMayAllocateInTheMiddleOfAHook) {
  const Outcome outcome = run_program("signal_storm.c");
  ASSERT_TRUE(outcome.exited_with(0)) << outcome.describe();
  EXPECT_GT(std::stol(said(outcome.out, "handled", "count")), 0);
  expect_blocks(outcome.out, 1);
}

// Looked for when the program ends, with the registers of this processor and its byte order. Not where qemu tells of
// the memory of a processor of 32 bits by other addresses than the program has (qemu 7 does): that is noticed.
// (Files at exit alone: under qemu there is no helper thread, and what a look in a hook leaves on the stack of a thread
// that has ended since may hold a block.)
TEST_P(Cross, LostAndHeldAreToldApartOrNobodySaysSo) {
  const Outcome outcome = run_program("lost_and_held.c", {"exit"}, "write=exit");
  ASSERT_TRUE(outcome.exited_with(0)) << outcome.describe();
  Kinds expected = expected_kinds(outcome.out), found = kinds_in(report(dir()));
  ASSERT_GT(expected.size(), 20u);
  EXPECT_EQ(found.size(), expected.size());
  const auto is_unknown = [](const auto& kind) { return kind.first == "unknown"; };
  if (GetParam().name == "arm" && std::all_of(found.begin(), found.end(), is_unknown)) return;
  forget_ended_thread(expected);
  forget_ended_thread(found);
  allow_what_exit_holds(found, expected);
  // An object with virtual functions is told by their code: a pointer to its second base is one into the middle then.
  if (!emulator_passes("tells_code") && expected.erase({"reachable", 211}) == 1) expected.insert({"possible", 211});
  EXPECT_EQ(found, expected);
}

// (qemu says of a process another start than the kernel does.) Its registers are in the emulator's memory, who knows
// where.
TEST_P(Cross, OneThatRunsKeepsItsDirectoryAndIsNotLookedIntoInAnEmulator) {
  compile("lost_and_held.c");
  const Command command = command_for(scratch_, GetParam().emulator, {"", {scratch_ / "program"}, {}, 120});
  const Process first(command);
  ASSERT_TRUE(first.says("ready\n"));
  EXPECT_EQ(report(dir()).at("state"), "running");
  const Process second(command);
  ASSERT_TRUE(second.says("ready\n"));
  EXPECT_FALSE(exists(dir() + "/previous"));
  EXPECT_EQ(report(dir()).at("state"), "running");
  if (GetParam().emulator == "env") return;
  for (const std::vector<std::string>& look :
       {std::vector<std::string>{"report", "--lost", dir()}, {"why", dir(), "0x1000"}}) {
    const Outcome outcome = run_tool(look);
    EXPECT_TRUE(outcome.exited_with(1)) << outcome.describe();
    EXPECT_THAT(outcome.err, HasSubstr("runs in an emulator, ")) << outcome.describe();
  }
}

// From the core that the kernel writes, where the processor runs the program itself.
TEST_P(Cross, ACoreTellsLostFromHeld) {
  if (GetParam().emulator != "env") GTEST_SKIP() << "an emulator writes it";
  if (!kernel_writes_cores()) GTEST_SKIP() << "the kernel's cores go elsewhere";
  compile("lost_and_held.c");
  Process process(command_for(scratch_, scratch_ / "program", {"", {}, {}, 120}));
  ASSERT_TRUE(process.says("ready\n"));
  Kinds expected = expected_kinds(process.output_so_far());
  Kinds found = kinds_in(report(dir(), {"--kinds", "all", "--core", core_after(process, SIGSEGV, scratch_)}));
  forget_ended_thread(expected);
  forget_ended_thread(found);
  EXPECT_EQ(found, expected);
}

// In the one that qemu writes the registers are missing that a pointer may be in, too: what is held is held, and of the
// rest nobody says anything. (What was left on the stack of a thread whose thread pointer is not in it may hold more.)
TEST_P(Cross, ACoreOfTheEmulatorTellsWhatIsHeld) {
  if (GetParam().emulator == "env") GTEST_SKIP() << "the kernel writes it";
  if (GetParam().name == "riscv64") GTEST_SKIP() << "qemu writes no cores of it";
  compile("lost_and_held.c");
  Process process(command_for(scratch_, GetParam().emulator, {"", {scratch_ / "program"}, {}, 120}));
  ASSERT_TRUE(process.says("ready\n"));
  const Kinds expected = expected_kinds(process.output_so_far());
  const std::string core = core_after(process, SIGSEGV, scratch_, "qemu_");
  const Outcome outcome = run_tool({"report", "--format", "json", "--kinds", "all", "--core", core, dir()});
  ASSERT_TRUE(outcome.exited_with(0)) << outcome.describe();
  EXPECT_THAT(outcome.out, HasSubstr("does not have the floating-point registers of each thread"));
  const Kinds found = kinds_in(nlohmann::json::parse(outcome.out));
  std::size_t unknown = 0;
  for (const auto& [kind, size] : found) {
    EXPECT_TRUE(kind == "reachable" || kind == "unknown") << kind << " " << size;
    unknown += kind == "unknown" ? 1 : 0;
  }
  EXPECT_GT(unknown, 0u);
  for (const auto& [kind, size] : expected) {
    // (By its second base: that core does not say where code is.)
    if (kind != "reachable" || size == 211) continue;
    EXPECT_EQ(found.count({kind, size}), 1u) << size;
  }
}

// qemu wipes no page at a fork, and does not say so.
TEST_P(Cross, ForkedChildHasItsOwnRecords) {
  const Outcome outcome = run_program("parent_goes_on.c", {"elsewhere"});
  ASSERT_TRUE(outcome.exited_with(0)) << outcome.describe();
  EXPECT_EQ(sizes_of(records_in(dir() + "/" + said(outcome.out, "child", "pid"))),
            (std::vector<std::uint64_t>{1009, 1013}));
}

TEST_P(Cross, KilledLosesNothing) {
  const Outcome outcome = run_program("other_processor.c", {"killed"});
  ASSERT_TRUE(outcome.killed_by(SIGKILL)) << outcome.describe();
  expect_blocks(outcome.out, 3);
  expect_recovered_after_kill(dir(), 3);
}

TEST_P(Cross, BadFreesHaveTheirStacksAndDoNoHarm) {
  for (const Bad& bad : kBads) {
    SCOPED_TRACE(bad.argument);
    expect_bad_free(dir(), bad, run_program("bad_free.c", {bad.argument}));
  }
}

TEST_P(Cross, ThreadsThatFreeEachOthersBlocksLeaveExactlyTheSurvivors) {
  expect_survivors(dir(), run_program("exchange.c", {"4", "4000"}));
}

// Every third one ends by _exit. (Under qemu a forked child of such a program may wait for ever, for
// a mutex of qemu's own.)
TEST_P(Cross, ForksOfAThreadedProgramKeepAllRecordsApart) {
  if (GetParam().emulator != "env") GTEST_SKIP() << "the emulator does not fork a program with threads well";
  const Outcome outcome = run_program("fork_with_threads.c", {"5"});
  ASSERT_TRUE(outcome.exited_with(0)) << outcome.describe();
  expect_blocks(outcome.out, 3);
  EXPECT_EQ(records_in(dir()).size(), 3u);
  int children = 0;
  for (const std::string& line : lines_of(outcome.out)) {
    const Groups child = groups_of(line, "child (\\d+) (exit|_exit)");
    if (child.empty()) continue;
    ++children;
    const std::string of_child = dir() + "/" + child[1];
    if (child[2] == "_exit") {
      EXPECT_EQ(report(of_child).at("state"), "killed");
      ASSERT_TRUE(run_tool({"recover", of_child}).exited_with(0));
    }
    EXPECT_EQ(sizes_of(records_in(of_child)), std::vector<std::uint64_t>{5003}) << line;
  }
  EXPECT_EQ(children, 5);
}

// Streams, exceptions, threads and what libc and the C++ runtime keep. (That in C has libc load a library. Then its
// functions alone tell what is its own, and where they have no tables nothing does.)
TEST_P(Cross, CleanProgramsLeaveNoRecord) {
  for (const std::string source : {"clean_cxx.cc", "clean_c.c"}) {
    if (source == "clean_c.c" && !libc_has_tables()) continue;
    const Outcome outcome = run_program(source);
    ASSERT_TRUE(outcome.exited_with(0)) << source << outcome.describe();
    EXPECT_EQ(outcome.err, "") << source;
    expect_clean(dir());
    EXPECT_EQ(totals_of(report(dir())).blocks, 0u) << source;
  }
}

// libatomic would have to be linked for them.
TEST_P(Cross, ObjectNeedsNoHelpForItsAtomics) {
  const Outcome outcome = shell(GetParam().compiler + "-nm --undefined-only " + object());
  ASSERT_TRUE(outcome.exited_with(0)) << outcome.describe();
  for (const char* name : {" __atomic_", " __sync_"}) EXPECT_THAT(outcome.out, Not(HasSubstr(name)));
}

INSTANTIATE_TEST_SUITE_P(To, Cross, testing::ValuesIn(kProcessors),
                         [](const testing::TestParamInfo<Processor>& info) { return info.param.name; });

#ifdef LONG_TESTS

// Upon musl: a cross compiler of gcc's with the specification of musl-dev:arm64 and the like, which setup.sh, which
// adds no processor to a machine's packages, does not install. There is no walk through musl's own code as on x86-64.
struct MuslProcessor {
  std::string name, compiler, folder, emulator;
};

void PrintTo(const MuslProcessor& processor, std::ostream* out) { *out << processor.name; }

const MuslProcessor kMuslProcessors[] = {
    {"aarch64", "aarch64-linux-gnu", "aarch64-linux-musl", "qemu-aarch64"},
    {"arm", "arm-linux-gnueabihf", "arm-linux-musleabihf", "qemu-arm"},
    {"i386", "i686-linux-gnu", "i386-linux-musl", "env"},
    {"s390x", "s390x-linux-gnu", "s390x-linux-musl", "qemu-s390x"},
    {"ppc64le", "powerpc64le-linux-gnu", "powerpc64le-linux-musl", "qemu-ppc64le"},
};

class CrossMusl : public testing::TestWithParam<MuslProcessor> {
 protected:
  void SetUp() override {
    for (const std::string& needed : {GetParam().compiler + "-gcc", GetParam().emulator}) {
      if (!is_there(needed)) GTEST_SKIP() << "there is no " << needed;
    }
    if (!exists(specs())) GTEST_SKIP() << "there is no musl for " << GetParam().name;
    ASSERT_TRUE(exists(object())) << "the object was not made";
  }

  static std::string specs() { return "/usr/lib/" + GetParam().folder + "/musl-gcc.specs"; }
  static std::string with_musl() { return GetParam().compiler + "-gcc -specs " + specs(); }

  // Made once.
  static std::string object() {
    static const Scratch made;
    const std::string path = made / GetParam().name;
    if (!exists(path)) {
      const Outcome outcome = shell(mkobj("--cc='" + with_musl() + "' --output=" + path), made.path());
      EXPECT_TRUE(outcome.exited_with(0)) << outcome.describe();
    }
    return path;
  }

  Outcome run_program(const std::string& source, const std::vector<std::string>& arguments = {},
                      const std::string& before = " -std=gnu11", const std::string& after = "") {
    const Outcome link = shell(with_musl() + before + " -g -O2 -funwind-tables -static -pthread " + kSourceRoot +
                                   "/tests/targets/" + source + " -x none " + object() + after + " -o program",
                               scratch_.path());
    EXPECT_TRUE(link.exited_with(0)) << link.describe();
    RunOptions options = {"", {scratch_ / "program"}, {}, 120};
    options.arguments.insert(options.arguments.end(), arguments.begin(), arguments.end());
    return run_in(scratch_, GetParam().emulator, options);
  }

  std::string dir() const { return scratch_ / "mem"; }

  // Each expected block once, where it was allocated, and no other. (Through musl there is a frame or
  // two.)
  void expect_blocks(const std::string& output, std::size_t count) {
    const std::vector<Expected> expected = expected_by(output);
    ASSERT_EQ(expected.size(), count) << output;
    const nlohmann::json json = report(dir());
    EXPECT_EQ(totals_of(json).blocks, count);
    for (const Expected& block : expected) {
      if (block.call.rfind("libc", 0) == 0) continue;
      const nlohmann::json stack = stack_through(json, block.function, block.line);
      ASSERT_FALSE(stack.is_null()) << block.function << ":" << block.line << "\n" << json.dump(1);
      EXPECT_EQ(stack.at("bytes"), block.size);
      EXPECT_EQ(stack.at("call"), block.call);
      EXPECT_EQ(stack.at("frames").at(0).at("function"), block.function);
    }
  }

  // What libc makes is counted, and told by its size; getline takes what it needs.
  void expect_sizes_of_libcs(const std::string& output) {
    const std::vector<std::uint64_t> found = sizes_of(records_in(dir()));
    for (const Expected& block : expected_by(output)) {
      if (block.call.rfind("libc", 0) != 0 || block.call == "libc getline") continue;
      EXPECT_THAT(found, testing::Contains(block.size)) << block.call;
    }
  }

  Scratch scratch_;
};

TEST_P(CrossMusl, EachWayInCGivesOneRecord) {
  const Outcome outcome = run_program("each_way.c");
  ASSERT_TRUE(outcome.exited_with(0)) << outcome.describe();
  expect_blocks(outcome.out, 21);
  expect_sizes_of_libcs(outcome.out);
}

// By gcc's C++ library, which was made for glibc and does for what needs no streams.
TEST_P(CrossMusl, OperatorNewIsNoCallerAndExceptionsAreCaught) {
  write_file(scratch_ / "throws.cc",
             "#include <unistd.h>\n"
             "static int thrown(int n) { if (n != 0) throw n; return 0; }\n"
             "static int caught() { try { return thrown(7); } catch (int n) { return n; } }\n"
             "static int before_main = caught() == 7 ? 0 : (_exit(9), 0);\n");
  const std::string gcc = GetParam().compiler + "-gcc";
  const std::string headers = "/usr/" + GetParam().compiler + "/include/c++/$(" + gcc + " -dumpversion)";
  const Outcome outcome =
      run_program("each_new.cc throws.cc", {},
                  " -x c++ -nostdinc++ -isystem " + headers + " -isystem " + headers + "/" + GetParam().compiler +
                      " '-D__GLIBC_PREREQ(a,b)=0' -std=c++17 -Wl,--eh-frame-hdr -Wl,--defsym=__isoc23_strtoul=strtoul",
                  " -lstdc++");
  ASSERT_TRUE(outcome.exited_with(0)) << outcome.describe();
  expect_blocks(outcome.out, 10);
}

TEST_P(CrossMusl, ThreadsAndReallocAreRight) {
  const Outcome three = run_program("other_processor.c");
  ASSERT_TRUE(three.exited_with(0)) << three.describe();
  expect_blocks(three.out, 3);
  expect_survivors(dir(), run_program("exchange.c", {"4", "4000"}));
}

TEST_P(CrossMusl, KilledLosesNothing) {
  const Outcome killed = run_program("other_processor.c", {"killed"});
  ASSERT_TRUE(killed.killed_by(SIGKILL)) << killed.describe();
  expect_blocks(killed.out, 3);
  expect_recovered_after_kill(dir(), 3);
}

TEST_P(CrossMusl, CleanProgramsLeaveNoRecord) {
  for (const char* what : {"ends", "clears", "quickly"}) {
    const Outcome clean = run_program("other_libc.c", {what});
    EXPECT_TRUE(clean.exited_with(0)) << what << clean.describe();
    expect_clean(dir());
  }
}

// Under an emulator /proc counts its threads, too: musl's own count is asked.
TEST_P(CrossMusl, LostAndHeldAreToldApartAtExit) {
  const Outcome outcome = run_program("other_libc.c", {"loses"});
  ASSERT_TRUE(outcome.exited_with(0)) << outcome.describe();
  ASSERT_EQ(expected_kinds(outcome.out).size(), 7u);
  const Kinds found = kinds_in(report(dir(), {"--kinds", "all"}));
  const auto is_unknown = [](const auto& kind) { return kind.first == "unknown"; };
  if (GetParam().name == "arm" && std::all_of(found.begin(), found.end(), is_unknown)) return;  // qemu 7: as upon glibc
  EXPECT_EQ(found, expected_kinds(outcome.out));
}

int line_of_size(const std::string& output, std::uint64_t size) {
  for (const Expected& block : expected_by(output))
    if (block.size == size) return block.line;
  return 0;
}

// Without an index of the tables libgcc, which is asked where there is no fast walk, knows none upon musl.
TEST_P(CrossMusl, StacksAreWhatDoctorExpects) {
  for (const std::string index : {"", " -Wl,--eh-frame-hdr"}) {
    SCOPED_TRACE(index);
    const Outcome outcome = run_program("other_processor.c", {}, " -std=gnu11", index);
    ASSERT_TRUE(outcome.exited_with(0)) << outcome.describe();
    const nlohmann::json frames =
        stack_through(report(dir()), "innermost", line_of_size(outcome.out, 1409)).at("frames");
    const bool is_whole = GetParam().name == "aarch64" || GetParam().name == "arm" || !index.empty();
    EXPECT_EQ(frames.size() >= 4, is_whole) << frames;
    EXPECT_EQ(frames.size() == 1, !is_whole) << frames;
    const Outcome diagnosis = run_tool({"doctor", scratch_ / "program"});
    EXPECT_THAT(diagnosis.out, HasSubstr(std::string("What to expect: the ") + (is_whole ? "stack" : "caller") +
                                         " of each block, with functions, files and lines"));
  }
}

TEST_P(CrossMusl, SignalHandlersMayAllocate) {
  const Outcome outcome = run_program("other_libc.c", {"signals"});
  ASSERT_TRUE(outcome.exited_with(0)) << outcome.describe();
  expect_blocks(outcome.out, 1);
}

TEST_P(CrossMusl, ForkedChildHasItsOwnRecords) {
  const Outcome forks = run_program("other_libc.c", {"forks"});
  ASSERT_TRUE(forks.exited_with(0)) << forks.describe();
  EXPECT_EQ(sizes_of(records_in(dir())), std::vector<std::uint64_t>{1009});
  EXPECT_EQ(sizes_of(records_in(dir() + "/" + said(forks.out, "child", "pid"))), std::vector<std::uint64_t>{1013});
}

TEST_P(CrossMusl, BadFreesHaveTheirStacksAndDoNoHarm) {
  for (const Bad& bad : kBads) {
    SCOPED_TRACE(bad.argument);
    expect_bad_free(dir(), bad, run_program("bad_free.c", {bad.argument}));
  }
}

INSTANTIATE_TEST_SUITE_P(To, CrossMusl, testing::ValuesIn(kMuslProcessors),
                         [](const auto& info) { return info.param.name; });

#endif

std::string refusal_of(const std::string& cc) {
  return "leakdir-mkobj: the processor of " + cc +
         " is not one that leakdir was made for: x86-64, i386, arm64, arm, riscv64, s390x, ppc64le\n";
}

// What is missing is named.
TEST(MakeObject, SaysWhatIsMissing) {
  const Scratch scratch;
  const Outcome links = shell(
      "printf '#!/bin/sh\\nexec gcc \"$@\"\\n' >lonely-gcc; chmod +x lonely-gcc; : >empty.a; mkdir gnu; : "
      ">gnu/stubs-32.h; printf '#!/bin/sh\\n' "
      ">'no-gcc'; chmod +x no-gcc",
      scratch.path());
  ASSERT_TRUE(links.exited_with(0)) << links.describe();
  // As clang for a target whose binutils are missing: it names those of this machine.
  write_file(scratch / "odd-gcc",
             "#!/bin/sh\n[ \"$1\" != -print-prog-name=objcopy ] || exec echo false\nexec gcc \"$@\"\n");
  ASSERT_TRUE(shell("chmod +x odd-gcc", scratch.path()).exited_with(0));
  const std::vector<std::pair<std::string, std::string>> wrong = {
      {"--cc=no-such-gcc", "there is no compiler no-such-gcc\n"},
      {"--cc=" + scratch / "lonely-gcc", "there is no C++ compiler " + scratch / "lonely-g++"},
      {"--cc=gcc --libc=/no/libc.a", "there is no libc.a: /no/libc.a"},
      {"--cc=gcc --libc=" + scratch / "empty.a", "empty.a is not glibc's\n"},
      {"--cc=gcc --boost=/no/boost", "there is no boost/stacktrace/safe_dump_to.hpp in /no/boost\n"},
      {"--cc=gcc --cxx='g++ -nostdinc++'", "the headers of the C++ library are missing for g++ -nostdinc++, see above"},
      {"--cc=gcc --cxx='g++ -D__GLIBC__=1 -U__GLIBC__ -nostdinc'", "does not work\n"},
      {"--cc=gcc --cxx='g++ -U__x86_64__ -I" + scratch.path() + "'", "is not one that leakdir was made for: x86-64, "},
      {"--cc=gcc --source=/no/source", "leakdir's sources are not in /no/source"},
      {"--cc=" + scratch / "odd-gcc" + " --cxx=g++", "/false does not read what " + scratch / "odd-gcc" + " compiles"},
      {"--cc=gcc --output=" + scratch / "folder/object.o", "no file can be made in " + scratch / "folder" + "\n"},
      {"--cc=gcc --output=" + scratch.path(), scratch.path() + " is a folder: --output=FILE\n"},
  };
  for (const auto& [options, words] : wrong) {
    const Outcome outcome = shell(mkobj("--output=" + scratch / "object.o " + options), scratch.path());
    EXPECT_TRUE(outcome.exited_with(1)) << options << outcome.describe();
    EXPECT_THAT(outcome.err, HasSubstr("leakdir-mkobj: ")) << options;
    EXPECT_THAT(outcome.err, HasSubstr(words)) << options;
    EXPECT_FALSE(exists(scratch / "object.o")) << options;
  }
  EXPECT_TRUE(shell(mkobj("")).exited_with(2));
  EXPECT_TRUE(shell(mkobj("--what")).exited_with(2));
}

// By mkobj, and by meson.
TEST(MakeObject, RefusesABigEndianArmInOneLine) {
  if (!is_there("arm-linux-gnueabihf-g++")) GTEST_SKIP() << "there is no compiler for it";
  const Scratch scratch;
  const Outcome outcome = shell(mkobj("--cc='arm-linux-gnueabihf-gcc -mbig-endian' --output=object.o"), scratch.path());
  EXPECT_TRUE(outcome.exited_with(1)) << outcome.describe();
  EXPECT_EQ(outcome.err, refusal_of("arm-linux-gnueabihf-gcc -mbig-endian"));
  EXPECT_FALSE(exists(scratch / "object.o"));
  const Outcome meson = shell("sed s/little/big/ tests/cross/arm.ini >" + scratch / "big.ini" +
                                  "; meson setup --cross-file " + scratch / "big.ini" + " " + scratch / "build",
                              kSourceRoot);
  EXPECT_TRUE(meson.exited_with(1)) << meson.describe();
  EXPECT_THAT(meson.out, HasSubstr("leakdir was not made for this processor, arm (big-endian)\n"));
}

#ifdef LONG_TESTS

class OtherProcessor : public testing::TestWithParam<const char*> {};

TEST_P(OtherProcessor, IsRefusedInOneLine) {
  const std::string cc = std::string(GetParam()) + "-gcc";
  if (!is_there(cc) || !is_there(std::string(GetParam()) + "-g++")) GTEST_SKIP() << "there is no compiler for it";
  const Scratch scratch;
  for (const std::string kind : {"", " --dynamic"}) {
    const Outcome outcome = shell(mkobj("--cc=" + cc + " --output=object.o" + kind), scratch.path());
    EXPECT_TRUE(outcome.exited_with(1)) << kind << outcome.describe();
    EXPECT_EQ(outcome.err, refusal_of(cc)) << kind;
    EXPECT_FALSE(exists(scratch / "object.o")) << kind;
  }
}

INSTANTIATE_TEST_SUITE_P(Of, OtherProcessor,
                         testing::Values("alpha-linux-gnu", "arc-linux-gnu", "hppa-linux-gnu", "m68k-linux-gnu",
                                         "mips-linux-gnu", "mips64-linux-gnuabi64", "mips64el-linux-gnuabi64",
                                         "mipsel-linux-gnu", "powerpc-linux-gnu", "powerpc64-linux-gnu",
                                         "sh4-linux-gnu", "sparc64-linux-gnu"),
                         [](const auto& info) { return case_name(info.param); });

#endif

}  // namespace
}  // namespace leakdir_test
