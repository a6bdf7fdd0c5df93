// SPDX-License-Identifier: BSL-1.0
//
// libleakdir.so, for programs that cannot be relinked: upon other allocators, with libraries that come late or pass by
// the hooks, and with the programs that a program starts. Much of what the other scenarios try they try with it too, as
// the kind "preload".

#include <gmock/gmock-more-matchers.h>
#include <gtest/gtest.h>

#include "paths.hh"
#include "report_json.hh"
#include "target.hh"

namespace leakdir_test {
namespace {

using testing::ElementsAre;
using testing::HasSubstr;
using testing::Not;

class Upon : public testing::TestWithParam<std::string> {
 protected:
  void SetUp() override {
    if (!has_allocator(GetParam())) GTEST_SKIP() << "there is no " << GetParam();
  }
  Outcome run_it(const std::string& name, const std::string& options, const std::vector<std::string>& arguments = {}) {
    return run_in(scratch_, target(name, "preload-" + GetParam()), {options, arguments, {}, 60});
  }
  Scratch scratch_;
};

TEST_P(Upon, EachWayToAllocateGivesOneRecord) {
  const Outcome outcome = run_it("each_way", "");
  ASSERT_TRUE(outcome.exited_with(0)) << outcome.describe();
  expect_exactly(expected_by(outcome.out), records_in(scratch_ / "mem"));
}

TEST_P(Upon, OperatorNewIsSeenThoughItDoesNotCallMalloc) {
  const Outcome outcome = run_it("each_new", "");
  ASSERT_TRUE(outcome.exited_with(0)) << outcome.describe();
  EXPECT_EQ(expected_by(outcome.out).size(), 10u);
  expect_exactly(expected_by(outcome.out), records_in(scratch_ / "mem"));
}

TEST_P(Upon, ProgramThatFreesAllLeavesNoRecord) {
  const Outcome outcome = run_it("clean_cxx", "");
  ASSERT_TRUE(outcome.exited_with(0)) << outcome.describe();
  EXPECT_EQ(outcome.err, "");
  expect_clean(scratch_ / "mem");
}

TEST_P(Upon, DoubleFreeIsFoundAndTheHeapIsIntact) {
  const Outcome outcome = run_it("bad_free", "", {"double"});
  ASSERT_TRUE(outcome.exited_with(0)) << outcome.describe();
  EXPECT_THAT(outcome.out, HasSubstr("goes on"));
  const std::vector<BadFreeRecord> records = bad_frees_in(scratch_ / "mem");
  ASSERT_EQ(records.size(), 1u);
  EXPECT_EQ(records[0].kind, "double free");
}

TEST_P(Upon, SmallBlocksThatLieCloseTogetherAreAllKnown) {
  const Outcome outcome = run_it("tiny_blocks", "max_files=0");
  ASSERT_TRUE(outcome.exited_with(0)) << outcome.describe();
  EXPECT_EQ(totals_of(report(scratch_ / "mem")).blocks, std::stoull(said(outcome.out, "kept", "blocks")));
}

INSTANTIATE_TEST_SUITE_P(Allocator, Upon, testing::Values("jemalloc", "tcmalloc", "mimalloc"),
                         [](const testing::TestParamInfo<std::string>& info) { return info.param; });

// ---- Libraries that come by dlopen ----

const std::string kPlugin = std::string(kTargets) + "/plugin.so";

class Loads : public testing::TestWithParam<std::string> {
 protected:
  void loads(const std::string& how, std::size_t of_the_program) {
    const Scratch scratch;
    const Outcome outcome = run_in(scratch, target("loads", GetParam()), {"", {how, kPlugin}, {}, 60});
    ASSERT_TRUE(outcome.exited_with(0)) << outcome.describe();
    EXPECT_TRUE(names_in(scratch / "mem", ".badfree").empty()) << outcome.err;
    const std::vector<Expected> expected = expected_by(outcome.out);
    ASSERT_EQ(expected.size(), of_the_program);
    // What the dynamic loader keeps for a library that stays is there too.
    const nlohmann::json json = report(scratch / "mem");
    for (const Expected& block : expected) {
      const nlohmann::json stack = stack_through(json, block.function, block.line);
      ASSERT_FALSE(stack.is_null()) << block.function;
      EXPECT_EQ(stack.at("bytes"), block.size);
      EXPECT_EQ(stack.at("call"), block.call);
      EXPECT_EQ(stack.at("frames").at(0).at("function"), block.function);
    }
    for (const Record& record : records_in(scratch / "mem"))
      EXPECT_NE(record.size, 72704u) << "the C++ library's own pool";
  }
};

TEST_P(Loads, TheCxxLibraryLateAndOperatorNewIsToldApart) { loads("late", 3); }
TEST_P(Loads, ALibraryWhoseMallocPassesByTheHooksAndNoFreeIsCalledBad) { loads("deepbind", 1); }
TEST_P(Loads, ALibraryWithALibcOfItsOwn) { loads("namespace", 1); }

INSTANTIATE_TEST_SUITE_P(With, Loads, testing::Values("pie", "preload"));

// Its constructor runs before that of libleakdir.so.
TEST(Preload, RecordsWhatTheConstructorsOfOtherLibrariesAllocateWithItsStack) {
  const Scratch scratch;
  const Outcome outcome = run({{target("empty", "none")},
                               scratch.path(),
                               {{"LD_PRELOAD", std::string(kLibrary) + " " + kPlugin}, {"PLUGIN_LEAKS_AT_ONCE", "1"}},
                               "",
                               60});
  ASSERT_TRUE(outcome.exited_with(0)) << outcome.describe();
  const std::vector<Expected> expected = expected_by(outcome.out);
  const std::vector<Record> records = records_in(scratch / "mem");
  ASSERT_EQ(expected.size(), 1u);
  ASSERT_EQ(sizes_of(records), std::vector<std::uint64_t>{1613});
  EXPECT_FALSE(records[0].early);
  EXPECT_GT(records[0].stack.frames.size(), 2u);
  EXPECT_FALSE(stack_through(report(scratch / "mem"), expected[0].function, expected[0].line).is_null());
}

// ---- Beside other wrappers ----

// A wrapper of malloc's family that looks up the next one when it is first called, before us or behind us.
struct Beside {
  std::string wrapper;
  bool comes_first;
};

class BesideAWrapper : public testing::TestWithParam<Beside> {
 protected:
  // Before glibc 2.34 dlsym calls calloc: a wrapper of that which asks dlsym calls itself without end.
  void SetUp() override {
    if (!run_beside("each_way", "", false).exited_with(0)) GTEST_SKIP() << "nor does it come through without leakdir";
  }
  Outcome run_beside(const std::string& program, const std::string& options, bool with_leakdir = true) {
    const std::string wrapper = std::string(kTargets) + "/lazy_wrapper_" + GetParam().wrapper + ".so";
    const std::string both = GetParam().comes_first ? wrapper + " " + kLibrary : kLibrary + (" " + wrapper);
    return run({{target(program, "none")},
                scratch_.path(),
                {{"LD_PRELOAD", with_leakdir ? both : wrapper}, {"LEAKDIR_OPTIONS", options}},
                "",
                60});
  }
  static std::vector<std::string> wrapped(const Outcome& outcome) {
    std::vector<std::string> names;
    for (const std::string& line : lines_of(outcome.out))
      if (line.rfind("wrapped ", 0) == 0) names.push_back(line.substr(8));
    return names;
  }
  // The dynamic loader does not like an indirect function that is needed before its library was relocated.
  static std::string but_for_the_loaders(const std::string& text) {
    std::string rest;
    for (const std::string& line : lines_of(text))
      if (line.find(": Relink `") == std::string::npos) rest += line + "\n";
    return rest;
  }
  // Each block is there, once, with the stack that leads to its line, and no other is.
  void expect_each_block(const Outcome& outcome) {
    const std::vector<Expected> expected = expected_by(outcome.out);
    std::vector<std::uint64_t> sizes;
    const nlohmann::json json = report(scratch_ / "mem");
    for (const Expected& block : expected) {
      sizes.push_back(block.size);
      const nlohmann::json stack = stack_through(json, block.function, block.line);
      ASSERT_FALSE(stack.is_null()) << block.function;
      EXPECT_EQ(stack.at("bytes"), block.size) << block.function;
    }
    EXPECT_THAT(sizes_of(records_in(scratch_ / "mem")), testing::UnorderedElementsAreArray(sizes));
    EXPECT_TRUE(names_in(scratch_ / "mem", ".badfree").empty());
  }
  Scratch scratch_;
};

TEST_P(BesideAWrapper, ACProgramIsRecordedExactly) {
  const Outcome alone = run_beside("each_way", "", false);
  ASSERT_TRUE(alone.exited_with(0)) << alone.describe();
  const Outcome outcome = run_beside("each_way", "");
  ASSERT_TRUE(outcome.exited_with(0)) << outcome.describe();
  EXPECT_EQ(outcome.out, alone.out);
  EXPECT_THAT(wrapped(outcome), Not(testing::IsEmpty()));
  expect_each_block(outcome);
}

TEST_P(BesideAWrapper, ACxxProgramIsRecordedExactly) {
  const Outcome alone = run_beside("each_new", "", false);
  ASSERT_TRUE(alone.exited_with(0)) << alone.describe();
  const Outcome outcome = run_beside("each_new", "");
  ASSERT_TRUE(outcome.exited_with(0)) << outcome.describe();
  EXPECT_EQ(expected_by(outcome.out).size(), 10u);
  expect_each_block(outcome);
}

TEST_P(BesideAWrapper, AProgramThatFreesAllLeavesNoRecord) {
  const Outcome outcome = run_beside("clean_cxx", "");
  ASSERT_TRUE(outcome.exited_with(0)) << outcome.describe();
  EXPECT_EQ(but_for_the_loaders(outcome.err), "");
  expect_clean(scratch_ / "mem");
}

TEST_P(BesideAWrapper, NothingIsRecordedWhileLeakdirIsOff) {
  const Outcome outcome = run_beside("each_way", "enabled=0");
  EXPECT_TRUE(outcome.exited_with(0)) << outcome.describe();
  EXPECT_EQ(but_for_the_loaders(outcome.err), "");
  EXPECT_FALSE(exists(scratch_ / "mem"));
}

std::vector<Beside> each_wrapper_in_both_orders() {
  std::vector<Beside> all;
  for (const char* wrapper :
       {"free", "malloc", "calloc", "realloc", "aligned", "all", "optional", "indirect", "old_hash"})
    for (const bool comes_first : {false, true}) all.push_back({wrapper, comes_first});
  all.push_back({"texts", false});  // before us, its strdup would hide what it makes
  return all;
}

INSTANTIATE_TEST_SUITE_P(Lazy, BesideAWrapper, testing::ValuesIn(each_wrapper_in_both_orders()),
                         [](const testing::TestParamInfo<Beside>& info) {
                           return info.param.wrapper + (info.param.comes_first ? "_first" : "_behind");
                         });

class AsksForAnError : public testing::TestWithParam<std::string> {};

TEST_P(AsksForAnError, OfALookUpThatFailedAndItIsStillThere) {
  const Scratch scratch;
  const Outcome outcome = run_in(scratch, target("asks_dlerror", GetParam()));
  ASSERT_TRUE(outcome.exited_with(0)) << outcome.describe();
  expect_exactly(expected_by(outcome.out), records_in(scratch / "mem"));
}

INSTANTIATE_TEST_SUITE_P(With, AsksForAnError, testing::Values("pie", "preload"));

// Blocks of a sample lie on pages of their own.
TEST(Preload, TakesNoSampleUponAnAllocatorThatLosesWhatAlignedBlocksHold) {
  const Scratch scratch;
  const std::string wrapper = std::string(kTargets) + "/lazy_wrapper_texts.so";
  if (!run({{target("each_way", "none")}, scratch.path(), {{"LD_PRELOAD", wrapper}}, "", 60}).exited_with(0))
    GTEST_SKIP() << "nor does it come through without leakdir";
  const Outcome outcome = run({{target("each_way", "none")},
                               scratch.path(),
                               {{"LD_PRELOAD", kLibrary + (" " + wrapper)}, {"LEAKDIR_OPTIONS", "sample=512k"}},
                               "",
                               60});
  ASSERT_TRUE(outcome.exited_with(0)) << outcome.describe();
  EXPECT_THAT(outcome.err,
              HasSubstr("leakdir: sample: mimalloc 3.0's realloc does not keep what aligned blocks hold, so "
                        "every block is recorded\n"));
  EXPECT_EQ(records_in(scratch / "mem").size(), expected_by(outcome.out).size());
  EXPECT_FALSE(report(scratch / "mem").contains("sample"));
}

// ---- Other programs ----

TEST(Preload, SaysThatAProgramHasAMallocOfItsOwn) {
  const Scratch scratch;
  const Outcome outcome = run_in(scratch, target("own_malloc", "preload"));
  EXPECT_TRUE(outcome.exited_with(0)) << outcome.describe();
  EXPECT_EQ(outcome.out, "its own\n");
  EXPECT_EQ(outcome.err,
            "leakdir: libleakdir.so: this program's malloc is another's, so nothing is recorded: link leakdir.o into "
            "it\n");
  EXPECT_FALSE(exists(scratch / "mem"));
}

// The address of malloc is then that of a stub in the program, which is no malloc of its own.
TEST(Preload, WorksForAProgramThatIsNotPositionIndependentAndTakesMallocsAddress) {
  const Scratch scratch;
  write_file(scratch / "x.c",
             "#include <stdlib.h>\nvoid *(*volatile take)(size_t) = malloc;\nvoid *volatile kept;\n"
             "int main(void) { kept = take(1237); return 0; }\n");
  ASSERT_TRUE(
      run({{"gcc", "-no-pie", "-fno-pie", scratch / "x.c", "-o", scratch / "x"}, "", {}, "", 60}).exited_with(0));
  const Outcome outcome = run_in(scratch, scratch / "x", {"", {}, {{"LD_PRELOAD", kLibrary}}, 60});
  EXPECT_TRUE(outcome.exited_with(0)) << outcome.describe();
  EXPECT_EQ(outcome.err, "leakdir: 1 live block, 1237 bytes at exit: ./mem (1 still reachable)\n");
  EXPECT_THAT(sizes_of(records_in(scratch / "mem")), ElementsAre(1237));
}

class Children : public testing::TestWithParam<std::string> {
 protected:
  // A shell that starts env, which prints what it finds in LD_PRELOAD.
  std::string preloaded_in_child(const std::string& options) {
    const Outcome outcome =
        run({{"sh", "-c", "env"},
             scratch_.path(),
             {{"LD_PRELOAD", std::string(kLibrary) + GetParam()}, {"LEAKDIR_OPTIONS", options + ":summary=0"}},
             "",
             60});
    EXPECT_TRUE(outcome.exited_with(0)) << outcome.describe();
    EXPECT_EQ(outcome.err, "");
    for (const std::string& line : lines_of(outcome.out))
      if (line.rfind("LD_PRELOAD=", 0) == 0) return line.substr(11);
    return "none";
  }
  Scratch scratch_;
};

TEST_P(Children, AreRecordedBesideTheirParent) {
  EXPECT_EQ(preloaded_in_child("children=1"), std::string(kLibrary) + GetParam());
  std::vector<std::string> programs;
  for (const std::string& name : names_in(scratch_ / "mem"))
    if (exists(scratch_ / "mem/" + name + "/.ledger")) programs.push_back(report(scratch_ / "mem/" + name)["program"]);
  EXPECT_THAT(programs, ElementsAre(testing::EndsWith("/env")));
}

TEST_P(Children, RunWithoutLeakdirWhenThatIsAskedFor) {
  std::string rest = GetParam();
  if (!rest.empty()) rest.erase(0, 1);
  EXPECT_EQ(preloaded_in_child("children=0"), rest);
  EXPECT_THAT(report(scratch_ / "mem")["program"], testing::EndsWith("sh"));
}

INSTANTIATE_TEST_SUITE_P(Beside, Children, testing::Values("", " libm.so.6", ":libm.so.6"));

}  // namespace
}  // namespace leakdir_test
