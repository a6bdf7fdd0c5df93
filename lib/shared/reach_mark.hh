// SPDX-License-Identifier: BSL-1.0
//
// Lost or held, part 4: from the roots to all that can be reached, and what the rest is. The kinds and their meaning
// are Valgrind's: a block to whose start a chain of pointers leads is still reachable; one to which a chain leads that
// goes through the middle of a block is possibly lost; of the others, those to which no other lost block points are
// definitely lost, and what they lead to is lost indirectly. A cycle of lost blocks to which no other leads has one
// head, that with the lowest address. Which pointers into the middle mean the whole, part 9 says.
//
// Memory is read by a Source, which has
//   std::size_t read(const Piece* pieces, unsigned count, void* into);
//       // one after another; returns the bytes before the first that could not be read
//   const char* in_place(std::uint64_t address, std::uint64_t bytes);
//       // the memory itself, where it can be read without a copy and without a fault; else null
//   bool turns_words();
//       // whether read() turns each word round, as it is of a machine of the other byte order
//   bool known_pointers(std::uint32_t block, Visit visit);
//       // visit(to, offset) for each pointer in the block to another, where they are known already; false: they are
//       not
//   Stretch next_used(Stretch within);
//       // the first part of it that may hold anything but zeros; start == end: none
//   std::uint64_t missing_at(Stretch within);
//       // so many bytes from its start on cannot be read, as is known without trying: a core may lack terabytes. There
//       // may be more of them; a source that knows of none has no such function
// and whoever wants to know who holds what is an Observer:
//   static constexpr bool kWantsShortest;
//       // the way by which a block is reached first is to be a shortest one
//   void reached(std::uint32_t block, std::uint32_t from, std::uint64_t location);
//       // `from` (kNoBlock: a root) holds a pointer to `block` at `location`. Called again when a better one is found
//   void pointer(std::uint32_t block, std::uint32_t from, std::uint64_t location);
//       // the same for each pointer in a root or in a block that a root leads to

#pragma once

#include <cstring>

#include "reach_blocks.hh"
#include "reach_maps.hh"
#include "reach_whole.hh"
#include "reach_work.hh"

namespace leakdir::reach {

template <class Source>
auto missing_of(Source& source, Stretch within, int) -> decltype(source.missing_at(within)) {
  return source.missing_at(within);
}
template <class Source>
std::uint64_t missing_of(Source&, Stretch, long) {
  return 0;
}
// In whole words, or other units that are a power of two.
template <class Source>
std::uint64_t missing_words(Source& source, Stretch within, std::uint64_t unit) {
  return missing_of(source, within, 0) & ~(unit - 1);
}

struct NoObserver {
  static constexpr bool kWantsShortest = false;
  void reached(std::uint32_t, std::uint32_t, std::uint64_t) {}
  void pointer(std::uint32_t, std::uint32_t, std::uint64_t) {}
};

// What a Marker works with: much for a stack, so it lies elsewhere.
struct MarkRoom {
  static constexpr unsigned kPieces = 512;
  static constexpr unsigned kInPlace = 32;  // blocks whose memory is fetched while others are looked at
  static constexpr unsigned kPointers = 64;
  static constexpr std::size_t kBytes = 256 << 10;
  // A word that may lead to a block; where the block is known (`to`), how far behind its start.
  struct Pointer {
    std::uint64_t word, location;
    BlockTable::Range range;
    std::uint32_t from, to;
  };
  Piece pieces[kPieces];
  std::uint32_t owner[kPieces];
  Piece in_place[kInPlace];
  std::uint32_t owner_in_place[kInPlace];
  Pointer pointers[kPointers];
  WorkList work[2];
  alignas(16) char bytes[kBytes];

