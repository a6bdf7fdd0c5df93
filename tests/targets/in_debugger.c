// SPDX-License-Identifier: BSL-1.0
//
// A list of three sessions in a global variable, and a block that nothing leads to any more when look_here is called:
// for a debugger to stop there.

#include <stdlib.h>
#include <string.h>

#include "expect.h"

struct session {
  struct session* next;
  char* name;
};

struct session* session_cache;
unsigned long hidden_address;  // ~ the address of what is lost

static NOINLINE void open_session(const char* name) {
  struct session* session = malloc(sizeof *session);
  session->name = malloc(20);
  strcpy(session->name, name);
  session->next = session_cache;
  session_cache = session;
}

static NOINLINE void lose(void) { hidden_address = ~(unsigned long)hidden(malloc(77)); }

static NOINLINE void look_here(void) { __asm__ volatile("" : : : "memory"); }

// What the calls before have left on the stack, and in registers.
static NOINLINE void wipe(void) {
  volatile char room[4096];
  for (size_t i = 0; i < sizeof room; ++i) room[i] = 0;
}

int main(void) {
  open_session("ann");
  open_session("bob");
  open_session("cid");
  lose();
  wipe();
  look_here();
  return 0;
}
