// SPDX-License-Identifier: BSL-1.0
//
// A library with thread-local variables, for thread_local_in_library.c. Built with debug information, and stripped:
// then no variable has a name.

// (volatile: nobody reads them)
static __thread volatile long first_of_library = 1;
static __thread volatile struct {
  long numbers[3];
  void* block;
} in_library;

void keep_in_library(void* block) {
  first_of_library += 1;
  in_library.block = block;
}
