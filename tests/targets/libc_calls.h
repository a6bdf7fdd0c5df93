// SPDX-License-Identifier: BSL-1.0
//
// What libc_calls.c runs: CALL(name) { … } is one use of libc that gives back all that the program was given, in as few
// lines as it takes. The functions stand in libc_calls_<subject>.h.

#pragma once

#include "expect.h"

struct call {
  const char* name;
  void (*run)(void);
} __attribute__((aligned(16)));

#define CALL(name)                                                                                     \
  static void call_##name(void);                                                                       \
  __attribute__((section("libc_calls"), used)) static struct call entry_##name = {#name, call_##name}; \
  static void call_##name(void)
