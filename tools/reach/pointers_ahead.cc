// SPDX-License-Identifier: BSL-1.0

#include "pointers_ahead.hh"

#include <algorithm>
#include <atomic>
#include <cstring>
#include <memory>
#include <new>
#include <system_error>
#include <thread>
#include <utility>

#if defined(__x86_64__)
#include <immintrin.h>
#endif

namespace leakdir::tool {

namespace {

using reach::BlockTable;
using reach::HeapBlock;
using reach::kNoBlock;
using Part = PointersAhead::Part;

constexpr std::size_t kRoom = 256 << 10;  // what is read at once: stays in the processor's cache
constexpr std::uint64_t kClose = 4096;    // nearer than that, what lies between two blocks is of pages that they lie in
constexpr unsigned kTogether = 64;        // words that are looked up together, as memory is waited for less then
constexpr std::uint64_t kWorthAThread = 16 << 20;  // bytes of blocks
constexpr unsigned kMostThreads = 4;
constexpr std::uint64_t kMostBytes = std::uint64_t{4} << 30;  // so that words of a part can be counted in 31 bits

// How many of these words, whose number is a multiple of eight, come before the first eight of which one may lead to a
// block. Nearly all do, so all eight are looked at at once; by AVX2, where it is, in a third of the time.
template <class Word>
std::size_t words_before_pointers(const Word* words, std::size_t count, BlockTable::Span span) {
  for (std::size_t at = 0; at < count; at += 8) {
    bool any = false;
    for (unsigned i = 0; i < 8; ++i) any |= span.has(words[at + i]);
    if (any) return at;
  }
  return count;
}

#if defined(__x86_64__)
__attribute__((target("avx2"))) std::size_t words_before_pointers_avx2(const std::uint64_t* words, std::size_t count,
                                                                       BlockTable::Span span) {
  // There is no comparison without signs: both sides have the highest bit turned.
  constexpr std::uint64_t kHighest = std::uint64_t{1} << 63;
  const __m256i lowest = _mm256_set1_epi64x(static_cast<long long>(span.lowest + kHighest));
  const __m256i bytes = _mm256_set1_epi64x(static_cast<long long>(span.bytes ^ kHighest));
  const auto is_inside = [&](std::size_t at) __attribute__((target("avx2"))) {
    const __m256i four = _mm256_loadu_si256(reinterpret_cast<const __m256i*>(words + at));
    return _mm256_cmpgt_epi64(bytes, _mm256_sub_epi64(four, lowest));
  };
  for (std::size_t at = 0; at < count; at += 8) {
    const __m256i any = _mm256_or_si256(is_inside(at), is_inside(at + 4));
    if (_mm256_testz_si256(any, any) == 0) return at;
  }
  return count;
}
std::size_t words_before_pointers(const std::uint64_t* words, std::size_t count, BlockTable::Span span) {
  static const bool has_avx2 = __builtin_cpu_supports("avx2") != 0;
  return has_avx2 ? words_before_pointers_avx2(words, count, span)
                  : words_before_pointers<std::uint64_t>(words, count, span);
}
#endif

// Reads the blocks of one part after another; each thread has its own.
template <class Word>
class Reader {
 public:
  Reader(const BlockTable& table, Memory& memory, std::atomic<std::int64_t>& room_left)
      : table_(table), memory_(memory), room_left_(room_left), buffer_(kRoom) {}

  void read(std::uint32_t first, std::uint32_t after, Part& part) {
    first_ = next_ = first;
    taken_ = 0;
    words_.clear();
    begin_.clear();
    std::uint32_t i = first;
    while (i < after && has_room()) i = read_some(i, after);
    settle();
    begin_up_to(i);
    for (; i < after; ++i) begin_next(PointersAhead::kNotKnown);
    begin_up_to(after + 1);
    part.words = words_;  // with as much room as they need
    part.begin = begin_;
  }

 private:
  static constexpr std::uint64_t kWord = sizeof(Word);

  struct Pending {
    std::uint64_t word;
    std::uint32_t from;
    BlockTable::NearStart near;
  };

