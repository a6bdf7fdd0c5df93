// SPDX-License-Identifier: BSL-1.0
//
// Code that is made at run time, without unwind tables, calls a function that allocates. With frame pointers its
// callers can be found. Without, rbp may be any number: that of a caller, or the address of what looks like a frame.
// Compiled with frame pointers, so that rbp points to a frame wherever nobody changes it.

#include <stdint.h>
#include <stdlib.h>
#include <sys/mman.h>

#include "expect.h"

#pragma GCC optimize("no-omit-frame-pointer")

typedef void (*Code)(void);

static unsigned char *code, *end;

static void put(const void *bytes, size_t count) {
  memcpy(end, bytes, count);
  end += count;
}

// A function that begins with `prologue`, calls `function`, and ends with `epilogue`.
#define MADE(prologue, function, epilogue) \
  made(prologue, sizeof prologue - 1, (uintptr_t)(function), epilogue, sizeof epilogue - 1)
static Code made(const char *prologue, size_t prologue_bytes, uintptr_t function, const char *epilogue,
                 size_t epilogue_bytes) {
  const uintptr_t begin = (uintptr_t)end;
  put(prologue, prologue_bytes);
  put("\x48\xb8", 2);  // movabs $function,%rax; call *%rax
  put(&function, sizeof function);
  put("\xff\xd0", 2);
  put(epilogue, epilogue_bytes);
  return (Code)begin;
}

// push %rbp; mov %rsp,%rbp; sub $32,%rsp; … leave; ret. The room is cleared: what an earlier call left there could be
// taken for the frame of another.
#define WITH_FRAME "\x55\x48\x89\xe5\x6a\x00\x6a\x00\x6a\x00\x6a\x00"
#define END_OF_FRAME "\xc9\xc3"
// sub $24,%rsp; … add $24,%rsp; ret
#define WITHOUT_FRAME "\x48\x83\xec\x18"
#define END_WITHOUT_FRAME "\x48\x83\xc4\x18\xc3"
// push %rbp; mov $0x12345670,%ebp; … pop %rbp; ret
#define WILD "\x55\xbd\x70\x56\x34\x12"
// push %rbp; xor %ebp,%ebp
#define ZERO "\x55\x31\xed"
#define END_OF_WILD "\x5d\xc3"
// push %rbp; sub $16,%rsp; mov %rdi,%rax; mov %rax,8(%rsp); movq $0,(%rsp); mov %rsp,%rbp; … add $16,%rsp; pop %rbp;
// ret: what rbp points to looks like a frame that returns to rdi.
#define FALSE_FRAME "\x55\x48\x83\xec\x10\x48\x89\xf8\x48\x89\x44\x24\x08\x48\xc7\x04\x24\x00\x00\x00\x00\x48\x89\xe5"
#define END_OF_FALSE_FRAME "\x48\x83\xc4\x10\x5d\xc3"

static NOINLINE void leak_with_frames(void) { LEAK(malloc, 1201, malloc(1201)); }
static NOINLINE void leak_realloc(void) { LEAK(realloc, 1203, realloc(hidden(malloc(10)), 1203)); }
static NOINLINE void leak_without_frame(void) { LEAK(malloc, 1205, malloc(1205)); }
static NOINLINE void leak_wild(void) { LEAK(malloc, 1207, malloc(1207)); }
static NOINLINE void leak_zero(void) { LEAK(malloc, 1209, malloc(1209)); }
static NOINLINE void leak_false_frame(void) { LEAK(malloc, 1211, malloc(1211)); }
static NOINLINE void leak_below_both(void) { LEAK(malloc, 1213, malloc(1213)); }

static NOINLINE void enter(Code made_code) {
  made_code();
  hidden(NULL);
}

// By way of a pointer: the call does not say where it leads.
static void (*volatile enter_by_pointer)(Code) = enter;

static void *returns_here;
static NOINLINE void note_caller(void) { returns_here = __builtin_return_address(0); }
static NOINLINE void calls_note_caller(void (*note)(void)) {
  note();
  hidden(NULL);
}

int main(void) {
  code = end = mmap(NULL, 1 << 16, PROT_READ | PROT_WRITE | PROT_EXEC, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
  MUST(code != MAP_FAILED);
  enter(
      MADE(WITH_FRAME, MADE(WITH_FRAME, MADE(WITH_FRAME, leak_with_frames, END_OF_FRAME), END_OF_FRAME), END_OF_FRAME));
  enter_by_pointer(MADE(WITH_FRAME, leak_realloc, END_OF_FRAME));
  enter_by_pointer(MADE(WITHOUT_FRAME, leak_without_frame, END_WITHOUT_FRAME));
  enter_by_pointer(MADE(WILD, leak_wild, END_OF_WILD));
  enter_by_pointer(MADE(ZERO, leak_zero, END_OF_WILD));
  calls_note_caller((void (*)(void))hidden((void *)note_caller));
  ((void (*)(void *))MADE(FALSE_FRAME, leak_false_frame, END_OF_FALSE_FRAME))(returns_here);
  enter_by_pointer(MADE(WITHOUT_FRAME, MADE(WITH_FRAME, leak_below_both, END_OF_FRAME), END_WITHOUT_FRAME));
  return 0;
}
