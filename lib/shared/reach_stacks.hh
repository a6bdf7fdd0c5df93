// SPDX-License-Identifier: BSL-1.0
//
// Lost or held, part 7: the stacks of threads, as glibc knows them, and stacks that are parts of others. What it keeps
// of a thread (struct pthread) lies at the thread pointer, or below it; on x86 it begins with two pointers to itself,
// the first and the third word. In it stand the start and the size of the thread's stack, one after the other, at a
// place that differs between releases. A stack whose thread has ended is kept for the next one: what lies in it is no
// root. Nor is what glibc keeps of that thread, once nobody can ask for its result any more.

#pragma once

#include <cstring>

#include "reach_blocks.hh"
#include "reach_maps.hh"
#include "reach_mark.hh"

namespace leakdir::reach {

inline constexpr std::uint64_t kMostOfThread = 4096;  // struct pthread is shorter, on every machine
inline constexpr std::uint64_t kSmallestStack = 16 << 10;

// A word of `bytes` bytes, in this machine's order.
inline std::uint64_t word_at(const char* from, std::uint64_t bytes) {
  std::uint64_t eight = 0;
  std::uint32_t four = 0;
  if (bytes == 8) {
    __builtin_memcpy(&eight, from, 8);
    return eight;
  }
  __builtin_memcpy(&four, from, 4);
  return four;
}

// The stack that the words from `from` on tell of, in which both `first` and `second` lie; empty: they tell of none.
// `room`: kMostOfThread bytes.
template <class Source>
Stretch stack_told_at(Source& source, std::uint64_t word_bytes, char* room, std::uint64_t from, std::uint64_t first,
                      std::uint64_t second) {
  constexpr std::uint64_t kPage = 4096;
  const Piece piece = {from, kMostOfThread};
  const std::uint64_t got = source.read(&piece, 1, room);
  for (std::uint64_t at = 0; at + 2 * word_bytes <= got; at += word_bytes) {
    const std::uint64_t start = word_at(room + at, word_bytes), size = word_at(room + at + word_bytes, word_bytes);
    if (start == 0 || start % kPage != 0 || size < kSmallestStack || size % kPage != 0) continue;
    if (first - start < size && second - start < size) return {start, start + size};
  }
  return {0, 0};
}

// Stacks that are parts of others: an array in a frame that was given to sigaltstack or to makecontext. While a thread
// runs on it, frames that are in use lie below its stack pointer, too. What was given (stack_t: start, flags, size)
// stands in a context (ucontext_t) then, which lies in the outer stack, where the kernel has put it for a signal's
// handler or where it is a variable of the same frame, or in data. Where it has the stack pointer and the code address
// of what waits, or of what was begun with, is told by the processor: so many bytes behind the stack_t. 0: not known.
// On x86 it leads to the state of the x87 unit, too, whose first word can be told: words that nobody uses any more
// often look like the rest.
struct ContextLayout {
  std::uint64_t stack_pointer, code, x87;
};
inline constexpr std::uint64_t kSmallestPart = 2048;  // less than that the kernel does not take
inline ContextLayout context_layout(unsigned machine) {
  constexpr unsigned k386 = 3, kX86_64 = 62, kArm64 = 183;  // e_machine
  switch (machine) {
    case k386:
      return {40, 68, 88};
    case kX86_64:
      return {144, 152, 208};
    case kArm64:
      return {416, 424, 0};
    default:
      return {0, 0, 0};
  }
}

// A process and its memory.
template <class Source>
struct ContextSearch {
  Source& source;
  const Mappings& mappings;
  std::uint64_t word_bytes;
  ContextLayout layout;
  char* room;  // kMostOfThread bytes

  // Calls visit(stretch) for each stack that a context in `within` tells of, and that begins in `among`.
  template <class Visit>
  void look(Stretch within, Stretch among, Visit visit) {
    if (layout.code == 0) return;
    const std::uint64_t told = 3 * word_bytes;
    std::uint64_t at = (within.start + word_bytes - 1) / word_bytes * word_bytes;
    while (at + told <= within.end) {
      const Stretch used = source.next_used({at, within.end});
      if (used.start >= used.end) return;
      if (used.start > at) at = used.start / word_bytes * word_bytes;
      if (const std::uint64_t missing = missing_words(source, {at, within.end}, word_bytes); missing != 0) {
        at += missing;
        continue;
      }
      const Piece piece = {at, within.end - at < kMostOfThread ? within.end - at : kMostOfThread};
      const std::uint64_t got = source.read(&piece, 1, room);
      if (got < told) {
        at = (at | 4095) + 1;
        continue;
      }
      std::uint64_t i = 0;
      for (; i + told <= got; i += word_bytes) {
        const std::uint64_t start = word_at(room + i, word_bytes);
        if (start - among.start >= among.end - among.start) continue;
        const std::uint64_t size = word_at(room + i + 2 * word_bytes, word_bytes);
        if (size >= kSmallestPart && size < among.end - start && is_context(at + i, among))
          visit(Stretch{start, start + size});
      }
      at += i;
    }
  }

