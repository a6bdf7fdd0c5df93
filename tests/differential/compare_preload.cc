// SPDX-License-Identifier: BSL-1.0
//
// LD_PRELOAD library: compares the stack of every allocation of a program that knows nothing of it (programs.sh).
//
// Takes part in malloc, calloc and realloc the way the hooks do, and forgets rules after dlclose. At exit it appends a
// line with its counts to the file that COMPARE_LOG names. COMPARE_EVERY=N compares one call in N: Boost takes its
// time.

#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <unistd.h>

#include "both_walks.hh"
#include "walk/fast_walk_rule.hh"

extern "C" {
void* __libc_malloc(size_t);
void* __libc_calloc(size_t, size_t);
void* __libc_realloc(void*, size_t);
}

namespace {

bool g_ready;
unsigned g_every = 1;
thread_local bool t_is_inside;
thread_local unsigned t_calls;

void compare(const leakdir::WalkStart& start) {
  if (!g_ready || t_is_inside || (++t_calls % g_every != 0 && !leakdir::is_loader(start.pc))) return;
  t_is_inside = true;
  differential::compare_from(start);
  t_is_inside = false;
}

[[gnu::constructor]] void start() {
  t_is_inside = true;
  if (const char* every = getenv("COMPARE_EVERY")) g_every = static_cast<unsigned>(atoi(every));
  differential::compare_here();  // primes the unwinder
  t_is_inside = false;
  g_ready = true;
}

[[gnu::destructor]] void stop() {
  g_ready = false;
  const char* const log = getenv("COMPARE_LOG");
  const int file = log != nullptr ? open(log, O_WRONLY | O_CREAT | O_APPEND | O_CLOEXEC, 0600) : -1;
  if (file < 0) return;
  const differential::Counts counts = differential::counts();
  char line[192];
  const int n = snprintf(line, sizeof line, "%s: %lu compared %lu declined %lu frames %lu reused %lu known whole\n",
                         program_invocation_short_name, counts.compared, counts.declined, counts.frames,
                         counts.reused_frames, counts.known_whole);
  if (write(file, line, static_cast<size_t>(n)) != n) g_ready = false;
  close(file);
}

}  // namespace

extern "C" {

void* malloc(size_t size) {
  compare(leakdir::walk_start_here());
  return __libc_malloc(size);
}

void* calloc(size_t count, size_t size) {
  compare(leakdir::walk_start_here());
  return __libc_calloc(count, size);
}

void* realloc(void* block, size_t size) {
  compare(leakdir::walk_start_here());
  return __libc_realloc(block, size);
}
}
