// SPDX-License-Identifier: BSL-1.0
//
// What busy.c acknowledges, in a file that it shares with the test and that survives its death. A slot holds a block
// only between "malloc returned" and "free is about to be called": whatever stands there at the instant of a kill is
// live. Each thread may have one more block in its hands.

#pragma once

#include <stdint.h>

enum { kBusyThreads = 3, kSlotsOfThread = 200 };

struct BusySlot {
  uint64_t address;  // 0: empty. Written last when it is filled, first when it is emptied
  uint64_t size;
};

struct BusyBoard {
  uint64_t started;
  uint64_t operations[kBusyThreads];
  struct BusySlot slots[kBusyThreads][kSlotsOfThread];
};
