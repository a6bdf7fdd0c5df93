// SPDX-License-Identifier: BSL-1.0
//
// Every toolchain in every way: gcc and clang; bfd, gold, lld and mold; static, static-pie, PIE and non-PIE; -O0 to
// -O3, -flto and --gc-sections. Each program is linked with one object and no other flag for it, run, and its records
// read.
//
// Left out, since these do not link without leakdir either: static-pie with gold (it lacks --no-dynamic-linker), and
// gcc's -flto with lld (it does not read gcc's intermediate code).

#include <gtest/gtest.h>

#include <iterator>
#include <map>

#include "long_tests.hh"
#include "paths.hh"
#include "target.hh"
#include "whole_libpthread.hh"

namespace leakdir_test {
namespace {

struct Toolchain {
  std::string compiler, linker, kind;
  std::string level;  // of optimisation, in every run; the long one takes all
};
constexpr const char* kLevels[] = {"-O0", "-O1", "-O2", "-O3"};

void PrintTo(const Toolchain& chain, std::ostream* out) {
  *out << chain.compiler << " " << chain.linker << " " << chain.kind;
}

std::vector<Toolchain> every_toolchain() {
  std::vector<Toolchain> result;
  for (const char* compiler : {"gcc", "clang"}) {
    for (const char* linker : {"bfd", "gold", "lld", "mold"}) {
      for (const std::string& kind : kEveryKind) {
        if (std::string(linker) == "gold" && kind == "static-pie") continue;
        result.push_back({compiler, linker, kind, kLevels[result.size() % std::size(kLevels)]});
      }
    }
  }
  return result;
}

using Flags = std::vector<std::string>;

const std::map<std::string, Flags> kFlagsOf = {{"static", {"-static", "-fno-pie"}},
                                               {"static-pie", {"-static-pie", "-fPIE"}},
                                               {"pie", {"-pie", "-fPIE"}},
                                               {"nopie", {"-no-pie", "-fno-pie"}}};

std::string object_for(const std::string& kind) { return kind.rfind("static", 0) == 0 ? kStaticObject : kObject; }

std::string source(const std::string& name) { return std::string(kSourceRoot) + "/tests/targets/" + name; }

// An object file of the C++ source for a compiler, made once: it takes a second.
std::string compiled_cxx(const std::string& compiler, bool pie) {
  static const Scratch objects;
  const std::string object = objects / compiler + (pie ? "-pie.o" : ".o");
  if (!exists(object)) {
    const Outcome outcome = run({{compiler, "-std=c++17", "-g", "-O2", pie ? "-fPIE" : "-fno-pie", "-pthread", "-c",
                                  source("linked_cxx.cc"), "-o", object},
                                 "",
                                 {},
                                 "",
                                 120});
    if (!outcome.exited_with(0)) throw std::runtime_error(outcome.describe());
  }
  return object;
}

// Whether the smallest program comes through that is linked so, without leakdir. (No static-pie by lld 11 upon
// glibc 2.31.)
bool runs_without_leakdir(const Toolchain& chain) {
  static std::map<std::string, bool> known;
  const auto [answer, is_new] = known.try_emplace(chain.compiler + chain.linker + chain.kind);
  if (is_new) {
    const Scratch scratch;
    write_file(scratch / "main.c", "#include <stdio.h>\nint main(void) { return puts(\"hello\") < 0; }\n");
    Command command = {
        {chain.compiler, "main.c", "-fuse-ld=" + chain.linker, "-o", "main"}, scratch.path(), {}, "", 60};
    command.argv.insert(command.argv.end(), kFlagsOf.at(chain.kind).begin(), kFlagsOf.at(chain.kind).end());
    answer->second = run(command).exited_with(0) && run({{"./main"}, scratch.path(), {}, "", 60}).exited_with(0);
  }
  return answer->second;
}

class Link : public testing::TestWithParam<Toolchain> {
 protected:
  void SetUp() override {
    if (!links_with(GetParam().compiler, GetParam().linker)) GTEST_SKIP() << "there is no such linker";
    if (!runs_without_leakdir(GetParam())) GTEST_SKIP() << "a program without leakdir does not run either";
  }

  // The link as a user would type it. Silent: no warning about leakdir's object.
  Outcome link(const Scratch& scratch, const std::string& driver, const std::string& input, const Flags& flags) {
    const Toolchain& chain = GetParam();
    Command command = {{driver, input, object_for(chain.kind), "-g", "-pthread", "-fuse-ld=" + chain.linker, "-o",
                        scratch / "program"},
                       "",
                       {},
                       "",
                       120};
    command.argv.insert(command.argv.end(), kFlagsOf.at(chain.kind).begin(), kFlagsOf.at(chain.kind).end());
    command.argv.insert(command.argv.end(), flags.begin(), flags.end());
    return run(command);
  }

