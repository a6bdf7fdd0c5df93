// SPDX-License-Identifier: BSL-1.0
//
// Lost or held, part 1: the blocks of a heap, and which of them a word points to.
//
// What follows in reach_*.hh is used twice: by the object at exit (lib/reach/), which may not allocate, and by the tool
// from outside or on a core (tools/reach/). So nothing here allocates, reads memory of the process by itself, or trusts
// what it is given: addresses may be wrong and blocks may overlap, which gives a wrong answer and never a crash.

#pragma once

#include <cstddef>
#include <cstdint>

#include "ledger.hh"

namespace leakdir::reach {

using ledger::Reach;

struct Stretch {
  std::uint64_t start, end;  // start <= address < end
};
struct Piece {
  std::uint64_t address, bytes;
};

// One block. 24 bytes: with the index below about 28 for a block of usual size.
struct HeapBlock {
  std::uint64_t address;
  std::uint64_t bytes_and_flags;  // from the lowest on: 42 bits of bytes, 5 of what lies behind them, 17 of flags
  std::uint32_t id;               // the caller's own number
  std::uint32_t head;             // of a lost block: one that leads to it, or itself (reach_mark.hh)

  static constexpr unsigned kShift = 47;
  static constexpr std::uint64_t kReachBits = std::uint64_t{7} << kShift;
  // Held whatever points to it.
  static constexpr std::uint64_t kRoot = std::uint64_t{8} << kShift;
  // What lies in it holds nothing.
  static constexpr std::uint64_t kNoPointers = std::uint64_t{8192} << kShift;
  // Of lost ones: what it leads to leads back to it; several lead to it; it may be that another cycle leads to it; that
  // was looked at.
  static constexpr std::uint64_t kCycle = std::uint64_t{16} << kShift;
  static constexpr std::uint64_t kCrossed = std::uint64_t{32} << kShift;
  static constexpr std::uint64_t kDoubtful = std::uint64_t{64} << kShift;
  static constexpr std::uint64_t kSeenTwice = std::uint64_t{128} << kShift;
  // What its first words say of pointers into its middle (reach_whole.hh): that they were asked; where one means the
  // whole block; that it is an object with virtual functions, or a thrown one with what the C++ runtime keeps of it.
  static constexpr std::uint64_t kAsked = std::uint64_t{256} << kShift;
  static constexpr std::uint64_t kWholeBehindWord = std::uint64_t{512} << kShift;
  static constexpr std::uint64_t kWholeBehind8 = std::uint64_t{1024} << kShift;
  static constexpr std::uint64_t kWholeBehind3Words = std::uint64_t{2048} << kShift;
  static constexpr std::uint64_t kIsObject = std::uint64_t{4096} << kShift;
  static constexpr std::uint64_t kIsException = std::uint64_t{16384} << kShift;
  // It may be what new[] made for no element: a count alone, with what comes before it where elements are aligned by
  // more. Who has such an array has the address past its end.
  static constexpr std::uint64_t kMayBeEmptyArray = std::uint64_t{32768} << kShift;
  static constexpr std::uint64_t kLeastAligned = 4, kMostAligned = 4096;
  // A page from which an allocator of the program's hands out pieces.
  static constexpr std::uint64_t kAllocatorsPage = std::uint64_t{65536} << kShift;
  bool may_be_aligned_by(std::uint64_t bytes) const {
    return bytes >= kLeastAligned && bytes <= kMostAligned && (bytes & (bytes - 1)) == 0 && address % bytes == 0;
  }

  // What was asked for. (Of more than that, which is in none of malloc's heaps, the rest counts as no block's.)
  static constexpr unsigned kBytesBits = 42;
  static constexpr std::uint64_t kMostBytes = (std::uint64_t{1} << kBytesBits) - 1;
  std::uint64_t bytes() const { return bytes_and_flags & kMostBytes; }

  // What lies behind that and is the program's too (reach_usable.hh): a number of units, from the next multiple of one.
  static constexpr std::uint64_t kUnit = 4;
  static constexpr std::uint64_t kMostBehind = 31;
  std::uint64_t behind() const { return bytes_and_flags >> kBytesBits & kMostBehind; }
  // False: that is more than there is room for.
  bool end_at(std::uint64_t end) {
    const std::uint64_t units = (end - units_end(0)) / kUnit;
    if (end < units_end(0) || units > kMostBehind) return false;
    bytes_and_flags = (bytes_and_flags & ~(kMostBehind << kBytesBits)) | units << kBytesBits;
    return true;
  }

