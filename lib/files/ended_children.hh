// SPDX-License-Identifier: BSL-1.0
//
// What forked children have left in DIR/<pid>/. One that returns from main or calls exit() removes its own directory if
// there is nothing in it to be seen (exit.cc). Of one that ends by _exit(), or is killed, nobody hears: those that come
// after look now and then, and the first process does at its end. What holds nothing goes; of the others the oldest go,
// when there are too many of them or they are too large.

#pragma once

#include <cstdint>

namespace leakdir {

// At start.
void configure_ended_children(std::uint32_t most);

// How many directories went that had something to show. `base`: the directory of the first process, absolute.
std::uint32_t tidy_up_after_children(const char* base);

}  // namespace leakdir
