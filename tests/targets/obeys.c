// SPDX-License-Identifier: BSL-1.0
//
// obeys FIFO: does what the letters say that come through FIFO, and says `did LETTER`. `a`, `b`, `c`: leaks one block
// of 5003, 5009, 5011 bytes; `m`: makes and frees many; `q`: returns.

#define _GNU_SOURCE
#include <fcntl.h>
#include <stdlib.h>

#include "expect.h"

static NOINLINE void leak_a(void) { LEAK(malloc, 5003, malloc(5003)); }
static NOINLINE void leak_b(void) { LEAK(malloc, 5009, malloc(5009)); }
static NOINLINE void leak_c(void) { LEAK(malloc, 5011, malloc(5011)); }

static void make_and_free_many(void) {
  for (int i = 0; i < 1000; ++i) free(hidden(malloc(100)));
}

int main(int argc, char** argv) {
  MUST(argc == 2);
  const int fifo = open(argv[1], O_RDWR);  // for writing too: no writer is no end
  MUST(fifo >= 0);
  say("ready\n");
  char letter[] = "did ?\n";
  while (read(fifo, letter + 4, 1) == 1 && letter[4] != 'q') {
    if (letter[4] == 'a') leak_a();
    if (letter[4] == 'b') leak_b();
    if (letter[4] == 'c') leak_c();
    if (letter[4] == 'm') make_and_free_many();
    say(letter);
  }
  close(fifo);
  return 0;
}
