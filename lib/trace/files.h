/* SPDX-License-Identifier: BSL-1.0
 *
 * Files, by path and for a moment: none is held open, and none is reached through a link.
 */
#pragma once

#include "system.h"

/* Never through a link. */
static int open_dir(const char *path) { return open(path, O_RDONLY | O_DIRECTORY | O_NOFOLLOW | O_CLOEXEC); }

static ssize_t read_beginning(const char *folder, const char *name, void *into, size_t bytes) {
  static char path[3 * kPath];
  ssize_t got;
  int file;
  snprintf(path, sizeof path, "%s/%s", folder, name);
  file = open(path, O_RDONLY | O_CLOEXEC | O_NOFOLLOW | O_NONBLOCK);
  if (file < 0) return -1;
  got = read(file, into, bytes);
  close(file);
  return got;
}

/* A pipe that nobody reads, or a limit of file sizes, ends no program: the signal is taken back. */
static int write_quietly(int file, const char *text, size_t bytes) {
  const struct timespec at_once = {0, 0};
  sigset_t both, before, pending;
  ssize_t wrote;
  int error;
  sigemptyset(&both);
  sigaddset(&both, SIGPIPE);
  sigaddset(&both, SIGXFSZ);
  sigprocmask(SIG_BLOCK, &both, &before);
  sigpending(&pending);
  if (sigismember(&pending, SIGPIPE)) sigdelset(&both, SIGPIPE);
  if (sigismember(&pending, SIGXFSZ)) sigdelset(&both, SIGXFSZ);
  wrote = write(file, text, bytes);
  error = wrote == (ssize_t)bytes ? 0 : wrote < 0 ? errno : ENOSPC;
  if (error == EPIPE || error == EFBIG) sigtimedwait(&both, NULL, &at_once);
  sigprocmask(SIG_SETMASK, &before, NULL);
  return error;
}
