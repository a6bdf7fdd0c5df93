// SPDX-License-Identifier: BSL-1.0
//
// Lost or held, part 3: from the roots to all that can be reached, and what the rest is. The kinds and their meaning
// are Valgrind's: a block to whose start a chain of pointers leads is still reachable; one to which a chain leads that
// goes through the middle of a block is possibly lost; of the others, those to which no other lost block points are
// definitely lost, and what they lead to is lost indirectly. A cycle of lost blocks has one head, that with the lowest
// address. So are its rules for pointers into the middle that are none: of std::string, of new[], of an object's second
// base class, and of a buffer behind its length.
//
// Memory is read by a Source, which has
//   std::size_t read(const Piece* pieces, unsigned count, void* into);
//       // one after another; returns the bytes before the first that could not be read
//   const char* in_place(std::uint64_t address, std::uint64_t bytes);
//       // the memory itself, where it can be read without a copy and without a fault; else null
//   Stretch next_used(Stretch within);
//       // the first part of it that may hold anything but zeros; start == end: none
// and whoever wants to know who holds what is an Observer:
//   void reached(std::uint32_t block, std::uint32_t from, std::uint64_t location);
//       // `from` (kNoBlock: a root) holds a pointer to `block` at `location`. Called again when a better one is found
//   void pointer(std::uint32_t block, std::uint32_t from, std::uint64_t location);
//       // the same for each pointer in a root or in a block that a root leads to

#pragma once

#include <cstring>

#include "reach_blocks.hh"
#include "reach_maps.hh"

namespace leakdir::reach {

struct Piece {
  std::uint64_t address, bytes;
};

struct NoObserver {
  void reached(std::uint32_t, std::uint32_t, std::uint64_t) {}
  void pointer(std::uint32_t, std::uint32_t, std::uint64_t) {}
};

// What a Marker works with: much for a stack, so it lies elsewhere.
struct MarkRoom {
  static constexpr unsigned kPieces = 512;
  static constexpr std::size_t kBytes = 256 << 10;
  Piece pieces[kPieces];
  std::uint32_t owner[kPieces];
  alignas(16) char bytes[kBytes];
};

template <class Word, class Source, class Observer = NoObserver>
class Marker {
 public:
  Marker(const BlockTable& table, const Mappings& mappings, Source& source, Observer& observer, MarkRoom& room)
      : table_(table), mappings_(mappings), source_(source), observer_(observer), room_(room) {}

  // ---- The roots

  void root(Stretch stretch) {
    for_each_word(stretch, [&](std::uint64_t location, std::uint64_t word) { point(word, kNoBlock, location, true); });
  }
  // In a register, say: `location` is what the observer is told.
  void root_word(std::uint64_t word, std::uint64_t location) { point(word, kNoBlock, location, true); }
  // A block that is held by itself.
  void root_block(std::uint32_t block) {
    if (table_[block].reach() == Reach::kReachable) return;
    table_[block].set_reach(Reach::kReachable);
    observer_.reached(block, kNoBlock, 0);
    push(block);
  }

  // ---- After the roots: each block gets its kind

  void mark() {
    drain([&](std::uint32_t from, std::uint64_t location, std::uint64_t word) {
      point(word, from, location, table_[from].reach() == Reach::kReachable);
    });
    judge_lost();
  }

  // Bytes that could not be read.
  std::uint64_t unread_bytes() const { return unread_bytes_; }

 private:
  static constexpr std::uint64_t kPage = 4096;
  static constexpr std::uint64_t kWord = sizeof(Word);

  void push(std::uint32_t block) {
    HeapBlock& added = table_[block];
    if (added.has(HeapBlock::kQueued)) return;
    added.set(HeapBlock::kQueued);
    added.next = kNoBlock;
    if (tail_ == kNoBlock) {
      head_ = block;
    } else {
      table_[tail_].next = block;
    }
    tail_ = block;
  }

  std::uint32_t pop() {
    const std::uint32_t block = head_;
    head_ = table_[block].next;
    if (head_ == kNoBlock) tail_ = kNoBlock;
    table_[block].clear(HeapBlock::kQueued);
    return block;
  }

  void point(std::uint64_t word, std::uint32_t from, std::uint64_t location, bool from_reachable) {
    const std::uint32_t to = table_.find(word);
    if (to == kNoBlock) return;
    observer_.pointer(to, from, location);
    HeapBlock& block = table_[to];
    if (block.reach() == Reach::kReachable) return;
    if (from_reachable && (word == block.address || (block.reach() == Reach::kUnknown && is_whole(word, block)))) {
      block.set_reach(Reach::kReachable);
    } else if (block.reach() == Reach::kUnknown) {
      block.set_reach(Reach::kPossible);
    } else {
      return;
    }
    observer_.reached(to, from, location);
    push(to);
  }

