// SPDX-License-Identifier: BSL-1.0
// The search for what is lost: which block a word points to, and the kinds, on heaps made by hand and by chance.
#include <gtest/gtest.h>

#include <algorithm>
#include <cstring>
#include <map>
#include <memory>
#include <random>
#include <set>
#include <string>
#include <vector>

#include "shared/reach_blocks.hh"
#include "shared/reach_heap.hh"
#include "shared/reach_maps.hh"
#include "shared/reach_mark.hh"
#include "shared/reach_roots.hh"
#include "shared/reach_stacks.hh"
#include "shared/reach_usable.hh"
#include "shared/reach_work.hh"

namespace leakdir::reach {
namespace {

// A heap that is not there: words by their addresses, all others are zeros.
class Heap {
 public:
  std::uint32_t add(std::uint64_t address, std::uint64_t bytes, ledger::Call call = ledger::Call::kMalloc) {
    blocks_.push_back(heap_block_of(address, bytes, call, 0, static_cast<std::uint32_t>(blocks_.size())));
    return blocks_.back().id;
  }
  void put(std::uint64_t address, std::uint64_t word) { words_[address] = word; }
  void put_bytes(std::uint64_t address, const std::string& bytes) {
    for (std::size_t i = 0; i < bytes.size(); ++i) {
      const std::uint64_t at = address + i, low = (turns_words_ ? 7 - at % 8 : at % 8) * 8;
      words_[at - at % 8] |= std::uint64_t{static_cast<unsigned char>(bytes[i])} << low;
    }
  }

  std::size_t read(const Piece* pieces, unsigned count, void* into) {
    char* to = static_cast<char*>(into);
    for (unsigned i = 0; i < count; ++i) {
      for (std::uint64_t at = pieces[i].address; at < pieces[i].address + pieces[i].bytes; ++at) {
        const auto word = words_.find(at - at % 8);
        *to++ = static_cast<char>(word == words_.end() ? 0 : word->second >> at % 8 * 8);
      }
    }
    return static_cast<std::size_t>(to - static_cast<char*>(into));
  }
  Stretch next_used(Stretch within) { return within; }
  template <class Visit>
  static bool known_pointers(std::uint32_t, Visit) {
    return false;
  }
  static const char* in_place(std::uint64_t, std::uint64_t) { return nullptr; }
  bool turns_words() const { return turns_words_; }

  const BlockTable& table() {
    std::sort(blocks_.begin(), blocks_.end(),
              [](const HeapBlock& a, const HeapBlock& b) { return a.address < b.address; });
    table_ = BlockTable();
    EXPECT_TRUE(table_.build(blocks_.data(), static_cast<std::uint32_t>(blocks_.size()),
                             [&](std::uint64_t bytes) { return take(bytes); }));
    return table_;
  }

  // The kinds, by the number that add() gave. `root`: the words that lie in a root.
  std::vector<Reach> kinds(const std::vector<std::uint64_t>& root, const Mappings& mappings = {}) {
    const BlockTable& table = this->table();
    constexpr std::uint64_t kRoot = 0x100000;
    for (std::size_t i = 0; i < root.size(); ++i) put(kRoot + 8 * i, root[i]);
    NoObserver observer;
    auto room = std::make_unique<MarkRoom>();
    EXPECT_TRUE(room->build(table, [&](std::uint64_t bytes) { return take(bytes); }));
    Marker<std::uint64_t, Heap> marker(table, mappings, *this, observer, *room);
    marker.root({kRoot, kRoot + 8 * root.size()});
    marker.mark();
    std::vector<Reach> kinds(blocks_.size());
    for (const HeapBlock& block : blocks_) kinds[block.id] = block.reach();
    return kinds;
  }

  std::vector<HeapBlock> blocks_;
  bool turns_words_ = false;  // as of a machine of the other byte order

 private:
  void* take(std::uint64_t bytes) {
    rooms_.push_back(std::make_unique<char[]>(bytes));
    return rooms_.back().get();
  }

