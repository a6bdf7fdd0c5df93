// SPDX-License-Identifier: BSL-1.0
//
// Lost or held, part 5: what lies in glibc's heaps beside live blocks, and is no root: chunks that are free, whose old
// content may be pointers still, and malloc's own tables. Where a heap does not look as glibc makes it, what lies there
// is taken for a root.
//
// The facts (glibc 2.19 to 2.43, malloc/malloc.c and malloc/arena.c): a chunk has two words before the block, of which
// the second is its size, three bits of flags below, and the next chunk begins where it ends. [heap] is a row of chunks
// up to its end; where the program took from brk before malloc did (in a static program libc does, for the thread-local
// data) it begins later. (qemu's user mode does not name it: there it lies behind the program's data, in one mapping
// with variables, and the first arena says where it ends.) Other heaps lie at multiples of 64 MiB (1 MiB where a word
// has 4 bytes) and begin with the words: arena, previous heap, size. An arena's table of lists has 127 pairs of words;
// an empty list is a pair that leads to itself. It is in libc's data for the first arena, and its words lead to free
// chunks, by the address of the chunk, which is within the last word of the block before.

#pragma once

#include <cstring>

#include "reach_blocks.hh"
#include "reach_maps.hh"
#include "reach_mark.hh"

namespace leakdir::reach {

// Where no roots are, in any order. What does not fit is forgotten: then more is a root than need be.
class Holes {
 public:
  Holes(Stretch* room, std::size_t capacity) : list_(room), capacity_(capacity) {}
  [[gnu::always_inline]] void add(Stretch hole) {
    if (hole.start >= hole.end) return;
    if (count_ != 0 && list_[count_ - 1].end == hole.start) {
      list_[count_ - 1].end = hole.end;
    } else if (count_ < capacity_) {
      list_[count_++] = hole;
    }
  }
  Stretch* begin() const { return list_; }
  Stretch* end() const { return list_ + count_; }

 private:
  Stretch* list_;
  std::size_t capacity_, count_ = 0;
};

// Too much for a small stack: where it is made decides the caller.
template <class Word, class Source>
class Heaps {
 public:
  // `knows_all`: each block that is not free is in the table. Else chunks that are not in it are roots, but for those
  // that can be seen to be free; `freed_mark`: what malloc writes into the second word of a block that waits to be used
  // again (glibc 2.29), 0: not known.
  Heaps(const BlockTable& table, const Mappings& mappings, Source& source, bool knows_all, std::uint64_t freed_mark)
      : table_(table), mappings_(mappings), source_(source), freed_mark_(freed_mark), knows_all_(knows_all) {}

  void find_holes(Holes& holes) {
    bool is_named = false;
    for (std::size_t i = 0; i < mappings_.count; ++i) {
      const Mapping& mapping = mappings_.first[i];
      if (!is_private_data(mapping)) continue;
      if (mapping.has(Mapping::kHeap)) {
        is_named = true;
        in_heap({mapping.start, mapping.end}, mapping.start, kMostBefore, holes);
      } else if (!mapping.has(Mapping::kFile)) {
        in_arenas(mapping, holes);
      }
      if (mapping.has(Mapping::kFile) || follows_file(i)) in_data_of_libc(mapping, holes);
    }
    if (!is_named) in_heap_without_name(holes);
  }

 private:
  static constexpr std::uint64_t kWord = sizeof(Word);
  static constexpr std::uint64_t kHeader = 2 * kWord;
  static constexpr std::uint64_t kSmallestChunk = 4 * kWord;
  static constexpr std::uint64_t kHeapBytes = kWord == 8 ? 64 << 20 : 1 << 20;
  // A gap that is smaller is not looked at: it is malloc's.
  static constexpr std::uint64_t kSmallGap = 1024;
  // What may lie before the first chunk: thread-local data; of an arena, its table.
  static constexpr std::uint64_t kMostBefore = 64 << 10;
  static constexpr std::uint64_t kMostOfArena = 4096;
  static constexpr unsigned kPairs = 127;
  static constexpr unsigned kBeforePairs = kWord == 8 ? 12 : 13;  // lists of small chunks, and two single chunks
  static constexpr unsigned kTopBeforePairs = 2;  // the chunk at the heap's end that was never handed out
  static constexpr std::uint64_t kLargestData = 64 << 20;

  static bool is_private_data(const Mapping& mapping) {
    return mapping.has(Mapping::kRead) && mapping.has(Mapping::kWrite) && !mapping.has(Mapping::kShared) &&
           !mapping.has(Mapping::kDevice);
  }