  // ---- What is lost

  void judge_lost() {
    // Who points to whom among them.
    for (std::uint32_t i = 0; i < table_.count(); ++i) {
      if (table_[i].reach() == Reach::kUnknown) push(i);
    }
    drain([&](std::uint32_t from, std::uint64_t, std::uint64_t word) {
      const std::uint32_t to = table_.find(word);
      if (to == kNoBlock || to == from || table_[to].reach() != Reach::kUnknown) return;
      table_[to].set(HeapBlock::kHasHolder);
      table_[from].set(HeapBlock::kIsHolder);
    });
    // Whom nobody points to is a head …
    for (std::uint32_t i = 0; i < table_.count(); ++i) {
      if (table_[i].reach() != Reach::kUnknown || table_[i].has(HeapBlock::kHasHolder)) continue;
      table_[i].set_reach(Reach::kDefinite);
      observer_.reached(i, kNoBlock, 0);
      if (table_[i].has(HeapBlock::kIsHolder)) push(i);
    }
    drain(
        [&](std::uint32_t from, std::uint64_t location, std::uint64_t word) { lead(from, location, word, kNoBlock); });
    // … and what is left are cycles, and what they lead to.
    for (std::uint32_t i = 0; i < table_.count(); ++i) {
      if (table_[i].reach() != Reach::kUnknown) continue;
      table_[i].set_reach(Reach::kDefinite);
      table_[i].set(HeapBlock::kHead);
      observer_.reached(i, kNoBlock, 0);
      push(i);
      drain([&](std::uint32_t from, std::uint64_t location, std::uint64_t word) { lead(from, location, word, i); });
    }
  }

  // A lost block points to another. One that was taken for the head of a cycle is none if another cycle leads to it.
  void lead(std::uint32_t from, std::uint64_t location, std::uint64_t word, std::uint32_t head) {
    const std::uint32_t to = table_.find(word);
    if (to == kNoBlock || to == head || to == from) return;
    HeapBlock& block = table_[to];
    const bool is_other_head = block.reach() == Reach::kDefinite && block.has(HeapBlock::kHead);
    if (block.reach() != Reach::kUnknown && !is_other_head) return;
    block.set_reach(Reach::kIndirect);
    observer_.reached(to, from, location);
    if (!is_other_head) push(to);
  }

  // ---- Reading

  static constexpr std::uint64_t aligned_up(std::uint64_t address) { return (address + kWord - 1) & ~(kWord - 1); }

  // Calls visit(location, word) for all words of the stretch that may be pointers.
  template <class Visit>
  void for_each_word(Stretch stretch, Visit visit) {
    std::uint64_t at = aligned_up(stretch.start);
    const std::uint64_t end = stretch.end & ~(kWord - 1);
    while (at < end) {
      const Stretch used = source_.next_used({at, end});
      if (used.start >= used.end) return;
      for (at = used.start & ~(kWord - 1); at < used.end;) {
        const std::uint64_t some = used.end - at < MarkRoom::kBytes ? used.end - at : MarkRoom::kBytes;
        room_.pieces[0] = {at, some};
        read(1);
        visit_words(room_.bytes, at, some, visit);
        at += some;
      }
    }
  }

  template <class Visit>
  static void visit_words(const char* bytes, std::uint64_t location, std::uint64_t count, Visit& visit) {
    for (std::uint64_t i = 0; i + kWord <= count; i += kWord) {
      Word word;  // (std::memcpy is a call in the object, which is compiled without builtins)
      __builtin_memcpy(&word, bytes + i, sizeof word);
      if (word != 0) visit(location + i, static_cast<std::uint64_t>(word));
    }
  }

  // Reads the first `count` pieces of the room. What cannot be read is zeros, and counted.
  void read(unsigned count) {
    char* into = room_.bytes;
    for (unsigned done = 0; done < count;) {
      std::uint64_t got = source_.read(room_.pieces + done, count - done, into);
      into += got;
      while (done < count && got >= room_.pieces[done].bytes) got -= room_.pieces[done++].bytes;
      if (done == count) return;
      Piece& piece = room_.pieces[done];
      piece = {piece.address + got, piece.bytes - got};
      const std::uint64_t to_page_end = kPage - piece.address % kPage;
      const std::uint64_t hole = to_page_end < piece.bytes ? to_page_end : piece.bytes;
      std::memset(into, 0, hole);
      into += hole;
      unread_bytes_ += hole;
      piece = {piece.address + hole, piece.bytes - hole};
      if (piece.bytes == 0) ++done;
    }
  }

