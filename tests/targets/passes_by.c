// SPDX-License-Identifier: BSL-1.0
//
// passes_by HOW: a program whose hooks are passed by where it is linked so; see passed_by_test.cc. All that it
// allocates itself it frees.
//   copies   libc allocates 20 texts, which are freed here
//   keeps    libc allocates 20 texts, which nobody frees
//   forks    as copies, in a child too
//   mixes    blocks of each function that allocates, too large for the lists that a thread keeps, are resized or freed

#include <malloc.h>
#include <stdlib.h>
#include <string.h>
#include <sys/wait.h>
#include <unistd.h>

static char* volatile text;

static void allocate(int are_freed) {
  for (int i = 0; i < 20; ++i) {
    text = malloc(30);
    free(text);
    text = strdup("a text that is long enough to be no small thing");
    if (are_freed) free(text);
  }
}

static void* block_of(int function, size_t size) {
  void* block = NULL;
  switch (function) {
    case 0:
      return malloc(size);
    case 1:
      return calloc(1, size);
    case 2:
      return memalign(64, size);
    case 3:
      return aligned_alloc(64, size);
    case 4:
      return valloc(size);
    default:
      return posix_memalign(&block, 64, size) == 0 ? block : NULL;
  }
}

static int mix(void) {
  enum { kFunctions = 6, kBlocks = 60 };
  void* blocks[kBlocks];
  for (int round = 0; round < 3; ++round) {
    for (int i = 0; i < kBlocks; ++i) {
      blocks[i] = block_of(i % kFunctions, 5056 + 64 * (size_t)i);
      if (blocks[i] == NULL || malloc_usable_size(blocks[i]) < 5056) return 1;
      memset(blocks[i], 1, 5056);
    }
    for (int i = round; i < kBlocks; i += 2) {
      blocks[i] = realloc(blocks[i], 9000);
      if (blocks[i] == NULL || *(char*)blocks[i] != 1) return 1;
    }
    for (int i = 0; i < kBlocks; ++i) free(blocks[i]);
  }
  return 0;
}

int main(int argc, char** argv) {
  const char* how = argc > 1 ? argv[1] : "copies";
  if (strcmp(how, "mixes") == 0) return mix();
  allocate(strcmp(how, "keeps") != 0);
  if (strcmp(how, "forks") != 0) return 0;
  const pid_t child = fork();
  if (child == 0) allocate(1);
  int status = 0;
  if (child > 0) waitpid(child, &status, 0);
  return status;
}
