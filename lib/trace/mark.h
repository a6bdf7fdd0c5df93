/* SPDX-License-Identifier: BSL-1.0
 *
 * The mark of this file (../shared/mark.h): by it, and nothing else, it is known that it is in a program.
 */
#pragma once

#include "shared/mark.h"
#include "system.h"

#ifdef __ELF__
/* Leads here, so that what the debug information says of this code is not taken for the program's. Nobody calls it. */
__attribute__((used, noinline)) static void leave_mark(void) {
  __asm__ volatile("1:");
  LEAKDIR_MARK(4, "1b", "1b", ".");
}
#endif
