// SPDX-License-Identifier: BSL-1.0
//
// Which of leakdir's hooks a program or library has, and which of its code is leakdir's own: read from the notes that
// lib/shared/mark.h specifies, and from nothing else.

#pragma once

#include <cstdint>
#include <vector>

#include "elf_file.hh"
#include "mark.h"

namespace leakdir::tool {

struct FoundMark {
  MarkKind kind;
  std::uint64_t begin = 0, end = 0;  // link-time addresses of leakdir's code; begin is 0 where the mark says nothing

  bool covers(std::uint64_t address) const { return begin != 0 && address >= begin && address < end; }
};

std::vector<FoundMark> marks_of(const ElfProgram& file);

bool has_mark(const std::vector<FoundMark>& marks, MarkKind kind);

}  // namespace leakdir::tool
