/* SPDX-License-Identifier: BSL-1.0
 *
 * Whose a directory is: a process that writes there is told by DIR/.owner, where it has no object, and by DIR/.ledger,
 * where it has one. lib/files/earlier_run.cc reads both, too.
 */
#pragma once

#include "files.h"
#include "process.h"
#include "system.h"

/* The object leaves its process in DIR/.ledger (the beginning of lib/shared/ledger.hh's Header). */
static pid_t live_ledger_owner(const char *dir) {
  struct {
    char magic[8];
    uint32_t version, byte_order, header_bytes, pointer_bytes, machine, state, pid, parent_pid;
    uint64_t start_time;
  } header;
  enum { kRunning = 1 };
  unsigned long long began;
  if (read_beginning(dir, ".ledger", &header, sizeof header) != (ssize_t)sizeof header) return 0;
  /* The first byte comes last of all. */
  if (memcmp(header.magic + 1, "eakdir\n", sizeof header.magic - 1) != 0 || header.byte_order != 0x01020304) return 0;
  if (header.state != kRunning || !is_there((pid_t)header.pid)) return 0;
  began = start_time_of((pid_t)header.pid);
  return began == 0 || header.start_time == 0 || began == header.start_time ? (pid_t)header.pid : 0;
}

/* A process that writes here leaves its pid in DIR/.owner, and when it began. */
static pid_t live_owner(const char *dir) {
  char text[64], *rest;
  const ssize_t got = read_beginning(dir, ".owner", text, sizeof text - 1);
  unsigned long long began, now;
  pid_t pid;
  text[got > 0 ? got : 0] = '\0';
  pid = (pid_t)strtol(text, &rest, 10);
  began = strtoull(rest, NULL, 10);
  if (!is_there(pid)) return live_ledger_owner(dir);
  now = start_time_of(pid);
  return began == 0 || now == 0 || began == now ? pid : live_ledger_owner(dir);
}

static void write_owner(const char *dir) {
  static char path[3 * kPath];
  char text[64];
  int file;
  snprintf(path, sizeof path, "%s/.owner", dir);
  unlink(path);
  file = open(path, O_WRONLY | O_CREAT | O_EXCL | O_NOFOLLOW | O_CLOEXEC, 0600);
  if (file < 0) return;
  snprintf(text, sizeof text, "%ld %llu\n", (long)owner, start_time_of(owner));
  if (write_quietly(file, text, strlen(text)) != 0) unlink(path);
  close(file);
}

static void remove_owner(const char *dir) {
  static char path[3 * kPath];
  snprintf(path, sizeof path, "%s/.owner", dir);
  unlink(path);
}