  // As WorkList::build.
  template <class Take>
  bool build(const BlockTable& table, Take take) {
    return work[0].build(table.count(), take) && work[1].build(table.count(), take);
  }
};

template <class Word, class Source, class Observer = NoObserver>
class Marker {
 public:
  // `room` was built for this table.
  Marker(const BlockTable& table, const Mappings& mappings, Source& source, Observer& observer, MarkRoom& room)
      : table_(table), source_(source), means_whole_(mappings, source), observer_(observer), room_(room) {}

  // ---- The roots

  void root(Stretch stretch) {
    auto hold = holder();
    consider_stretch(stretch, kNoBlock, hold);
    settle(hold);
  }
  // In a register, say: `location` is what the observer is told.
  void root_word(std::uint64_t word, std::uint64_t location) {
    const std::uint32_t to = table_.find(word);
    if (to != kNoBlock && means_whole_.leads_to(word, table_[to])) point(to, word, kNoBlock, location);
  }
  // A block that is held by itself.
  void root_block(std::uint32_t block) {
    if (table_[block].reach() == Reach::kReachable) return;
    table_[block].set_reach(Reach::kReachable);
    observer_.reached(block, kNoBlock, 0);
    push(block);
  }

  // ---- After the roots: each block gets its kind

  void mark() {
    auto hold = holder();
    drain(hold);
    // What may be held leads to nothing but to what may be held: once all that is held is known, it is read once.
    is_late_ = true;
    for (std::uint32_t i = 0; !Observer::kWantsShortest && i < table_.count(); ++i) {
      if (table_[i].reach() == Reach::kPossible) push(i);
    }
    drain(hold);
    judge_lost();
  }

  // Bytes that could not be read.
  std::uint64_t unread_bytes() const { return unread_bytes_; }

 private:
  static constexpr std::uint64_t kPage = 4096;
  static constexpr std::uint64_t kWord = sizeof(Word);

  // ---- Words that lead to blocks

  // Calls act(to, word, from, location) for each block that a word in the room leads to: for many at once, as memory is
  // waited for less then.
  template <class Act>
  void settle(Act& act) {
    const unsigned count = pointers_;
    pointers_ = 0;
    for (unsigned i = 0; i < count; ++i) {
      MarkRoom::Pointer& pointer = room_.pointers[i];
      if (pointer.to == kNoBlock) pointer.range = table_.range_of(pointer.word);
    }
    for (unsigned i = 0; i < count; ++i) {
      const MarkRoom::Pointer& pointer = room_.pointers[i];
      const bool is_known = pointer.to != kNoBlock;
      const std::uint32_t to = is_known ? pointer.to : table_.find_in(pointer.range, pointer.word);
      if (to == kNoBlock || to == pointer.from) continue;
      const std::uint64_t word = is_known ? table_[to].address + pointer.word : pointer.word;
      if (means_whole_.leads_to(word, table_[to])) act(to, word, pointer.from, pointer.location);
    }
  }

  auto holder() {
    return [this](std::uint32_t to, std::uint64_t word, std::uint32_t from, std::uint64_t location) {
      point(to, word, from, location);
    };
  }

  void point(std::uint32_t to, std::uint64_t word, std::uint32_t from, std::uint64_t location) {
    observer_.pointer(to, from, location);
    HeapBlock& block = table_[to];
    if (block.reach() == Reach::kReachable) return;
    const bool from_reachable = from == kNoBlock || table_[from].reach() == Reach::kReachable;
    if (from_reachable && (word == block.address || means_whole_.of(word, block))) {
      block.set_reach(Reach::kReachable);
      push(to);
    } else if (block.reach() == Reach::kUnknown) {
      block.set_reach(Reach::kPossible);
      if (Observer::kWantsShortest || is_late_) push(to);
    } else {
      return;
    }
    observer_.reached(to, from, location);
  }

  // ---- What is lost

