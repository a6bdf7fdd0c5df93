// SPDX-License-Identifier: BSL-1.0
//
// The situations in which the fast walk is compared with Boost. Each one calls compare_here() or `new` in it many
// times. The program is built with many compilers and options (matrix.sh), so a scenario uses nothing that only one of
// them has.

#pragma once

namespace differential {

struct Scenario {
  const char* name;
  void (*run)();
  // What the fast walk is to do with some of the stacks at least, so that a walk which always declines is noticed.
  bool is_followed;
};

// A call that the compiler can neither see through nor turn into a jump.
extern void (*volatile g_compare)();
[[gnu::noinline]] inline void compare() {
  g_compare();
  asm volatile("" ::: "memory");
}

// Keeps a call from being made into a jump or a loop.
inline int kept(int value) {
  asm volatile("" : "+r"(value));
  return value;
}

void recursion();
void alloca_and_arrays();
void aligned_locals();
void big_frames();
void tail_calls();
void callbacks();
void random_calls();
void exceptions();
void signal_handlers();
void alternate_stack();
void interrupted_anywhere();
void coroutines();
void released_coroutine_stacks();
void assembly_without_tables();
void made_at_run_time();
void threads();
void one_state_for_many_threads();
void small_and_lent_stacks();
void forked_children();
void plugins();

}  // namespace differential
