// SPDX-License-Identifier: BSL-1.0
//
// passes_by HOW: a program whose hooks are passed by where it is linked so; see passed_by_test.cc. All that it
// allocates itself it frees.
//   copies   libc allocates 20 texts, which are freed here
//   keeps    libc allocates 20 texts, which nobody frees
//   forks    as copies, in a child too

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

int main(int argc, char** argv) {
  const char* how = argc > 1 ? argv[1] : "copies";
  allocate(strcmp(how, "keeps") != 0);
  if (strcmp(how, "forks") != 0) return 0;
  const pid_t child = fork();
  if (child == 0) allocate(1);
  int status = 0;
  if (child > 0) waitpid(child, &status, 0);
  return status;
}
