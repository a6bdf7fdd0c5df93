// SPDX-License-Identifier: BSL-1.0
// The words of a block: what is packed comes out again, whatever stands beside it.
#include "shared/ledger.hh"

#include <gtest/gtest.h>

namespace leakdir::ledger {
namespace {

TEST(Ledger, WordZeroKeepsAddressStateCallAndFlagsApart) {
  constexpr std::uint64_t kAddress = 0x7fffdeadbeef;
  for (unsigned call = 0; call < kCalls; ++call) {
    for (unsigned flags : {0u, kFlagFiled, kFlagTruncated | kFlagEarly, (1u << kFlags) - 1}) {
      const std::uint64_t word = block_word0(kAddress, BlockState::kLive, static_cast<Call>(call), flags);
      EXPECT_EQ(block_address(word), kAddress);
      EXPECT_EQ(block_state(word), BlockState::kLive);
      EXPECT_EQ(block_call(word), call);
      EXPECT_EQ(block_flags(word), flags);
    }
  }
}

TEST(Ledger, TheOtherWordsKeepAllThatTheyHoldApart) {
  constexpr std::uint64_t kStack = (1u << (64 - kStackShift)) - 1, kSequence = (std::uint64_t{1} << 44) - 1;
  constexpr std::uint32_t kThread = (1u << kThreadBits) - 1;
  // Each is as large as can be where all others are 0, and the other way round.
  for (unsigned one = 0; one < 10; ++one) {
    const auto is = [&](unsigned which) { return (one % 5 == which) == (one < 5); };
    const std::uint64_t stack = is(0) ? kStack : 0, time = is(1) ? kMostTime : 0, sequence = is(2) ? kSequence : 0;
    const std::uint64_t size = is(3) ? kMostSizeInRow : 0;
    const std::uint32_t thread = is(4) ? kThread : 0;
    const Block block = {{0, block_word1(stack, time, thread), block_word2(sequence, thread, size)}};
    EXPECT_EQ(block_stack(block.word[1]), stack);
    EXPECT_EQ(block_time(block.word[1]), time);
    EXPECT_EQ(block_thread(block), thread);
    EXPECT_EQ(block_sequence(block.word[2]), sequence);
    EXPECT_EQ(block_size_in_row(block.word[2]), size);
  }
  // What stands above the stack's bits is no part of it.
  EXPECT_EQ(block_word1(~std::uint64_t{0}, 0, 0), block_word1(kStack, 0, 0));
}

TEST(Ledger, BlocksLieBehindTheHeadOfTheirPage) {
  std::uint32_t block = kPageHeadWords, blocks = 1;
  for (; block_after(block) < kPageWords; block = block_after(block)) ++blocks;
  EXPECT_EQ(blocks, kBlocksPerPage);
  EXPECT_EQ(block + kBlockWords, kPageWords);
  EXPECT_EQ(block_after(block), kPageWords + kPageHeadWords);
}

TEST(Ledger, TheDirectoryEndsWithTheHeader) {
  EXPECT_LE(kDirectoryOffset + kMaxExtents * sizeof(Extent), kHeaderBytes);
  EXPECT_GE(kDirectoryOffset, sizeof(Header));
}

TEST(Ledger, EveryRowDividesAPage) {
  for (std::uint32_t kind = 1; kind < kKinds; ++kind) EXPECT_EQ(4096 % kRowBytes[kind], 0u) << kind;
}

}  // namespace
}  // namespace leakdir::ledger
