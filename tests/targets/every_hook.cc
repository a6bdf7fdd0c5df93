// SPDX-License-Identifier: BSL-1.0
//
// Every hook is called once, and every kind of bad free, below callers that make the walk hard: one with a frame
// pointer, one with an array of variable length, one that keeps the address of a made-up frame in each register that a
// call preserves. stacks_test.cc compiles it in many ways and says which stacks it must find. With an argument only the
// doings of that name: blocks, bad.

#include <malloc.h>
#include <stdio.h>
#include <stdlib.h>

#include <new>

#include "expect.h"

extern "C" void with_false_frames(void (*call)());
asm(R"(
        .text
        .type   with_false_frames, @function
with_false_frames:
        .cfi_startproc
        push    %rbp
        .cfi_def_cfa_offset 16
        .cfi_offset %rbp, -16
        mov     %rsp, %rbp
        .cfi_def_cfa_register %rbp
        push    %rbx
        push    %r12
        push    %r13
        push    %r14
        push    %r15
        .cfi_offset %rbx, -24
        .cfi_offset %r12, -32
        .cfi_offset %r13, -40
        .cfi_offset %r14, -48
        .cfi_offset %r15, -56
        sub     $24, %rsp
        lea     never_called_return(%rip), %rax
        mov     %rbp, (%rsp)
        mov     %rax, 8(%rsp)
        mov     %rsp, %rbx
        mov     %rsp, %r12
        mov     %rsp, %r13
        mov     %rsp, %r14
        mov     %rsp, %r15
        call    *%rdi
        add     $24, %rsp
        pop     %r15
        pop     %r14
        pop     %r13
        pop     %r12
        pop     %rbx
        pop     %rbp
        .cfi_def_cfa %rsp, 8
        ret
        .cfi_endproc
        .size   with_false_frames, . - with_false_frames

        .type   never_called, @function
never_called:
        .cfi_startproc
        push    %rbp
        .cfi_def_cfa_offset 16
        .cfi_offset %rbp, -16
        mov     %rsp, %rbp
        .cfi_def_cfa_register %rbp
        call    *%rdi
never_called_return:
        pop     %rbp
        .cfi_def_cfa %rsp, 8
        ret
        .cfi_endproc
        .size   never_called, . - never_called
)");

