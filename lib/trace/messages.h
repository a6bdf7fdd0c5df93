/* SPDX-License-Identifier: BSL-1.0
 *
 * What is said on standard error: lines that begin with "leakdir: ".
 */
#pragma once

#include "files.h"
#include "system.h"

/* Standard error as it was at start: what has its number later is the program's own. */
static struct stat stderr_at_start;
static int has_stderr, stderr_was_log;

static int is_log(const struct stat *status) {
  const int flags = fcntl(2, F_GETFL);
  return S_ISREG(status->st_mode) && flags >= 0 && (flags & O_APPEND) != 0;
}

static void remember_stderr(void) {
  has_stderr = fstat(2, &stderr_at_start) == 0;
  stderr_was_log = has_stderr && is_log(&stderr_at_start);
}

/* Where it was a log, another log is the next one of the same. */
static int is_stderr_there(void) {
  struct stat now;
  if (!has_stderr || fstat(2, &now) != 0) return 0;
  if (now.st_dev == stderr_at_start.st_dev && now.st_ino == stderr_at_start.st_ino) return 1;
  return stderr_was_log && is_log(&now);
}

static void say_all(const char *text, size_t bytes) {
  if (is_stderr_there()) write_quietly(2, text, bytes);
}

/* The program's stacks may be small (16 KiB are a thread's least, and the libc's printf takes some of it): whatever
 * holds a path or a text lies in the libc's heap, or is static where one thread alone comes. */
static void say(const char *format, ...) {
  const size_t room = 4 * kPath;
  char *line;
  va_list arguments;
  int bytes;
  if (!is_stderr_there() || (line = libc_malloc(room)) == NULL) return;
  bytes = snprintf(line, room, "leakdir: ");
  va_start(arguments, format);
  bytes += vsnprintf(line + bytes, room - (size_t)bytes - 1, format, arguments);
  va_end(arguments);
  if (bytes > (int)room - 2) bytes = (int)room - 2;
  line[bytes++] = '\n';
  write_quietly(2, line, (size_t)bytes);
  libc_free(line);
}
