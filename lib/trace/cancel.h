/* SPDX-License-Identifier: BSL-1.0
 *
 * malloc is no point where a thread is cancelled; open() and write() are. Some systems do not know of it.
 */
#pragma once

#include "system.h"

#ifdef PTHREAD_CANCEL_DISABLE
/* In a library of its own. */
#if (defined(__GLIBC__) && __GLIBC__ == 2 && __GLIBC_MINOR__ < 34) || defined(__dietlibc__)
#pragma weak pthread_setcancelstate
#define HAS_CANCEL (pthread_setcancelstate != NULL)
#else
#define HAS_CANCEL 1
#endif

static __thread int cancel_state;
static void forbid_cancel(void) {
  if (HAS_CANCEL) pthread_setcancelstate(PTHREAD_CANCEL_DISABLE, &cancel_state);
}

static void allow_cancel(int state_before) {
  int ignored;
  if (HAS_CANCEL) pthread_setcancelstate(state_before, &ignored);
}
#else
enum { cancel_state };
static void forbid_cancel(void) {}
static void allow_cancel(int state_before) { (void)state_before; }
#endif
