// SPDX-License-Identifier: BSL-1.0
//
// A saved file gives back the snapshot that it was made from, or is refused in one sentence.

#include "load/saved_file.hh"

#include <gmock/gmock-matchers.h>
#include <gtest/gtest.h>

#include <protozero/pbf_writer.hpp>

#include "analyse/trust.hh"
#include "base/error.hh"
#include "emit/emit.hh"
#include "load/pack.hh"
#include "load/recover.hh"
#include "load_from_memory.hh"

namespace leakdir::tool {
namespace {

using testing::HasSubstr;

constexpr std::int64_t kSaved = LedgerBuilder::kStart + 5'000'000'000;

Snapshot some_snapshot(bool is_running = false) {
  LedgerBuilder ledger;
  ledger.program("/home/you/app", 0x400000, "0123456789abcdefghij");
  const auto library = ledger.module("/lib/libfoo.so", 0x7f0000000000);
  ledger.thread(4711, "app", 17, 14);
  if (is_running) ledger.header.state = static_cast<std::uint32_t>(ledger::ProcessState::kRunning);
  ledger.header.suppressions = ledger.text("leak:nothing\n");
  ledger.header.option_libc = 1;
  ledger.header.pauses = 2;
  ledger.header.parent_pid = 3;
  ledger.header.dropped_blocks = 4;
  ledger.header.dropped_stacks = 5;
  ledger.header.unrecorded = 6;
  ledger.header.children_unrecorded = 8;
  const auto stack = ledger.stack({0x401234, 0x401200, 0x401100});
  ledger.block({0x1000, 20, stack, ledger::Call::kNew, ledger::kFlagEarly | ledger::kFlagInherited, 1'000'000'000});
  ledger.block({0x2000, 0, ledger.node(ledger.text("app.c"), ledger::kPlaceModule, stack, 69)});
  ledger.block({0x3000, 30, ledger.stack({0x7f0000000123}, library), ledger::Call::kCalloc, ledger::kFlagLibc});
  ledger.block({0x4000, 40, ledger.node(0x999, 0, 0)});
  ledger.block({0x5000, 50, 0});
  ledger::BadFree bad_free{};
  bad_free.address = 0x10000;
  bad_free.time = 77;
  bad_free.kind = 3;
  bad_free.thread = 1;
  bad_free.block = 0x10010;
  bad_free.block_bytes = 70;
  bad_free.free_stack = bad_free.allocation_stack = stack;
  ledger.bad_frees.push_back(bad_free);
  ledger.header.bad_frees = 9;
  Snapshot snapshot = load_built(ledger, is_running);
  snapshot.directory = "mem";
  snapshot.saved_ns = kSaved;
  return snapshot;
}

Snapshot load(const std::string& bytes) { return load_saved(MemoryBytes(bytes), "x.leaks"); }

std::string refusal(const std::string& bytes) {
  try {
    load(bytes);
    return {};
  } catch (const Error& error) {
    return error.what();
  }
}

class NoSymbols : public Symbols {
 public:
  std::vector<SourceLine> lookup(const Module&, std::uint64_t) override {
    ++asked;
    return {};
  }
  unsigned asked = 0;
};

// All that any command shows of a snapshot.
std::string everything(const Snapshot& snapshot) {
  GroupOptions options;
  options.lists_libc = true;
  const Grouped grouped = group(snapshot, options);
  NoSymbols none;
  const FrameLines lines = symbolise(snapshot, shown_stacks(snapshot, grouped, grouped.groups.size()), none);
  const Report report{snapshot, grouped, lines, grouped.groups.size(), false, snapshot.warnings};
  std::string all;
  const Sink sink = [&all](std::string_view piece) { all += piece; };
  emit_json(report, sink);
  emit_text(report, {}, sink);
  for (const auto& block : snapshot.blocks) all += record_text(snapshot, block);
  for (const auto& bad_free : snapshot.bad_frees) all += bad_free_text(snapshot, bad_free);
  return all + snapshot.suppressions + std::to_string(snapshot.max_files);
}

TEST(SavedFile, GivesBackWhatWasSaved) {
  for (bool is_running : {false, true}) {
    const Snapshot snapshot = some_snapshot(is_running);
    const Snapshot read = load(saved_bytes(snapshot));
    EXPECT_EQ(everything(read), everything(snapshot));
    EXPECT_EQ(read.state, is_running ? State::kRunning : State::kExited);
    EXPECT_EQ(read.end_ns, snapshot.end_ns) << "ages count to when it was saved";
    EXPECT_EQ(read.saved_ns, kSaved);
    EXPECT_EQ(read.directory, "mem");
    EXPECT_EQ(read.suppressions, "leak:nothing\n");
    EXPECT_TRUE(read.lists_libc);
    EXPECT_EQ(saved_bytes(read), saved_bytes(snapshot));
  }
}

TEST(SavedFile, KeepsWhatWasDamaged) {
  Snapshot snapshot = some_snapshot(false);
  EXPECT_FALSE(load(saved_bytes(snapshot)).is_damaged());
  snapshot.damage = {"the ledger is damaged: one thing", "the ledger is damaged: another"};
  const Snapshot read = load(saved_bytes(snapshot));
  EXPECT_EQ(read.damage, snapshot.damage);
  EXPECT_EQ(read.warnings, snapshot.warnings);
}

TEST(SavedFile, KeepsTheKindsOfBlocksAndWhoLookedForThem) {
  LedgerBuilder ledger;
  ledger.program("/home/you/app", 0x400000);
  ledger.thread(4711, "app", 17, 14);
  for (unsigned kind = 1; kind < ledger::kReaches; ++kind)
    ledger.block_of_kind(static_cast<ledger::Reach>(kind), {0x1000 * kind, 20 + kind, ledger.stack({0x401000})});
  ledger.block({0x9000, 9, ledger.stack({0x401000})});
  ledger.header.reach_look = static_cast<std::uint32_t>(ledger::ReachLook::kThreads);
  ledger.header.unread_bytes = 8192;
  const Snapshot snapshot = load_built(ledger);
  const Snapshot read = load(saved_bytes(snapshot));
  ASSERT_EQ(read.blocks.size(), 5u);
  for (unsigned kind = 1; kind < ledger::kReaches; ++kind)
    EXPECT_EQ(read.blocks[kind - 1].reach, static_cast<ledger::Reach>(kind));
  EXPECT_EQ(read.blocks[4].reach, ledger::Reach::kUnknown);
  EXPECT_EQ(read.reach_look, ledger::ReachLook::kThreads);
  EXPECT_EQ(read.unread_bytes, 8192u);
  EXPECT_EQ(everything(read), everything(snapshot));
}

// check must not find no leak in it where it would not have in DIR.
// A leakdir that knows nothing of samples must not take one for all blocks: it refuses the version.
TEST(SavedFile, OfASampleSaysSoInItsVersion) {
  Snapshot sample = some_snapshot();
  const std::string whole = saved_bytes(sample);
  sample.sample_bytes = 4096;
  sample.sampling_threads = 2;
  for (auto& block : sample.blocks) block.sample_bytes = 4096;
  const std::string file = saved_bytes(sample);
  EXPECT_EQ(whole[8], 1);
  EXPECT_EQ(file[8], 2);
  EXPECT_EQ(load(whole).sample_bytes, 0u);
  EXPECT_EQ(load(file).sample_bytes, 4096u);
  EXPECT_EQ(load(file).sampling_threads, 2u);
  EXPECT_EQ(load(file).blocks.at(1).sample_bytes, 4096u);
}

TEST(SavedFile, KeepsThatCallsWentPast) {
  LedgerBuilder ledger;
  ledger.program("/home/you/app", 0x400000);
  ledger.thread(4711, "app", 17, 14);
  ledger.header.passed_by = static_cast<std::uint32_t>(ledger::PassedBy::kProgram);
  const Snapshot snapshot = load_built(ledger);
  EXPECT_NE(distrust(snapshot), "");
  EXPECT_EQ(distrust(load(saved_bytes(snapshot))), distrust(snapshot));
}

TEST(SavedFile, IsSmall) {
  LedgerBuilder ledger;
  ledger.program("/home/you/app", 0x400000);
  ledger.thread(4711, "app", 17, 14);
  for (unsigned i = 0; i < 10000; ++i) ledger.block({0x10000 + 64 * i, 20 + i % 50, ledger.stack({0x401000 + i % 99})});
  const Snapshot snapshot = load_built(ledger);
  EXPECT_LT(saved_bytes(snapshot).size(), ledger.build().size() / 4);
}

TEST(SavedFile, BringsNamesThatAreNotLookedUpAgain) {
  Snapshot snapshot = some_snapshot();
  snapshot.names.resize(snapshot.frames.size());
  for (std::size_t i = 0; i < snapshot.frames.size(); ++i)
    if (!snapshot.frames[i].is_place && snapshot.frames[i].module != kNone)
      snapshot.names[i] = {{"in", "/src/in.c", 7, true}, {"out", "", 0, false}};
  const Snapshot read = load(saved_bytes(snapshot));
  NoSymbols none;
  const Grouped grouped = group(read, {});
  const FrameLines lines = symbolise(read, shown_stacks(read, grouped, grouped.groups.size()), none);
  EXPECT_EQ(none.asked, 0u);
  std::size_t named = 0;
  for (const auto& of_frame : lines) {
    if (of_frame.empty()) continue;
    ++named;
    ASSERT_EQ(of_frame.size(), 2u);
    EXPECT_EQ(of_frame[0].function + of_frame[0].file, "in/src/in.c");
    EXPECT_EQ(of_frame[0].line, 7u);
    EXPECT_TRUE(of_frame[0].inlined);
    EXPECT_EQ(of_frame[1].function, "out");
  }
  EXPECT_EQ(named, 3u) << "those of the stack; the library's is only in a block of libc's";
}

TEST(SavedFile, HoldsEmptySnapshotsAndOddOnes) {
  Snapshot empty;
  empty.threads.assign(1, {0, "?"});
  EXPECT_EQ(load(saved_bytes(empty)).blocks.size(), 0u);
  empty.from_records = true;
  empty.start_ns = -5;  // a record of before 1970
  EXPECT_EQ(load(saved_bytes(empty)).start_ns, 0);
  EXPECT_TRUE(load(saved_bytes(empty)).from_records);
}

TEST(SavedFile, ThatIsCutShortIsRefused) {
  const std::string good = saved_bytes(some_snapshot());
  for (std::size_t size = 0; size < good.size(); ++size) ASSERT_NE(refusal(good.substr(0, size)), "") << size;
  EXPECT_EQ(refusal(good.substr(0, 20)), "x.leaks is cut short");
  EXPECT_EQ(refusal(good.substr(0, good.size() - 1)), "x.leaks is cut short");
  EXPECT_NE(refusal(good + "x"), "");
}

// The last bits before the checksum fill up a byte and mean nothing.
TEST(SavedFile, InWhichAnyBitThatCountsIsWrongIsRefused) {
  const std::string good = saved_bytes(some_snapshot());
  unsigned accepted = 0;
  for (std::size_t at = 0; at < good.size(); ++at) {
    for (unsigned bit : {1u, 16u, 128u}) {
      std::string bad = good;
      bad[at] = static_cast<char>(bad[at] ^ bit);
      if (!refusal(bad).empty()) continue;
      ++accepted;
      ASSERT_EQ(everything(load(bad)), everything(some_snapshot())) << at;
    }
  }
  EXPECT_LE(accepted, 7u);
}

TEST(SavedFile, OfAnotherVersionIsRefusedByItsNumber) {
  std::string file = saved_bytes(some_snapshot());
  file[8] = 9;
  EXPECT_EQ(refusal(file), "x.leaks is a saved file of version 9, and this leakdir reads versions 1 and 2 only");
  EXPECT_EQ(refusal("leakdir\n"), "x.leaks is no file that leakdir save made");
}

// A file around a message that the test makes.
std::string around(const std::string& message, std::uint64_t claimed) {
  std::string file = saved_bytes(some_snapshot()).substr(0, 16);
  file.append(reinterpret_cast<const char*>(&claimed), sizeof claimed);
  return file + packed(message);
}

TEST(SavedFile, ThatUnpacksToFarTooMuchIsRefused) {
  const std::string zeros(30 << 20, '\0');
  EXPECT_THAT(refusal(around(zeros, zeros.size())), HasSubstr("which cannot be in a file of its length"));
  EXPECT_THAT(refusal(around(zeros, 100)), HasSubstr("is damaged"));
  EXPECT_THAT(refusal(around("", ~std::uint64_t{0})), HasSubstr("which cannot be in a file of its length"));
  EXPECT_EQ(refusal(around("\x50\x01", 1000)), "x.leaks is damaged: what it holds does not unpack");
}

// Field `tag` of the top message, holding number `value` in its field 1 or 2.
std::string with(protozero::pbf_tag_type tag, protozero::pbf_tag_type inner, std::uint64_t value) {
  std::string part, message;
  protozero::pbf_writer(part).add_uint64(inner, value);
  protozero::pbf_writer(message).add_message(tag, part);
  return message;
}

std::string refusal_of_message(const std::string& message) { return refusal(around(message, message.size())); }

TEST(SavedFile, ThatRefersToWhatItDoesNotHoldIsRefused) {
  const std::string thread = with(34, 1, 4711), frame = with(32, 1, 0x1000), node = with(33, 1, 1);
  EXPECT_EQ(refusal_of_message(thread + frame + node), "");
  EXPECT_EQ(refusal_of_message(""), "x.leaks is damaged: there is no thread");
  EXPECT_EQ(refusal_of_message(thread + with(32, 2, 1)), "x.leaks is damaged: a frame lies in no module");
  EXPECT_EQ(refusal_of_message(thread + with(32, 3, 1)), "x.leaks is damaged: a frame lies in no module");
  EXPECT_EQ(refusal_of_message(thread + node), "x.leaks is damaged: a stack has no frame");
  EXPECT_EQ(refusal_of_message(thread + frame + with(33, 2, 1)), "x.leaks is damaged: a stack does not end");
  EXPECT_EQ(refusal_of_message(thread + with(35, 5, 1)), "x.leaks is damaged: a block is not what a block can be");
  EXPECT_EQ(refusal_of_message(thread + with(35, 6, 1)), "x.leaks is damaged: a block is not what a block can be");
  EXPECT_EQ(refusal_of_message(thread + with(35, 8, 10)), "x.leaks is damaged: a block is not what a block can be");
  EXPECT_EQ(refusal_of_message(thread + with(35, 8, 300)), "x.leaks is damaged: a number is too large");
  EXPECT_EQ(refusal_of_message(thread + with(35, 9, 4)), "");
  EXPECT_EQ(refusal_of_message(thread + with(35, 9, 5)), "x.leaks is damaged: a block is of no known kind");
  EXPECT_THAT(refusal_of_message(thread + with(36, 1, 7)), HasSubstr("a bad free is not what a bad free can be"));
  EXPECT_THAT(refusal_of_message(thread + with(36, 7, 1)), HasSubstr("a bad free is not what a bad free can be"));
  EXPECT_EQ(refusal_of_message(thread + with(40, 1, 1)), "x.leaks is damaged: a name is for no frame");
  EXPECT_EQ(refusal_of_message(thread + with(8, 1, 1)), "x.leaks is damaged: a field is of another type");
  EXPECT_EQ(refusal_of_message(thread + "\xff\xff"), "x.leaks is damaged: what it holds is no message");
  EXPECT_EQ(refusal_of_message(thread + with(99, 1, 1)), "") << "what a later version adds";
}

TEST(SavedFile, ThatHoldsAStackWithoutEndIsRefused) {
  std::string message = with(34, 1, 4711) + with(32, 1, 0x1000);
  for (unsigned i = 0; i < 1000; ++i) {
    std::string part;
    protozero::pbf_writer writer(part);
    writer.add_uint64(1, 1);
    writer.add_uint64(2, i);
    protozero::pbf_writer(message).add_message(33, part);
  }
  EXPECT_EQ(refusal_of_message(message), "x.leaks is damaged: a stack is too deep");
}

}  // namespace
}  // namespace leakdir::tool