  // Each is read once, in the order of addresses: what leads to it makes trees of them, whose roots nothing leads to.
  // That is all, unless the root of a tree is led to from within: then the order of its blocks decides what is a head,
  // and they are read again.
  void judge_lost() {
    for (std::uint32_t i = 0; i < table_.count(); ++i) {
      if (table_[i].reach() != Reach::kUnknown) continue;
      table_[i].head = i;
      observer_.reached(i, kNoBlock, 0);
      push(i);
    }
    auto link = [&](std::uint32_t to, std::uint64_t, std::uint32_t from, std::uint64_t location) {
      join_trees(to, from, location);
    };
    drain(link);
    bool is_any_cyclic = false, is_any_crossed = false;
    for (std::uint32_t i = 0; i < table_.count(); ++i) {
      HeapBlock& block = table_[i];
      if (block.reach() != Reach::kUnknown) continue;
      const std::uint32_t root = root_of(i);
      if (table_[root].has(HeapBlock::kCycle)) {
        is_any_cyclic = true;
        is_any_crossed |= block.has(HeapBlock::kCrossed);
      } else {
        block.set_reach(i == root ? Reach::kDefinite : Reach::kIndirect);
      }
    }
    if (is_any_crossed) follow_trees();
    if (is_any_cyclic) judge_cycles();
  }

  // The root of the tree in which a lost block is; the way to it is made shorter.
  std::uint32_t root_of(std::uint32_t block) {
    while (table_[block].head != block) {
      const std::uint32_t above = table_[block].head;
      table_[block].head = table_[above].head;
      block = above;
    }
    return block;
  }

  void join_trees(std::uint32_t to, std::uint32_t from, std::uint64_t location) {
    HeapBlock& block = table_[to];
    if (block.reach() != Reach::kUnknown) return;
    const std::uint32_t root = root_of(from);
    if (block.head != to) {
      if (!block.has(HeapBlock::kCrossed) && root != root_of(to)) block.set(HeapBlock::kCrossed);
    } else if (root == to) {
      block.set(HeapBlock::kCycle);
    } else {
      block.head = root;
      observer_.reached(to, from, location);
    }
  }

  // What a tree leads to that has no cycle at its root is lost indirectly, in other trees, too.
  void follow_trees() {
    for (std::uint32_t i = 0; i < table_.count(); ++i) {
      if (table_[i].reach() == Reach::kDefinite || table_[i].reach() == Reach::kIndirect) push(i);
    }
    auto lead = [&](std::uint32_t to, std::uint64_t, std::uint32_t from, std::uint64_t location) {
      HeapBlock& block = table_[to];
      if (block.reach() != Reach::kUnknown) return;
      block.set_reach(Reach::kIndirect);
      observer_.reached(to, from, location);
      push(to);
    };
    drain(lead);
  }

  // Of the rest each block that nothing has led to so far is taken for a head, until another leads to it.
  void judge_cycles() {
    bool is_any_doubtful = false;
    for (std::uint32_t i = 0; i < table_.count(); ++i) {
      if (table_[i].reach() != Reach::kUnknown) continue;
      table_[i].set_reach(Reach::kDefinite);
      table_[i].head = i;
      observer_.reached(i, kNoBlock, 0);
      push(i);
      auto lead = [&](std::uint32_t to, std::uint64_t, std::uint32_t from, std::uint64_t location) {
        is_any_doubtful |= lead_to(to, from, location, i);
      };
      drain(lead);
    }
    if (is_any_doubtful) resolve_doubts();
  }

  // A lost block, found by `head`, leads to another. Returns whether that leaves a doubt.
  bool lead_to(std::uint32_t to, std::uint32_t from, std::uint64_t location, std::uint32_t head) {
    HeapBlock& block = table_[to];
    switch (block.reach()) {
      case Reach::kUnknown:
        block.set_reach(Reach::kIndirect);
        block.head = head;
        observer_.reached(to, from, location);
        push(to);
        return false;
      case Reach::kDefinite:
        if (to == head) {
          block.set(HeapBlock::kCycle);
        } else {
          block.set_reach(Reach::kIndirect);
          observer_.reached(to, from, location);
        }
        return false;
      case Reach::kIndirect: {
        // It was found by another head. If it leads back to that one, that one is none.
        const HeapBlock& other = table_[block.head];
        if (block.head == head || other.reach() != Reach::kDefinite || !other.has(HeapBlock::kCycle)) return false;
        if (block.has(HeapBlock::kDoubtful)) return false;
        block.set(HeapBlock::kDoubtful);
        observer_.reached(to, from, location);
        return true;
      }
      default:
        return false;
    }
  }