  static std::uint64_t whole_words(const HeapBlock& block) { return block.bytes_of_words(kWord); }

  bool has_room() {
    const auto bytes = static_cast<std::int64_t>(words_.size() * sizeof(std::uint32_t));
    return room_left_.fetch_sub(bytes - std::exchange(taken_, bytes), std::memory_order_relaxed) > 0;
  }

  // Blocks that lie close together, up to where there is no room for more of them; returns the first of the others.
  std::uint32_t read_some(std::uint32_t first, std::uint32_t after) {
    const std::uint64_t start = table_[first].address;
    std::uint64_t end = start;
    std::uint32_t last = first;
    for (; last < after; ++last) {
      const HeapBlock& block = table_[last];
      const std::uint64_t block_end = block.address + whole_words(block);
      if (block.address < start || block_end < block.address || block_end - start > kRoom) break;
      if (block.address > end && block.address - end >= kClose) break;
      end = std::max(end, block_end);
    }
    if (last == first) {
      read_large(first);
      return first + 1;
    }
    const reach::Piece piece = {start, end - start};
    const std::size_t got = piece.bytes == 0 ? 0 : memory_.read(&piece, 1, buffer_.data());
    for (std::uint32_t i = first; i < last; ++i) {
      const HeapBlock& block = table_[i];
      const std::uint64_t bytes = block.has(HeapBlock::kNoPointers) ? 0 : whole_words(block);
      if (block.address - start + bytes > got && bytes != 0) {
        not_known(i);
      } else {
        consider(buffer_.data() + (block.address - start), bytes, i);
      }
    }
    return last;
  }

  // One that is larger than the room: what the process has not used of it is not read.
  void read_large(std::uint32_t number) {
    const HeapBlock& block = table_[number];
    if (block.has(HeapBlock::kNoPointers)) return;
    std::uint64_t at = block.address;
    const std::uint64_t end = at + whole_words(block);
    while (at < end) {
      const reach::Stretch used = memory_.next_used({at, end});
      if (used.start >= used.end) return;
      for (at = block.address + ((used.start - block.address) & ~(kWord - 1)); at < used.end;) {
        const reach::Piece piece = {at, std::min<std::uint64_t>(used.end - at, kRoom)};
        if (!has_room() || memory_.read(&piece, 1, buffer_.data()) != piece.bytes) return not_known(number);
        consider(buffer_.data(), piece.bytes, number);
        at += piece.bytes;
      }
    }
  }

  // ---- Words that lead to blocks

  // (The buffer begins at a multiple of a word's size, and so do blocks; of a damaged ledger they may not.)
  void consider(const char* bytes, std::uint64_t size, std::uint32_t from) {
    const BlockTable::Span span = table_.span();
    const auto take = [&](std::size_t at) {
      Word word;
      std::memcpy(&word, bytes + at * kWord, sizeof word);
      if (!span.has(word)) return;
      pending_[count_++] = {word, from, {{0, 0}, 0}};
      if (count_ == kTogether) settle();
    };
    const bool is_aligned = reinterpret_cast<std::uintptr_t>(bytes) % kWord == 0;
    const std::size_t count = size / kWord, eights = is_aligned ? count & ~std::size_t{7} : 0;
    const Word* const words = reinterpret_cast<const Word*>(bytes);
    std::size_t at = 0;
    while (at < eights && (at += words_before_pointers(words + at, eights - at, span)) < eights) {
      for (unsigned i = 0; i < 8; ++i) take(at++);
    }
    for (; at < count; ++at) take(at);
  }

  void settle() {
    const unsigned count = std::exchange(count_, 0);
    for (unsigned i = 0; i < count; ++i) pending_[i].near = table_.near_start_of(pending_[i].word);
    for (unsigned i = 0; i < count; ++i) {
      const Pending& one = pending_[i];
      const auto [to, offset] = table_.find_near(one.near, one.word);
      if (to == kNoBlock || to == one.from) continue;
      begin_up_to(one.from + 1);
      if (offset == 0) {
        words_.push_back(to);
      } else {
        words_.insert(words_.end(), {to | PointersAhead::kIsInside, static_cast<std::uint32_t>(offset),
                                     static_cast<std::uint32_t>(offset >> 32)});
      }
    }
  }

