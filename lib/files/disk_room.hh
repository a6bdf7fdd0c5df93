// SPDX-License-Identifier: BSL-1.0
//
// Whether the disk that DIR lies on has room for another record file, with what is to be left to the program
// (shared/disk_reserve.h). Asked of the kernel now and then. Callable from the helper thread: no errno, no thread-local
// data.

#pragma once

#include <cstdint>

#include "record_file.hh"

namespace leakdir {

// At start, and in a forked child.
void configure_disk_room(std::uint64_t most_bytes);

// What was found last.
bool disk_has_room();

// Before a file is made, of which there are `files`: asks the disk for every 64th, and sooner where it has room for
// fewer. Where there is no room any more, that is said.
bool disk_has_room_for_another(RecordFolder folder, std::uint64_t files);

// Asks now: there may be room again.
void look_at_disk(RecordFolder folder, std::uint64_t files);

}  // namespace leakdir
