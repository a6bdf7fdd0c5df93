// SPDX-License-Identifier: BSL-1.0
//
// Unwind tables (.eh_frame) of a program whose file has neither section headers nor an index that lead to them: a plain
// static one that was linked with -z nosectionheader. While it runs they are found all the same.

#pragma once

#include "elf_file.hh"

namespace leakdir::tool {

// Whether one of its segments has a table, from the first entry to the word that ends it.
bool has_eh_frame_table(const ElfProgram& file);

}  // namespace leakdir::tool
