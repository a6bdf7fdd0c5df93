// SPDX-License-Identifier: BSL-1.0
//
// What is read ahead is what reading each block by itself gives: of heaps made by chance, by one thread and by several,
// with words of 8 and 4 bytes. Where memory cannot be read, and where there is no room, nothing is known.
#include "reach/pointers_ahead.hh"

#include <gtest/gtest.h>

#include <algorithm>
#include <cstring>
#include <memory>
#include <optional>
#include <random>
#include <utility>
#include <vector>

namespace leakdir::tool {
namespace {

constexpr std::uint64_t kStart = 0x10000000, kPage = 4096;

// The bytes from kStart on; pages can be taken away.
class Fake : public Memory {
 public:
  explicit Fake(std::size_t bytes) : bytes_(std::make_shared<std::vector<char>>(bytes)) {}

  std::size_t read(const reach::Piece* pieces, unsigned count, void* into) override {
    EXPECT_EQ(count, 1u);
    std::size_t got = 0;
    for (; got < pieces[0].bytes; ++got) {
      const std::uint64_t at = pieces[0].address + got - kStart;
      if (at >= bytes_->size() || std::count(gone_.begin(), gone_.end(), at / kPage) != 0) break;
      if (at % kPage == 0 && pieces[0].bytes - got >= kPage) {
        std::memcpy(static_cast<char*>(into) + got, bytes_->data() + at, kPage);
        got += kPage - 1;
      } else {
        static_cast<char*>(into)[got] = (*bytes_)[at];
      }
    }
    return got;
  }
  reach::Stretch next_used(reach::Stretch within) override { return within; }
  std::unique_ptr<Memory> another() const override { return std::make_unique<Fake>(*this); }

  template <class Word>
  void put(std::uint64_t address, Word word) {
    std::memcpy(bytes_->data() + (address - kStart), &word, sizeof word);
  }
  template <class Word>
  Word get(std::uint64_t address) const {
    Word word;
    std::memcpy(&word, bytes_->data() + (address - kStart), sizeof word);
    return word;
  }
  void take_page(std::uint64_t address) { gone_.push_back((address - kStart) / kPage); }
  bool has(std::uint64_t address, std::uint64_t bytes) const {
    for (std::uint64_t page = (address - kStart) / kPage; page * kPage < address - kStart + bytes; ++page)
      if (std::count(gone_.begin(), gone_.end(), page) != 0) return false;
    return true;
  }

 private:
  std::shared_ptr<std::vector<char>> bytes_;
  std::vector<std::uint64_t> gone_;
};

using Pointers = std::vector<std::pair<std::uint32_t, std::uint64_t>>;  // to, offset

template <class Word>
class Heap {
 public:
  // Blocks of up to `most_bytes` fill the memory, with words that lead to blocks, into them, beside them or nowhere.
  Heap(std::size_t bytes, std::uint64_t most_bytes, unsigned seed, std::uint64_t misaligned = 0)
      : memory(bytes), random_(seed) {
    std::uint64_t at = kStart + 16 + misaligned;
    while (at + most_bytes < kStart + bytes) {
      const std::uint64_t size = random_() % (most_bytes + 1);
      blocks.push_back({at, size, static_cast<std::uint32_t>(blocks.size()), 0});
      at += std::max<std::uint64_t>((size + 31) & ~std::uint64_t{15}, 32) + (random_() % 8 == 0 ? 4096 : 0);
    }
    EXPECT_TRUE(table.build(blocks.data(), static_cast<std::uint32_t>(blocks.size()),
                            [&](std::uint64_t room) { return take(room); }));
    for (const auto& block : blocks)
      for (std::uint64_t i = 0; i + sizeof(Word) <= block.bytes(); i += sizeof(Word))
        if (random_() % 4 == 0) memory.put(block.address + i, a_word());
  }

  void build_starts() {
    table.build_starts([&](std::uint64_t room) { return take(room); });
  }

  Pointers pointers_of(std::uint32_t from) const {
    Pointers pointers;
    const reach::HeapBlock& block = table[from];
    for (std::uint64_t i = 0; i + sizeof(Word) <= block.bytes(); i += sizeof(Word)) {
      const auto word = memory.template get<Word>(block.address + i);
      const std::uint32_t to = table.find(word);
      if (to != reach::kNoBlock && to != from) pointers.emplace_back(to, word - table[to].address);
    }
    return pointers;
  }

  Fake memory;
  std::vector<reach::HeapBlock> blocks;
  reach::BlockTable table;

 private:
  Word a_word() {
    const reach::HeapBlock& block = blocks[random_() % blocks.size()];
    switch (random_() % 6) {
      case 0:
        return static_cast<Word>(block.address + random_() % 64);
      case 1:
        return static_cast<Word>(block.end() - random_() % 2);
      case 2:
        return static_cast<Word>(random_() | std::uint64_t{random_()} << 32);
      case 3:
        return static_cast<Word>(kStart - 1);
      default:
        return static_cast<Word>(block.address);
    }
  }

  void* take(std::uint64_t room) {
    rooms_.push_back(std::make_unique<char[]>(room));
    return rooms_.back().get();
  }