  // The same for all data of modules. What is told may begin in one mapping and end in the next: data that was in the
  // file and data that was not.
  template <class Visit>
  void look_in_data(Stretch among, Visit visit) {
    constexpr std::uint64_t kLargestData = 64 << 20;
    constexpr std::uint32_t kData = Mapping::kRead | Mapping::kWrite;
    constexpr std::uint32_t kNone = Mapping::kShared | Mapping::kDevice | Mapping::kHeap | Mapping::kStack;
    for (std::size_t i = 0; i < mappings.count; ++i) {
      const Mapping& mapping = mappings.first[i];
      const bool follows_file =
          i > 0 && mappings.first[i - 1].has(Mapping::kFile) && mappings.first[i - 1].end == mapping.start;
      if ((mapping.flags & (kData | kNone)) != kData || !(mapping.has(Mapping::kFile) || follows_file)) continue;
      const bool goes_on = i + 1 < mappings.count && mapping.end == mappings.first[i + 1].start &&
                           (mappings.first[i + 1].flags & kData) == kData;
      const std::uint64_t end = mapping.end + (goes_on ? 2 * word_bytes : 0);
      if (mapping.end - mapping.start <= kLargestData) look({mapping.start, end}, among, visit);
    }
  }

 private:
  bool is_context(std::uint64_t at, Stretch among) {
    char word[8];
    const auto word_behind = [&](std::uint64_t offset) {
      const Piece piece = {at + offset, word_bytes};
      return source.read(&piece, 1, word) == word_bytes ? word_at(word, word_bytes) : 0;
    };
    const std::uint64_t pointer = word_behind(layout.stack_pointer);
    if (pointer - among.start >= among.end - among.start) return false;
    const Mapping* const code = mappings.find(word_behind(layout.code));
    return code != nullptr && code->has(Mapping::kExecute) && (layout.x87 == 0 || is_x87(word_behind(layout.x87)));
  }

