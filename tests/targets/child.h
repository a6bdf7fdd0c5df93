// SPDX-License-Identifier: BSL-1.0
//
// How a target says what became of its child: `child pid=71 status=0`.

#pragma once

#include <sys/wait.h>

#include "expect.h"

static inline void say_how_it_ended(pid_t child) {
  int status = -1;
  MUST(waitpid(child, &status, 0) == child);
  char text[60];
  snprintf(text, sizeof text, "child pid=%d status=%d\n", child, status);
  say(text);
}
