// SPDX-License-Identifier: BSL-1.0
//
// Handlers of signals that come at the first instruction of a function allocate: right before it, in the one case, ends
// a function with a return, in the other with a call. And one of a signal that the program sends to itself, and a
// function that a context begins with. Handler and function are named in the line that says what is expected.

#define _GNU_SOURCE
#include <signal.h>
#include <stdlib.h>
#include <ucontext.h>

#include "expect.h"

void trap_after_return(void);
void trap_after_call(void);
__asm__(
    "        .text\n"
    "        .type   neighbour_that_returns, @function\n"
    "neighbour_that_returns:\n"
    "        .cfi_startproc\n"
    "        nop\n"
    "        ret\n"
    "        .cfi_endproc\n"
    "        .size   neighbour_that_returns, . - neighbour_that_returns\n"
    "        .type   trap_after_return, @function\n"
    "trap_after_return:\n"
    "        .cfi_startproc\n"
    "        ud2\n"
    "        ret\n"
    "        .cfi_endproc\n"
    "        .size   trap_after_return, . - trap_after_return\n"
    "        .type   neighbour_that_calls, @function\n"
    "neighbour_that_calls:\n"
    "        .cfi_startproc\n"
    "        call    neighbour_that_returns\n"
    "        .cfi_endproc\n"
    "        .size   neighbour_that_calls, . - neighbour_that_calls\n"
    "        .type   trap_after_call, @function\n"
    "trap_after_call:\n"
    "        .cfi_startproc\n"
    "        ud2\n"
    "        ret\n"
    "        .cfi_endproc\n"
    "        .size   trap_after_call, . - trap_after_call\n");

static size_t bytes;

static void on_trap(int number, siginfo_t *information, void *context) {
  (void)number, (void)information;
  LEAK(malloc, bytes, malloc(bytes));
  ((ucontext_t *)context)->uc_mcontext.gregs[REG_RIP] += 2;  // behind ud2
}

static void on_raise(int number) {
  (void)number;
  LEAK(malloc, 1105, malloc(1105));
}

static ucontext_t context_of_main, context;
static NOINLINE void begins_a_context(void) { LEAK(malloc, 1107, malloc(1107)); }

NOINLINE static void calls(size_t size, void (*trap)(void)) {
  bytes = size;
  trap();
  hidden(NULL);
}

int main(void) {
  struct sigaction action = {.sa_sigaction = on_trap, .sa_flags = SA_SIGINFO};
  sigaction(SIGILL, &action, NULL);
  action.sa_flags = 0;
  action.sa_handler = on_raise;
  sigaction(SIGUSR1, &action, NULL);
  calls(1101, trap_after_return);
  calls(1103, trap_after_call);
  raise(SIGUSR1);
  getcontext(&context);
  static char stack[64 << 10];
  context.uc_stack.ss_sp = stack;
  context.uc_stack.ss_size = sizeof stack;
  context.uc_link = &context_of_main;
  makecontext(&context, begins_a_context, 0);
  swapcontext(&context_of_main, &context);
  return 0;
}
