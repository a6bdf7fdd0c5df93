// SPDX-License-Identifier: BSL-1.0
//
// A library for LD_PRELOAD that stands before malloc's family as many do: each wrapper asks dlsym for the next one of
// its name when it is called for the first time, with no thought of who calls it then. Which functions it wraps is said
// by WRAPS_MALLOC and so on; HAS_STRDUP: it has one that is past any hook, as mimalloc 3.0, which it says it is;
// OPTIONAL: its free also asks for a name that nobody has, so that dlsym makes an error text; INDIRECT: all are
// indirect functions, whose resolvers say what they are.
//
// When the program ends it says which of its wrappers were called: a library that was passed by proves nothing.

#define _GNU_SOURCE
#include <dlfcn.h>

#include "expect.h"

#ifdef OPTIONAL
#define ASK_FOR_MORE()                                                                    \
  do {                                                                                    \
    static int asked;                                                                     \
    if (asked++ == 0 && dlsym(RTLD_NEXT, "lazy_wrapper_no_such_name") != NULL) _exit(97); \
  } while (0)
#else
#define ASK_FOR_MORE() (void)0
#endif

#ifdef INDIRECT
#define DEFINED_AS(name) name##_as_resolved
#define DEFINE(result, name, parameters)                                         \
  static result name##_as_resolved parameters;                                   \
  static result(*resolve_##name(void)) parameters { return name##_as_resolved; } \
  result name parameters __attribute__((ifunc("resolve_" #name)));               \
  static
#else
#define DEFINED_AS(name) name
#define DEFINE(result, name, parameters)
#endif

// Not by a jump: the wrapper's own frame is to be in the stacks.
#define WRAP(result, name, parameters, arguments)                           \
  static int name##_was_called;                                             \
  DEFINE(result, name, parameters)                                          \
  result DEFINED_AS(name) parameters {                                      \
    static result(*next) parameters;                                        \
    name##_was_called = 1;                                                  \
    if (next == NULL) next = (result(*) parameters)dlsym(RTLD_NEXT, #name); \
    if (next == NULL) _exit(96);                                            \
    result const given = next arguments;                                    \
    __asm__ volatile("" : : : "memory");                                    \
    return given;                                                           \
  }                                                                         \
  __attribute__((destructor)) static void tell_##name(void) {               \
    if (name##_was_called) say("wrapped " #name "\n");                      \
  }

#ifdef WRAPS_FREE
static int free_was_called;
DEFINE(void, free, (void* block))
void DEFINED_AS(free)(void* block) {
  static void (*next)(void*);
  free_was_called = 1;
  if (next == NULL) {
    next = (void (*)(void*))dlsym(RTLD_NEXT, "free");
    ASK_FOR_MORE();
  }
  next(block);
}
__attribute__((destructor)) static void tell_free(void) {
  if (free_was_called) say("wrapped free\n");
}
#endif
#ifdef WRAPS_MALLOC
WRAP(void*, malloc, (size_t bytes), (bytes))
#endif
#ifdef WRAPS_CALLOC
WRAP(void*, calloc, (size_t count, size_t bytes), (count, bytes))
#endif
#ifdef WRAPS_REALLOC
WRAP(void*, realloc, (void* block, size_t bytes), (block, bytes))
#endif
#ifdef WRAPS_ALIGNED
WRAP(void*, aligned_alloc, (size_t alignment, size_t bytes), (alignment, bytes))
WRAP(int, posix_memalign, (void** into, size_t alignment, size_t bytes), (into, alignment, bytes))
WRAP(size_t, malloc_usable_size, (void* block), (block))
#endif
#ifdef HAS_STRDUP
int mi_version(void);
int mi_version(void) { return 301; }
char* strndup(const char* text, size_t most) {
  const size_t bytes = strnlen(text, most);
  char* const copy = ((void* (*)(size_t))dlsym(RTLD_NEXT, "malloc"))(bytes + 1);
  memcpy(copy, text, bytes);
  copy[bytes] = 0;
  return copy;
}
char* strdup(const char* text) { return strndup(text, strlen(text)); }
#endif
