// SPDX-License-Identifier: BSL-1.0
//
// glibc keeps what it knows of a thread (struct pthread) at the thread pointer; on x86 it begins with two pointers to
// itself, the first and the third word. In it stand the start and the size of the thread's stack, one after the other,
// at a place that differs between releases. On the other machines it lies below the thread pointer.

#include "roots.hh"

#include <algorithm>
#include <unordered_set>

#include "ledger.hh"

namespace leakdir::tool {

namespace {

constexpr std::uint64_t kOfThread = 4096;  // struct pthread is shorter, on every machine
constexpr std::uint64_t kPage = 4096;
constexpr std::uint64_t kSmallestStack = 16 << 10;

std::uint64_t in_table(const std::vector<char>& bytes, std::size_t at, unsigned pointer_bytes) {
  std::uint64_t eight = 0;
  std::uint32_t four = 0;
  if (pointer_bytes == 8) {
    std::copy_n(bytes.data() + at, 8, reinterpret_cast<char*>(&eight));
    return eight;
  }
  std::copy_n(bytes.data() + at, 4, reinterpret_cast<char*>(&four));
  return four;
}

// The stack that the words from `from` on tell of, in which both `first` and `second` lie.
reach::Stretch stack_told_at(const StillProcess& process, std::uint64_t from, std::uint64_t first,
                             std::uint64_t second) {
  const unsigned bytes = process.ledger.header().pointer_bytes;
  std::vector<char> words(kOfThread);
  const reach::Piece piece = {from, words.size()};
  words.resize(process.memory.read(&piece, 1, words.data()));
  for (std::size_t at = 0; at + 2 * bytes <= words.size(); at += bytes) {
    const std::uint64_t start = in_table(words, at, bytes), size = in_table(words, at + bytes, bytes);
    if (start == 0 || start % kPage != 0 || size < kSmallestStack || size % kPage != 0) continue;
    if (first - start < size && second - start < size) return {start, start + size};
  }
  return {0, 0};
}

}  // namespace

std::vector<reach::Stretch> own_memory_of(const StillProcess& process) {
  std::vector<reach::Stretch> own;
  const std::uint64_t table = process.ledger.header().own_memory;
  if (table == 0) return own;
  std::vector<ledger::OwnMemory> entries(kPage / sizeof(ledger::OwnMemory));
  for (std::uint64_t at = 0; at < ledger::kMostOwnMemory * sizeof(ledger::OwnMemory); at += kPage) {
    if (!process.memory.read_all(table + at, entries.data(), kPage)) break;
    bool is_empty = true;
    for (const auto& entry : entries) {
      is_empty &= entry.start == 0 && entry.end == 0;
      if (entry.start < entry.end) own.push_back({entry.start, entry.end});
    }
    if (is_empty) break;
  }
  std::sort(own.begin(), own.end(), [](const auto& a, const auto& b) { return a.start < b.start; });
  return own;
}

bool is_in(const std::vector<reach::Stretch>& sorted, std::uint64_t address) {
  auto after =
      std::upper_bound(sorted.begin(), sorted.end(), address,
                       [](std::uint64_t value, const reach::Stretch& stretch) { return value < stretch.start; });
  return after != sorted.begin() && address < std::prev(after)->end;
}

reach::Stretch stack_of(const StillProcess& process, const Registers& registers) {
  const reach::Mappings mappings = {process.mappings.data(), process.mappings.size()};
  const reach::Mapping* mapping = mappings.find(registers.stack);
  if (mapping == nullptr) return {0, 0};
  if (mapping->has(reach::Mapping::kStack)) return {mapping->start, mapping->end};
  const std::uint64_t thread = registers.thread;
  if (thread <= kOfThread) return {0, 0};
  const reach::Stretch stack = stack_told_at(process, thread, registers.stack, thread);
  return stack.start != 0 ? stack : stack_told_at(process, thread - kOfThread, registers.stack, thread);
}

reach::Stretch unused_part_of_stack(const StillProcess& process, const Registers& registers) {
  const reach::Stretch stack = stack_of(process, registers);
  const std::uint64_t end = registers.stack - registers.red_zone;
  return stack.start == 0 || end <= stack.start ? reach::Stretch{0, 0} : reach::Stretch{stack.start, end};
}

std::vector<reach::Stretch> unused_stacks(const StillProcess& process) {
  std::vector<reach::Stretch> stacks;
  const unsigned bytes = process.ledger.header().pointer_bytes;
  std::unordered_set<std::uint64_t> in_use;
  for (const auto& thread : process.threads) {
    if (thread.registers.thread == 0) return stacks;  // who knows whose they are
    in_use.insert(thread.registers.thread);
  }
  constexpr std::uint32_t kNeeded = reach::Mapping::kRead | reach::Mapping::kWrite;
  constexpr std::uint32_t kNone = reach::Mapping::kShared | reach::Mapping::kFile | reach::Mapping::kHeap |
                                  reach::Mapping::kStack | reach::Mapping::kKernel;
  std::vector<char> words(kPage);
  for (const auto& mapping : process.mappings) {
    if ((mapping.flags & (kNeeded | kNone)) != kNeeded || mapping.end - mapping.start < kSmallestStack - kPage)
      continue;
    const std::uint64_t last = mapping.end - kPage;
    const reach::Stretch used = process.memory.next_used({last, mapping.end});
    if (used.start >= used.end || !process.memory.read_all(last, words.data(), kPage)) continue;
    for (std::uint64_t at = 0; at + 4 * bytes <= kPage; at += 64) {
      const std::uint64_t thread = last + at;
      if (in_table(words, at, bytes) != thread || in_table(words, at + 2 * bytes, bytes) != thread) continue;
      const reach::Stretch stack = stack_told_at(process, thread, thread, thread);
      if (stack.start != 0 && stack.end == mapping.end && stack.start <= mapping.start && in_use.count(thread) == 0)
        stacks.push_back({mapping.start, thread});
      break;
    }
  }
  return stacks;
}

}  // namespace leakdir::tool
