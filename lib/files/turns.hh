// SPDX-License-Identifier: BSL-1.0
//
// Whose files come first where there is no time for all: in the first round each stack has one more, in the second up
// to two, then four, and so on. By one look at a time, callable from the helper thread.

#pragma once

#include <cstdint>

namespace leakdir {

// Nobody waits for a turn, as at start, until the first round begins.
void end_turns();
void begin_turns();
bool are_there_turns();
void begin_next_round();

// Whether a block with this stack may have its file in this round. (Stacks are told apart by a hash: a few share their
// turns.)
bool has_turn(std::uint32_t stack);
void count_turn(std::uint32_t stack);

}  // namespace leakdir