  std::map<std::uint64_t, std::uint64_t> words_;
  std::vector<std::unique_ptr<char[]>> rooms_;
  BlockTable table_;
};

constexpr Reach kDefinite = Reach::kDefinite, kIndirect = Reach::kIndirect, kPossible = Reach::kPossible,
                kReachable = Reach::kReachable;
using Kinds = std::vector<Reach>;

TEST(BlockTable, FindsTheBlockOfEachWord) {
  std::minstd_rand random(4711);
  for (int round = 0; round < 50; ++round) {
    Heap heap;
    std::uint64_t at = 0x10000000;
    for (int i = 0; i < 300; ++i) {
      // Close together, far apart, of no byte, and large.
      at += random() % 10 == 0 ? random() % 100000 : random() % 64;
      const std::uint64_t bytes = random() % 20 == 0 ? random() % 300000 : random() % 200;
      heap.add(at, bytes);
      at += std::max<std::uint64_t>(bytes, 1);
    }
    const BlockTable& table = heap.table();
    const auto look = [&](std::uint64_t word) {
      std::uint32_t found = kNoBlock;
      for (std::uint32_t i = 0; i < table.count(); ++i)
        if (word >= table[i].address && word < table[i].end_of_words()) found = i;
      ASSERT_EQ(table.find(word), found) << std::hex << word;
    };
    for (const HeapBlock& block : heap.blocks_) {
      for (const std::uint64_t word :
           {block.address - 1, block.address, block.address + 1, block.end() - 1, block.end()})
        look(word);
    }
    for (int i = 0; i < 1000; ++i) look(0x10000000 - 1000 + random() % (at - 0x10000000 + 2000));
    look(0);
    look(~std::uint64_t{0});
  }
}

TEST(BlockTable, FindsNothingWhereNothingIs) {
  Heap heap;
  EXPECT_EQ(heap.table().find(0x1000), kNoBlock);
}

TEST(Marker, ATreeIsHeldOrLostWhole) {
  Heap heap;
  for (std::uint64_t i = 0; i < 6; ++i) heap.add(0x10000 + 0x100 * i, 32);
  for (const std::uint64_t first : {0x10000, 0x10300}) {
    heap.put(first, first + 0x100);
    heap.put(first + 0x108, first + 0x200);
  }
  EXPECT_EQ(heap.kinds({0x10000}), (Kinds{kReachable, kReachable, kReachable, kDefinite, kIndirect, kIndirect}));
}

TEST(Marker, ACycleIsLostWholeWithOneHead) {
  Heap heap;
  for (std::uint64_t i = 0; i < 3; ++i) {
    heap.add(0x10000 + 0x100 * i, 32);
    heap.put(0x10000 + 0x100 * i, 0x10000 + 0x100 * ((i + 1) % 3));
  }
  EXPECT_EQ(heap.kinds({}), (Kinds{kDefinite, kIndirect, kIndirect}));
}

TEST(Marker, ACycleToWhichAnotherLeadsHasNoHeadOfItsOwn) {
  Heap heap;
  for (std::uint64_t i = 0; i < 4; ++i) heap.add(0x10000 + 0x100 * i, 32);
  heap.put(0x10000, 0x10100), heap.put(0x10100, 0x10000);
  heap.put(0x10200, 0x10300), heap.put(0x10300, 0x10200), heap.put(0x10308, 0x10000);
  EXPECT_EQ(heap.kinds({}), (Kinds{kIndirect, kIndirect, kDefinite, kIndirect}));
}

// Code that was made at run time may hold pointers, and that of files and the kernel's may not.
TEST(Roots, AreWhatTheProgramMayHaveWritten) {
  const auto is_root = [](const std::string& line) {
    Mapping mapping{};
    EXPECT_TRUE(parse_mapping(line.data(), line.data() + line.size(), &mapping)) << line;
    return may_be_root(mapping);
  };
  for (const char* root :
       {"rw-p 00000000 00:00 0", "r--p 00000000 00:00 0", "r-xp 00000000 00:00 0", "rwxp 00000000 00:00 0 [heap]",
        "r-xp 00000000 00:00 0 [anon:code]", "r--p 0 fe:00 7 /bin/sh", "rw-s 00000000 00:01 7 /dev/zero (deleted)"})
    EXPECT_TRUE(is_root("7f00-8f00 " + std::string(root))) << root;
  for (const char* other :
       {"r-xp 00000000 fe:00 7 /bin/sh", "---p 00000000 00:00 0", "--xp 00000000 00:00 0 [vsyscall]",
        "r-xp 00000000 00:00 0 [vdso]", "r-xp 00000000 00:00 0 [sigpage]", "r-xp 00000000 00:00 0 [uprobes]",
        "r--s 00000000 fe:00 7 /tmp/data", "r--- 00000000 fe:00 7 /tmp/data", "rw-s 00000000 00:05 7 /dev/dri/card0"})
    EXPECT_FALSE(is_root("7f00-8f00 " + std::string(other))) << other;
}

TEST(Marker, APointerIntoTheMiddleMakesItPossible) {
  Heap heap;
  for (std::uint64_t i = 0; i < 3; ++i) heap.add(0x10000 + 0x100 * i, 64);
  heap.put(0x10000, 0x10100);
  heap.put(0x10108, 0x10208);
  EXPECT_EQ(heap.kinds({0x10020}), (Kinds{kPossible, kPossible, kPossible}));
}

// As in a pool whose first object only others of the same pool lead to.
TEST(Marker, APointerToTheStartCountsNoMoreThanTheBlockThatItLiesIn) {
  Heap heap;
  for (std::uint64_t i = 0; i < 2; ++i) heap.add(0x10000 + 0x100 * i, 96);
  heap.put(0x10030, 0x10000);
  heap.put(0x10038, 0x10100);
  heap.put(0x10108, 0x10000);
  EXPECT_EQ(heap.kinds({0x10030}), (Kinds{kPossible, kPossible}));
  EXPECT_EQ(heap.kinds({0x10030, 0x10000}), (Kinds{kReachable, kReachable}));
}

TEST(Marker, ABetterPointerCountsWheneverItComes) {
  Heap heap;
  for (std::uint64_t i = 0; i < 3; ++i) heap.add(0x10000 + 0x100 * i, 64);
  heap.put(0x10000, 0x10100);
  heap.put(0x10200, 0x10000);
  EXPECT_EQ(heap.kinds({0x10020, 0x10200}), (Kinds{kReachable, kReachable, kReachable}));
}

TEST(Marker, PastTheEndIsOutside) {
  Heap heap;
  heap.add(0x10000, 72);
  heap.add(0x10100, 0);
  EXPECT_EQ(heap.kinds({0x10048, 0x10100}), (Kinds{kDefinite, kReachable}));
}

TEST(Marker, SomePointersIntoTheMiddleMeanTheWhole) {
  Heap heap;
  heap.add(0x10000, 8 + 5 * 24);  // new[] of 5
  heap.put(0x10000, 5);
  heap.add(0x10100, 24 + 11 + 1);  // std::string before C++11: length, capacity, count
  heap.put(0x10100, 7), heap.put(0x10108, 11);
  heap.add(0x10200, 8 + 100);  // a buffer behind its length
  heap.put(0x10200, 100);
  heap.add(0x10300, 8 + 5 * 24);  // no count of anything
  heap.put(0x10300, 7);
  EXPECT_EQ(heap.kinds({0x10008, 0x10118, 0x10208, 0x10308}), (Kinds{kReachable, kReachable, kReachable, kPossible}));
}

// What new[] makes begins with the number of elements, which lies before the first of them: also where they are aligned
// by more than a word.
TEST(Marker, ElementsMeanTheWholeArray) {
  Heap heap;
  heap.add(0x10000, 16 + 3 * 32);
  heap.put(0x10008, 3);
  heap.add(0x10100, 64 + 2 * 64);
  heap.put(0x10138, 2);
  heap.add(0x10300, 4096 + 4096);
  heap.put(0x11000 + 0x2f8, 1);  // not before the first: the block is not aligned
  heap.add(0x20000, 4096 + 4096);
  heap.put(0x20ff8, 1);
  heap.add(0x30000, 16 + 3 * 24);  // of 24 bytes none is aligned by 16
  heap.put(0x30008, 3);
  heap.add(0x30100, 16 + 3 * 32);  // no number
  heap.add(0x30200, 64 + 2 * 64);  // another number
  heap.put(0x30238, 3);
  EXPECT_EQ(heap.kinds({0x10010, 0x10140, 0x11300, 0x21000, 0x30010, 0x30110, 0x30240}),
            (Kinds{kReachable, kReachable, kPossible, kReachable, kPossible, kPossible, kPossible}));
}

// Of no element it makes that number alone, and the address is past the end.
TEST(Marker, AnArrayOfNoElementIsHeldPastItsEnd) {
  Heap heap;
  for (std::uint64_t i = 0; i < 4; ++i) heap.add(0x10000 + 32 * i, 8);
  heap.put(0x10020, 1);
  heap.put(0x10040, 0x10068);
  heap.add(0x20000, 64);  // elements that are aligned by 64 bytes: but it may as well be the end of something
  heap.add(0x20100, 64);
  heap.put(0x20138, 1);
  heap.add(0x20210, 64);  // nor this: it is not aligned itself
  EXPECT_EQ(heap.kinds({0x10008, 0x10028, 0x10040, 0x20040, 0x20140, 0x20250}),
            (Kinds{kReachable, kDefinite, kReachable, kReachable, kPossible, kDefinite, kDefinite}));
}

// As GLib has it: from an object one comes to its class, from that to the type's node and to its data, and back.
TEST(Marker, ThePrivatePartBeforeAnObjectOfGlibIsHeldWithIt) {
  const Mapping heap_mapping = {0x10000, 0x20000, Mapping::kRead | Mapping::kWrite};
  const Mappings mappings = {&heap_mapping, 1};
  constexpr std::uint64_t kClass = 0x18000, kNode = 0x18100, kData = 0x18200;
  const auto kind = [&](std::uint64_t type, std::uint64_t node_of_itself, std::uint64_t class_of_data,
                        std::uint64_t held = 0x10020) {
    Heap heap;
    heap.add(0x10000, 0x40);
    heap.put(0x10020, kClass);
    heap.put(kClass, type);
    heap.put(kNode + 72, node_of_itself);
    heap.put(kNode + 32, kData);
    heap.put(kData + 56, class_of_data);
    return heap.kinds({held}, mappings)[0];
  };
  EXPECT_EQ(kind(kNode, kNode, kClass), kReachable);
  EXPECT_EQ(kind(kNode, kNode, kClass, 0x10030), kPossible);  // no object begins there
  EXPECT_EQ(kind(80, kNode, kClass), kPossible);
  EXPECT_EQ(kind(kNode, 0, kClass), kPossible);
  EXPECT_EQ(kind(kNode, kNode, 0), kPossible);
}

TEST(Marker, AClosureOfGlibIsHeldBehindWhatIsItsOwn) {
  const Mapping code = {0x500000, 0x600000, Mapping::kRead | Mapping::kExecute | Mapping::kFile};
  const auto kind = [&](std::uint64_t count, std::uint64_t calls, std::uint64_t called, std::uint64_t held = 0x10020) {
    Heap heap;
    heap.add(0x10000, 72);
    heap.put(0x10018, 0x500100), heap.put(0x10020, count), heap.put(0x10028, calls), heap.put(0x10040, called);
    return heap.kinds({held}, {&code, 1})[0];
  };
  EXPECT_EQ(kind(0x80000001, 0x500200, 0x500300), kReachable);
  EXPECT_EQ(kind(1, 0, 0x500300), kReachable);
  EXPECT_EQ(kind(0x8000, 0x500200, 0x500300), kPossible);  // no reference
  EXPECT_EQ(kind(1, 0x400200, 0x500300), kPossible);
  EXPECT_EQ(kind(1, 0x500200, 0), kPossible);
  EXPECT_EQ(kind(1, 0x500200, 0x500300, 0x10030), kPossible);
}

TEST(Marker, ABoxOfGlibIsHeldBehindItsCount) {
  const auto kind = [](std::uint64_t bytes, std::uint64_t before, std::uint64_t number) {
    Heap heap;
    heap.add(0x10000, 144);
    heap.put(0x10008, bytes), heap.put(0x10010, before), heap.put(0x10018, number);
    return heap.kinds({0x10020})[0];
  };
  EXPECT_EQ(kind(100, 0, 0x55c744ae2bf0), kReachable);
  EXPECT_EQ(kind(100, 0, 0x44ae2bf1), kPossible);
  EXPECT_EQ(kind(100, 8, 0x44ae2bf0), kPossible);
  EXPECT_EQ(kind(113, 0, 0x44ae2bf0), kPossible);
}

// Rust's hash tables: elements, then a byte for each place, to which a table leads, and the first of those once more.
TEST(Marker, TheElementsOfAHashTableOfRustAreHeldWithIt) {
  const auto kind_by = [](bool turns_words, std::string places, std::uint64_t together, std::uint64_t element) {
    Heap heap;
    heap.turns_words_ = turns_words;
    const std::uint64_t offset = (places.size() * element + together - 1) / together * together;
    const std::string filled = places.size() < together ? std::string(together - places.size(), '\xff') : "";
    places += filled + places.substr(0, std::min<std::size_t>(places.size(), together));
    heap.add(0x10000, offset + places.size());
    heap.put_bytes(0x10000 + offset, places);
    return heap.kinds({0x10000 + offset})[0];
  };
  const auto kind = [&](const std::string& places, std::uint64_t together, std::uint64_t element = 24) {
    const Reach in_order = kind_by(false, places, together, element);
    EXPECT_EQ(kind_by(true, places, together, element), in_order);
    return in_order;
  };
  const std::string some("\x05\x53\xff\x19\x28\x80\x1d\x7c", 8);
  EXPECT_EQ(kind(some, 16), kReachable);
  EXPECT_EQ(kind(some.substr(0, 4), 16), kReachable);
  EXPECT_EQ(kind(some + some + some + some, 16), kReachable);
  EXPECT_EQ(kind(some + some, 16, 5), kReachable);
  EXPECT_EQ(kind(some, 8), kReachable);
  EXPECT_EQ(kind(some.substr(0, 4), 4, 12), kReachable);
  EXPECT_EQ(kind(std::string(128, '\x01') + std::string(128, '\xff'), 16), kReachable);
  EXPECT_EQ(kind(std::string(32, '\xff'), 16), kReachable);            // none in it yet
  EXPECT_EQ(kind(std::string(32, '\0'), 16), kPossible);               // zeros
  EXPECT_EQ(kind("\x91\xff\xff\xff\xff\xff\xff\xff", 16), kPossible);  // no byte of a place
  EXPECT_EQ(kind(some + "abcdefghijklmnop", 16), kPossible);           // no power of two
  // An array of numbers that are -1, half of which somebody goes through.
  Heap filled;
  filled.add(0x10000, 64);
  filled.put_bytes(0x10000, std::string(64, '\xff'));
  EXPECT_EQ(filled.kinds({0x10020})[0], kPossible);
}

// Strings of sds: length, room, kind, characters, and a 0.
TEST(Marker, AStringOfSdsIsHeldBehindItsLength) {
  const auto kind = [](const std::string& head, std::size_t bytes, const std::string& text = "redis") {
    Heap heap;
    heap.add(0x10000, bytes);
    heap.put_bytes(0x10000, head + text);
    return heap.kinds({0x10000 + head.size()})[0];
  };
  const auto zeros = [](std::size_t count) { return std::string(count, '\0'); };
  const auto kind_turned = [](const std::string& head, std::size_t bytes) {
    Heap heap;
    heap.turns_words_ = true;
    heap.add(0x10000, bytes);
    heap.put_bytes(0x10000, head + "redis");
    return heap.kinds({0x10000 + head.size()})[0];
  };
  EXPECT_EQ(kind_turned("\x28", 7), kReachable);
  EXPECT_EQ(kind_turned("\x05\x05\x01", 9), kReachable);
  EXPECT_EQ(kind_turned(zeros(1) + "\x05" + zeros(1) + "\x05\x02", 11), kReachable);
  EXPECT_EQ(kind_turned(zeros(3) + "\x05" + zeros(3) + "\x05\x03", 15), kReachable);
  EXPECT_EQ(kind_turned(zeros(7) + "\x05" + zeros(7) + "\x05\x04", 23), kReachable);
  EXPECT_EQ(kind_turned("\x05" + zeros(1) + "\x05" + zeros(1) + "\x02", 11), kPossible);
  EXPECT_EQ(kind("\x28", 7), kReachable);
  EXPECT_EQ(kind("\x28", 8), kPossible);  // it would have asked for less
  EXPECT_EQ(kind("\x29", 7), kPossible);
  EXPECT_EQ(kind("\x28", 7, "redis!"), kPossible);
  EXPECT_EQ(kind("\x05\x05\x01", 9), kReachable);
  EXPECT_EQ(kind("\x05\x14\x01", 9), kReachable);  // with what malloc gave
  EXPECT_EQ(kind("\x05\x50\x01", 9), kPossible);   // malloc does not give as much
  EXPECT_EQ(kind("\x05\x04\x01", 9), kPossible);
  EXPECT_EQ(kind("\x05\x05\x02", 9), kPossible);
  EXPECT_EQ(kind("\x04\x05\x01", 9), kPossible);
  EXPECT_EQ(kind("\x05" + zeros(1) + "\x05" + zeros(1) + "\x02", 11), kReachable);
  EXPECT_EQ(kind("\x05" + zeros(3) + "\x05" + zeros(3) + "\x03", 15), kReachable);
  EXPECT_EQ(kind("\x05" + zeros(7) + "\x05" + zeros(7) + "\x04", 23), kReachable);
  EXPECT_EQ(kind("\x05" + zeros(2) + "\x05" + zeros(2) + "\x03", 13), kPossible);
}

// list_head: next and previous, in the middle of what is linked; rb_node: the one above with the colour, right, left.
TEST(Marker, WhatIsLinkedByItsMiddleIsHeldByItsNeighbours) {
  const Mapping all = {0x10000, 0x30000, Mapping::kRead | Mapping::kWrite};
  Heap heap;
  for (std::uint64_t i = 0; i < 8; ++i) heap.add(0x10000 + 0x100 * i, 64);
  const std::uint64_t head = 0x20000, first = 0x10020, last = 0x10120, alone = 0x10230, left_behind = 0x10308;
  heap.put(head, first), heap.put(head + 8, last);
  heap.put(first, last), heap.put(first + 8, head);
  heap.put(last, head), heap.put(last + 8, first);
  heap.put(alone, alone), heap.put(alone + 8, alone);
  heap.put(left_behind, first), heap.put(left_behind + 8, last);
  const std::uint64_t top = 0x10418, right = 0x10518, left = 0x10618, outside = 0x10718;
  heap.put(top, 1), heap.put(top + 8, right), heap.put(top + 16, left);
  heap.put(right, top), heap.put(left, top | 1), heap.put(outside, top);
  EXPECT_EQ(heap.kinds({first, alone, left_behind, top, outside}, {&all, 1}),
            (Kinds{kReachable, kReachable, kPossible, kPossible, kReachable, kReachable, kReachable, kPossible}));
}

TEST(Marker, WhoHasAPieceHoldsTheBlockThatSaysWhereItEnds) {
  Heap heap;
  heap.add(0x10000, 0x100);
  heap.put(0x10000, 0x10090), heap.put(0x10008, 0x10100);
  heap.add(0x10200, 0x100);
  heap.put(0x10200, 0x10290), heap.put(0x10208, 0x102f8);  // no end
  heap.add(0x10400, 0x100);                                // of a monotonic_buffer_resource, aligned by 16
  heap.put(0x104f0, 0x104);
  heap.add(0x10600, 0x100);
  heap.put(0x106f0, 0xc4);
  EXPECT_EQ(heap.kinds({0x10080, 0x10280, 0x104f0, 0x106f0}), (Kinds{kReachable, kPossible, kReachable, kPossible}));
}

// A page is aligned by its size, of which it leaves two words to malloc.
TEST(Marker, WhoHasAPieceHoldsTheAllocatorsPage) {
  Heap heap;
  heap.add(0x10400, 0x3f0, ledger::Call::kPosixMemalign);
  heap.add(0x10c00, 0x3f0);                                // malloc's
  heap.add(0x11100, 0x3f0, ledger::Call::kPosixMemalign);  // not aligned by so much
  heap.add(0x12000, 0x400, ledger::Call::kPosixMemalign);  // a buffer, all of which is used
  heap.add(0x13000, 0x3f0, ledger::Call::kPosixMemalign);
  EXPECT_EQ(heap.kinds({0x10430, 0x10c30, 0x11130, 0x12030, 0x13034}),
            (Kinds{kReachable, kPossible, kPossible, kPossible, kPossible}));
}

// Where blocks lie wall to wall, past the end of one is the start of the next.
TEST(Marker, PastTheEndBeginsTheNextBlock) {
  Heap heap;
  heap.add(0x10000, 8);
  heap.add(0x10008, 8);
  heap.add(0x20000, 4096);
  heap.add(0x21000, 100000);  // large: found apart from what lies before
  EXPECT_EQ(heap.kinds({0x20000, 0x21000, 0x10008, 0x21000}), (Kinds{kDefinite, kReachable, kReachable, kReachable}));
}

// What the C++ runtime allocates for a throw begins with its own part; the unwinder's has the runtime's name.
TEST(Marker, WhoHoldsWhatWasThrownHoldsAllThatWasAllocated) {
  for (const std::uint64_t offset : {16, 96, 128, 24, 136}) {
    Heap heap;
    for (std::uint64_t i = 0; i < 3; ++i) heap.add(0x10000 + 0x200 * i, 144);
    heap.put(0x10000 + 96, 0x474e5543432b2b00);  // "GNUCC++"
    heap.put(0x10200 + 96, 0x434c4e47432b2b01);  // "CLNGC++", thrown a second time
    heap.put(0x10400 + 96, 0x4d4f5a0052555354);  // another language's
    const Reach kind = offset == 24 || offset == 136 ? kPossible : kReachable;
    EXPECT_EQ(heap.kinds({0x10000 + offset, 0x10200 + offset, 0x10400 + offset}), (Kinds{kind, kind, kPossible}))
        << offset;
  }
}

TEST(Marker, APointerThatMeansTheWholeCountsWheneverItComes) {
  Heap heap;
  for (std::uint64_t i = 0; i < 3; ++i) heap.add(0x10000 + 0x100 * i, 8 + 100);
  for (std::uint64_t i = 0; i < 3; ++i) heap.put(0x10000 + 0x100 * i, 100);
  heap.put(0x10010, 0x10108);
  heap.put(0x10108, 0x10230);
  heap.put(0x10110, 0x10208);
  EXPECT_EQ(heap.kinds({0x10130, 0x10220, 0x10020, 0x10008}), (Kinds{kReachable, kReachable, kReachable}));
}

TEST(Marker, ALargeBlockIsReadWhole) {
  Heap heap;
  heap.add(0x1000000, 3 * MarkRoom::kBytes);
  heap.add(0x10000, 32);
  heap.put(0x1000000 + 3 * MarkRoom::kBytes - 8, 0x10000);
  EXPECT_EQ(heap.kinds({0x1000000}), (Kinds{kReachable, kReachable}));
}

// All pointers lead to the start of a block: what leads to what is known by a simpler search. Of what is not held a
// head is what nothing leads to but what it leads to itself, and of those the lowest.
TEST(Marker, ByChanceItFindsWhatASimplerSearchFinds) {
  std::minstd_rand random(4711);
  for (int round = 0; round < 300; ++round) {
    Heap heap;
    const std::size_t count = 1 + random() % 200;
    const unsigned sparse = 6 + static_cast<unsigned>(round) % 6;  // some have many cycles, some few
    std::vector<std::vector<std::size_t>> to(count);
    const auto address = [](std::size_t i) { return 0x10000 + 0x100 * std::uint64_t{i}; };
    for (std::size_t i = 0; i < count; ++i) heap.add(address(i), 64);
    for (std::size_t i = 0; i < count; ++i) {
      for (std::uint64_t at = 0; at < 64; at += 8) {
        if (random() % sparse != 0) continue;
        to[i].push_back(random() % count);
        heap.put(address(i) + at, address(to[i].back()));
      }
    }
    std::vector<std::vector<bool>> leads(count, std::vector<bool>(count));
    for (std::size_t i = 0; i < count; ++i) {
      std::vector<std::size_t> pending = {i};
      while (!pending.empty()) {
        const std::size_t block = pending.back();
        pending.pop_back();
        if (leads[i][block]) continue;
        leads[i][block] = true;
        pending.insert(pending.end(), to[block].begin(), to[block].end());
      }
    }
    std::vector<std::uint64_t> root;
    std::vector<bool> is_held(count);
    for (int i = 0; i < 3; ++i) {
      const std::size_t held = random() % count;
      root.push_back(address(held));
      for (std::size_t block = 0; block < count; ++block) is_held[block] = is_held[block] || leads[held][block];
    }
    const Kinds kinds = heap.kinds(root);
    for (std::size_t i = 0; i < count; ++i) {
      bool is_head = true;
      for (std::size_t other = 0; other < count; ++other)
        if (other != i && !is_held[other] && leads[other][i]) is_head &= i < other && leads[i][other];
      ASSERT_EQ(kinds[i], is_held[i] ? kReachable : is_head ? kDefinite : kIndirect) << i << " in round " << round;
    }
  }
}

TEST(Marker, ACycleIntoWhichAnotherLeadsInItsMiddleHasNoHeadOfItsOwn) {
  Heap heap;
  for (std::uint64_t i = 0; i < 5; ++i) heap.add(0x10000 + 0x100 * i, 32);
  heap.put(0x10000, 0x10100), heap.put(0x10100, 0x10000);
  heap.put(0x10200, 0x10300), heap.put(0x10300, 0x10200);
  heap.put(0x10400, 0x10100), heap.put(0x10408, 0x10300);
  EXPECT_EQ(heap.kinds({}), (Kinds{kIndirect, kIndirect, kIndirect, kIndirect, kDefinite}));
}

// Where a context tells of a part of the stack, all of the stack may be in use. Words that nobody uses any more, and
// that only look like one, must not say so.
TEST(ContextSearch, KnowsAContextByAllThatTheProcessorSays) {
  constexpr Stretch kStack = {0x700000, 0x780000};
  constexpr std::uint64_t kContext = 0x740100, kCode = 0x400000, kPart = 0x741000, kX87 = 0x7401a8;
  const Mapping mapped[] = {{kCode, kCode + 0x1000, Mapping::kRead | Mapping::kExecute | Mapping::kFile},
                            {kStack.start, kStack.end, Mapping::kRead | Mapping::kWrite | Mapping::kStack}};
  constexpr unsigned kX86_64 = 62, kArm64 = 183;
  const auto found = [&](unsigned machine, std::uint64_t bytes, std::uint64_t code, std::uint64_t control) {
    const ContextLayout layout = context_layout(machine);
    Heap heap;
    heap.put(kContext, kPart);
    heap.put(kContext + 16, bytes);
    heap.put(kContext + layout.stack_pointer, kPart + 0x300);
    heap.put(kContext + layout.code, code);
    if (layout.x87 != 0) heap.put(kContext + layout.x87, kX87);
    heap.put(kX87, control);
    std::vector<std::uint64_t> parts;
    auto room = std::make_unique<char[]>(kMostOfThread);
    const Mappings mappings = {mapped, 2};
    ContextSearch<Heap> search = {heap, mappings, 8, layout, room.get()};
    search.look(kStack, kStack, [&](Stretch part) { parts.insert(parts.end(), {part.start, part.end}); });
    return parts;
  };
  const std::vector<std::uint64_t> none, part = {kPart, kPart + 0x4000};
  EXPECT_EQ(found(kX86_64, 0x4000, kCode + 8, 0xffff037f), part);
  EXPECT_EQ(found(kX86_64, 0x4000, kCode + 8, 0x0c7f), part);  // another rounding
  EXPECT_EQ(found(kArm64, 0x4000, kCode + 8, 0), part);
  EXPECT_EQ(found(kX86_64, 0x4000, kCode + 8, 0), none);
  EXPECT_EQ(found(kX86_64, 0x4000, kCode + 8, 0x7ffd0000e07f), none);
  EXPECT_EQ(found(kX86_64, 0x4000, kPart, 0x037f), none);
  for (const unsigned machine : {kX86_64, kArm64}) EXPECT_EQ(found(machine, 0x3c0, kCode + 8, 0x037f), none);
}

// The data of a program is two mappings: what was in the file, and what was not.
TEST(ContextSearch, KnowsAContextThatLiesInTwoMappings) {
  constexpr Stretch kStack = {0x700000, 0x780000};
  constexpr std::uint64_t kCode = 0x400000, kData = 0x500000, kBss = 0x502000, kPart = 0x741000;
  constexpr std::uint32_t kOfData = Mapping::kRead | Mapping::kWrite;
  const Mapping mapped[] = {{kCode, kCode + 0x1000, Mapping::kRead | Mapping::kExecute | Mapping::kFile},
                            {kData, kBss, kOfData | Mapping::kFile},
                            {kBss, kBss + 0x1000, kOfData},
                            {kStack.start, kStack.end, kOfData | Mapping::kStack}};
  for (std::uint64_t context = kBss - 24; context <= kBss; context += 8) {
    const ContextLayout layout = context_layout(183);
    Heap heap;
    heap.put(context, kPart);
    heap.put(context + 16, 0x4000);
    heap.put(context + layout.stack_pointer, kPart + 0x300);
    heap.put(context + layout.code, kCode + 8);
    std::vector<std::uint64_t> parts;
    auto room = std::make_unique<char[]>(kMostOfThread);
    const Mappings mappings = {mapped, std::size(mapped)};
    ContextSearch<Heap> search = {heap, mappings, 8, layout, room.get()};
    search.look_in_data(kStack, [&](Stretch part) { parts.insert(parts.end(), {part.start, part.end}); });
    EXPECT_EQ(parts, (std::vector<std::uint64_t>{kPart, kPart + 0x4000})) << kBss - context;
  }
}

// qemu's user mode has no name for what brk gave, in one mapping with the program's variables: glibc's first arena says
// where it ends. What lies before the first block counts, as variables do.
TEST(HeapOfGlibc, IsFoundWhereNobodyNamesIt) {
  constexpr std::uint64_t kData = 0x400000, kVariables = 0x402000, kHeap = 0x403000, kEnd = 0x424000;
  constexpr std::uint64_t kLists = kData + 0x100, kTop = kHeap + 0x500;
  const auto holes_where = [&](std::uint32_t flags_of_heap, std::uint64_t start_of_heap) {
    Heap heap;
    for (std::uint64_t i = 0; i < 127; ++i) {
      for (std::uint64_t word : {0, 8}) heap.put(kLists + 16 * i + word, kLists + 16 * i - 16);
    }
    constexpr std::uint64_t kAfter = kLists + 127 * 16 + 16;
    heap.put(kLists - 16, kTop), heap.put(kAfter, kLists - 0x60), heap.put(kAfter + 16, 1);
    heap.put(kAfter + 24, 0x21000), heap.put(kAfter + 32, 0x21000);
    // A block, a chunk that is free, a block, and what was never handed out.
    heap.put(kHeap + 8, 0x111), heap.put(kHeap + 0x118, 0x201), heap.put(kHeap + 0x318, 0x1f1);
    heap.put(kTop + 8, (kEnd - kTop) | 1);
    heap.add(kHeap + 0x10, 0x100), heap.add(kHeap + 0x320, 0x1d8);
    const Mapping mappings[] = {{kData, kVariables, Mapping::kRead | Mapping::kWrite | Mapping::kFile},
                                {start_of_heap, kEnd + 0x1000, Mapping::kRead | Mapping::kWrite | flags_of_heap}};
    Stretch room[8];
    Holes holes(room, std::size(room));
    const Mappings all = {mappings, std::size(mappings)};
    auto heaps = std::make_unique<Heaps<std::uint64_t, Heap>>(heap.table(), all, heap, true, 0);
    heaps->find_holes(holes);
    const auto is_hole = [&](std::uint64_t address) {
      return std::any_of(holes.begin(), holes.end(),
                         [&](Stretch hole) { return hole.start <= address && address < hole.end; });
    };
    EXPECT_TRUE(is_hole(kLists));
    std::vector<bool> are_holes;
    for (const std::uint64_t address : {kHeap - 8, kHeap, kHeap + 0x120, kHeap + 0x308, kTop, kEnd - 8, kEnd})
      are_holes.push_back(is_hole(address));
    return are_holes;
  };
  const std::vector<bool> found = {false, true, true, true, true, true, false}, none(7, false);
  EXPECT_EQ(holes_where(0, kVariables), found);
  EXPECT_EQ(holes_where(Mapping::kShared, kVariables), none);
  EXPECT_EQ(holes_where(Mapping::kFile, kVariables), none);
  EXPECT_EQ(holes_where(Mapping::kStack, kVariables), none);
  EXPECT_EQ(holes_where(0, kVariables + 0x800), none);  // something else's
}

TEST(EndOfChunk, IsTakenFromWhatIsASizeForTheBlock) {
  struct Case {
    std::uint64_t bytes, size, end;  // asked for, the word before the block, how many bytes of it are the program's
  };
  constexpr Case kCases[] = {
      {36, 48 | 1, 40},         // as glibc makes it
      {0, 32 | 1, 24},          // of no bytes
      {40, 48 | 5, 40},         // nothing is left, in another arena
      {25, 64 | 1, 56},         // more is left than need be
      {300000, 303104 | 2, 0},  // a mapping of its own
      {36, 0, 0},
      {36, 0x4141414141414141, 0},
      {36, 32 | 1, 0},  // overwritten
      {36, 40 | 1, 0},
      {36, 4096 | 1, 0},
      {36, 0xfffffffffffffff0, 0},
  };
  Heap heap;
  std::vector<std::uint64_t> ends;
  // More than are read at once.
  for (std::uint64_t i = 0; i < 1000; ++i) {
    const Case& one = kCases[i % std::size(kCases)];
    const std::uint64_t address = 0x10000000 + 0x100000 * i;
    heap.add(address, one.bytes);
    heap.put(address - 8, one.size);
    ends.push_back(address + (one.end != 0 ? one.end : one.bytes));
  }
  auto room = std::make_unique<MarkRoom>();
  end_blocks_with_chunks<std::uint64_t>(heap.blocks_.data(), 1000, heap, *room);
  for (std::size_t i = 0; i < ends.size(); ++i) {
    EXPECT_EQ(heap.blocks_[i].end(), ends[i]) << i % std::size(kCases);
    EXPECT_EQ(heap.blocks_[i].bytes(), kCases[i % std::size(kCases)].bytes);
  }
}

// The size was overwritten: what lies in the next chunk is not this block's.
TEST(EndOfChunk, IsNotBehindTheNextBlock) {
  Heap heap;
  heap.add(0x10000, 36), heap.add(0x10030, 36), heap.add(0x20000, 100);
  heap.put(0xfff8, 112 | 1), heap.put(0x10028, 48 | 1), heap.put(0x10030, 0x20000);
  auto room = std::make_unique<MarkRoom>();
  end_blocks_with_chunks<std::uint64_t>(heap.blocks_.data(), 3, heap, *room);
  EXPECT_EQ(heap.kinds({0x10000}), (Kinds{kReachable, kDefinite, kIndirect}));
}

TEST(EndOfChunk, IsThatOfTheBlockForPointersOfBothWays) {
  Heap heap;
  heap.add(0x10000, 36), heap.add(0x20000, 100), heap.add(0x30000, 36);
  heap.put(0xfff8, 49), heap.put(0x10020, 0x20000), heap.put(0x2fff8, 49);
  const std::vector<std::uint64_t> root = {0x10000, 0x30027};
  EXPECT_EQ(heap.kinds(root), (Kinds{kReachable, kDefinite, kDefinite}));
  for (HeapBlock& block : heap.blocks_) block.set_reach(Reach::kUnknown);
  auto room = std::make_unique<MarkRoom>();
  end_blocks_with_chunks<std::uint64_t>(heap.blocks_.data(), 3, heap, *room);
  EXPECT_EQ(heap.kinds(root), (Kinds{kReachable, kReachable, kPossible}));
}

// As glibc has them, on x86-64: what it keeps of a thread is at its stack's end, and says where the stack lies.
class EndedThreads : public testing::Test {
 protected:
  static constexpr std::uint64_t kStack = 64 << 10, kAbove = 0x7f0000100000, kFromEnd = 0x940;
  static constexpr std::uint32_t kData = Mapping::kRead | Mapping::kWrite;

