// SPDX-License-Identifier: BSL-1.0
#include "analyse/trust.hh"

#include <gmock/gmock-matchers.h>
#include <gtest/gtest.h>

#include "load/load_records.hh"
#include "load_from_memory.hh"

namespace leakdir::tool {
namespace {

using testing::HasSubstr;

class Trust : public testing::Test {
 protected:
  Trust() {
    ledger.program("/home/you/app", 0x400000);
    ledger.thread(4711, "app", 17, 17);
  }
  std::string doubt() const { return distrust(load_built(ledger)); }

  LedgerBuilder ledger;
};

TEST_F(Trust, IsInALedgerThatSawCalls) {
  EXPECT_EQ(doubt(), "");
  ledger.block({0x1000, 20, ledger.stack({0x401000})});
  ledger.header.dropped_stacks = 1;  // the block is there, and counts
  ledger.header.unrecorded = 1;      // asked for, by min_size
  ledger.header.pauses = 2;
  EXPECT_EQ(doubt(), "");
}

TEST_F(Trust, IsNotInOneThatSawNone) {
  ledger.threads.resize(1);
  EXPECT_THAT(doubt(), HasSubstr("saw no call: the hooks did not run"));
  ledger.header.pauses = 1;
  EXPECT_EQ(doubt(), "leakdir was there, but saw no call while recording was on");
  ledger.header.unrecorded = 3;
  ledger.thread(4711, "app", 0, 2);
  EXPECT_EQ(doubt(), "leakdir recorded nothing: all that it saw was 3 allocations below min_size");
}

TEST_F(Trust, IsNotInOneThatHadToDropBlocks) {
  ledger.header.dropped_blocks = 3;
  EXPECT_EQ(doubt(), "3 blocks could not be recorded, because the ledger could not grow");
}

TEST_F(Trust, OfATreeIsNotInOneWhoseChildrenCouldNotRecord) {
  EXPECT_EQ(why_not_all(load_built(ledger)), "");
  ledger.header.children_unrecorded = 1;
  EXPECT_EQ(doubt(), "") << "the process itself was seen";
  EXPECT_EQ(why_not_all(load_built(ledger)),
            "1 forked child of it could not record: DIR is closed to it, or out of reach");
  EXPECT_THAT(load_built(ledger).warnings, testing::Contains(HasSubstr("forked children that could not record")));
}

TEST_F(Trust, IsNotInOneThatWasPassedBy) {
  ledger.header.unseen_blocks = 2;
  EXPECT_EQ(doubt(), "calls go past leakdir: 2 blocks were allocated or freed unseen");
  for (const auto who : {ledger::PassedBy::kProgram, ledger::PassedBy::kLibraries, ledger::PassedBy::kModule,
                         ledger::PassedBy::kNamespace}) {
    ledger.header.passed_by = static_cast<std::uint32_t>(who);
    EXPECT_THAT(doubt(), HasSubstr("is not seen"));
  }
  ledger.header.passed_by = 77;  // of a later version, or damaged
  EXPECT_EQ(doubt(), "a library calls another malloc, so what it allocates is not seen");
}

TEST_F(Trust, IsNotInOneThatNeverRecorded) {
  ledger.header.option_recording = static_cast<std::uint32_t>(ledger::Recording::kPaused);
  ledger.header.recording = 0;
  ledger.header.pauses = 1;
  EXPECT_THAT(doubt(), HasSubstr("paused from the start"));
  ledger.header.pauses = 2;
  EXPECT_EQ(doubt(), "") << "it was switched on, and off again";
  ledger.header.pauses = 1;
  ledger.header.recording = 1;
  EXPECT_EQ(doubt(), "") << "it was switched on";
}

TEST_F(Trust, OfASampleIsNoProofThatThereIsNone) {
  EXPECT_EQ(why_no_proof(load_built(ledger)), "");
  ledger.threads.resize(1);
  ledger.header.sample_bytes = 65536;
  EXPECT_THAT(doubt(), HasSubstr("saw no call"));
  ledger.header.sampling_threads = 1;  // whose blocks were all passed over
  EXPECT_EQ(doubt(), "");
  EXPECT_EQ(why_no_proof(load_built(ledger)),
            "a sample, one block in 65536 bytes on average, does not show that there is none");
}

TEST(ReplacedSince, IsAProgramThatCameThereAfterTheEnd) {
  Snapshot snapshot;
  snapshot.program = "/proc/self/exe";
  snapshot.program_build_id = "\x12\xab";
  snapshot.end_ns = 1;
  EXPECT_THAT(replaced_since(snapshot), testing::MatchesRegex("/proc/self/exe is another build since \\(build-id "
                                                              "[0-9a-f]+; what ran had 12ab\\), which has .*"));
  snapshot.end_ns = INT64_MAX;  // it was there before: the ledger is of another machine, where that is another program
  EXPECT_EQ(replaced_since(snapshot), "");
  snapshot.end_ns = 1;
  snapshot.state = State::kRunning;  // an update of what runs on
  EXPECT_EQ(replaced_since(snapshot), "");
  snapshot.state = State::kKilled;
  EXPECT_NE(replaced_since(snapshot), "");
  snapshot.saved_ns = 2;
  EXPECT_EQ(replaced_since(snapshot), "");
  snapshot.saved_ns = 0;
  snapshot.program_build_id.clear();
  EXPECT_EQ(replaced_since(snapshot), "");
  snapshot.program_build_id = "\x12";
  for (const char* none : {"", "/proc/self/status", "/dev/null", "/not/there"}) {
    snapshot.program = none;
    EXPECT_EQ(replaced_since(snapshot), "") << none;
  }
}

TEST_F(Trust, IsNotInADamagedOne) {
  ledger.block({0x1000, 20, 4711});  // a stack that is not there
  EXPECT_THAT(doubt(), HasSubstr("damaged"));
  ledger.blocks.resize(1);
  const std::string whole = ledger.build();
  EXPECT_THAT(distrust(load_bytes(whole.substr(0, whole.size() - 1))), HasSubstr("cut short"));
}

TEST_F(Trust, IsNotInRecordFilesAlone) {
  Snapshot snapshot = snapshot_of_records({});
  snapshot.directory = "mem";
  EXPECT_THAT(distrust(snapshot), HasSubstr("mem has no ledger"));
}

}  // namespace
}  // namespace leakdir::tool