  void resolve_doubts() {
    const auto read_again = [&](std::uint32_t block) {
      if (table_[block].has(HeapBlock::kSeenTwice)) return false;
      table_[block].set(HeapBlock::kSeenTwice);
      push(block);
      return true;
    };
    for (std::uint32_t i = 0; i < table_.count(); ++i) {
      if (table_[i].has(HeapBlock::kDoubtful)) read_again(i);
    }
    auto lead = [&](std::uint32_t to, std::uint64_t, std::uint32_t from, std::uint64_t location) {
      HeapBlock& block = table_[to];
      if (block.reach() != Reach::kDefinite && block.reach() != Reach::kIndirect) return;
      block.set_reach(Reach::kIndirect);
      if (read_again(to)) observer_.reached(to, from, location);
    };
    drain(lead);
  }

  // ---- Reading

  static constexpr std::uint64_t aligned_up(std::uint64_t address) { return (address + kWord - 1) & ~(kWord - 1); }

  // Considers all words of the stretch.
  template <class Act>
  void consider_stretch(Stretch stretch, std::uint32_t from, Act& act) {
    std::uint64_t at = aligned_up(stretch.start);
    const std::uint64_t end = stretch.end & ~(kWord - 1);
    while (at < end) {
      const Stretch used = source_.next_used({at, end});
      if (used.start >= used.end) return;
      for (at = used.start & ~(kWord - 1); at < used.end;) {
        if (const std::uint64_t missing = missing_words(source_, {at, used.end}, kWord); missing != 0) {
          unread_bytes_ += missing;
          at += missing;
          continue;
        }
        const std::uint64_t some = used.end - at < MarkRoom::kBytes ? used.end - at : MarkRoom::kBytes;
        room_.pieces[0] = {at, some};
        read(1);
        consider_all(room_.bytes, some, from, at, act);
        at += some;
      }
    }
  }

  // Considers all words of what lies at `location` in the process and at `bytes` here. Hardly any leads to a block:
  // what decides that is kept in registers, for four words at once.
  template <class Act>
  void consider_all(const char* bytes, std::uint64_t size, std::uint32_t from, std::uint64_t location, Act& act) {
    const BlockTable::Span span = table_.span();
    const auto word_at = [&](std::uint64_t at) {
      Word word;  // (std::memcpy is a call in the object, which is compiled without builtins)
      __builtin_memcpy(&word, bytes + at, sizeof word);
      return static_cast<std::uint64_t>(word);
    };
    const auto consider = [&](std::uint64_t at) {
      const std::uint64_t word = word_at(at);
      if (!span.has(word)) return;
      room_.pointers[pointers_++] = {word, location + at, {0, 0}, from, kNoBlock};
      if (pointers_ == MarkRoom::kPointers) settle(act);
    };
    std::uint64_t at = 0;
    for (; at + 4 * kWord <= size; at += 4 * kWord) {
      const unsigned any = unsigned{span.has(word_at(at))} | unsigned{span.has(word_at(at + kWord))} |
                           unsigned{span.has(word_at(at + 2 * kWord))} | unsigned{span.has(word_at(at + 3 * kWord))};
      for (unsigned i = 0; any != 0 && i < 4; ++i) consider(at + i * kWord);
    }
    for (; at + kWord <= size; at += kWord) consider(at);
  }

