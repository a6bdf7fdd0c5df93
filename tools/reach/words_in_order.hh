// SPDX-License-Identifier: BSL-1.0
//
// The memory of a process of the other byte order, as a search for pointers wants it: each word of it, at a multiple of
// its size, has this machine's order. What is no such word (text, numbers of other sizes) is to be read elsewhere.

#pragma once

#include <cstdint>

#include "memory.hh"

namespace leakdir::tool {

class WordsInOrder : public Memory {
 public:
  WordsInOrder(Memory& memory, unsigned pointer_bytes) : memory_(memory), word_(pointer_bytes) {}

  std::size_t read(const reach::Piece* pieces, unsigned count, void* into) override;
  reach::Stretch next_used(reach::Stretch within) override { return memory_.next_used(within); }
  bool turns_words() const override { return true; }
  std::uint64_t missing_at(reach::Stretch within) override { return memory_.missing_at(within); }

 private:
  std::size_t read_piece(const reach::Piece& piece, char* into);

  Memory& memory_;
  const std::uint64_t word_;
};

}  // namespace leakdir::tool
