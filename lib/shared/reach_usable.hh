// SPDX-License-Identifier: BSL-1.0
//
// Lost or held, part 8: a program that asks how much of a block it may use (malloc_usable_size) may keep its pointers
// behind the end that it asked for, up to where glibc's chunk ends (its size is the word before the block; the last
// word that may be used is the first of the next chunk). Of a program that never asks, what lies there is of earlier
// blocks.
//
// That size is the program's to overwrite, and a core may be older than the ledger: what is no size of a chunk for the
// block, or would reach into the chunk of the next block, is left aside. A chunk is never longer by more than the least
// chunk, but where glibc 2.42 was told (tcache_max) to keep large ones: such a rest is not looked at.

#pragma once

#include "reach_blocks.hh"
#include "reach_mark.hh"

namespace leakdir::reach {

// `behind`: where the next block is.
template <class Word>
void end_with_chunk(HeapBlock& block, Word size, std::uint64_t behind) {
  constexpr Word kMapped = 2, kFlags = 7;  // one that is mapped by itself ends within what is a root
  const Word bytes = size & ~kFlags;
  if ((size & kMapped) != 0 || bytes % (2 * sizeof(Word)) != 0 || bytes < 4 * sizeof(Word)) return;
  const std::uint64_t end = block.address + bytes - sizeof(Word);
  if (end <= behind - sizeof(Word)) block.end_at(end);
}

// Before the table of the blocks is built. `room` is used meanwhile.
template <class Word, class Source>
void end_blocks_with_chunks(HeapBlock* blocks, std::uint32_t count, Source& source, MarkRoom& room) {
  constexpr std::uint64_t kWord = sizeof(Word);
  Word* const sizes = reinterpret_cast<Word*>(room.bytes);
  std::uint32_t waiting = 0;
  const auto end_block = [&](std::uint32_t i, Word size) {
    end_with_chunk(blocks[i], size, i + 1 < count ? blocks[i + 1].address : ~std::uint64_t{0});
  };
  const auto read_all = [&] {
    for (std::uint32_t done = 0; done < waiting; ++done) {  // one that cannot be read is left aside
      const auto got = static_cast<std::uint32_t>(source.read(room.pieces + done, waiting - done, sizes) / kWord);
      for (std::uint32_t i = 0; i < got; ++i) end_block(room.owner[done + i], sizes[i]);
      done += got;
    }
    waiting = 0;
  };
  for (std::uint32_t i = 0; i < count; ++i) {
    const std::uint64_t address = blocks[i].address - kWord;
    if (const char* const there = source.in_place(address, kWord)) {
      Word size;
      __builtin_memcpy(&size, there, kWord);
      end_block(i, size);
      continue;
    }
    room.pieces[waiting] = {address, kWord};
    room.owner[waiting++] = i;
    if (waiting == MarkRoom::kPieces) read_all();
  }
  read_all();
}

}  // namespace leakdir::reach
