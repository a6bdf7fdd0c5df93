/* SPDX-License-Identifier: BSL-1.0
 *
 * The record directory: where it is, making it, and what an earlier run left in it. There is one thread while it is
 * made, so paths are static.
 */
#pragma once

#include "files.h"
#include "messages.h"
#include "module.h"
#include "options.h"
#include "owner.h"
#include "process.h"
#include "shared/error_text.h"
#include "shared/record_format.h"
#include "system.h"

/* The option, made absolute; where is written; and that as it is said. */
static char base[2 * kPath], dir[2 * kPath + 32], shown[kPath + 32];

static int has_record_name(const char *name) {
  const size_t bytes = strlen(name);
  return strncmp(name, "0x", 2) == 0 && ((bytes > 6 && strcmp(name + bytes - 4, kRecordSuffix) == 0) ||
                                         (bytes > 10 && strcmp(name + bytes - 8, kBadFreeSuffix) == 0));
}

/* Records (and the ledger, which only the object writes) leave `from`: for `to`, or for good. */
static void clear_out(const char *from, const char *to) {
  static char old_name[3 * kPath], new_name[3 * kPath];
  const int file = open_dir(from);
  DIR *folder = file < 0 ? NULL : fdopendir(file);
  struct dirent *entry;
  if (folder == NULL) return;
  while ((entry = readdir(folder)) != NULL) {
    if (!has_record_name(entry->d_name) && strcmp(entry->d_name, ".ledger") != 0) continue;
    snprintf(old_name, sizeof old_name, "%s/%s", from, entry->d_name);
    snprintf(new_name, sizeof new_name, "%s/%s", to != NULL ? to : from, entry->d_name);
    if (to == NULL || rename(old_name, new_name) != 0) unlink(old_name);
  }
  closedir(folder);
}

/* Gives a descriptor of it, or -1. */
static int make_dir(void) {
  char *slash = dir;
  for (;;) {
    slash = (strchr)(slash + 1, '/');
    if (slash != NULL) *slash = '\0';
    if (mkdir(dir, kRecordDirMode) == 0) { /* whatever the umask is */
      const int made = open_dir(dir);
      if (made >= 0) fchmod(made, kRecordDirMode);
      if (made >= 0) close(made);
    }
    if (slash == NULL) return open_dir(dir);
    *slash = '/';
  }
}

/* Whoever holds it for longer than a second is not one of us. */
static void lock_dir(int file) {
  const struct timespec moment = {0, 1000000};
  int tries;
  for (tries = 0; tries < 1000 && flock(file, LOCK_EX | LOCK_NB) != 0 && errno == EWOULDBLOCK; ++tries)
    nanosleep(&moment, NULL);
}

/* A link of that name goes, and a file is kept. */
static void make_previous(const char *path) {
  static char aside[3 * kPath + 8];
  struct stat status;
  if (lstat(path, &status) == 0 && S_ISLNK(status.st_mode)) unlink(path);
  snprintf(aside, sizeof aside, "%s.kept", path);
  if (lstat(path, &status) == 0 && !S_ISDIR(status.st_mode)) rename(path, aside);
  mkdir(path, kRecordDirMode);
}

static int claim_dir(void) {
  static char previous[3 * kPath];
  pid_t other;
  int file = make_dir(), lock = file;
  if (file >= 0) {
    lock_dir(lock);
    other = live_owner(dir);
    if (other != 0) {
      const size_t length = strlen(shown);
      snprintf(dir, sizeof dir, "%s/%ld", base, (long)owner);
      snprintf(shown + length, sizeof shown - length, "/%ld", (long)owner);
      say("%s belongs to the running process %ld: recording into %s", base, (long)other, shown);
      file = make_dir();
    }
  }
  if (file < 0) {
    say("cannot make the directory %s (%s): nothing is recorded", dir, error_text(errno));
  } else {
    snprintf(previous, sizeof previous, "%s/previous", dir);
    clear_out(previous, NULL);
    make_previous(previous);
    clear_out(dir, previous);
    rmdir(previous); /* if nothing was there */
    write_owner(dir);
  }
  if (lock >= 0) close(lock);
  if (file >= 0 && file != lock) close(file);
  return file >= 0 ? 0 : -1;
}

static void expand_dir(void) {
  const char *name = (strrchr)(program, '/');
  const char *from = option_dir;
  size_t at = 0;
  name = name != NULL ? name + 1 : program;
  for (; *from != '\0' && at < kPath - 1; ++from) {
    if (from[0] == '%' && (from[1] == 'p' || from[1] == 'e')) {
      at += (size_t)(from[1] == 'p' ? snprintf(shown + at, kPath - at, "%ld", (long)owner)
                                    : snprintf(shown + at, kPath - at, "%s", name));
      ++from;
    } else {
      if (from[0] == '%' && from[1] == '%') ++from;
      shown[at++] = *from;
    }
  }
  shown[at < kPath ? at : kPath - 1] = '\0';
  if (shown[0] != '/' && getcwd(base, sizeof base) != NULL) {
    const size_t length = strlen(base);
    const char *rest = strncmp(shown, "./", 2) == 0 ? shown + 2 : shown;
    snprintf(base + length, sizeof base - length, "/%s", rest);
  } else {
    snprintf(base, sizeof base, "%s", shown);
  }
  snprintf(dir, sizeof dir, "%s", base);
}

/* Where others may have had a hand in the working directory, a program with more rights writes where it says itself. */
static int may_use_dir(int is_trusted) {
  if (is_trusted || option_dir[0] == '/') return 1;
  say("the caller has fewer rights than this program: nothing is recorded below the working directory");
  return 0;
}

static struct stat root; /* of the process that started: a child may live in another */

static void remember_root(void) {
  if (stat("/", &root) != 0) root.st_ino = 0;
}

/* After chroot() the path would lead into the jail, where nobody looks. */
static int has_a_place(void) {
  struct stat now;
  return root.st_ino == 0 || stat("/", &now) != 0 || (now.st_dev == root.st_dev && now.st_ino == root.st_ino);
}