  // Its control word: a bit that is always set, and some that never are. What cannot be read says nothing.
  bool is_x87(std::uint64_t address) {
    constexpr std::uint16_t kNever = 0xe000, kAlways = 0x40;
    std::uint16_t control = kAlways;
    const Piece piece = {address, sizeof control};
    if (source.read(&piece, 1, &control) != sizeof control) return address != 0 && mappings.find(address) != nullptr;
    return (control & (kNever | kAlways)) == kAlways;
  }
};

// Whether a thread with this stack pointer runs on `told`, which is a part of its stack, and not on all of it.
inline bool is_on_part(Stretch told, Stretch stack, std::uint64_t sp) {
  return told.start > stack.start && told.end <= stack.end && sp - told.start < told.end - told.start;
}

// What x86 has of a thread behind its header: its links in glibc's list of such stacks, then its number (int).
inline std::uint64_t offset_of_links(std::uint64_t word_bytes) { return word_bytes == 8 ? 704 : 96; }

// Whether a thread is in a list of glibc's. One that ran on memory of the program is in none after it has been joined,
// and that memory is the program's again. (What cannot be read, as in a core that is cut short, says nothing.)
template <class Source>
bool is_linked(Source& source, std::uint64_t word_bytes, std::uint64_t links, const char* there) {
  const Piece back = {word_at(there, word_bytes) + word_bytes, word_bytes};
  const Piece forth = {word_at(there + word_bytes, word_bytes), word_bytes};
  for (const Piece& piece : {back, forth}) {
    char word[8];
    if (source.read(&piece, 1, word) == word_bytes && word_at(word, word_bytes) != links) return false;
  }
  return true;
}

// Of a thread that has ended: whether nobody can ask for what it returned. `there`: what glibc keeps of it from its
// links on. Whose stack was given back has a bit that says so. Of 32 bits that bit lies elsewhere in each glibc;
// until 2.42 a joined thread has the number -1, and a detached one points to itself, where another has who waits for
// it: right behind a lock and a futex (the argument of its function, which may be anything, is behind a function).
inline bool is_joined_or_detached(std::uint64_t word_bytes, const char* there, std::uint64_t bytes,
                                  std::uint64_t thread) {
  constexpr std::uint32_t kJoined = 0xffffffff, kMostOfLock = 2;
  constexpr std::uint32_t kTerminated = 32;         // in glibc's words: TERMINATED_BITMASK of cancelhandling
  constexpr std::uint64_t kStateBehindNumber = 56;  // since glibc 2.4
  const auto int_at = [&](std::uint64_t at) { return static_cast<std::uint32_t>(word_at(there + at, 4)); };
  const std::uint64_t number = 2 * word_bytes;
  if (word_bytes == 8 && (int_at(number + kStateBehindNumber) & kTerminated) != 0) return true;
  if (int_at(number) == kJoined) return true;
  for (std::uint64_t at = number + 16; at + word_bytes <= bytes; at += word_bytes) {
    // The futex is 0, 1, -1 or -2.
    const bool is_behind_lock = int_at(at - 8) <= kMostOfLock && int_at(at - 4) + 2 <= 3;
    if (is_behind_lock && word_at(there + at, word_bytes) == thread) return true;
  }
  return false;
}

// A thread that has ended, on a stack of glibc's.
struct EndedThread {
  Stretch no_root;      // all of the stack, or, while the result can be asked for, what lies below what glibc keeps
  std::uint64_t table;  // the block with the table of its thread-local data; 0: none
  bool is_kept;         // it was neither joined nor detached
};

// On x86 what glibc keeps of a thread begins so. `there`: what lies at that address.
inline bool begins_thread(std::uint64_t word_bytes, const char* there, std::uint64_t address) {
  return word_at(there, word_bytes) == address && word_at(there + 2 * word_bytes, word_bytes) == address;
}

// Calls visit(EndedThread) for the threads that have ended on the stacks of glibc's at the mapping's end. That is one
// stack, or, since glibc 2.42, all that were mapped one below the other: a guard that Linux 6.13 and later puts into a
// stack is no mapping of its own. `is_in_use(thread pointer)`. `room`: kMostOfThread bytes.
template <class Source, class InUse, class Visit>
void for_each_ended_thread_on(Source& source, std::uint64_t word_bytes, char* room, const Mapping& mapping,
                              InUse is_in_use, Visit visit) {
  constexpr std::uint32_t kNeeded = Mapping::kRead | Mapping::kWrite;
  constexpr std::uint32_t kNone =
      Mapping::kShared | Mapping::kFile | Mapping::kHeap | Mapping::kStack | Mapping::kKernel;
  if ((mapping.flags & (kNeeded | kNone)) != kNeeded) return;
  const std::uint64_t links = offset_of_links(word_bytes), most = kMostOfThread - links - 4 * word_bytes + 1;
  std::uint64_t end = mapping.end;
  while (end > mapping.start && end - mapping.start >= kSmallestStack - kMostOfThread) {
    const std::uint64_t last = end - kMostOfThread;
    const Stretch used = source.next_used({last, end});
    const Piece piece = {last, kMostOfThread};
    if (used.start >= used.end || source.read(&piece, 1, room) != kMostOfThread) return;
    std::uint64_t at = 0;
    while (at < most && !begins_thread(word_bytes, room + at, last + at)) at += 64;
    if (at >= most) return;
    const std::uint64_t thread = last + at;
    const char* const there = room + at + links;
    const bool has_left = !is_in_use(thread) && is_linked(source, word_bytes, thread + links, there);
    const bool is_over = is_joined_or_detached(word_bytes, there, kMostOfThread - at - links, thread);
    const bool has_ended = word_at(there + 2 * word_bytes, 4) == 0;
    // Two words into the block that it has for it.
    const std::uint64_t table = word_at(room + at + word_bytes, word_bytes) - 2 * word_bytes;
    const Stretch stack = stack_told_at(source, word_bytes, room, thread, thread, thread);
    if (stack.start == 0 || stack.end != end) return;
    const std::uint64_t start = stack.start > mapping.start ? stack.start : mapping.start;
    if (has_left) visit(EndedThread{{start, is_over ? end : thread}, table, has_ended && !is_over});
    end = start;
  }
}

// A thread's variables (TLS) of libraries that were opened lie in blocks that glibc makes at their first use, and frees
// with the thread's stack, not with the thread: what they hold when it has ended is held no more. `table`: of
// EndedThread; of each module two words, where its variables are and which block they lie in. `room`: kMostOfThread
// bytes.
template <class Source>
void forget_variables(Source& source, std::uint64_t word_bytes, char* room, std::uint64_t table,
                      const BlockTable& blocks) {
  const auto block_at = [&](std::uint64_t address) {
    const std::uint32_t i = blocks.find(address);
    return i != kNoBlock && blocks[i].address == address ? i : kNoBlock;
  };
  const auto forget = [&](std::uint32_t i) {
    if (blocks[i].has(HeapBlock::kRoot)) blocks[i].set(HeapBlock::kNoPointers);
  };
  const std::uint32_t of_table = table == 0 ? kNoBlock : block_at(table);
  if (of_table == kNoBlock) return;
  const std::uint64_t end = blocks[of_table].end(), entry = 2 * word_bytes;
  for (std::uint64_t at = table; at + entry <= end;) {
    const Piece piece = {at, end - at < kMostOfThread ? end - at : kMostOfThread};
    if (source.read(&piece, 1, room) != piece.bytes) break;
    for (std::uint64_t i = 0; i + entry <= piece.bytes; i += entry, at += entry) {
      const std::uint64_t variables = word_at(room + i, word_bytes), start = word_at(room + i + word_bytes, word_bytes);
      const std::uint32_t block = start == 0 ? kNoBlock : block_at(start);
      if (block != kNoBlock && variables - start < blocks[block].end() - start) forget(block);
    }
  }
  forget(of_table);
}

}  // namespace leakdir::reach
