// SPDX-License-Identifier: BSL-1.0
//
// What indexes of unwind tables have in common: pairs of words of this machine's byte order, sorted by where code
// begins.

#pragma once

#include <cstddef>
#include <cstdint>

#include "elf_file.hh"

namespace leakdir::tool {

inline constexpr std::size_t kIndexWord = 4, kIndexPair = 2 * kIndexWord;

inline bool has_our_byte_order(const ElfProgram& file) {
  constexpr bool kIsLittle = __BYTE_ORDER__ == __ORDER_LITTLE_ENDIAN__;
  return file.header().e_ident[EI_DATA] == (kIsLittle ? ELFDATA2LSB : ELFDATA2MSB);
}

// How many of `count` entries begin at or before the address; `begin_of(number)` says where one begins.
template <class BeginOf>
std::size_t entries_up_to(std::uint64_t address, std::size_t count, BeginOf begin_of) {
  std::size_t low = 0, high = count;
  while (low < high) {
    const std::size_t middle = low + (high - low) / 2;
    if (begin_of(middle) <= address)
      low = middle + 1;
    else
      high = middle;
  }
  return low;
}

}  // namespace leakdir::tool
