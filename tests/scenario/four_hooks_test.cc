// SPDX-License-Identifier: BSL-1.0
//
// One program by each of the four hooks: the linked object, the preloaded library, the macro, and recording that is
// started and stopped. All of them leave the same records, but for what only some can know.

#include <gtest/gtest.h>

#include "expected_kinds.hh"
#include "paths.hh"
#include "target.hh"

namespace leakdir_test {
namespace {

struct Hook {
  std::string name;
  std::vector<std::string> compiled_with;
  std::map<std::string, std::string> environment;
  std::string options;
  bool knows_stack, knows_location;
};
void PrintTo(const Hook& hook, std::ostream* out) { *out << hook.name; }

const std::string kLib = std::string(kSourceRoot) + "/lib/";

class FourHooks : public testing::TestWithParam<Hook> {};

TEST_P(FourHooks, LeaveTheSameRecords) {
  const Hook& hook = GetParam();
  const Scratch scratch;
  std::vector<std::string> compile = {"gcc", "-g", "-O1", "-I" + kLib + "include", "-o", scratch / "program"};
  compile.insert(compile.end(), hook.compiled_with.begin(), hook.compiled_with.end());
  compile.push_back(std::string(kSourceRoot) + "/tests/targets/four_hooks.c");
  const Outcome compiled = run({compile, "", {}, "", 120});
  ASSERT_TRUE(compiled.exited_with(0)) << compiled.describe();
  EXPECT_EQ(compiled.err, "");

  const Outcome outcome = run_in(scratch, scratch / "program", {hook.options, {}, hook.environment, 60});
  ASSERT_TRUE(outcome.exited_with(0)) << outcome.describe();
  EXPECT_EQ(outcome.err, "leakdir: 4 live blocks, 4833 bytes at exit: ./mem" + kinds_at_exit(scratch / "mem") + "\n");
  const std::vector<Expected> expected = expected_by(outcome.out);
  ASSERT_EQ(expected.size(), 4u);
  const std::vector<Record> records = records_in(scratch / "mem");
  expect_exactly(expected, records);
  for (const Record& record : records) {
    EXPECT_EQ(record.stack.frames.size() > 1, hook.knows_stack);
    EXPECT_EQ(!record.location.empty(), hook.knows_location);
  }
}

INSTANTIATE_TEST_SUITE_P(
    All, FourHooks,
    testing::Values(
        Hook{"Object", {kObject}, {}, "", true, false},
        Hook{"Library", {}, {{"LD_PRELOAD", kLibrary}}, "", true, false},
        Hook{"Macro",
             {"-DLEAKDIR_ALONE", "-include", "leakdir/trace.h", std::string(kInclude) + "/leakdir/leakdir_trace.c"},
             {},
             "",
             false,
             true},
        Hook{"MacroWithTheObject", {"-include", "leakdir/trace.h", kObject}, {}, "", true, true},
        // leakdir_trace.c in it gives way to the library. A -no-pie program has no references to it.
        Hook{"MacroAloneUnderTheLibrary",
             {"-DLEAKDIR_ALONE", "-include", "leakdir/trace.h", std::string(kInclude) + "/leakdir/leakdir_trace.c"},
             {{"LD_PRELOAD", kLibrary}},
             "",
             true,
             true},
        Hook{"MacroAloneUnderTheLibraryWithoutPie",
             {"-DLEAKDIR_ALONE", "-no-pie", "-include", "leakdir/trace.h",
              std::string(kInclude) + "/leakdir/leakdir_trace.c"},
             {{"LD_PRELOAD", kLibrary}},
             "",
             true,
             true},
        Hook{"StartAndStop", {"-DSTARTS_AND_STOPS", kObject}, {}, "recording=0", true, false}),
    [](const testing::TestParamInfo<Hook>& info) { return info.param.name; });

}  // namespace
}  // namespace leakdir_test
