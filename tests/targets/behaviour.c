// SPDX-License-Identifier: BSL-1.0
//
// behaviour.c [sampled]: prints what each entry point does at its edges: result, errno, alignment, usable size,
// content. A test compares the output with that of the same program without leakdir. `sampled`: blocks are recorded by
// chance, and such a block may have a few usable bytes more; then usable sizes are not printed, and need only be near.

#define _GNU_SOURCE
#include <errno.h>
#include <malloc.h>
#include <stdint.h>
#include <stdlib.h>

#include "expect.h"

enum { kPlanted = 4711 };
static volatile size_t huge = SIZE_MAX / 2 + 5;
static volatile size_t most = SIZE_MAX;
static volatile size_t zero = 0;

static void show(const char* what, void* block, int error) {
  char text[200];
  snprintf(text, sizeof text, "%s: %s errno=%d\n", what, block != NULL ? "a block" : "null", error);
  say(text);
}

#define TRY(expression)               \
  do {                                \
    errno = kPlanted;                 \
    void* block = hidden(expression); \
    const int error = errno;          \
    show(#expression, block, error);  \
    errno = kPlanted;                 \
    free(block);                      \
    MUST(errno == kPlanted);          \
  } while (0)

static void show_posix_memalign(size_t alignment, size_t size) {
  char text[200];
  void* block = (void*)0x77;
  errno = kPlanted;
  const int result = posix_memalign(&block, alignment, size);
  const int error = errno;
  snprintf(text, sizeof text, "posix_memalign(%zu, %zu): result=%d errno=%d %s\n", alignment, size, result, error,
           result == 0            ? "a block"
           : block == (void*)0x77 ? "untouched"
                                  : "touched");
  say(text);
  if (result == 0) free(block);
}

// In a heap that nothing has been taken from: elsewhere a block may be a little larger than asked for, as what is left
// of the gap that it fits into is too small to be another's, and where the gaps of large alignments lie is chance.
static void show_usable_sizes(int are_sampled) {
  enum { kRoundedUp = 24, kTooSmallForAnother = 32 };
  for (size_t size = 0; size < 3000; ++size) {
    char text[60];
    void* block = malloc(size);
    MUST((uintptr_t)block % 16 == 0 && malloc_usable_size(block) >= size);
    MUST(malloc_usable_size(block) - size <= kRoundedUp + (are_sampled ? kTooSmallForAnother : 0));
    if (size % 100 == 0 && !are_sampled) {
      snprintf(text, sizeof text, "usable size of %zu: %zu\n", size, malloc_usable_size(block));
      say(text);
    }
    free(block);
  }
}

static void show_alignments(void) {
  for (size_t alignment = 1; alignment <= 65536; alignment *= 2) {
    for (size_t size = 1; size <= 5000; size = size * 3 + 1) {
      void* block = memalign(alignment, size);
      MUST(block != NULL && (uintptr_t)block % alignment == 0 && malloc_usable_size(block) >= size);
      memset(block, 1, malloc_usable_size(block));
      free(block);
    }
  }
  MUST((uintptr_t)(sink = valloc(10)) % 4096 == 0);
  free(sink);
  MUST((uintptr_t)(sink = pvalloc(10)) % 4096 == 0 && malloc_usable_size(sink) >= 4096);
  free(sink);
  MUST(malloc_usable_size(NULL) == 0);
}

static void show_contents(void) {
  unsigned char* block = calloc(1000, 3);
  for (int i = 0; i < 3000; ++i) MUST(block[i] == 0);
  for (int i = 0; i < 3000; ++i) block[i] = (unsigned char)i;
  block = realloc(block, 300000);
  for (int i = 0; i < 3000; ++i) MUST(block[i] == (unsigned char)i);
  errno = kPlanted;
  MUST(realloc(block, huge) == NULL && errno == ENOMEM);
  for (int i = 0; i < 3000; ++i) MUST(block[i] == (unsigned char)i);
  errno = kPlanted;
  MUST(reallocarray(block, huge, 3) == NULL && errno == ENOMEM);
  MUST(block[2999] == (unsigned char)2999);
  errno = kPlanted;
  void* gone = hidden(realloc(block, zero));
  show("realloc(block, 0)", gone, errno);
  free(gone);
}

int main(int count, char** arguments) {
  show_usable_sizes(count == 2 && strcmp(arguments[1], "sampled") == 0);
  TRY(malloc(10));
  TRY(malloc(zero));
  TRY(malloc(huge));
  TRY(malloc(most));
  TRY(calloc(3, 5));
  TRY(calloc(zero, 5));
  TRY(calloc(huge, 16));
  TRY(calloc(most, most));
  TRY(realloc(hidden(NULL), 10));
  TRY(realloc(hidden(NULL), zero));
  TRY(realloc(hidden(NULL), huge));
  TRY(realloc(malloc(10), 10000));
  TRY(realloc(malloc(1000000), 10));
  TRY(reallocarray(hidden(NULL), 3, 5));
  TRY(reallocarray(hidden(NULL), huge, 16));
  TRY(reallocarray(malloc(3), zero, 16));
  TRY(aligned_alloc(64, 128));
  TRY(aligned_alloc(3, 7));
  TRY(aligned_alloc(zero, 7));
  TRY(aligned_alloc(64, huge));
  TRY(aligned_alloc(huge, 64));
  TRY(memalign(3, 7));
  TRY(memalign(zero, 7));
  TRY(memalign(64, huge));
  TRY(memalign(huge, 64));
  TRY(valloc(zero));
  TRY(valloc(huge));
  TRY(pvalloc(zero));
  TRY(pvalloc(huge));
  TRY(malloc(50000000));
  TRY(NULL);
  show_posix_memalign(64, 100);
  show_posix_memalign(64, 0);
  show_posix_memalign(3, 100);
  show_posix_memalign(0, 100);
  show_posix_memalign(4, 100);
  show_posix_memalign(24, 100);
  show_posix_memalign(64, huge);
  show_alignments();
  show_contents();
  return 0;
}
