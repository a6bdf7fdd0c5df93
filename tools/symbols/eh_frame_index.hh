// SPDX-License-Identifier: BSL-1.0
//
// The index of unwind tables (.eh_frame_hdr), as it is read while the program runs: it may lead to entries wherever
// they lie. libdw looks in the section .eh_frame alone; where BOLT has moved code, entries of what stayed are
// elsewhere. Into a static program it puts an index, and no segment that leads there; leakdir makes one at run time
// from all tables.

#pragma once

#include <cstdint>
#include <string_view>

#include "elf_file.hh"

namespace leakdir::tool {

class EhFrameIndex {
 public:
  // Knows the form that all linkers write; of another one, and of the other byte order, it knows nothing.
  explicit EhFrameIndex(const ElfProgram& file);

  bool covers(std::uint64_t address) const;

 private:
  bool read(std::uint64_t address, std::uint64_t bytes);  // whether an index of that form is there
  // What entry `number` of the table says, as a link-time address: where the code begins, where its table entry is.
  std::uint64_t word_at(std::size_t number, std::size_t which) const;

  const ElfProgram& file_;
  std::uint64_t start_ = 0;  // of the index
  std::string_view table_;   // pairs of words, sorted
};

}  // namespace leakdir::tool
