// SPDX-License-Identifier: BSL-1.0
//
// How much of one core the making and removing of files may take (option `share`). What is not used is saved up, for a
// while: a program that has little to show has its files in time, however much it allocates at once. Processor time
// counts, not the time that the disk takes. By one look at a time, callable from the helper thread: no errno, no
// thread-local data.

#pragma once

#include <cstdint>

namespace leakdir {

// At start, and in a forked child. 100 percent: as much as it takes.
void configure_work_share(std::uint32_t percent);

// Around the work of one thread.
void begin_work();
void end_work();

// Between the two: whether the share is used up. Cheap enough to be asked for each block.
bool is_work_share_spent();

}  // namespace leakdir