  // Of a block of 0 bytes the address alone. (Inline: a heap is gone through by it, and a call would take as long
  // again.)
  [[gnu::always_inline]] std::uint64_t end() const {
    if (behind() != 0) return units_end(behind());
    return address + (bytes() == 0 ? 1 : bytes());
  }
  // A word below that may mean it.
  std::uint64_t end_of_words() const { return end() + (has(kMayBeEmptyArray) ? 1 : 0); }
  // What is to be read of it: words of so many bytes.
  std::uint64_t bytes_of_words(std::uint64_t word) const { return (end() - address) & ~(word - 1); }
  Reach reach() const { return static_cast<Reach>(bytes_and_flags >> kShift & 7); }
  void set_reach(Reach reach) {
    bytes_and_flags = (bytes_and_flags & ~kReachBits) | std::uint64_t{static_cast<std::uint8_t>(reach)} << kShift;
  }
  bool has(std::uint64_t flag) const { return (bytes_and_flags & flag) != 0; }
  void set(std::uint64_t flag) { bytes_and_flags |= flag; }

 private:
  [[gnu::always_inline]] std::uint64_t units_end(std::uint64_t units) const {
    return address + ((bytes() + kUnit - 1) & ~(kUnit - 1)) + units * kUnit;
  }
};
static_assert(sizeof(HeapBlock) == 24);

inline constexpr std::uint32_t kNoBlock = 0xffffffff;

// GLib up to 2.74 asks for pages that are aligned by their own size, less two words that malloc is to have.
inline bool is_allocators_page(std::uint64_t address, std::uint64_t bytes, ledger::Call call) {
  constexpr std::uint64_t kLeast = 128;
  const bool is_aligned = call == ledger::Call::kPosixMemalign || call == ledger::Call::kAlignedAlloc ||
                          call == ledger::Call::kMemalign || call == ledger::Call::kValloc;
  const auto is_page = [&](std::uint64_t page) {
    return page >= kLeast && (page & (page - 1)) == 0 && address % page == 0;
  };
  return is_aligned && (is_page(bytes + 8) || is_page(bytes + 16));
}

// By what its row says of it (ledger::Call, ledger::kFlag…). What libc keeps for itself, and what is to be ignored, is
// held by itself.
inline HeapBlock heap_block_of(std::uint64_t address, std::uint64_t bytes, ledger::Call call, unsigned flags,
                               std::uint32_t id) {
  HeapBlock block = {address, bytes < HeapBlock::kMostBytes ? bytes : HeapBlock::kMostBytes, id, 0};
  if ((flags & (ledger::kFlagLibc | ledger::kFlagIgnored)) != 0) block.set(HeapBlock::kRoot);
  if (block.may_be_aligned_by(bytes)) block.set(HeapBlock::kMayBeEmptyArray);
  if (is_allocators_page(address, bytes, call)) block.set(HeapBlock::kAllocatorsPage);
  return block;
}

// Finds blocks by the words that point into them. Blocks that lie close together form a run; a run has a number for
// each of its pages, that of the first block in it. A large block is a run of its own, and needs none.
class BlockTable {
 public:
  // `blocks` must be sorted by address, and stay where they are. `take(bytes)` gives memory, or null, for as long as
  // the table is used; false: it gave none.
  template <class Take>
  bool build(HeapBlock* blocks, std::uint32_t count, Take take) {
    blocks_ = blocks;
    count_ = count;
    std::uint32_t runs = 0;
    std::uint64_t pages = 0;
    for_each_run([&](std::uint32_t first, std::uint32_t after, std::uint64_t end) {
      ++runs;
      pages += numbers_of(first, after, end);
    });
    if (runs == 0) return true;
    runs_ = static_cast<Run*>(take(runs * sizeof(Run)));
    numbers_ = static_cast<std::uint32_t*>(take((pages + 1) * sizeof(std::uint32_t)));
    if (runs_ == nullptr || numbers_ == nullptr) return false;
    std::uint32_t* number = numbers_;
    for_each_run([&](std::uint32_t first, std::uint32_t after, std::uint64_t end) {
      if (run_count_ != 0 && runs_[run_count_ - 1].end > blocks_[first].address) {
        runs_[run_count_ - 1].end = blocks_[first].address;
      }
      Run& run = runs_[run_count_++];
      run = {blocks_[first].address, end, first, after, nullptr};
      if (numbers_of(first, after, end) == 0) return;
      run.numbers = number;
      std::uint32_t block = first;
      for (std::uint64_t page = run.start >> kPageBits; page <= ((run.end - 1) >> kPageBits) + 1; ++page) {
        while (block < after && blocks_[block].address < page << kPageBits) ++block;
        *number++ = block;
      }
    });
    span_ = {blocks_[0].address, 0};
    for (std::uint32_t i = 0; i < run_count_; ++i) {
      if (runs_[i].end - span_.lowest > span_.bytes) span_.bytes = runs_[i].end - span_.lowest;
    }
    return true;
  }