extern "C" {

NOINLINE void with_array(int n, void (*call)()) {
  volatile char room[n];
  room[n - 1] = 1;
  hidden(const_cast<char*>(room));
  with_false_frames(call);
  hidden(const_cast<char*>(room));
}

NOINLINE void with_frame(void (*call)()) {
  with_array(static_cast<int>(reinterpret_cast<size_t>(hidden(reinterpret_cast<void*>(37)))), call);
  hidden(nullptr);
}

NOINLINE void in_malloc() { LEAK(malloc, 1001, malloc(1001)); }
NOINLINE void in_calloc() { LEAK(calloc, 1003, calloc(17, 59)); }
NOINLINE void in_realloc_of_null() { LEAK(realloc, 1005, realloc(hidden(nullptr), 1005)); }
NOINLINE void in_realloc() { LEAK(realloc, 1007, realloc(hidden(malloc(10)), 1007)); }
NOINLINE void in_realloc_that_shrinks() { LEAK(realloc, 1009, realloc(hidden(malloc(2000)), 1009)); }
NOINLINE void in_reallocarray_of_null() { LEAK(reallocarray, 1011, reallocarray(hidden(nullptr), 3, 337)); }
NOINLINE void in_reallocarray() { LEAK(reallocarray, 1017, reallocarray(hidden(malloc(10)), 9, 113)); }
NOINLINE void in_aligned_alloc() { LEAK(aligned_alloc, 1024, aligned_alloc(64, 1024)); }
NOINLINE void in_memalign() { LEAK(memalign, 1013, memalign(128, 1013)); }
NOINLINE void in_posix_memalign() {
  LEAK(posix_memalign, 1015, posix_memalign(const_cast<void**>(&sink), 64, 1015) == 0 ? sink : nullptr);
}
NOINLINE void in_valloc() { LEAK(valloc, 1019, valloc(1019)); }
NOINLINE void in_pvalloc() { LEAK(pvalloc, 1021, pvalloc(1021)); }

NOINLINE void in_new() { LEAK_AS("operator new", 1301, ::operator new(1301)); }
NOINLINE void in_new_array() { LEAK_AS("operator new", 1303, ::operator new[](1303)); }
NOINLINE void in_new_nothrow() { LEAK_AS("operator new", 1305, ::operator new(1305, std::nothrow)); }
NOINLINE void in_new_array_nothrow() { LEAK_AS("operator new", 1307, ::operator new[](1307, std::nothrow)); }
NOINLINE void in_new_aligned() { LEAK_AS("operator new", 1344, ::operator new(1344, std::align_val_t(64))); }
NOINLINE void in_new_array_aligned() { LEAK_AS("operator new", 1408, ::operator new[](1408, std::align_val_t(64))); }
NOINLINE void in_new_aligned_nothrow() {
  LEAK_AS("operator new", 1472, ::operator new(1472, std::align_val_t(64), std::nothrow));
}
NOINLINE void in_new_array_aligned_nothrow() {
  LEAK_AS("operator new", 1536, ::operator new[](1536, std::align_val_t(64), std::nothrow));
}

// The address that is freed badly, and where.
NOINLINE void expect_bad(void* block, const char* function) {
  char text[100];
  snprintf(text, sizeof text, "bad address=0x%zx function=%s\n", reinterpret_cast<size_t>(block), function);
  say(text);
}
#define BAD(address, call)     \
  do {                         \
    void* const bad = address; \
    expect_bad(bad, __func__); \
    call;                      \
    hidden(bad);               \
  } while (0)

// A block that was freed, none of them twice: they were made before the first was freed, each with one behind it that
// stays.
constexpr int kFreed = 10;
void* to_be_freed[kFreed];
void make_blocks() {
  for (int i = 0; i < kFreed; ++i) {
    to_be_freed[i] = hidden(malloc(3001 + 2 * static_cast<size_t>(i)));
    hidden(malloc(40));
  }
}
void* freed() {
  static int next;
  void* const block = to_be_freed[next++];
  free(block);
  return hidden(block);
}

NOINLINE void bad_free_of_freed() { BAD(freed(), free(bad)); }
NOINLINE void bad_realloc_of_freed() { BAD(freed(), sink = realloc(bad, 10)); }
NOINLINE void bad_reallocarray_of_freed() { BAD(freed(), sink = reallocarray(bad, 10, 10)); }
NOINLINE void bad_free_inside() { BAD(static_cast<char*>(hidden(malloc(3601))) + 16, free(bad)); }
NOINLINE void bad_realloc_inside() { BAD(static_cast<char*>(hidden(malloc(3801))) + 16, sink = realloc(bad, 10)); }
NOINLINE void bad_delete() { BAD(freed(), ::operator delete(bad)); }
NOINLINE void bad_delete_array() { BAD(freed(), ::operator delete[](bad)); }
NOINLINE void bad_delete_sized() { BAD(freed(), ::operator delete(bad, size_t(4401))); }
NOINLINE void bad_delete_array_sized() { BAD(freed(), ::operator delete[](bad, size_t(4601))); }
NOINLINE void bad_delete_aligned() { BAD(freed(), ::operator delete(bad, std::align_val_t(64))); }
NOINLINE void bad_delete_nothrow() { BAD(freed(), ::operator delete(bad, std::nothrow)); }
NOINLINE void bad_delete_array_nothrow() { BAD(freed(), ::operator delete[](bad, std::nothrow)); }
}

int main(int argc, char** argv) {
  static void (*const kBlocks[])() = {
      in_malloc,
      in_calloc,
      in_realloc_of_null,
      in_realloc,
      in_realloc_that_shrinks,
      in_reallocarray_of_null,
      in_reallocarray,
      in_aligned_alloc,
      in_memalign,
      in_posix_memalign,
      in_valloc,
      in_pvalloc,
      in_new,
      in_new_array,
      in_new_nothrow,
      in_new_array_nothrow,
      in_new_aligned,
      in_new_array_aligned,
      in_new_aligned_nothrow,
      in_new_array_aligned_nothrow,
  };
  static void (*const kBad[])() = {
      bad_free_of_freed,      bad_realloc_of_freed, bad_reallocarray_of_freed, bad_free_inside,
      bad_realloc_inside,     bad_delete,           bad_delete_array,          bad_delete_sized,
      bad_delete_array_sized, bad_delete_aligned,   bad_delete_nothrow,        bad_delete_array_nothrow,
  };
  if (argc < 2 || strcmp(argv[1], "blocks") == 0) {
    for (auto* call : kBlocks) with_frame(call);
  }
  if (argc < 2 || strcmp(argv[1], "bad") == 0) {
    make_blocks();
    for (auto* call : kBad) with_frame(call);
  }
  return 0;
}
