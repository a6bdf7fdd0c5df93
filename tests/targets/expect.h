// SPDX-License-Identifier: BSL-1.0
//
// How a target says what must be found: `LEAK(calloc, 1237, calloc(1, 1237));` makes the block, keeps the compiler from
// removing it, and prints `expect size=1237 function=leak_calloc line=42 call=calloc`. All of it on one source line, so
// that the return address of the call belongs to that line. Nothing here allocates.

#pragma once

#include <stddef.h>
#include <stdio.h>
#include <string.h>
#include <unistd.h>

static void* volatile sink;

#ifdef __clang__
#define NOINLINE __attribute__((noinline))
#else
#define NOINLINE __attribute__((noinline, noclone))
#endif

// Hides where a pointer comes from, and that it is used.
static inline void* hidden(void* pointer) {
  __asm__ volatile("" : "+r"(pointer) : : "memory");
  return pointer;
}

static inline void say(const char* text) {
  if (write(1, text, strlen(text)) < 0) _exit(99);
}

// Not inlined: its instructions would mingle with those of the line that is expected.
__attribute__((unused)) static NOINLINE void expect_live(size_t size, const char* function, int line,
                                                         const char* call) {
  char text[200];
  snprintf(text, sizeof text, "expect size=%zu function=%s line=%d call=%s\n", size, function, line, call);
  say(text);
}

#define LEAK_AS(call, bytes, expression)            \
  do {                                              \
    sink = (expression);                            \
    expect_live((bytes), __func__, __LINE__, call); \
  } while (0)
#define LEAK(call, bytes, expression) LEAK_AS(#call, bytes, expression)

// Ends the program, with a reason, when something is not as it must be.
#define MUST(condition)                                                                          \
  do {                                                                                           \
    if (!(condition)) {                                                                          \
      char must_text[300];                                                                       \
      snprintf(must_text, sizeof must_text, "MUST %s:%d: %s\n", __FILE__, __LINE__, #condition); \
      say(must_text);                                                                            \
      _exit(98);                                                                                 \
    }                                                                                            \
  } while (0)
