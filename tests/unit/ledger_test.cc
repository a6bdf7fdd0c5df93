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

TEST(Ledger, TheStackIsCutInTwoAndPutTogetherAgain) {
  constexpr std::uint32_t kStack = 0x89abcdef;
  const std::uint64_t word2 = block_word(123456789, kStack & 0xffff);
  const std::uint64_t word3 = block_word(kMask48, kStack >> 16);
  EXPECT_EQ(block_stack(word2, word3), kStack);
  EXPECT_EQ(low48(word2), 123456789u);
  EXPECT_EQ(low48(word3), kMask48);
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
