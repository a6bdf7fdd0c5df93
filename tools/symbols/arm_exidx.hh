// SPDX-License-Identifier: BSL-1.0
//
// The index of 32-bit ARM's unwind tables (.ARM.exidx). It has an entry for all code: where a compiler made no table
// the linker says there that none can be followed.

#pragma once

#include <cstdint>
#include <string_view>

#include "elf_file.hh"

namespace leakdir::tool {

class ArmExidx {
 public:
  // Of the other byte order it knows nothing.
  explicit ArmExidx(const ElfProgram& file);

  bool covers(std::uint64_t address) const;

 private:
  std::uint32_t word_at(std::size_t number, std::size_t which) const;
  std::uint64_t begin_of(std::size_t number) const;  // where the code of entry `number` begins

  std::uint64_t start_ = 0;
  std::string_view table_;  // pairs of words, sorted
};

}  // namespace leakdir::tool