  // The pointers of a block of which they are known; false: they are not.
  template <class Act>
  bool consider_known(std::uint32_t from, Act& act) {
    return source_.known_pointers(from, [&](std::uint32_t to, std::uint64_t offset) {
      table_.prefetch(to);
      room_.pointers[pointers_++] = {offset, 0, {0, 0}, from, to};
      if (pointers_ == MarkRoom::kPointers) settle(act);
    });
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

  // ---- Blocks that are to be read

  // Where the way is to be a shortest one, what is found is read after all that was found before it. Else what lies
  // ahead is taken along.
  void push(std::uint32_t block) { room_.work[Observer::kWantsShortest ? 1 - now_ : now_].add(block); }

  // Reads all that is to be read, until there is none: act(to, word, from, location), see settle().
  template <class Act>
  void drain(Act& act) {
    for (;;) {
      if (room_.work[now_].is_empty()) {
        settle(act);
        if (room_.work[1 - now_].is_empty() && room_.work[now_].is_empty()) return;
        if (room_.work[now_].is_empty()) now_ = 1 - now_;
      }
      for (std::uint32_t next = 0; next != kNoBlock;) next = read_some_from(next, act);
    }
  }

  // Reads as many as there is room for; returns where to go on, kNoBlock: at the first again.
  template <class Act>
  std::uint32_t read_some_from(std::uint32_t next, Act& act) {
    unsigned count = 0, there = 0;
    std::uint64_t filled = 0;
    std::uint32_t block = kNoBlock;
    while (count < MarkRoom::kPieces && there < MarkRoom::kInPlace) {
      block = room_.work[now_].take_from(next);
      if (block == kNoBlock) break;
      next = block + 1;
      if (!Observer::kWantsShortest && consider_known(block, act)) continue;
      if (table_[block].has(HeapBlock::kNoPointers)) continue;
      const std::uint64_t bytes = table_[block].bytes_of_words(kWord);
      if (bytes > MarkRoom::kBytes - filled) {
        if (bytes <= MarkRoom::kBytes) room_.work[now_].add(next = block);  // the next time
        break;
      }
      if (bytes == 0) continue;
      if (const char* at = source_.in_place(table_[block].address, bytes)) {
        __builtin_prefetch(at);
        __builtin_prefetch(at + 64);
        room_.in_place[there] = {static_cast<std::uint64_t>(reinterpret_cast<std::uintptr_t>(at)), bytes};
        room_.owner_in_place[there++] = block;
        continue;
      }
      room_.owner[count] = block;
      room_.pieces[count++] = {table_[block].address, bytes};
      filled += bytes;
    }
    for (unsigned i = 0; i < there; ++i) {
      const auto at = static_cast<std::uintptr_t>(room_.in_place[i].address);
      const std::uint32_t from = room_.owner_in_place[i];
      consider_all(reinterpret_cast<const char*>(at), room_.in_place[i].bytes, from, table_[from].address, act);
    }
    if (count != 0) read_pieces(count, act);
    if (block == kNoBlock) return kNoBlock;
    if (const std::uint64_t bytes = table_[block].bytes_of_words(kWord); bytes > MarkRoom::kBytes) {
      consider_stretch({table_[block].address, table_[block].address + bytes}, block, act);
    }
    return next;
  }

  template <class Act>
  void read_pieces(unsigned count, Act& act) {
    read(count);
    const char* bytes = room_.bytes;
    for (unsigned i = 0; i < count; ++i) {
      const std::uint32_t from = room_.owner[i];
      const std::uint64_t size = table_[from].bytes_of_words(kWord);
      consider_all(bytes, size, from, table_[from].address, act);
      bytes += size;
    }
  }

  const BlockTable& table_;
  Source& source_;
  MeansWhole<Word, Source> means_whole_;
  Observer& observer_;
  MarkRoom& room_;
  unsigned pointers_ = 0;  // in the room, to be settled
  unsigned now_ = 0;       // which work list is read
  bool is_late_ = false;   // all that is held is known
  std::uint64_t unread_bytes_ = 0;
};

}  // namespace leakdir::reach