  void works(const std::string& driver, const std::string& input, const Flags& flags) {
    SCOPED_TRACE(testing::PrintToString(flags));
    const Scratch scratch;
    const Outcome linked = link(scratch, driver, input, flags);
    ASSERT_TRUE(linked.exited_with(0)) << linked.describe();
    EXPECT_EQ(linked.out + linked.err, "");
    const Outcome outcome = run_in(scratch, scratch / "program");
    ASSERT_TRUE(outcome.exited_with(0)) << outcome.describe();
    ASSERT_FALSE(expected_by(outcome.out).empty());
    expect_exactly(expected_by(outcome.out), records_in(scratch / "mem"));
  }
};

TEST_P(Link, OfCAtEachOptimisationRecords) {
  for (const char* level : kLevels) {
    if (kLongTests || GetParam().level == level) works(GetParam().compiler, source("linked.c"), {level});
  }
}

TEST_P(Link, OfCWithoutUnusedSectionsRecords) {
  works(GetParam().compiler, source("linked.c"),
        {"-O2", "-ffunction-sections", "-fdata-sections", "-Wl,--gc-sections"});
}

TEST_P(Link, OfCWithLinkTimeOptimisationRecords) {
  if (GetParam().compiler == "gcc" && GetParam().linker == "lld") GTEST_SKIP() << "lld does not read gcc's code";
  works(GetParam().compiler, source("linked.c"), {"-O2", "-flto"});
}

TEST_P(Link, OfCxxRecords) {
  const std::string driver = GetParam().compiler == "gcc" ? "g++" : "clang++";
  const bool pie = GetParam().kind == "pie" || GetParam().kind == "static-pie";
  const bool is_static = GetParam().kind.rfind("static", 0) == 0;
  works(driver, compiled_cxx(driver, pie), is_static ? kWholeLibpthread : Flags{});
}

INSTANTIATE_TEST_SUITE_P(With, Link, testing::ValuesIn(every_toolchain()),
                         [](const testing::TestParamInfo<Toolchain>& info) {
                           return case_name(info.param.compiler + "_" + info.param.linker + "_" + info.param.kind);
                         });

// The plain object in a static program, with the flag that lets the first definition win.
class LinkWithMuldefs : public testing::TestWithParam<std::string> {
 protected:
  void SetUp() override {
    if (!links_with("gcc", GetParam())) GTEST_SKIP() << "there is no such linker";
  }
};

TEST_P(LinkWithMuldefs, OfThePlainObjectIsStatic) {
  const Scratch scratch;
  const Outcome linked = run({{"gcc", source("linked.c"), kObject, "-g", "-O2", "-static", "-Wl,-z,muldefs",
                               "-fuse-ld=" + GetParam(), "-o", scratch / "program"},
                              "",
                              {},
                              "",
                              60});
  ASSERT_TRUE(linked.exited_with(0)) << linked.describe();
  const Outcome outcome = run_in(scratch, scratch / "program");
  ASSERT_TRUE(outcome.exited_with(0)) << outcome.describe();
  expect_exactly(expected_by(outcome.out), records_in(scratch / "mem"));
}

INSTANTIATE_TEST_SUITE_P(With, LinkWithMuldefs, testing::Values("bfd", "gold", "lld", "mold"));

// Linked with the libc.a of another release, which has another name for what libc's malloc needs, the object does not
// fit, and the linker's words tell what to do. (mold names no source.)
class LinkWithAnotherGlibc : public testing::TestWithParam<std::string> {};

TEST_P(LinkWithAnotherGlibc, NamesTheReleaseOfTheObjectAndTheRemedy) {
  static const Scratch other;
  const std::string libc = other / "libc.a";
  if (!exists(libc)) {
    const Outcome made = run({{"sh", "-ec",
                               "of_gcc=$(gcc -print-file-name=libc.a)\n"
                               "ar x $of_gcc malloc.o\n"
                               "name=$(nm --undefined-only malloc.o | sed -n 's/.* \\(__libc_message.*\\)/\\1/p')\n"
                               "test -n \"$name\"\n"
                               "objcopy --redefine-sym $name=another_release $of_gcc new.a && mv new.a libc.a"},
                              other.path(),
                              {},
                              "",
                              60});
    ASSERT_TRUE(made.exited_with(0)) << made.describe();
  }
  const Outcome linked = run({{"gcc", source("linked.c"), kStaticObject, "-static", "-pthread", "-L" + other.path(),
                               "-fuse-ld=" + GetParam(), "-o", other / "program"},
                              "",
                              {},
                              "",
                              60});
  EXPECT_FALSE(linked.exited_with(0));
  const std::string release = std::to_string(__GLIBC__) + "." + std::to_string(__GLIBC_MINOR__);
  EXPECT_NE(linked.err.find("this-object-was-made-for-static-programs-with-glibc-" + release +
                            "--leakdir-mkobj-makes-one-for-another-libc"),
            std::string::npos)
      << linked.err;
}

// So they do where -static was forgotten.
TEST_P(LinkWithAnotherGlibc, NamesStaticProgramsWhereTheProgramIsNone) {
  const Scratch scratch;
  const Outcome linked =
      run({{"gcc", source("linked.c"), kStaticObject, "-pthread", "-fuse-ld=" + GetParam(), "-o", scratch / "program"},
           "",
           {},
           "",
           60});
  EXPECT_FALSE(linked.exited_with(0));
  EXPECT_NE(linked.err.find("this-object-was-made-for-static-programs-"), std::string::npos) << linked.err;
}

INSTANTIATE_TEST_SUITE_P(With, LinkWithAnotherGlibc, testing::Values("bfd", "gold", "lld"));

// A stripped program still records; its callers are addresses of a file that has the symbols.
TEST(LinkStripped, RecordsCallersOfTheUnstrippedProgram) {
  const Scratch scratch;
  const std::string full = target("linked", "static"), stripped = scratch / "linked.static";
  ASSERT_TRUE(run({{"strip", "-o", stripped, full}, "", {}, "", 60}).exited_with(0));
  const Outcome outcome = run_in(scratch, stripped);
  ASSERT_TRUE(outcome.exited_with(0)) << outcome.describe();
  std::vector<Record> records = records_in(scratch / "mem");
  for (Record& record : records) {
    EXPECT_EQ(record.program, stripped);
    record.program = full;
    for (std::string& command : record.stack.addr2line) {
      const size_t at = command.find(stripped);
      if (at != std::string::npos) command.replace(at, stripped.size(), full);
    }
  }
  expect_exactly(expected_by(outcome.out), records);
}

}  // namespace
}  // namespace leakdir_test
