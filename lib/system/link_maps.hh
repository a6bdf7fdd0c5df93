// SPDX-License-Identifier: BSL-1.0
//
// The loader's modules without its lock: along its link maps. For loader.cc, where the loader is not to be asked.
//
// With _dl_find_object (glibc 2.35 and later), which takes no lock, as far as that knows them. Before, what there is
// beyond the public part of a link map is found by what is known of the program's. Where nothing is found, or in a
// static program, the program alone is seen (with _dl_find_object: what there is).

#pragma once

#include <link.h>

#include <cstddef>
#include <cstdint>

namespace leakdir {

// As dl_iterate_phdr; the size is 0: there are no counts in it.
void for_each_link_map(int (*see)(dl_phdr_info*, std::size_t, void*), void* context);

// Another number when a module has come or gone.
unsigned long long fingerprint_of_link_maps();

// Whether there are link maps to go along, and the program is not all that is seen.
bool has_link_maps();

// What the loader has told the program, for debuggers; null in a static one.
const r_debug* told_by_loader();

}  // namespace leakdir