  // For whoever has 4 bytes more for each block: where blocks begin, close together. A word that leads to the start of
  // one, as most do, is found without a look at the block itself, which nobody has had in the processor's cache. It is
  // of no use, and is not made, where blocks begin anywhere, as in a damaged ledger.
  template <class Take>
  void build_starts(Take take) {
    auto* const starts = count_ == 0 ? nullptr : static_cast<std::uint32_t*>(take(count_ * sizeof(std::uint32_t)));
    if (starts == nullptr) return;
    for (std::uint32_t i = 0; i < run_count_; ++i) {
      for (std::uint32_t block = runs_[i].first; block < runs_[i].after; ++block) {
        if (blocks_[block].address % kUnitOfStarts != 0) return;  // (of a damaged ledger)
        starts[block] = start_in_run(runs_[i].start, blocks_[block].address);
        if (starts[block] == kNoBlock) return;
      }
    }
    starts_ = starts;
  }

  // The block that `word` points to, or into, or past whose end it points if that may mean it; kNoBlock: none. It is
  // found in three steps, so that whoever has many words can do each step for all of them: memory is waited for less
  // then.
  std::uint32_t find(std::uint64_t word) const { return span_.has(word) ? find_in(range_of(word), word) : kNoBlock; }

  // From the first byte of all blocks to the last.
  struct Span {
    std::uint64_t lowest, bytes;
    bool has(std::uint64_t word) const { return word - lowest < bytes; }
  };
  Span span() const { return span_; }

  // Blocks of which the last that does not begin behind the word is the one, if any is.
  struct Range {
    std::uint32_t low, high;  // low == high: none
  };
  Range range_of(std::uint64_t word) const {
    const Run* run = run_of(word);
    if (run == nullptr) return {0, 0};
    const Range range = range_in(*run, word);
    __builtin_prefetch(&blocks_[range.low], 1);
    __builtin_prefetch(&blocks_[range.high - 1], 1);
    return range;
  }

  std::uint32_t find_in(Range range, std::uint64_t word) const {
    if (range.low == range.high) return kNoBlock;
    while (range.high - range.low > 1) {
      const std::uint32_t middle = range.low + (range.high - range.low) / 2;
      (blocks_[middle].address <= word ? range.low : range.high) = middle;
    }
    return word < blocks_[range.low].end_of_words() ? range.low : kNoBlock;
  }

  // The same in two steps, by where blocks begin, if that was built.
  struct NearStart {
    Range range;
    std::uint32_t start;  // the word's, as starts are counted
  };
  NearStart near_start_of(std::uint64_t word) const {
    if (starts_ == nullptr) return {range_of(word), 0};
    const Run* run = run_of(word);
    if (run == nullptr) return {{0, 0}, 0};
    const Range range = range_in(*run, word);
    __builtin_prefetch(&starts_[range.low]);
    return {range, start_in_run(run->start, word)};
  }
  struct Target {
    std::uint32_t block;   // kNoBlock: none
    std::uint64_t offset;  // of the word in it
  };
  Target find_near(NearStart near, std::uint64_t word) const {
    if (near.range.low == near.range.high) return {kNoBlock, 0};
    if (starts_ == nullptr) {
      const std::uint32_t block = find_in(near.range, word);
      return {block, block == kNoBlock ? 0 : word - blocks_[block].address};
    }
    std::uint32_t block = near.range.low;
    for (std::uint32_t high = near.range.high; high - block > 1;) {
      const std::uint32_t middle = block + (high - block) / 2;
      (starts_[middle] <= near.start ? block : high) = middle;
    }
    if (starts_[block] == near.start && word % kUnitOfStarts == 0) return {block, 0};
    if (word >= blocks_[block].end_of_words()) return {kNoBlock, 0};
    return {block, word - blocks_[block].address};
  }

