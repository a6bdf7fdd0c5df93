// SPDX-License-Identifier: BSL-1.0
//
// What soak.c and the test that watches it share, in a file that survives the program. A slot holds a block only
// between "malloc returned" and "free is about to be called".

#pragma once

#include <stdint.h>

enum {
  kSoakWorkers = 3,  // and one row of slots for the threads that come and go
  kSoakRows = kSoakWorkers + 1,
  kSoakSlots = 150,
  kSoakChildren = 64,  // the last ones
  kSoakSizeOfChild = 5003,
};

// Whether what is allocated now is recorded. The test changes the phase before and after each thing that it does:
// phase = count * 4 + one of these.
enum SoakPhase { kSoakUnsure, kSoakRecorded, kSoakPaused };

enum SoakWish { kSoakWork, kSoakHold, kSoakExit };

struct SoakSlot {
  uint64_t address;  // 0: empty. Written last when it is filled, first when it is emptied
  uint64_t size;
  uint64_t phase;  // of the whole of the call; kSoakUnsure when it changed meanwhile
};

// A child that has ended. It leaked one block of kSoakSizeOfChild bytes.
struct SoakChild {
  uint64_t pid;
  uint64_t phase;  // of the whole of its life
};

struct SoakBoard {
  uint64_t phase;    // the test writes it
  uint64_t wish;     // the test writes it
  uint64_t is_held;  // nobody is in a call
  uint64_t operations, threads, forks, failures;
  uint64_t failed_status;  // of the last child that failed
  uint64_t child_count;    // the last one is children[(child_count - 1) % kSoakChildren]
  struct SoakChild children[kSoakChildren];
  struct SoakSlot slots[kSoakRows][kSoakSlots];
};
