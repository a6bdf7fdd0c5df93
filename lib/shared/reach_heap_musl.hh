// SPDX-License-Identifier: BSL-1.0
//
// Lost or held, part 5 upon musl: what lies in its heap beside live blocks, and is no root: slots that are free, whose
// old content may be pointers still, and what a block does not use of its slot. A slot that is in use and holds no
// known block is a root: musl takes memory for itself past the hooks.
//
// The facts (musl 1.2.1 to 1.2.5, src/malloc/mallocng/meta.h, where a word has 8 bytes and the lowest byte comes
// first): in the 8 bytes before a block stands, in units of 16 bytes, how far behind the first slot of its group it
// begins. The group begins 16 bytes before that slot, with a pointer to what malloc keeps of it, which has a bit for
// each free slot. Such entries fill pages, of which each leads to the next younger one.

#pragma once

#include <cstring>

#include "reach_blocks.hh"
#include "reach_heap.hh"
#include "reach_maps.hh"
#include "reach_mark.hh"

namespace leakdir::reach {

// Too much for a small stack: where it is made decides the caller.
template <class Word, class Source>
class MuslHeap {
 public:
  // As reach::Heaps is made: what that has to know beside, musl tells of each slot.
  MuslHeap(const BlockTable& table, const Mappings&, Source& source, bool, std::uint64_t)
      : table_(table), source_(source) {}

  void find_holes(Holes& holes) {
    if (sizeof(Word) != 8) return;
    // The oldest page leads to all others: the blocks that are asked for theirs are a few of all.
    const std::uint32_t stride = table_.count() / kMostAsked + 1;
    for (std::uint32_t i = 0; i < table_.count() && page_count_ < kMostPages; i += stride) {
      std::uint64_t page = entry_of(table_[i].address) & ~(kPage - 1);
      while (page != 0 && !was_seen(page) && page_count_ < kMostPages) page = look_at(page, holes);
    }
  }

 private:
  static constexpr std::uint64_t kPage = 4096, kUnit = 16;
  static constexpr std::uint64_t kAfterBlock = 4;  // of its slot, for the next one's head
  static constexpr std::uint32_t kMostAsked = 4096;
  static constexpr unsigned kMostPages = 4096;
  static constexpr unsigned kClasses = 48;
  static constexpr std::uint16_t kUnits[kClasses] = {
      1,   2,   3,   4,    5,    6,    7,    8,    9,    10,   12,   15,   18,   20,   25,   31,
      36,  42,  50,  63,   72,   84,   102,  127,  146,  170,  204,  255,  292,  340,  409,  511,
      584, 682, 818, 1023, 1169, 1364, 1637, 2047, 2340, 2730, 3276, 4095, 4680, 5460, 6552, 8191};

  // Of a page: check, the next one, how many entries; of an entry: its neighbours, the group, and its slots.
  struct PageHead {
    std::uint64_t check, next;
    std::uint32_t entries, unused;
  };
  struct Entry {
    std::uint64_t previous, next, group;
    std::uint32_t available, freed;
    std::uint64_t bits;  // last slot: 5; 1; class: 6; pages of a mapping of its own

    unsigned last_slot() const { return bits & 31; }
    unsigned size_class() const { return bits >> 6 & 63; }
    std::uint64_t pages() const { return bits >> 12; }
    bool is_free(unsigned slot) const { return ((available | freed) >> slot & 1) != 0; }
  };
  static_assert(sizeof(PageHead) == 24 && sizeof(Entry) == 40);
  static constexpr std::size_t kMostEntries = (kPage - sizeof(PageHead)) / sizeof(Entry);

  template <class T>
  bool read(std::uint64_t address, T* into) {
    const Piece piece = {address, sizeof *into};
    return source_.read(&piece, 1, into) == sizeof *into;
  }

  // 0: it cannot be read.
  std::uint64_t entry_of(std::uint64_t block) {
    struct {
      std::uint32_t far_place;
      std::uint8_t has_far_place, slot;
      std::uint16_t place;
    } head;
    std::uint64_t entry = 0;
    if (!read(block - sizeof head, &head)) return 0;
    const std::uint64_t place = head.has_far_place != 0 ? head.far_place : head.place;
    return read(block - kUnit * place - kUnit, &entry) ? entry : 0;
  }

  bool was_seen(std::uint64_t page) const {
    for (unsigned i = 0; i < page_count_; ++i) {
      if (pages_[i] == page) return true;
    }
    return false;
  }

  // Returns the next page.
  std::uint64_t look_at(std::uint64_t page, Holes& holes) {
    pages_[page_count_++] = page;
    PageHead head;
    if (!read(page, &head) || head.entries > kMostEntries) return 0;
    const Piece all = {page + sizeof head, head.entries * sizeof(Entry)};
    if (source_.read(&all, 1, entries_) != all.bytes) return 0;
    for (std::uint32_t i = 0; i < head.entries; ++i) {
      std::uint64_t leads_back = 0;
      const Entry& entry = entries_[i];
      if (entry.group == 0 || !read(entry.group, &leads_back)) continue;
      if (leads_back == all.address + i * sizeof(Entry)) in_group(entry, holes);
    }
    return head.next;
  }

  void in_group(const Entry& entry, Holes& holes) {
    const bool is_alone = entry.last_slot() == 0 && entry.pages() != 0;
    if (!is_alone && entry.size_class() >= kClasses) return;
    const std::uint64_t bytes = is_alone ? entry.pages() * kPage - kUnit : kUnits[entry.size_class()] * kUnit;
    for (unsigned slot = 0; slot <= entry.last_slot(); ++slot) {
      const std::uint64_t start = entry.group + kUnit + slot * bytes, end = start + bytes;
      if (entry.is_free(slot)) {
        holes.add({start, end});
        continue;
      }
      const std::uint32_t block = table_.first_behind(start);
      if (block >= table_.count() || table_[block].address < start || table_[block].address >= end) continue;
      // A slot may hold a whole group, of smaller slots: two at least, and 16 bytes before them.
      const bool may_be_of_inner_group = (table_[block].bytes() + kAfterBlock) * 2 <= bytes;
      if (may_be_of_inner_group) continue;
      holes.add({start, table_[block].address});
      holes.add({table_[block].end(), end});
    }
  }

  const BlockTable& table_;
  Source& source_;
  unsigned page_count_ = 0;
  std::uint64_t pages_[kMostPages];
  Entry entries_[kMostEntries];
};

}  // namespace leakdir::reach
