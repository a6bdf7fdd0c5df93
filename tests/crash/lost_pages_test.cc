// SPDX-License-Identifier: BSL-1.0
//
// A machine that lost power may lose pages of a ledger, its tail above all. A reader is never fooled: what it shows was
// there, and where something is missing it says so, so that `leakdir check` does not call it trustworthy.

#include <gtest/gtest.h>

#include <map>

#include "analyse/trust.hh"
#include "base/error.hh"
#include "load/load_ledger.hh"
#include "target.hh"

namespace leakdir_test {
namespace {

using leakdir::tool::Error;
using leakdir::tool::Snapshot;

constexpr std::size_t kPage = 4096;

Snapshot load(const std::string& bytes) {
  leakdir::tool::LedgerSurroundings surroundings;
  surroundings.is_running = [](const leakdir::ledger::Header&) { return false; };
  return load_ledger(leakdir::tool::MemoryBytes(bytes), "mem/.ledger", surroundings);
}

// All that a report shows of a block.
std::string shown(const Snapshot& snapshot, const leakdir::tool::Block& block) {
  std::string text = std::to_string(block.size) + " " + std::to_string(block.call) + " " +
                     std::to_string(block.sequence) + " " + snapshot.threads[block.thread].name;
  for (const std::uint32_t frame : frames_of(snapshot, block.stack)) {
    const leakdir::tool::Frame& at = snapshot.frames[frame];
    text += " " + std::to_string(at.pc) + " " +
            (at.module == leakdir::tool::kNone ? "?" : snapshot.modules[at.module].path);
  }
  return text;
}

std::map<std::uint64_t, std::string> blocks_of(const Snapshot& snapshot) {
  std::map<std::uint64_t, std::string> blocks;
  for (const leakdir::tool::Block& block : snapshot.blocks) blocks[block.address] = shown(snapshot, block);
  return blocks;
}

// How often a ledger without a page was refused, was said to be damaged, or was read whole all the same: each happens,
// or the test could not fail.
struct Tally {
  int refused = 0, told = 0, whole = 0;
};

class LostPages : public testing::TestWithParam<const char*> {
 protected:
  void SetUp() override {
    const Scratch scratch;
    run_in(scratch, target("leaks", "static"), {"summary=0:write=exit", {"900", "0", GetParam()}, {}, 60});
    whole_ = read_file(scratch / "mem/.ledger");
    truth_ = blocks_of(load(whole_));
    ASSERT_GE(truth_.size(), 900u);
    EXPECT_EQ(distrust(load(whole_)), "");
  }

  void read(const std::string& bytes) {
    try {
      const Snapshot snapshot = load(bytes);
      const std::map<std::uint64_t, std::string> found = blocks_of(snapshot);
      for (const auto& [address, text] : found) ASSERT_EQ(truth_.count(address), 1u) << "a block that never was";
      const bool is_whole = found == truth_;
      const bool is_told = !distrust(snapshot).empty();
      ASSERT_TRUE(is_whole || is_told) << found.size() << " blocks of " << truth_.size();
      is_whole ? ++tally_.whole : ++tally_.told;
      for (const auto& [address, text] : found) {
        const std::string& expected = truth_[address];
        ASSERT_EQ(text.substr(0, text.find(' ')), expected.substr(0, expected.find(' '))) << "another size";
      }
    } catch (const Error&) {
      ++tally_.refused;
    }
  }

  std::string whole_;
  std::map<std::uint64_t, std::string> truth_;
  Tally tally_;
};

TEST_P(LostPages, OneAtATimeAreToldOf) {
  for (std::size_t at = 0; at < whole_.size() && !HasFatalFailure(); at += kPage) {
    SCOPED_TRACE("page " + std::to_string(at / kPage));
    std::string bytes = whole_;
    bytes.replace(at, kPage, std::string(std::min(kPage, bytes.size() - at), '\0'));
    read(bytes);
  }
  EXPECT_EQ(tally_.refused, 1) << "the header";
  EXPECT_GE(tally_.told, 11) << "directory, five pages of blocks or more, nodes, threads, modules, text";
}

TEST_P(LostPages, FromOneOnAreToldOf) {
  for (std::size_t at = 0; at < whole_.size() && !HasFatalFailure(); at += kPage) {
    SCOPED_TRACE("from page " + std::to_string(at / kPage));
    read(whole_.substr(0, at) + std::string(whole_.size() - at, '\0'));
    read(whole_.substr(0, at));
  }
  EXPECT_GE(tally_.told, 30);
}

TEST_P(LostPages, InAnyMixtureAreToldOf) {
  std::uint32_t state = 20261123;
  for (int i = 0; i < 300 && !HasFatalFailure(); ++i) {
    SCOPED_TRACE("mixture " + std::to_string(i));
    std::string bytes = whole_;
    for (std::size_t at = kPage; at < bytes.size(); at += kPage) {
      state = state * 1664525 + 1013904223;
      if (state >> 24 < 40) bytes.replace(at, kPage, std::string(std::min(kPage, bytes.size() - at), '\0'));
    }
    read(bytes);
  }
  EXPECT_GT(tally_.told, 200);
}

INSTANTIATE_TEST_SUITE_P(Of, LostPages, testing::Values("_exit", "return"), [](const auto& info) {
  return std::string(info.param == std::string("_exit") ? "killed" : "exited");
});

}  // namespace
}  // namespace leakdir_test
