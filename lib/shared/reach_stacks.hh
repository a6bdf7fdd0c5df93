// SPDX-License-Identifier: BSL-1.0
//
// Lost or held, part 7: the stacks of threads, as glibc knows them. What it keeps of a thread (struct pthread) lies at
// the thread pointer, or below it; on x86 it begins with two pointers to itself, the first and the third word. In it
// stand the start and the size of the thread's stack, one after the other, at a place that differs between releases. A
// stack whose thread has ended is kept for the next one: what lies in it is no root.

#pragma once

#include <cstring>

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

// Where the mapping is the stack of a thread that has ended, what lies below that which glibc keeps of it; else empty.
// `is_in_use(thread pointer)`. `room`: kMostOfThread bytes.
template <class Source, class InUse>
Stretch stack_of_ended_thread(Source& source, std::uint64_t word_bytes, char* room, const Mapping& mapping,
                              InUse is_in_use) {
  constexpr std::uint32_t kNeeded = Mapping::kRead | Mapping::kWrite;
  constexpr std::uint32_t kNone =
      Mapping::kShared | Mapping::kFile | Mapping::kHeap | Mapping::kStack | Mapping::kKernel;
  if ((mapping.flags & (kNeeded | kNone)) != kNeeded || mapping.end - mapping.start < kSmallestStack - kMostOfThread)
    return {0, 0};
  const std::uint64_t last = mapping.end - kMostOfThread;
  const Stretch used = source.next_used({last, mapping.end});
  const Piece piece = {last, kMostOfThread};
  if (used.start >= used.end || source.read(&piece, 1, room) != kMostOfThread) return {0, 0};
  for (std::uint64_t at = 0; at + 4 * word_bytes <= kMostOfThread; at += 64) {
    const std::uint64_t thread = last + at;
    if (word_at(room + at, word_bytes) != thread || word_at(room + at + 2 * word_bytes, word_bytes) != thread) continue;
    const Stretch stack = stack_told_at(source, word_bytes, room, thread, thread, thread);
    const bool is_it = stack.start != 0 && stack.end == mapping.end && stack.start <= mapping.start;
    return is_it && !is_in_use(thread) ? Stretch{mapping.start, thread} : Stretch{0, 0};
  }
  return {0, 0};
}

}  // namespace leakdir::reach