  bool follows_file(std::size_t i) const {
    return i > 0 && mappings_.first[i - 1].has(Mapping::kFile) &&
           mappings_.first[i - 1].end == mappings_.first[i].start;
  }

  // Words of the process, of which the next ones will be asked for too.
  bool read_words(std::uint64_t address, unsigned count, Word* into) {
    const std::uint64_t bytes = count * kWord;
    if (address - window_start_ >= window_bytes_ || window_bytes_ - (address - window_start_) < bytes) {
      window_start_ = address;
      const Piece piece = {address, sizeof window_};
      window_bytes_ = source_.read(&piece, 1, window_);
      if (window_bytes_ < bytes) return false;
    }
    std::memcpy(into, window_ + (address - window_start_), bytes);
    return true;
  }

  // The size of the chunk; 0: there is none.
  std::uint64_t size_of(std::uint64_t chunk) {
    Word size = 0;
    if (!read_words(chunk + kWord, 1, &size)) return 0;
    size &= ~static_cast<Word>(7);
    return size < kSmallestChunk || size % kHeader != 0 ? 0 : size;
  }

  // Goes from chunk to chunk; returns `to` if one ends just there, or the first that is none.
  std::uint64_t follow(std::uint64_t chunk, std::uint64_t to) {
    while (chunk < to) {
      const std::uint64_t size = size_of(chunk);
      if (size == 0 || size > to - chunk) break;
      chunk += size;
    }
    return chunk;
  }

  // A heap whose first chunk begins at `from` or up to `most` bytes later. What lies before the chunk in [heap] may be
  // roots.
  void in_heap(Stretch heap, std::uint64_t from, std::uint64_t most, Holes& holes) {
    std::uint32_t block = table_.first_behind(heap.start);
    const auto chunk_of = [&](std::uint32_t i) {
      return i < table_.count() && table_[i].address < heap.end ? table_[i].address - kHeader : heap.end;
    };
    std::uint64_t first = from;
    const std::uint64_t target = chunk_of(block);
    while (first < target && first - from < most && follow(first, target) != target) first += kHeader;
    const bool is_found = first <= target && follow(first, target) == target;
    if (!is_found) first = target;                                       // nothing is known of what lies before it
    if (is_found && from != heap.start) holes.add({heap.start, first});  // the arena's own tables
    for (std::uint64_t at = first, content_end = first; at < heap.end; ++block) {
      const std::uint64_t chunk = chunk_of(block);
      if (chunk > at) between_blocks(at, content_end, chunk, holes);
      at = chunk;
      if (chunk < heap.end) content_end = table_[block].end();
    }
  }

  // What lies before the first block may be the program's variables.
  void in_heap_without_name(Holes& holes) {
    const Mapping* const mapping = mappings_.find(top_);
    if (top_ == 0 || mapping == nullptr || !is_private_data(*mapping)) return;
    constexpr std::uint32_t kOthers = Mapping::kFile | Mapping::kStack;
    const std::uint64_t size = size_of(top_), end = top_ + size;
    if (mapping->has(kOthers) || !follows_file(static_cast<std::size_t>(mapping - mappings_.first))) return;
    if (size == 0 || size > mapping->end - top_) return;
    const std::uint32_t block = table_.first_behind(mapping->start);
    if (block >= table_.count() || table_[block].address >= end) return;
    const std::uint64_t first = table_[block].address - kHeader;
    in_heap({first, end}, first, 0, holes);
  }

  // From the chunk of a block, or the first chunk of all, to that of the next block or the end of the heap. The block
  // itself ends at `content_end`: most often the next chunk begins right behind, and nothing need be read.
  void between_blocks(std::uint64_t from, std::uint64_t content_end, std::uint64_t to, Holes& holes) {
    if (knows_all_) {
      holes.add({from, to <= content_end || to - content_end < kSmallGap ? to : follow(from, to)});
      return;
    }
    for (std::uint64_t chunk = from, next; chunk < to; chunk = next) {
      next = chunk + size_of(chunk);
      if (next == chunk || next > to) return;
      if (next == to ? is_top(chunk, to) : is_free(chunk, next)) holes.add({chunk, next});
    }
  }

  bool is_free(std::uint64_t chunk, std::uint64_t next) {
    Word header[4] = {}, next_size = 0;
    if (!read_words(chunk, 4, header) || !read_words(next + kWord, 1, &next_size)) return false;
    return (next_size & 1) == 0 || (freed_mark_ != 0 && header[3] == freed_mark_);
  }

