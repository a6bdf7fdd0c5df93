// SPDX-License-Identifier: BSL-1.0
//
// Each way in which a C program gets a block, leaked once.

#define _GNU_SOURCE
#include <malloc.h>
#include <stdlib.h>
#include <wchar.h>

#include "expect.h"

static NOINLINE void leak_malloc(void) { LEAK(malloc, 1201, malloc(1201)); }
static NOINLINE void leak_calloc(void) { LEAK(calloc, 1203, calloc(1, 1203)); }
static NOINLINE void leak_calloc_array(void) { LEAK(calloc, 1211, calloc(7, 173)); }
static NOINLINE void leak_realloc_of_null(void) { LEAK(realloc, 1213, realloc(hidden(NULL), 1213)); }
static NOINLINE void leak_reallocarray_of_null(void) { LEAK(reallocarray, 1221, reallocarray(hidden(NULL), 3, 407)); }
static NOINLINE void leak_aligned_alloc(void) { LEAK(aligned_alloc, 1216, aligned_alloc(64, 1216)); }
static NOINLINE void leak_memalign(void) { LEAK(memalign, 1217, memalign(128, 1217)); }
static NOINLINE void leak_valloc(void) { LEAK(valloc, 1223, valloc(1223)); }
#ifdef __GLIBC__
static NOINLINE void leak_pvalloc(void) { LEAK(pvalloc, 1229, pvalloc(1229)); }
#endif
static NOINLINE void leak_large(void) { LEAK(malloc, 5000011, malloc(5000011)); }
static NOINLINE void leak_one_byte(void) { LEAK(malloc, 1, malloc(1)); }
static NOINLINE void leak_nothing(void) { LEAK(malloc, 0, malloc(0)); }

static NOINLINE void leak_posix_memalign(void) {
  void* block = NULL;
  LEAK(posix_memalign, 1231, (posix_memalign(&block, 256, 1231), hidden(block)));
}

static NOINLINE void leak_realloc_grown(void) {
  void* small = hidden(malloc(31));
  LEAK(realloc, 200003, realloc(small, 200003));
}

static NOINLINE void leak_realloc_shrunk(void) {
  void* large = hidden(malloc(3001));
  LEAK(realloc, 1237, realloc(large, 1237));
}

static NOINLINE void leak_reallocarray_grown(void) {
  void* small = hidden(malloc(33));
  LEAK(reallocarray, 1245, reallocarray(small, 5, 249));
}

static char text[1300];
static const char* text_of(size_t length) {
  memset(text, 'x', length);
  text[length] = 0;
  return (const char*)hidden(text);
}

static NOINLINE void leak_strdup(void) { LEAK_AS("libc strdup", 1249, strdup(text_of(1248))); }
static NOINLINE void leak_strndup(void) { LEAK_AS("libc strndup", 1001, strndup(text_of(1248), 1000)); }
static NOINLINE void leak_wcsdup(void) { LEAK_AS("libc wcsdup", 20, wcsdup((const wchar_t*)hidden((void*)L"four"))); }

static NOINLINE void leak_asprintf(void) {
  char* result = NULL;
  LEAK_AS("libc asprintf", 1260, (asprintf(&result, "%s %d", text_of(1255), 123), hidden(result)));
}

static NOINLINE void leak_getline(void) {
  char* line = NULL;
  size_t room = 0;
  FILE* file = fopen("/proc/self/comm", "r");
  MUST(file != NULL);
  LEAK_AS("libc getline", 120, (getline(&line, &room, file), hidden(line)));
  fclose(file);
}

static NOINLINE void leak_getcwd(void) { LEAK_AS("libc getcwd", strlen((char*)sink) + 1, getcwd(NULL, 0)); }

int main(void) {
  leak_malloc();
  leak_calloc();
  leak_calloc_array();
  leak_realloc_of_null();
  leak_reallocarray_of_null();
  leak_aligned_alloc();
  leak_memalign();
  leak_valloc();
#ifdef __GLIBC__
  leak_pvalloc();
#endif
  leak_large();
  leak_one_byte();
  leak_nothing();
  leak_posix_memalign();
  leak_realloc_grown();
  leak_realloc_shrunk();
  leak_reallocarray_grown();
  leak_strdup();
  leak_strndup();
  leak_wcsdup();
  leak_asprintf();
  leak_getline();
  leak_getcwd();
  return 0;
}
