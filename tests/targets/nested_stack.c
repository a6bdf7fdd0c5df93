// SPDX-License-Identifier: BSL-1.0
//
// A stack that is an array in a frame of another: of a coroutine (`static_context`, `local_context`), or of a signal's
// handler (`signal`). What the frames hold that wait meanwhile, further down the outer stack, is held. What a frame
// held that is gone is lost, if the thread runs on no such stack (`none`). Then it waits.

#define _GNU_SOURCE
#include <signal.h>
#include <stdlib.h>
#include <ucontext.h>

#include "expect.h"

static ucontext_t outer_context, static_context;

static NOINLINE void wait_here(void) {
  say("ready\n");
  for (;;) pause();
}

static void runs_on_an_array(void) { wait_here(); }
static void handles(int number) {
  (void)number;
  wait_here();
}

static NOINLINE void hold_and_switch(ucontext_t* to) {
  void* volatile on_its_stack = hidden(calloc(1, 1001));
  say("expect kind=reachable size=1001\n");
  if (to != NULL) {
    swapcontext(&outer_context, to);
  } else {
    raise(SIGUSR1);
  }
  hidden(on_its_stack);
}

static NOINLINE void make_a_stack(const char* how) {
  char stack[65536];
  if (strcmp(how, "signal") == 0) {
    const stack_t alternate = {.ss_sp = stack, .ss_size = sizeof stack};
    MUST(sigaltstack(&alternate, NULL) == 0);
    struct sigaction action = {.sa_handler = handles, .sa_flags = SA_ONSTACK};
    MUST(sigaction(SIGUSR1, &action, NULL) == 0);
    hold_and_switch(NULL);
  } else {
    ucontext_t local_context;
    ucontext_t* const context = strcmp(how, "local_context") == 0 ? &local_context : &static_context;
    MUST(getcontext(context) == 0);
    context->uc_stack.ss_sp = stack;
    context->uc_stack.ss_size = sizeof stack;
    makecontext(context, runs_on_an_array, 0);
    hold_and_switch(context);
  }
  hidden(stack);
}

static NOINLINE void lose_here(void) {
  void* volatile on_its_stack = hidden(calloc(1, 1003));
  hidden(on_its_stack);
}

static NOINLINE void lose(void) {
  char deep[2048];
  hidden(deep);
  lose_here();
  hidden(deep);
}

int main(int count, char** arguments) {
  if (count > 1 && strcmp(arguments[1], "none") != 0) make_a_stack(arguments[1]);
  lose();
  say("expect kind=definite size=1003\n");
  wait_here();
}