  // ---- Where the words of a block begin

  void begin_next(std::uint32_t flags) {
    begin_.push_back(static_cast<std::uint32_t>(words_.size()) | flags);
    ++next_;
  }
  void begin_up_to(std::uint32_t after) {
    while (next_ < after) begin_next(0);
  }
  // What was found in it so far is forgotten.
  void not_known(std::uint32_t block) {
    settle();
    if (next_ > block) {
      std::uint32_t& begin = begin_[block - first_];
      words_.resize(begin);
      begin |= PointersAhead::kNotKnown;
      return;
    }
    begin_up_to(block);
    begin_next(PointersAhead::kNotKnown);
  }

  const BlockTable table_;  // it remembers where it found something last
  Memory& memory_;
  std::atomic<std::int64_t>& room_left_;
  std::vector<char> buffer_;
  std::vector<std::uint32_t> words_, begin_;  // of the part
  std::uint32_t first_ = 0, next_ = 0;        // of the part; the next block whose beginning is to be written
  std::int64_t taken_ = 0;                    // of the room, by this part
  Pending pending_[kTogether];
  unsigned count_ = 0;
};

// As many as there are processors, if it is worth it, and another reader for each.
std::vector<std::unique_ptr<Memory>> other_readers(const BlockTable& table, const Memory& memory) {
  std::uint64_t bytes = 0;
  for (std::uint32_t i = 0; i < table.count(); ++i) bytes += table[i].bytes();
  std::vector<std::unique_ptr<Memory>> readers;
  const std::uint64_t worth = std::min<std::uint64_t>(bytes / kWorthAThread, kMostThreads);
  const std::uint64_t wanted = std::min<std::uint64_t>(worth, std::thread::hardware_concurrency());
  while (readers.size() + 1 < wanted) {
    readers.push_back(memory.another());
    if (readers.back() == nullptr) {
      readers.pop_back();
      break;
    }
  }
  return readers;
}

template <class Word>
void read_all(const BlockTable& table, Memory& memory, std::uint64_t most_bytes, std::vector<Part>& parts) {
  std::atomic<std::int64_t> room_left(static_cast<std::int64_t>(std::min(most_bytes, kMostBytes)));
  std::atomic<std::size_t> next_part(0);
  const auto work = [&](Memory& from) {
    try {
      Reader<Word> reader(table, from, room_left);
      for (std::size_t i = next_part++; i < parts.size(); i = next_part++) {
        const std::size_t first = i * PointersAhead::kBlocksOfPart;
        const std::size_t after = std::min<std::size_t>(first + PointersAhead::kBlocksOfPart, table.count());
        Part part;
        reader.read(static_cast<std::uint32_t>(first), static_cast<std::uint32_t>(after), part);
        parts[i] = std::move(part);
      }
    } catch (const std::bad_alloc&) {  // of the rest nothing is known
    }
  };
  const std::vector<std::unique_ptr<Memory>> others = other_readers(table, memory);
  std::vector<std::thread> threads;
  for (const auto& other : others) {
    try {
      threads.emplace_back([&work, &other] { work(*other); });
    } catch (const std::system_error&) {  // there is no thread to be had: the others do it
      break;
    }
  }
  work(memory);
  for (auto& thread : threads) thread.join();
}

}  // namespace

void PointersAhead::read(const BlockTable& table, Memory& memory, unsigned pointer_bytes, std::uint64_t most_bytes) {
  if (table.count() >= kIsInside) return;
  parts_.resize((table.count() + kBlocksOfPart - 1) / kBlocksOfPart);
  if (pointer_bytes == 8) {
    read_all<std::uint64_t>(table, memory, most_bytes, parts_);
  } else {
    read_all<std::uint32_t>(table, memory, most_bytes, parts_);
  }
}

}  // namespace leakdir::tool
