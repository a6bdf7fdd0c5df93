/* SPDX-License-Identifier: BSL-1.0
 *
 * Who calls.
 */
#pragma once

#include "system.h"

/* To be used in the very function that the program calls. */
struct from {
  uintptr_t caller, frame;
};

/* Not inlined (-flto) into who calls it: FROM would be that one's caller. */
#define HOOK __attribute__((noinline))

#define FROM caller_is((uintptr_t)__builtin_return_address(0), (uintptr_t)__builtin_frame_address(0))
static struct from caller_is(uintptr_t caller, uintptr_t frame) {
  struct from result;
  result.caller = caller;
  result.frame = frame;
  return result;
}
