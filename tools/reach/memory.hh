// SPDX-License-Identifier: BSL-1.0
//
// The memory of a process at one moment: of one that is stopped (live_memory.hh), or of one that is dead and left a
// core (core_file.hh). It is the Source of lib/shared/reach_mark.hh, which says what the functions are to do.

#pragma once

#include <algorithm>
#include <cstddef>
#include <cstdint>
#include <memory>
#include <string>

#include "reach_blocks.hh"
#include "reach_mark.hh"

namespace leakdir::tool {

class Memory {
 public:
  virtual ~Memory() = default;
  virtual std::size_t read(const reach::Piece* pieces, unsigned count, void* into) = 0;
  virtual reach::Stretch next_used(reach::Stretch within) = 0;
  virtual std::uint64_t missing_at(reach::Stretch) { return 0; }
  // Another reader of the same memory, for another thread; null: there can be none.
  virtual std::unique_ptr<Memory> another() const { return nullptr; }
  // Whether it is of a machine with the other byte order: read() gives bytes as they are, the others give numbers.
  virtual bool is_of_other_order() const { return false; }
  template <class Number>
  Number in_order(Number number) const {
    if (!is_of_other_order()) return number;
    char* const bytes = reinterpret_cast<char*>(&number);
    std::reverse(bytes, bytes + sizeof number);
    return number;
  }

  // Whether read() turns each word of it round, so that its numbers have this machine's order.
  virtual bool turns_words() const { return false; }

  // Nothing of it lies in this process.
  const char* in_place(std::uint64_t, std::uint64_t) const { return nullptr; }

  // All of it, or false.
  bool read_all(std::uint64_t address, void* into, std::size_t bytes) {
    const reach::Piece piece = {address, bytes};
    return read(&piece, 1, into) == bytes;
  }

  // A word of 4 or 8 bytes; 0 where there is none.
  std::uint64_t word(std::uint64_t address, unsigned pointer_bytes) {
    std::uint64_t eight = 0;
    std::uint32_t four = 0;
    if (pointer_bytes == 8) return read_all(address, &eight, sizeof eight) ? in_order(eight) : 0;
    return read_all(address, &four, sizeof four) ? in_order(four) : 0;
  }

  // A zero-terminated text; what there is of it where it is cut short.
  std::string text(std::uint64_t address, std::size_t limit = 4096) {
    std::string text;
    for (char c = 0; text.size() < limit && read_all(address, &c, 1) && c != '\0'; ++address) text += c;
    return text;
  }
};

}  // namespace leakdir::tool
