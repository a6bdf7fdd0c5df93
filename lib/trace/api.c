/* SPDX-License-Identifier: BSL-1.0
 *
 * What a program calls by leakdir/leakdir.h; and the place, by leakdir/trace.h.
 */

#include "directory.h"
#include "from.h"
#include "lifecycle.h"
#include "mark.h"
#include "object_beside.h"
#include "place.h"
#include "system.h"

HOOK void leakdir_place(const char *file, int line, int call, size_t factor) {
  if (object_beside() != NULL) {
    object_beside()->place(file, line, call, factor, (uintptr_t)__builtin_frame_address(0));
    return;
  }
  places[1] = places[0];
  places[0].file = file;
  places[0].line = line;
  places[0].call = call;
  places[0].factor = factor;
  places[0].frame = (uintptr_t)__builtin_frame_address(0);
}

/* Whoever asks, or pauses, before the first block: what the options say comes first. */
static void be_started(void) {
  const int saved = errno;
  if (enter()) leave();
  errno = saved;
}

static void switch_recording(int on) {
  if (object_beside() != NULL) {
    object_beside()->switch_recording(on);
    return;
  }
  be_started();
  paused = !on;
}

void leakdir_start(void) { switch_recording(1); }

void leakdir_stop(void) { switch_recording(0); }

int leakdir_is_recording(void) {
  if (object_beside() != NULL) return object_beside()->is_recording();
  be_started();
  return state == kOn && !paused;
}

const char *leakdir_dir(void) {
  if (object_beside() != NULL) return object_beside()->dir();
  be_started();
  return state == kOn ? dir : "";
}
