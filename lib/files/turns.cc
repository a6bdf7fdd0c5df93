// SPDX-License-Identifier: BSL-1.0
#include "turns.hh"

#include "system/base.hh"

namespace leakdir {
namespace {

constexpr unsigned kCountBits = 14;
constexpr std::uint16_t kMost = 0xffff;

LEAKDIR_LARGE std::uint16_t counts[1u << kCountBits];  // files made since turns began, by stack
std::uint32_t in_this_round = 0;                       // that a stack may have; 0: there are no turns

std::uint16_t& count_of(std::uint32_t stack) { return counts[stack * 0x9e3779b1u >> (32 - kCountBits)]; }

}  // namespace

void end_turns() { in_this_round = 0; }

void begin_turns() {
  for (std::uint16_t& count : counts) count = 0;
  in_this_round = 1;
}

bool are_there_turns() { return in_this_round != 0; }

void begin_next_round() {
  if (in_this_round <= kMost) in_this_round *= 2;
}

bool has_turn(std::uint32_t stack) { return in_this_round == 0 || count_of(stack) < in_this_round; }

void count_turn(std::uint32_t stack) {
  if (in_this_round != 0 && count_of(stack) < kMost) ++count_of(stack);
}

}  // namespace leakdir
