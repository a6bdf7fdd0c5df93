// SPDX-License-Identifier: BSL-1.0
//
// The record file: what its lines say is true. (Their form is checked by support/record_reader.cc, for every record of
// every test.)

#include <gtest/gtest.h>
#include <time.h>

#include <filesystem>

#include "addr2line.hh"
#include "groups.hh"
#include "target.hh"

namespace leakdir_test {
namespace {

std::string build_id_by_readelf(const std::string& program) {
  const Outcome outcome = run({{"readelf", "-n", program}, "", {}, "", 60});
  const Groups found = groups_in(outcome.out, "Build ID: ([0-9a-f]+)");
  return found.empty() ? "" : found[1];
}

class RecordFile : public testing::TestWithParam<std::string> {
 protected:
  Record the_only_record(const std::string& name, const RunOptions& options = {}) {
    outcome_ = run_in(scratch_, target(name, GetParam()), options);
    EXPECT_TRUE(outcome_.exited_with(0)) << outcome_.describe();
    const std::vector<Record> records = records_in(scratch_ / "mem");
    if (records.size() != 1) throw std::runtime_error(std::to_string(records.size()) + " records, not one");
    return records[0];
  }
  Scratch scratch_;
  Outcome outcome_;
};

TEST_P(RecordFile, NamesTheProgramItsBuildIdAndTheThread) {
  const Record record = the_only_record("leaks");
  EXPECT_EQ(record.program, std::filesystem::canonical(target("leaks", GetParam())));
  EXPECT_EQ(record.build_id, build_id_by_readelf(record.program));
  EXPECT_EQ(record.thread_name, ("leaks." + GetParam()).substr(0, 15));
  EXPECT_GT(record.tid, 0);
  EXPECT_GT(record.sequence, 0u);
  EXPECT_EQ(record.size, 2001u);
  EXPECT_FALSE(record.early || record.inherited || record.truncated);
}

TEST_P(RecordFile, TellsTheTimeInUtc) {
  char before[40], after[40];
  time_t now = time(nullptr) - 1;
  strftime(before, sizeof before, "%Y-%m-%dT%H:%M:%S", gmtime(&now));
  const Record record = the_only_record("leaks", {"", {}, {{"TZ", "America/Lima"}}, 60});
  now = time(nullptr) + 1;
  strftime(after, sizeof after, "%Y-%m-%dT%H:%M:%S", gmtime(&now));
  EXPECT_GE(record.time, before);
  EXPECT_LE(record.time, after);
}

TEST_P(RecordFile, HasSequenceNumbersInTheOrderOfTheAllocations) {
  run_in(scratch_, target("leaks", GetParam()), {"", {"20"}, {}, 60});
  const std::vector<Record> records = records_in(scratch_ / "mem");
  ASSERT_EQ(records.size(), 20u);
  for (size_t i = 0; i < records.size(); ++i) EXPECT_EQ(records[i].size, 2001 + i);
}

TEST_P(RecordFile, LeadsThroughEveryFrameByItsOwnAddr2lineCommand) {
  const Record record = the_only_record("deep", {"", {"5"}, {}, 60});
  const std::vector<Place> places = places_by_own_commands(record.stack);
  const Expected leak = expected_by(outcome_.out).at(0);
  const int descend_line = std::stoi(said(outcome_.out, "lines", "descend"));
  const int main_line = std::stoi(said(outcome_.out, "lines", "main"));
  ASSERT_GE(places.size(), 8u);
  EXPECT_EQ(places[0].function, "leak_here");
  EXPECT_EQ(places[0].line, leak.line);
  EXPECT_EQ(places[1].function, "descend");
  for (int i = 2; i <= 6; ++i) {
    EXPECT_EQ(places[i].function, "descend") << i;
    EXPECT_EQ(places[i].line, descend_line) << i;
  }
  EXPECT_EQ(places[7].function, "main");
  EXPECT_EQ(places[7].line, main_line);
  EXPECT_EQ(places[7].file, "deep.c");
}

TEST_P(RecordFile, KeepsNoMoreFramesThanDepthAndSaysSo) {
  const Record record = the_only_record("deep", {"depth=4", {"20"}, {}, 60});
  EXPECT_EQ(record.stack.frames.size(), 4u);
  EXPECT_TRUE(record.truncated);
}

TEST_P(RecordFile, KeepsUpTo128Frames) {
  const Record record = the_only_record("deep", {"depth=128", {"200"}, {}, 60});
  EXPECT_EQ(record.stack.frames.size(), 128u);
  EXPECT_TRUE(record.truncated);
  const std::vector<Place> places = places_by_own_commands(record.stack);
  ASSERT_EQ(places.size(), 128u);
  EXPECT_EQ(places[127].function, "descend");
}

TEST_P(RecordFile, Has32FramesByDefault) {
  EXPECT_EQ(the_only_record("deep", {"", {"100"}, {}, 60}).stack.frames.size(), 32u);
}

TEST_P(RecordFile, HasTheSameFramesByEachUnwinder) {
  const std::vector<Place> fast = places_by_own_commands(the_only_record("deep", {"unwind=fast", {"9"}, {}, 60}).stack);
  const std::vector<Place> boost =
      places_by_own_commands(the_only_record("deep", {"unwind=boost", {"9"}, {}, 60}).stack);
  ASSERT_EQ(fast.size(), boost.size());
  for (size_t i = 0; i < fast.size(); ++i) {
    EXPECT_EQ(fast[i].function, boost[i].function);
    EXPECT_EQ(fast[i].line, boost[i].line);
  }
}

TEST_P(RecordFile, HasOneFrameWithTheCallerOnly) {
  const Record record = the_only_record("deep", {"unwind=caller", {"9"}, {}, 60});
  EXPECT_EQ(record.stack.frames.size(), 1u);
  EXPECT_EQ(addr2line(record.program, record.caller).function, "leak_here");
}

TEST_P(RecordFile, HasTheAbsoluteAddressInItsFrames) {
  const Record record = the_only_record("deep", {"", {"1"}, {}, 60});
  const std::uint64_t bias = record.stack.frames[0].return_address - record.stack.frames[0].offset;
  if (GetParam() == "static") {
    EXPECT_EQ(bias, 0u);
  } else {
    EXPECT_NE(bias, 0u);
    EXPECT_EQ(bias % 4096, 0u);
  }
  for (const Frame& frame : record.stack.frames) {
    if (frame.module == record.program) {
      EXPECT_EQ(frame.return_address - frame.offset, bias);
    }
  }
}

INSTANTIATE_TEST_SUITE_P(Linked, RecordFile, testing::Values("static", "pie"));

// As `ld.so PROGRAM`, which the kernel takes for the program.
TEST(RunByTheLoader, AProgramIsStillTheProgram) {
  const std::string loader = "/lib64/ld-linux-x86-64.so.2";
  if (!exists(loader)) GTEST_SKIP() << "no " << loader;
  const Scratch scratch;
  const std::string program = std::filesystem::canonical(target("leaks", "pie"));
  const Outcome outcome = run_in(scratch, loader, {"", {program}, {}, 60});
  ASSERT_TRUE(outcome.exited_with(0)) << outcome.describe();
  const std::vector<Record> records = records_in(scratch / "mem");
  ASSERT_EQ(records.size(), 1u);
  EXPECT_EQ(records[0].program, program);
  ASSERT_FALSE(records[0].stack.frames.empty());
  EXPECT_EQ(records[0].stack.frames[0].module, program);
}

}  // namespace
}  // namespace leakdir_test
