/* SPDX-License-Identifier: BSL-1.0
 *
 * Start, fork and end; and whether a call is recorded.
 */
#pragma once

#include "bad_free.h"
#include "cancel.h"
#include "directory.h"
#include "live_table.h"
#include "messages.h"
#include "module.h"
#include "option_sources.h"
#include "options.h"
#include "owner.h"
#include "process.h"
#include "system.h"

enum { kNotYet, kStarting, kOn, kOff };
static int state = kNotYet;
static int has_started; /* in this process, or in the one that it was forked from */
static int paused;
static __thread int busy; /* in here already: what is called now is our own, or a handler's */

static void settle(int new_state) {
  if (fork_page != NULL) __atomic_store_n(&fork_page[1], 1, __ATOMIC_RELEASE);
  __atomic_store_n(&state, new_state, __ATOMIC_RELEASE);
}

/* After all that the program does at exit. */
__attribute__((destructor(101))) static void at_end(void) {
  if (state != kOn || is_forked_child() || owner != getpid()) return;
  remove_owner(dir);
  if (value_of(kOption_summary) != 0 && (live_blocks != 0 || bad_frees != 0)) {
    char bad[64] = "", without_file[64] = "";
    if (bad_frees != 0) snprintf(bad, sizeof bad, ", %llu bad free%s", bad_frees, bad_frees == 1 ? "" : "s");
    if (files < live_blocks) {
      snprintf(without_file, sizeof without_file, " (%llu %s no file)", live_blocks - files,
               live_blocks - files == 1 ? "has" : "have");
    }
    say("%llu live block%s, %llu byte%s%s at exit: %s%s", live_blocks, live_blocks == 1 ? "" : "s", live_bytes,
        live_bytes == 1 ? "" : "s", bad, shown, without_file);
  }
  if (value_of(kOption_exitcode) != 0 && live_blocks != 0) {
    state = kOff;
#ifdef __GLIBC__
    exit((int)value_of(kOption_exitcode)); /* goes on where it was, and waits for no thread that reads */
#else
    fflush(NULL);
    _exit((int)value_of(kOption_exitcode));
#endif
  }
}

static void start(void) {
  int is_trusted = getuid() == geteuid() && getgid() == getegid();
#ifdef __linux__
  is_trusted = is_trusted && getauxval(AT_SECURE) == 0; /* file capabilities */
#endif
#ifdef __dietlibc__ /* calls no destructors */
  atexit(at_end);
#endif
  find_program();
  read_options(is_trusted);
  paused = value_of(kOption_recording) == 0;
  if (value_of(kOption_enabled) != 0 && may_use_dir(is_trusted)) {
    remember_root();
    expand_dir();
    has_started = claim_dir() == 0;
  }
  settle(has_started ? kOn : kOff);
}

/* A child has its own directory. */
static void start_in_child(void) {
  empty_table();
  bad_frees = 0;
  snprintf(shown, sizeof shown, "%.1000s/%ld", base, (long)owner);
  snprintf(dir, sizeof dir, "%s/%ld", base, (long)owner);
  settle(value_of(kOption_children) != 0 && has_a_place() && claim_dir() == 0 ? kOn : kOff);
}

/* Whether the state was `from`. */
static int goes(int from, int to) {
  return __atomic_compare_exchange_n(&state, &from, to, 0, __ATOMIC_ACQ_REL, __ATOMIC_ACQUIRE);
}

static void leave(void) {
  const int before = cancel_state;
  busy = 0;
  allow_cancel(before);
}

/* Whether to record. The guard is taken then; leave() gives it back. Of several threads that come first one starts, and
 * the others wait: in a forked child, too, whose parent may have been starting. */
static int enter(void) {
  int tries = 0, is_first, is_child, has_stopped;
  if (busy) return 0;
  busy = 1;
  forbid_cancel();
  remember_process();
  /* In this order: who takes over has changed the state before the page. */
  if (is_forked_child() || __atomic_load_n(&state, __ATOMIC_ACQUIRE) != kOn) {
    is_child = state != kOff && is_forked_child();
    is_first = goes(kNotYet, kStarting);
    has_stopped = is_child && goes(kOn, kStarting);
    if (is_child ? takes_over() : is_first) {
      if (has_started) {
        start_in_child();
      } else {
        start();
      }
    } else if (has_stopped && is_settled()) {
      __atomic_store_n(&state, kOn, __ATOMIC_RELEASE); /* another thread has done it since */
    }
    while (__atomic_load_n(&state, __ATOMIC_ACQUIRE) == kStarting && (fork_page != NULL || ++tries < kTries))
      sched_yield();
    goes(kStarting, kOff); /* forked while another thread was starting, and nobody can tell */
    if (state != kOn) {
      leave();
      return 0;
    }
  }
  return 1;
}
