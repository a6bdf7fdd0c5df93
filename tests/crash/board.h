// SPDX-License-Identifier: BSL-1.0
//
// What acknowledges.c keeps in a file that it shares with the test, and that survives it: which blocks are live, and
// which call each thread is in. Between two calls of a thread its part of the truth is exact.

#pragma once

#include <stdint.h>

enum { kBoardThreads = 4, kBoardSlots = 96 };

enum BoardCall { kInNoCall = 0, kMakes = 1, kFrees = 2, kResizes = 3 };

struct BoardSlot {
  uint64_t address;  // 0: empty
  uint64_t size;
  uint64_t taken;  // by a thread: blocks go from one to another
};

// Written before the call, `call` last; `call` is set back after the slot says what came of it.
struct BoardThread {
  uint64_t call;
  uint64_t slot;
  uint64_t size;                   // that is asked for
  uint64_t old_address, old_size;  // of the block that is freed or resized
  uint64_t calls;                  // so far
};

struct Board {
  uint64_t started, ended;
  uint64_t hogged;  // blocks of kHogSize, never freed
  struct BoardThread threads[kBoardThreads];
  struct BoardSlot slots[kBoardSlots];
};

// Sizes that nobody else asks for.
enum { kHogSize = 100003 };
static inline uint64_t board_size(uint64_t random) { return 1003 + 16 * (random % 200); }
static inline int is_board_size(uint64_t size) {
  return size >= 1003 && size < 1003 + 16 * 200 && size % 16 == 1003 % 16;
}
