// SPDX-License-Identifier: BSL-1.0
//
// The oracle: what Valgrind finds "in use at exit" in a real program without leakdir is, in blocks and bytes, what
// leakdir counts in the same program; the static build, where Valgrind sees nothing, has the same blocks; and a leak
// put in is found at its line.

#include <gtest/gtest.h>

#include <algorithm>

#include "addr2line.hh"
#include "groups.hh"
#include "long_tests.hh"
#include "paths.hh"
#include "report_json.hh"
#include "target.hh"

namespace leakdir_test {
namespace {

struct InUse {
  std::uint64_t blocks = 0, bytes = 0;
  bool operator==(const InUse& other) const { return blocks == other.blocks && bytes == other.bytes; }
};
void PrintTo(const InUse& in_use, std::ostream* out) {
  *out << in_use.bytes << " bytes in " << in_use.blocks << " blocks";
}

using Words = std::vector<std::string>;

const Words kKeepLibcsOwn = {"--run-libc-freeres=no", "--run-cxx-freeres=no"};

std::uint64_t without_commas(std::string number) {
  number.erase(std::remove(number.begin(), number.end(), ','), number.end());
  return std::stoull(number);
}

InUse by_valgrind(const std::string& program, const Words& arguments, const Words& options) {
  const Scratch scratch;
  Command command = {{"valgrind", "--leak-check=no"}, scratch.path(), {}, "", 300};
  command.argv.insert(command.argv.end(), options.begin(), options.end());
  command.argv.push_back(program);
  command.argv.insert(command.argv.end(), arguments.begin(), arguments.end());
  const Outcome outcome = run(command);
  const Groups m = groups_in(outcome.err, "in use at exit: ([0-9,]+) bytes in ([0-9,]+) blocks");
  if (!outcome.exited_with(0) || m.empty()) throw std::runtime_error("valgrind: " + outcome.describe());
  return {without_commas(m[2]), without_commas(m[1])};
}

// By the record files and by the report, which must agree.
InUse by_leakdir(const Scratch& scratch, const std::string& program, const Words& arguments,
                 const std::string& options) {
  const Outcome outcome = run_in(scratch, program, {"max_files=1000000:" + options, arguments, {}, 120});
  if (!outcome.exited_with(0)) throw std::runtime_error(program + ": " + outcome.describe());
  EXPECT_TRUE(names_in(scratch / "mem", ".badfree").empty());
  const std::vector<Record> records = records_in(scratch / "mem");
  const ReportedBlocks reported = totals_of(report(scratch / "mem", {"--no-runtime-suppressions"}));
  EXPECT_EQ(reported.blocks, records.size());
  EXPECT_EQ(reported.bytes, total_bytes(records));
  return {records.size(), total_bytes(records)};
}

std::string real_program(const std::string& library, const std::string& kind) {
  return std::string(kRealPrograms) + "/use_" + library + "." + kind;
}

class RealProgram : public testing::TestWithParam<std::string> {
 protected:
  void agrees_with_valgrind(const std::string& mode) {
    const std::string bare = real_program(GetParam(), "none"), dynamic = real_program(GetParam(), "dynamic");
    const InUse truth = by_valgrind(bare, {mode}, {});
    {
      const Scratch scratch;
      EXPECT_EQ(by_leakdir(scratch, dynamic, {mode}, ""), truth) << "libc=0";
    }
    // In every run in one mode, the long one in all of them.
    if (kLongTests || mode == "keep") {
      const Scratch scratch;
      EXPECT_EQ(by_leakdir(scratch, dynamic, {mode}, "libc=1"), by_valgrind(bare, {mode}, kKeepLibcsOwn)) << "libc=1";
    }
    {
      const Scratch scratch;
      EXPECT_EQ(by_leakdir(scratch, real_program(GetParam(), "static"), {mode}, ""), truth) << "static";
    }
  }
};

TEST_P(RealProgram, ThatIsCleanAgreesWithValgrind) { agrees_with_valgrind("clean"); }
TEST_P(RealProgram, ThatKeepsAllAgreesWithValgrind) { agrees_with_valgrind("keep"); }
TEST_P(RealProgram, ThatLeaksAgreesWithValgrind) { agrees_with_valgrind("leak"); }

TEST_P(RealProgram, HasItsLeakFoundAtItsLine) {
  for (const std::string kind : {"dynamic", "static"}) {
    SCOPED_TRACE(kind);
    const Scratch scratch;
    const Outcome outcome = run_in(scratch, real_program(GetParam(), kind), {"", {"leak"}, {}, 60});
    ASSERT_TRUE(outcome.exited_with(0)) << outcome.describe();
    const std::string function = said(outcome.out, "leak", "function");
    const int line = std::stoi(said(outcome.out, "leak", "line"));
    const nlohmann::json json = report(scratch / "mem", {"--no-runtime-suppressions"});
    EXPECT_FALSE(stack_through(json, function, line).is_null()) << function << ":" << line << " in " << json.dump(1);
    size_t leading_there = 0;
    const std::vector<Record> records = records_in(scratch / "mem");
    for (const Record& record : records) {
      for (const Place& place : places_by_own_commands(record.stack)) {
        leading_there += place.function == function && place.line == line;
      }
    }
    EXPECT_GT(leading_there, 0u);
  }
}

// In every run those that differ most.
INSTANTIATE_TEST_SUITE_P(On, RealProgram,
                         testing::ValuesIn(kLongTests
                                               ? Words{"expat", "jansson", "libxml2", "lua", "lzma", "sqlite", "zlib"}
                                               : Words{"libxml2", "lua", "sqlite", "zlib"}));

// Our own targets against the same oracle.
class TargetProgram : public testing::TestWithParam<std::string> {};

TEST_P(TargetProgram, AgreesWithValgrind) {
  const InUse truth = by_valgrind(target(GetParam(), "none"), {}, {});
  const Scratch scratch;
  EXPECT_EQ(by_leakdir(scratch, target(GetParam(), "pie"), {}, ""), truth);
}

TEST_P(TargetProgram, AgreesWithValgrindWithLibcsOwn) {
  const InUse truth = by_valgrind(target(GetParam(), "none"), {}, kKeepLibcsOwn);
  const Scratch scratch;
  EXPECT_EQ(by_leakdir(scratch, target(GetParam(), "pie"), {}, "libc=1"), truth);
}

INSTANTIATE_TEST_SUITE_P(Of, TargetProgram, testing::Values("empty", "each_new", "leaks", "linked_cxx"));

}  // namespace
}  // namespace leakdir_test