  // The last chunk of a heap is what was never handed out; what lies before a block's chunk is asked there.
  bool is_top(std::uint64_t chunk, std::uint64_t to) {
    const bool is_end = table_.find(to + kHeader) == kNoBlock;
    return is_end || is_free(chunk, to);
  }

  void in_arenas(const Mapping& mapping, Holes& holes) {
    for (std::uint64_t heap = (mapping.start + kHeapBytes - 1) & ~(kHeapBytes - 1);
         heap >= mapping.start && heap < mapping.end; heap += kHeapBytes) {
      Word head[4] = {};  // arena, previous heap, size, and how much of it may be used
      if (!read_words(heap, 4, head)) {
        const std::uint64_t missing = missing_words(source_, {heap, mapping.end}, kHeapBytes);
        if (missing != 0) heap += missing - kHeapBytes;
        continue;
      }
      const bool is_first = head[0] - heap >= 4 * kWord && head[0] - heap <= 12 * kWord && head[1] == 0;
      const bool is_next = head[1] != 0 && head[1] % kHeapBytes == 0 && head[0] % kWord == 0 &&
                           mappings_.find(head[0]) != nullptr && mappings_.find(head[1]) != nullptr;
      const bool has_size = head[2] != 0 && head[2] % 4096 == 0 && head[2] <= kHeapBytes && head[2] <= head[3] &&
                            head[3] <= kHeapBytes && head[2] <= mapping.end - heap;
      if ((is_first || is_next) && has_size) {
        in_heap({heap, heap + head[2]}, heap + 4 * kWord, kMostOfArena, holes);
      }
    }
  }

  void in_data_of_libc(const Mapping& mapping, Holes& holes) {
    if (mapping.end - mapping.start > kLargestData) return;
    // At a pair that leads to itself: which of the table's is it? Pages that nobody has written are not read.
    Stretch used = {mapping.start, mapping.start};
    for (std::uint64_t at = mapping.start; at + kHeader <= mapping.end; at += kWord) {
      if (at >= used.end) {
        used = source_.next_used({at, mapping.end});
        if (used.start >= used.end) return;
        if (used.start > at) at = used.start & ~(kWord - 1);
      }
      Word pair[2];
      if (!read_words(at, 2, pair)) {
        at = (at | 4095) + 1 - kWord;
        continue;
      }
      if (pair[0] != at - kHeader || pair[1] != at - kHeader) continue;
      const std::uint64_t table = table_of_lists(at, mapping);
      if (table == 0) continue;
      holes.add({table - kBeforePairs * kWord, table + kPairs * kHeader});
      Word top = 0;
      if (top_ == 0 && read_words(table - kTopBeforePairs * kWord, 1, &top)) top_ = top;
      at = table + kPairs * kHeader - kWord;
    }
  }

  // Where the table begins that `pair` may be of; 0: of none.
  std::uint64_t table_of_lists(std::uint64_t pair, const Mapping& mapping) {
    for (unsigned number = 0; number < kPairs; ++number) {
      const std::uint64_t table = pair - number * kHeader;
      if (table > pair || table < mapping.start + kBeforePairs * kWord) return 0;
      if (is_table_of_lists(table)) return table;
    }
    return 0;
  }

  bool is_table_of_lists(std::uint64_t table) {
    // Behind the pairs: which lists are not empty (16 bytes), the next arena, the next free one, threads, bytes, and
    // the most bytes that there were.
    constexpr std::size_t kAfter = std::size_t{2} * kPairs + 16 / kWord;
    Word* const words = table_words_;
    if (!read_words(table, static_cast<unsigned>(kAfter) + 5, words)) return false;
    unsigned empty = 0;
    for (std::size_t i = 0; i < kPairs; ++i) {
      const Word list = static_cast<Word>(table + i * kHeader - kHeader);
      if (words[2 * i] == list && words[2 * i + 1] == list) ++empty;
      if ((words[2 * i] == list) != (words[2 * i + 1] == list) || words[2 * i] == 0) return false;
    }
    const Word* const after = words + kAfter;
    return empty >= kPairs / 2 && after[0] % kWord == 0 && after[0] != 0 && after[2] < (1 << 24) && after[3] != 0 &&
           after[3] <= after[4];
  }

  const BlockTable& table_;
  const Mappings& mappings_;
  Source& source_;
  const std::uint64_t freed_mark_;
  const bool knows_all_;
  std::uint64_t top_ = 0;  // of the first arena
  std::uint64_t window_start_ = 0, window_bytes_ = 0;
  Word table_words_[2 * kPairs + 9];
  alignas(16) char window_[4096];
};

}  // namespace leakdir::reach
