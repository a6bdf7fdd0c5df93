// SPDX-License-Identifier: BSL-1.0
//
// Lost or held, part 2: the mappings of a process, as /proc/PID/maps names them.

#pragma once

#include <cstddef>
#include <cstdint>

#include "reach_blocks.hh"

namespace leakdir::reach {

struct Mapping {
  std::uint64_t start, end;
  std::uint32_t flags;

  static constexpr std::uint32_t kRead = 1, kWrite = 2, kExecute = 4, kShared = 8;
  static constexpr std::uint32_t kFile = 16;     // of a file, or a device
  static constexpr std::uint32_t kDevice = 32;   // to read it may do something: never read
  static constexpr std::uint32_t kHeap = 64;     // [heap], what brk gave
  static constexpr std::uint32_t kStack = 128;   // [stack], of the first thread
  static constexpr std::uint32_t kKernel = 256;  // [vdso] and its kin
  bool has(std::uint32_t flag) const { return (flags & flag) != 0; }
};

// By a page's word of /proc/PID/pagemap (Linux 3.5): whether it may hold a pointer. A page of a private mapping that
// was never written is zeros or the file's; one of a shared mapping that is not in this process's memory was not
// written by it, as far as it can be known.
inline bool may_hold_pointers(std::uint64_t pagemap_word, bool is_shared) {
  const bool is_present = (pagemap_word >> 63 & 1) != 0, is_swapped = (pagemap_word >> 62 & 1) != 0;
  const bool is_of_file = (pagemap_word >> 61 & 1) != 0;
  return is_shared ? is_present || is_swapped : is_swapped || (is_present && !is_of_file);
}

// Sorted by address, as the kernel gives them.
struct Mappings {
  const Mapping* first = nullptr;
  std::size_t count = 0;

  const Mapping* find(std::uint64_t address) const {
    std::size_t low = 0, high = count;
    while (low < high) {
      const std::size_t middle = low + (high - low) / 2;
      if (first[middle].end <= address) {
        low = middle + 1;
      } else {
        high = middle;
      }
    }
    return low < count && first[low].start <= address ? first + low : nullptr;
  }
};

// Reads one line, "start-end rwxp offset device inode   path", which ends before `end`. False: it is none.
inline bool parse_mapping(const char* line, const char* end, Mapping* into) {
  const auto number = [&](char stop, std::uint64_t* value) {
    const char* const begin = line;
    for (*value = 0; line < end && *line != stop; ++line) {
      const char c = *line;
      const int digit = c >= '0' && c <= '9' ? c - '0' : c >= 'a' && c <= 'f' ? c - 'a' + 10 : -1;
      if (digit < 0) return false;
      *value = *value << 4 | static_cast<unsigned>(digit);
    }
    return line > begin && line++ < end;
  };
  std::uint64_t offset = 0, major = 0, minor = 0;
  if (!number('-', &into->start) || !number(' ', &into->end) || end - line < 5) return false;
  // (qemu's user mode 5.2 writes no s, and a dash for it.)
  into->flags = (line[0] == 'r' ? Mapping::kRead : 0) | (line[1] == 'w' ? Mapping::kWrite : 0) |
                (line[2] == 'x' ? Mapping::kExecute : 0) | (line[3] != 'p' ? Mapping::kShared : 0);
  line += 5;
  if (!number(' ', &offset) || !number(':', &major) || !number(' ', &minor)) return false;
  while (line < end && *line >= '0' && *line <= '9') ++line;  // the inode
  while (line < end && *line == ' ') ++line;
  const auto is_path = [&](const char* text, bool whole) {
    const char* at = line;
    for (; *text != '\0'; ++text, ++at) {
      if (at == end || *at != *text) return false;
    }
    return !whole || at == end;
  };
  if (is_path("/", false)) into->flags |= Mapping::kFile;
  if (line < end && *line != '/' && *line != '[') into->flags |= Mapping::kDevice;  // anon_inode:, socket:
  if (is_path("/dev/", false) && !is_path("/dev/shm/", false) && !is_path("/dev/zero", false)) {
    into->flags |= Mapping::kDevice;
  }
  if (is_path("[heap]", true)) into->flags |= Mapping::kHeap;
  if (is_path("[stack]", true)) into->flags |= Mapping::kStack;
  if (is_path("[v", false) || is_path("[sigpage]", true) || is_path("[uprobes]", true)) into->flags |= Mapping::kKernel;
  return into->start < into->end;
}

}  // namespace leakdir::reach
