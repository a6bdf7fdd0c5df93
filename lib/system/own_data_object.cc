// SPDX-License-Identifier: BSL-1.0
//
// Of the object: all that its parts have between mark_first.cc and mark_last.cc, in each section that they write to.

#include <cstddef>

#include "base.hh"
#include "own_data.hh"
#include "own_memory.hh"

#define SECTION_OF_OURS(name)                        \
  extern "C" LEAKDIR_OURS const char name##_begin[]; \
  extern "C" LEAKDIR_OURS const char name##_end[];
SECTION_OF_OURS(leakdir_data)
SECTION_OF_OURS(leakdir_data_with_addresses)
SECTION_OF_OURS(leakdir_zeros)
SECTION_OF_OURS(leakdir_large)

namespace leakdir {
namespace {

void is_own(const char* begin, const char* end) { data_are_own(begin, static_cast<std::size_t>(end - begin)); }

}  // namespace

void own_data_is_known() {
  is_own(leakdir_data_begin, leakdir_data_end);
  is_own(leakdir_data_with_addresses_begin, leakdir_data_with_addresses_end);
  is_own(leakdir_zeros_begin, leakdir_zeros_end);
  is_own(leakdir_large_begin, leakdir_large_end);
}

}  // namespace leakdir