  std::mt19937 random_;
  std::vector<std::unique_ptr<char[]>> rooms_;
};

std::optional<Pointers> known(const PointersAhead& ahead, std::uint32_t block) {
  Pointers pointers;
  if (!ahead.for_each(block, [&](std::uint32_t to, std::uint64_t offset) { pointers.emplace_back(to, offset); }))
    return std::nullopt;
  return pointers;
}

template <class Word>
void expect_those_of_each_block(Heap<Word>& heap) {
  PointersAhead ahead;
  ahead.read(heap.table, heap.memory, sizeof(Word), 1 << 30);
  std::size_t all = 0;
  for (std::uint32_t i = 0; i < heap.table.count(); ++i) {
    const Pointers pointers = heap.pointers_of(i);
    ASSERT_EQ(known(ahead, i), pointers) << i;
    all += pointers.size();
  }
  EXPECT_GT(all, 300u);
  EXPECT_EQ(known(ahead, (heap.table.count() / 8192 + 1) * 8192), std::nullopt);
}

template <class Word>
void expect_all_known(Heap<Word>& heap) {
  expect_those_of_each_block(heap);
  heap.build_starts();
  expect_those_of_each_block(heap);
}

TEST(PointersAhead, AreThoseOfEachBlock) {
  for (unsigned seed = 1; seed <= 4; ++seed) {
    SCOPED_TRACE(seed);
    Heap<std::uint64_t> small(1 << 20, 40, seed), middle(1 << 20, 600, seed), large(4 << 20, 1 << 20, seed);
    expect_all_known(small);
    expect_all_known(middle);
    expect_all_known(large);
    Heap<std::uint32_t> of_32_bits(1 << 20, 600, seed);
    expect_all_known(of_32_bits);
    Heap<std::uint64_t> damaged(1 << 20, 600, seed, 3);  // no block begins at a word
    expect_all_known(damaged);
  }
}

// Where they begin is counted from the start of a run of blocks, in units of eight bytes and 32 bits.
TEST(PointersAhead, InABlockThatIsLargerThanStartsCanBeCounted) {
  constexpr std::uint64_t kLarge = std::uint64_t{48} << 30;
  Fake memory(1 << 20);
  std::vector<reach::HeapBlock> blocks = {{kStart, 4096, 0, 0}, {kStart + 0x10000, kLarge, 1, 0}};
  reach::BlockTable table;
  std::vector<std::unique_ptr<char[]>> rooms;
  const auto take = [&](std::uint64_t room) {
    rooms.push_back(std::make_unique<char[]>(room));
    return static_cast<void*>(rooms.back().get());
  };
  ASSERT_TRUE(table.build(blocks.data(), 2, take));
  table.build_starts(take);
  const std::vector<std::uint64_t> offsets = {0,         8, 12, std::uint64_t{32} << 30, (std::uint64_t{32} << 30) + 8,
                                              kLarge - 1};
  for (std::size_t i = 0; i < offsets.size(); ++i) memory.put(kStart + 8 * i, kStart + 0x10000 + offsets[i]);
  memory.put(kStart + 8 * offsets.size(), kStart + 0x10000 + kLarge);  // behind it
  PointersAhead ahead;
  ahead.read(table, memory, 8, 1 << 30);
  Pointers expected;
  for (const std::uint64_t offset : offsets) expected.emplace_back(1, offset);
  EXPECT_EQ(known(ahead, 0), expected);
}

TEST(PointersAhead, AreReadBySeveralThreads) {
  Heap<std::uint64_t> heap(40 << 20, 2000, 4711);
  ASSERT_GT(heap.table.count(), 3 * PointersAhead::kBlocksOfPart);
  heap.build_starts();
  expect_those_of_each_block(heap);
}

TEST(PointersAhead, OfMemoryThatIsNotThereNothingIsKnown) {
  for (unsigned seed = 1; seed <= 4; ++seed) {
    Heap<std::uint64_t> heap(seed == 4 ? 16 << 20 : 2 << 20, seed == 4 ? 1 << 20 : 3000, seed);
    for (std::uint64_t page = 3; page < 500; page += 50) heap.memory.take_page(kStart + page * kPage);
    PointersAhead ahead;
    ahead.read(heap.table, heap.memory, 8, 1 << 30);
    std::size_t not_known = 0;
    for (std::uint32_t i = 0; i < heap.table.count(); ++i) {
      const auto pointers = known(ahead, i);
      const std::uint64_t bytes = heap.table[i].bytes() & ~std::uint64_t{7};
      if (!heap.memory.has(heap.table[i].address, std::max<std::uint64_t>(bytes, 1)) && bytes != 0) {
        ASSERT_EQ(pointers, std::nullopt) << i;
      }
      if (pointers) {
        ASSERT_EQ(*pointers, heap.pointers_of(i)) << i;
      }
      not_known += pointers ? 0 : 1;
    }
    EXPECT_GT(not_known, 0u);
    EXPECT_LT(not_known, heap.table.count());
  }
}

TEST(PointersAhead, WhereThereIsNoRoomTheyAreNotKeptAndNoneIsWrong) {
  Heap<std::uint64_t> heap(16 << 20, 600, 5);
  PointersAhead ahead;
  ahead.read(heap.table, heap.memory, 8, 600000);
  std::size_t is_known = 0;
  for (std::uint32_t i = 0; i < heap.table.count(); ++i) {
    const auto pointers = known(ahead, i);
    if (!pointers) continue;
    ++is_known;
    ASSERT_EQ(*pointers, heap.pointers_of(i)) << i;
  }
  EXPECT_GT(is_known, 1000u);
  EXPECT_LT(is_known, heap.table.count() - 1000);
}

TEST(PointersAhead, ABlockWithoutPointersHasNone) {
  Heap<std::uint64_t> heap(1 << 20, 600, 6);
  for (std::uint32_t i = 0; i < heap.table.count(); i += 2) heap.table[i].set(reach::HeapBlock::kNoPointers);
  PointersAhead ahead;
  ahead.read(heap.table, heap.memory, 8, 1 << 30);
  for (std::uint32_t i = 0; i < heap.table.count(); ++i)
    ASSERT_EQ(known(ahead, i), i % 2 == 0 ? Pointers() : heap.pointers_of(i));
}

}  // namespace
}  // namespace leakdir::tool
