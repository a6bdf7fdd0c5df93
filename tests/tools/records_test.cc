// SPDX-License-Identifier: BSL-1.0
//
// Directories without a ledger: the record files are all there is.

#include <gmock/gmock-more-matchers.h>
#include <gtest/gtest.h>
#include <sys/stat.h>

#include <filesystem>
#include <string>

#include "analyse/group.hh"
#include "base/error.hh"
#include "load/load.hh"
#include "load/load_records.hh"
#include "load/record_folder.hh"
#include "load/recover.hh"
#include "load_from_memory.hh"
#include "scratch_directory.hh"

namespace leakdir::tool {
namespace {

using leakdir_test::Scratch;
using leakdir_test::write_file;
using testing::Contains;
using testing::HasSubstr;
using testing::IsEmpty;

constexpr char kRecord[] =
    "[+0x9f7] --> addr:0x733270, size:20\n"
    "call: calloc\n"
    "thread: 4711 my app\n"
    "time: 2026-11-23T09:14:26.123456Z\n"
    "sequence: 17\n"
    "program: /home/you/app\n"
    "build-id: 3f01\n"
    "location: app.c:69\n"
    "inherited: yes\n"
    "truncated: yes\n"
    "sample: 4096\n"
    "reach: possibly lost\n"
    "frames: 3\n"
    "#0 0x4009f7 /home/you/app+0x9f7\n"
    "#1 0x401b2a /home/you/c++/lib+x.so+0x2a\n"
    "#2 0x999 ?\n"
    "exact: 1\n"
    "by-frame-pointer: 1 2 99\n"
    "addr2line: addr2line -Cfipe /home/you/app 0x9f6\n";

TEST(ParseRecord, GivesAllThatTheTextSays) {
  auto record = parse_record(kRecord);
  ASSERT_TRUE(record);
  EXPECT_FALSE(record->is_bad_free);
  EXPECT_EQ(record->address, 0x733270u);
  EXPECT_EQ(record->size, 20u);
  EXPECT_EQ(record->call, "calloc");
  EXPECT_EQ(record->tid, 4711u);
  EXPECT_EQ(record->thread_name, "my app");
  EXPECT_EQ(record->time_ns, static_cast<std::int64_t>(LedgerBuilder::kStart) + 123'456'000);
  EXPECT_EQ(record->sequence, 17u);
  EXPECT_EQ(record->program, "/home/you/app");
  EXPECT_EQ(record->build_id, "\x3f\x01");
  EXPECT_EQ(record->location_file, "app.c");
  EXPECT_EQ(record->location_line, 69u);
  EXPECT_TRUE(record->is_inherited);
  EXPECT_TRUE(record->is_truncated);
  EXPECT_EQ(record->sample_bytes, 4096u);
  EXPECT_FALSE(record->is_early);
  EXPECT_EQ(record->reach, "possibly lost");
  ASSERT_EQ(record->stack.size(), 3u);
  EXPECT_EQ(record->stack[0].pc, 0x4009f7u);
  EXPECT_EQ(record->stack[0].module, "/home/you/app");
  EXPECT_EQ(record->stack[0].offset, 0x9f7u);
  EXPECT_FALSE(record->stack[0].is_exact);
  EXPECT_EQ(record->stack[1].pc, 0x401b2au);
  EXPECT_TRUE(record->stack[1].is_exact);
  EXPECT_FALSE(record->stack[2].is_exact);
  EXPECT_FALSE(record->stack[0].by_frame_pointer);
  EXPECT_TRUE(record->stack[1].by_frame_pointer);
  EXPECT_TRUE(record->stack[2].by_frame_pointer);
  EXPECT_EQ(record->stack[1].module, "/home/you/c++/lib+x.so");
  EXPECT_EQ(record->stack[1].offset, 0x2au);
  EXPECT_EQ(record->stack[2].pc, 0x999u);
  EXPECT_EQ(record->stack[2].module, "");
}

TEST(ParseRecord, OtherFilesAreNotRecords) {
  for (const char* text :
       {"", "\n", "hello\n", "[+0x1] --> addr:0x10, size:20", "[+0x1] --> addr:0x10, size:20x\n",
        "[+0x1] --> addr:0x0, size:20\n", "[+1] --> addr:0x10, size:20\n", "[+0x1] --> bad free:0x10, \n"})
    EXPECT_FALSE(parse_record(text)) << text;
}

TEST(ParseRecord, ATimeThatCannotBeIsNone) {
  for (const char* time : {"0000-00-00T00:00:00.000000Z", "1969-12-31T23:59:59.000000Z", "9999-12-31T23:59:59.999999Z",
                           "2026-11-23T09:14:26.-12345Z", "-999-99-99T-9:-9:-9.-99999Z", "yesterday"}) {
    const auto record = parse_record(std::string("[+0x1] --> addr:0x10, size:20\ntime: ") + time + "\n");
    ASSERT_TRUE(record);
    EXPECT_EQ(record->time_ns, 0) << time;
  }
}

TEST(ParseRecord, CutAtAnyLengthItIsNoRecordOrGivesASubset) {
  const std::string whole = kRecord;
  for (std::size_t length = 0; length < whole.size(); ++length) {
    auto record = parse_record(whole.substr(0, length));
    EXPECT_EQ(record.has_value(), length > whole.find('\n')) << length;
    EXPECT_LE(record ? record->stack.size() : 0, 3u);
  }
}

TEST(ParseRecord, AnEndlessStackIsCut) {
  std::string text = "[+0x9f7] --> addr:0x733270, size:20\n";
  for (int i = 0; i < 5000; ++i) text += "#" + std::to_string(i) + " 0x1 ?\n";
  EXPECT_EQ(parse_record(text)->stack.size(), kMaxDepth);
}

// A ledger with all that a record can show.
LedgerBuilder rich_ledger() {
  LedgerBuilder ledger;
  ledger.program("/home/you/app", 0x400000, "\x3f\x01");
  auto library = ledger.module("/lib/lib x.so", 0x7f0000000000);
  ledger.thread(4711, "app", 17, 14);
  auto stack = ledger.node(0x4009f7, 1, ledger.node(0x7f0000001234, library, ledger.node(0x1234, 0, 0)));
  auto place = ledger.node(ledger.text("app.c"), ledger::kPlaceModule, stack, 69);
  ledger.block_of_kind(ledger::Reach::kDefinite,
                       {0x733270, 20, place, ledger::Call::kMalloc, ledger::kFlagPlace, 123'456'000});
  ledger.block_of_kind(ledger::Reach::kReachable, {0x733280, 30, stack, ledger::Call::kNew,
                                                   ledger::kFlagTruncated | ledger::kFlagInherited, 5000});
  ledger.block({0x733290, 40, ledger.node(0x400100, 1, 0), ledger::Call::kCalloc, ledger::kFlagEarly, 0});
  ledger::BadFree& bad_free = ledger.double_free(0x733300, stack);
  bad_free.time = 6000;
  bad_free.block = 0x733300;
  bad_free.block_bytes = 50;
  bad_free.first_free_stack = bad_free.allocation_stack = ledger.node(0x400200, 1, 0);
  ledger.header.bad_frees = 1;
  return ledger;
}

TEST(Records, TellTheSameAsTheLedgerThatTheyCameFrom) {
  const Snapshot from_ledger = load_built(rich_ledger());
  std::vector<ParsedRecord> records;
  for (const auto& block : from_ledger.blocks) records.push_back(*parse_record(record_text(from_ledger, block)));
  for (const auto& bad_free : from_ledger.bad_frees)
    records.push_back(*parse_record(bad_free_text(from_ledger, bad_free)));
  const Snapshot from_records = snapshot_of_records(records);

  ASSERT_EQ(from_records.blocks.size(), from_ledger.blocks.size());
  for (std::size_t i = 0; i < from_ledger.blocks.size(); ++i)
    EXPECT_EQ(record_text(from_records, from_records.blocks[i]), record_text(from_ledger, from_ledger.blocks[i]));
  EXPECT_EQ(from_records.blocks[0].reach, ledger::Reach::kDefinite);
  EXPECT_EQ(from_records.blocks[1].reach, ledger::Reach::kReachable);
  EXPECT_EQ(from_records.blocks[2].reach, ledger::Reach::kUnknown);
  ASSERT_EQ(from_records.bad_frees.size(), 1u);
  EXPECT_EQ(bad_free_text(from_records, from_records.bad_frees[0]),
            bad_free_text(from_ledger, from_ledger.bad_frees[0]));
}

TEST(Records, WithAKindThatNobodyKnowsHaveNone) {
  const auto record = parse_record("[+0x1] --> addr:0x10, size:20\nreach: quite lost\n");
  ASSERT_TRUE(record);
  EXPECT_EQ(snapshot_of_records({*record}).blocks[0].reach, ledger::Reach::kUnknown);
}

TEST(RecordNames, AreHexadecimalWithASuffix) {
  EXPECT_TRUE(is_record_name("0x733270.mem", ".mem"));
  EXPECT_TRUE(is_record_name("0xffffffffffffffff.mem", ".mem"));
  for (const char* name : {"0x.mem", "733270.mem", "0x733270", "0x733270.mem~", "0xG.mem", "0x733270.badfree", ".mem",
                           "0x11111111111111111.mem", "0XAB.mem", "0xAB.mem", "../0x1.mem"})
    EXPECT_FALSE(is_record_name(name, ".mem")) << name;
}

TEST(LoadDirectory, WithoutALedgerTheRecordFilesAreLoadedAndThatIsSaid) {
  Scratch directory;
  write_file(directory / "0x733270.mem", kRecord);
  write_file(directory / "notes.txt", "mine");
  Snapshot snapshot = load(directory.path());
  EXPECT_TRUE(snapshot.from_records);
  EXPECT_EQ(snapshot.blocks.size(), 1u);
  EXPECT_EQ(snapshot.program, "/home/you/app");
  EXPECT_THAT(snapshot.notices, Contains(HasSubstr("has no ledger")));
  EXPECT_THAT(snapshot.warnings, IsEmpty());
}

TEST(LoadDirectory, FilesWithARecordsNameThatAreNoneArePassedOverWithAWarning) {
  Scratch directory;
  write_file(directory / "0x733270.mem", kRecord);
  write_file(directory / "0x10.mem", "hello\n");
  write_file(directory / "0x20.mem", "");
  ASSERT_EQ(mkfifo((directory / "0x30.mem").c_str(), 0600), 0);
  std::filesystem::create_symlink(directory / "0x733270.mem", directory / "0x40.mem");
  std::filesystem::create_directory(directory / "0x50.mem");
  Snapshot snapshot = load(directory.path());
  EXPECT_EQ(snapshot.blocks.size(), 1u);
  EXPECT_THAT(snapshot.warnings, Contains(HasSubstr("passed over: 5")));
}

TEST(LoadDirectory, TheLedgerIsPreferredToTheFiles) {
  Scratch directory;
  write_file(directory / "0x999.mem", kRecord);
  rich_ledger().write(directory / ".ledger");
  Snapshot snapshot = load(directory.path());
  EXPECT_FALSE(snapshot.from_records);
  EXPECT_EQ(snapshot.blocks.size(), 3u);
}

TEST(LoadDirectory, OtherProcessesLedgersAreMentionedAndNotCounted) {
  Scratch directory;
  rich_ledger().write(directory / ".ledger");
  for (const char* name : {"200", "99", "previous", "123x", "77"}) std::filesystem::create_directory(directory / name);
  for (const char* name : {"200/.ledger", "99/.ledger", "previous/.ledger", "123x/.ledger"})
    rich_ledger().write(directory / name);
  Snapshot snapshot = load(directory.path());
  EXPECT_EQ(snapshot.blocks.size(), 3u);
  EXPECT_THAT(snapshot.notices, testing::ElementsAre("other processes have ledgers of their own in 99, 200"));
}

std::string why_not(const std::string& path) {
  try {
    load(path);
    return {};
  } catch (const Error& error) {
    return error.what();
  }
}

TEST(LoadDirectory, WhatCannotBeLoadedIsRefusedWithASentence) {
  Scratch directory;
  EXPECT_THAT(why_not(directory / "none"), HasSubstr("no such directory"));
  write_file(directory / "file", "x");
  EXPECT_THAT(why_not(directory / "file"),
              HasSubstr("is neither a record directory nor a file that leakdir save made"));
  EXPECT_THAT(why_not(directory.path()), HasSubstr("has neither a ledger nor record files"));
  write_file(directory / "42/.ledger", "x");
  EXPECT_THAT(why_not(directory.path()), HasSubstr("ledgers of their own in 42"));
  ASSERT_EQ(mkfifo((directory / ".ledger").c_str(), 0600), 0);
  EXPECT_THAT(why_not(directory.path()), HasSubstr("is not a regular file"));
}

// A record is written when the ledger has a header: beside these it was lost.
TEST(LoadDirectory, OfALedgerWithoutItsHeaderTheRecordFilesAreLoadedAndThatIsSaidFirst) {
  const std::string whole = rich_ledger().build();
  for (const std::string& left :
       {std::string(), whole.substr(0, 10), std::string(5000, '\0'), std::string("garbage, and more")}) {
    SCOPED_TRACE(left.size());
    Scratch directory;
    write_file(directory / ".ledger", left);
    write_file(directory / "0x10.mem", "hello\n");
    EXPECT_THAT(why_not(directory.path()), HasSubstr(".ledger ")) << "no record, nothing to load";
    write_file(directory / "0x733270.mem", kRecord);
    const Snapshot snapshot = load(directory.path());
    EXPECT_TRUE(snapshot.from_records);
    EXPECT_TRUE(snapshot.is_damaged());
    ASSERT_EQ(snapshot.blocks.size(), 1u);
    EXPECT_EQ(snapshot.blocks[0].reach, ledger::Reach::kPossible);
    EXPECT_THAT(snapshot.damage.at(0),
                testing::MatchesRegex("the ledger is damaged: .*; this is what 1 record file .*"));
  }
}

TEST(LoadDirectory, WhatADamagedLedgerLacksIsTakenFromTheRecordFilesOnce) {
  Scratch directory;
  LedgerBuilder ledger = rich_ledger();
  const Snapshot whole = load_built(ledger);
  for (const auto& block : whole.blocks)
    write_file(directory / record_name(block.address, ".mem"), record_text(whole, block));
  write_file(directory / "0x733300.badfree", bad_free_text(whole, whole.bad_frees[0]));
  const std::string file = ledger.build();
  const auto load_cut = [&](std::size_t bytes) {
    write_file(directory / ".ledger", file.substr(0, bytes));
    return load(directory.path());
  };
  // Cut anywhere behind its header: everything is there once, with its stack and its kind.
  for (std::size_t bytes = ledger::kHeaderBytes; bytes < file.size(); bytes += 97) {
    SCOPED_TRACE(bytes);
    const Snapshot snapshot = load_cut(bytes);
    ASSERT_TRUE(snapshot.is_damaged());
    EXPECT_FALSE(snapshot.from_records);
    EXPECT_EQ(snapshot.program, "/home/you/app");
    ASSERT_EQ(snapshot.blocks.size(), 3u);
    for (const auto& block : snapshot.blocks)
      EXPECT_EQ(record_text(snapshot, block), leakdir_test::read_file(directory / record_name(block.address, ".mem")));
    EXPECT_EQ(snapshot.bad_frees.size(), 1u);
  }
  EXPECT_THAT(load_cut(ledger::kHeaderBytes).damage.at(0),
              "the ledger is damaged: 4 record files beside it that it lacks, counted in");
  EXPECT_FALSE(load_cut(file.size()).is_damaged());
}

TEST(LoadDirectory, ARecordOfAnotherBlockAtTheSameAddressIsNotJoined) {
  Snapshot snapshot = load_built(rich_ledger());
  const auto stack = snapshot.blocks[2].stack;
  ParsedRecord other = *parse_record(kRecord);
  other.address = snapshot.blocks[2].address;
  other.sequence = snapshot.blocks[2].sequence + 1;
  EXPECT_EQ(add_records({other, other}, snapshot), 0u);
  EXPECT_EQ(snapshot.blocks[2].stack, stack);
  EXPECT_EQ(snapshot.blocks[2].reach, ledger::Reach::kUnknown);
}

TEST(LoadDirectory, HolesInALedgerAreReadAsNothing) {
  Scratch directory;
  LedgerBuilder ledger = rich_ledger();
  std::string file = ledger.build();
  // A terabyte of blocks that were never written.
  ledger.extra_extents = {
      {std::uint64_t{1} << 32, static_cast<std::uint32_t>(ledger::Kind::kBlocks), 1 << 20, 0x70000000, 0}};
  write_file(directory / ".ledger", ledger.build());
  std::filesystem::resize_file(directory / ".ledger", (std::uint64_t{1} << 32) + 0x70000000ull * 32);
  Snapshot snapshot = load(directory.path());
  EXPECT_EQ(snapshot.blocks.size(), 3u);
  EXPECT_THAT(snapshot.warnings, IsEmpty());
}

}  // namespace
}  // namespace leakdir::tool