  static std::uint64_t thread_below(std::uint64_t end) { return end - kFromEnd; }
  // The state: 16, it has ended; 32, its stack was given back.
  void put_thread(std::uint64_t end, std::uint64_t state) {
    const std::uint64_t thread = thread_below(end), links = thread + 704;
    heap_.put(thread, thread);
    heap_.put(thread + 16, thread);
    heap_.put(thread + 8, 0x5000 + 16);
    heap_.put(links, links);
    heap_.put(links + 8, links);
    heap_.put(links + 72, state);
    heap_.put(thread + 1680, end - kStack);
    heap_.put(thread + 1688, kStack);
  }
  std::vector<EndedThread> in(std::uint64_t start, std::uint64_t end, std::uint64_t in_use = 0) {
    std::vector<EndedThread> all;
    const Mapping mapping = {start, end, kData};
    const auto is_in_use = [&](std::uint64_t thread) { return thread == in_use; };
    for_each_ended_thread_on(heap_, 8, room_, mapping, is_in_use,
                             [&](const EndedThread& ended) { all.push_back(ended); });
    return all;
  }

  Heap heap_;
  char room_[kMostOfThread];
};

TEST_F(EndedThreads, AreFoundOnEachStackOfOneMapping) {
  const std::uint64_t middle = kAbove - kStack, last = middle - kStack, below = last - kStack;
  put_thread(kAbove, 48);
  put_thread(middle, 0);
  put_thread(last, 16);
  const std::vector<EndedThread> all = in(below - 0x5000, kAbove, thread_below(middle));
  ASSERT_EQ(all.size(), 2u);
  EXPECT_EQ(all[0].no_root.start, middle);
  EXPECT_EQ(all[0].no_root.end, kAbove);
  EXPECT_FALSE(all[0].is_kept);
  EXPECT_EQ(all[1].no_root.start, below);
  EXPECT_EQ(all[1].no_root.end, thread_below(last));
  EXPECT_TRUE(all[1].is_kept);
  EXPECT_EQ(all[1].table, 0x5000u);
}

TEST_F(EndedThreads, HaveNoMoreThanTheMapping) {
  put_thread(kAbove, 48);
  const std::vector<EndedThread> all = in(kAbove - kStack + 4096, kAbove);
  ASSERT_EQ(all.size(), 1u);
  EXPECT_EQ(all[0].no_root.start, kAbove - kStack + 4096);
  EXPECT_TRUE(in(kAbove - kStack, kAbove + 4096).empty());
}

TEST(WorkList, HandsOutWhatIsInItByRisingNumbers) {
  std::minstd_rand random(4711);
  for (const std::uint32_t count : {1u, 2u, 63u, 64u, 65u, 4095u, 4096u, 4097u, 64u * 4096u, 300000u}) {
    std::vector<std::unique_ptr<char[]>> rooms;
    WorkList list;
    ASSERT_TRUE(list.build(count, [&](std::uint64_t bytes) {
      rooms.push_back(std::make_unique<char[]>(bytes));
      return static_cast<void*>(rooms.back().get());
    }));
    std::set<std::uint32_t> truth;
    for (int round = 0; round < 5000; ++round) {
      ASSERT_EQ(list.is_empty(), truth.empty());
      if (random() % 2 == 0) {
        const std::uint32_t block = random() % 4 == 0 ? count - 1 : static_cast<std::uint32_t>(random() % count);
        list.add(block);
        truth.insert(block);
      } else {
        const auto from = static_cast<std::uint32_t>(random() % 4 == 0 ? count : random() % count);
        const auto found = truth.lower_bound(from);
        ASSERT_EQ(list.take_from(from), found == truth.end() ? kNoBlock : *found) << from << " of " << count;
        if (found != truth.end()) truth.erase(found);
      }
    }
  }
}

}  // namespace
}  // namespace leakdir::reach