  // The number of the first block that ends behind `address`; count() if there is none. (Of blocks that do not
  // overlap.)
  std::uint32_t first_behind(std::uint64_t address) const {
    std::uint32_t low = 0, high = count_;
    while (low < high) {
      const std::uint32_t middle = low + (high - low) / 2;
      if (blocks_[middle].end() <= address) {
        low = middle + 1;
      } else {
        high = middle;
      }
    }
    return low;
  }

  HeapBlock& operator[](std::uint32_t i) const { return blocks_[i]; }
  void prefetch(std::uint32_t i) const { __builtin_prefetch(&blocks_[i], 1); }
  std::uint32_t count() const { return count_; }

 private:
  static constexpr unsigned kPageBits = 12;
  static constexpr std::uint64_t kLargeBytes = 64 << 10;
  static constexpr std::uint64_t kFarBytes = 16 << 10;  // that far apart, two blocks are in two runs
  static constexpr std::uint64_t kUnitOfStarts = 8;

  struct Run {
    std::uint64_t start, end;
    std::uint32_t first, after;
    std::uint32_t* numbers;  // for each page, and one more; null: one block
  };

  // Calls visit(first, after, end): the run's blocks, and where the last of them ends.
  template <class Visit>
  void for_each_run(Visit visit) const {
    std::uint32_t first = 0;
    std::uint64_t end = 0;
    for (std::uint32_t i = 0; i < count_; ++i) {
      const bool is_large = blocks_[i].bytes() >= kLargeBytes || (i > first && blocks_[i - 1].bytes() >= kLargeBytes);
      if (i > first && (is_large || blocks_[i].address > end + kFarBytes)) {
        visit(first, i, end);
        first = i;
        end = 0;
      }
      if (const std::uint64_t its_end = blocks_[i].end_of_words(); its_end > end) end = its_end;
    }
    if (first < count_) visit(first, count_, end);
  }

  std::uint64_t numbers_of(std::uint32_t first, std::uint32_t after, std::uint64_t end) const {
    if (after - first == 1) return 0;
    return ((end - 1) >> kPageBits) - (blocks_[first].address >> kPageBits) + 2;
  }

  static std::uint32_t start_in_run(std::uint64_t run_start, std::uint64_t address) {
    const std::uint64_t units = (address - run_start) / kUnitOfStarts;
    return units < kNoBlock ? static_cast<std::uint32_t>(units) : kNoBlock;
  }

  static Range range_in(const Run& run, std::uint64_t word) {
    Range range = {run.first, run.after};
    if (run.numbers == nullptr) return range;
    const std::uint64_t page = (word >> kPageBits) - (run.start >> kPageBits);
    range.high = run.numbers[page + 1];
    if (run.numbers[page] > range.low) range.low = run.numbers[page] - 1;
    return range;
  }

  const Run* run_of(std::uint64_t word) const {
    if (const Run& last = runs_[last_run_]; word - last.start < last.end - last.start) return &last;
    std::uint32_t low = 0, high = run_count_;
    while (high - low > 1) {
      const std::uint32_t middle = low + (high - low) / 2;
      (runs_[middle].start <= word ? low : high) = middle;
    }
    if (word - runs_[low].start >= runs_[low].end - runs_[low].start) return nullptr;
    last_run_ = low;
    return &runs_[low];
  }

  HeapBlock* blocks_ = nullptr;
  std::uint32_t count_ = 0;
  Run* runs_ = nullptr;
  std::uint32_t run_count_ = 0;
  mutable std::uint32_t last_run_ = 0;
  std::uint32_t* numbers_ = nullptr;
  std::uint32_t* starts_ = nullptr;  // of each block, in its run; null: not built
  Span span_ = {0, 0};
};

}  // namespace leakdir::reach