  // Takes block after block from the list, many at a time, until there is none: visit(block, location, word).
  template <class Visit>
  void drain(Visit visit) {
    while (head_ != kNoBlock) {
      unsigned count = 0;
      std::uint64_t filled = 0;
      while (head_ != kNoBlock && count < MarkRoom::kPieces) {
        const std::uint64_t bytes = table_[head_].bytes() & ~(kWord - 1);
        if (bytes > MarkRoom::kBytes - filled) break;
        const std::uint32_t block = pop();
        if (bytes == 0) continue;
        if (const char* there = source_.in_place(table_[block].address, bytes)) {
          visit_words_of(block, there, bytes, visit);
          continue;
        }
        room_.owner[count] = block;
        room_.pieces[count++] = {table_[block].address, bytes};
        filled += bytes;
      }
      if (count == 0) {
        if (head_ != kNoBlock) visit_large(pop(), visit);
        continue;
      }
      visit_pieces(count, visit);
    }
  }

  template <class Visit>
  void visit_large(std::uint32_t from, Visit& visit) {
    const HeapBlock& block = table_[from];
    for_each_word({block.address, block.address + block.bytes()},
                  [&](std::uint64_t location, std::uint64_t word) { visit(from, location, word); });
  }

  template <class Visit>
  void visit_pieces(unsigned count, Visit& visit) {
    read(count);
    const char* bytes = room_.bytes;
    for (unsigned i = 0; i < count; ++i) {
      const std::uint32_t from = room_.owner[i];
      const std::uint64_t size = table_[from].bytes() & ~(kWord - 1);
      visit_words_of(from, bytes, size, visit);
      bytes += size;
    }
  }

  template <class Visit>
  void visit_words_of(std::uint32_t from, const char* bytes, std::uint64_t size, Visit& visit) {
    auto visit_word = [&](std::uint64_t location, std::uint64_t word) { visit(from, location, word); };
    visit_words(bytes, table_[from].address, size, visit_word);
  }

  bool read_words(std::uint64_t address, unsigned count, std::uint64_t* into) {
    Word words[kMostWords] = {};
    const Piece piece = {address, count * kWord};
    if (count > kMostWords || source_.read(&piece, 1, words) != piece.bytes) return false;
    for (unsigned i = 0; i < count; ++i) into[i] = words[i];
    return true;
  }

  // ---- Pointers into the middle that mean the whole block

  static constexpr unsigned kMostWords = 20;

  bool is_whole(std::uint64_t pointer, const HeapBlock& block) {
    const std::uint64_t offset = pointer - block.address, bytes = block.bytes();
    std::uint64_t word[2] = {};
    if (bytes < 2 * kWord || !read_words(block.address, 2, word)) return false;
    // length, capacity, count of references, characters and a 0: std::string before C++11
    if (offset == 3 * kWord && word[0] <= word[1] && word[1] < bytes && 3 * kWord + word[1] + 1 == bytes) return true;
    if (offset == 8) {
      const std::uint64_t length = kWord == 8 ? word[0] : word[0] | word[1] << 32;
      if (length != 0 && length == bytes - 8) return true;
    }
    // the number of elements, and elements that have a destructor
    if (offset == kWord && word[0] != 0 && (bytes - kWord) % word[0] == 0) return true;
    return is_second_base(pointer, word[0]);
  }

  // Both the object and what the pointer leads to begin with the address of a table of virtual functions.
  bool is_second_base(std::uint64_t pointer, std::uint64_t first_word) {
    std::uint64_t inner = 0;
    return pointer % kWord == 0 && read_words(pointer, 1, &inner) && is_virtual_table(inner) &&
           is_virtual_table(first_word);
  }

  // Of its first words, those that are not 0 lead to code, and two at least are there.
  bool is_virtual_table(std::uint64_t address) {
    const Mapping* table = address % kWord == 0 && address >= kPage ? mappings_.find(address) : nullptr;
    if (table == nullptr || !table->has(Mapping::kRead) || !table->has(Mapping::kFile)) return false;
    const std::uint64_t room = (table->end - address) / kWord;
    const unsigned count = room < kMostWords ? static_cast<unsigned>(room) : kMostWords;
    std::uint64_t words[kMostWords] = {};
    if (!read_words(address, count, words)) return false;
    unsigned functions = 0;
    for (unsigned i = 0; i < count && functions < 2; ++i) {
      if (words[i] == 0) continue;
      const Mapping* code = mappings_.find(words[i]);
      if (code == nullptr || !code->has(Mapping::kExecute) || !code->has(Mapping::kFile)) return false;
      ++functions;
    }
    return functions == 2;
  }

  const BlockTable& table_;
  const Mappings& mappings_;
  Source& source_;
  Observer& observer_;
  MarkRoom& room_;
  std::uint32_t head_ = kNoBlock, tail_ = kNoBlock;
  std::uint64_t unread_bytes_ = 0;
};

}  // namespace leakdir::reach
