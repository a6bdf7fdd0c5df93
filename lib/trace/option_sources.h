/* SPDX-License-Identifier: BSL-1.0
 *
 * Where the options come from: LEAKDIR_OPTIONS over the config file over leakdir_default_options() over the table.
 * Read once, by the one thread that starts.
 */
#pragma once

#include "messages.h"
#include "options.h"
#include "shared/error_text.h"
#include "shared/option_text.h"
#include "system.h"

const char *leakdir_default_options(void) __attribute__((weak));

/* The whole file, as far as there is room. A pipe of that name must not make the program wait. */
static ssize_t read_config(const char *path, int is_named, char *text, size_t room) {
  const int file = open(path, O_RDONLY | O_CLOEXEC | O_NONBLOCK | O_NOCTTY);
  struct stat status, link;
  ssize_t got = 0, used = 0;
  if (file < 0) {
    if (is_named) say("cannot read %s (%s): it is ignored", path, error_text(errno));
    return -1;
  }
  if (!is_named &&
      (fstat(file, &status) != 0 || lstat(path, &link) != 0 || !S_ISREG(status.st_mode) ||
       (status.st_uid != 0 && status.st_uid != geteuid()) || (link.st_uid != 0 && link.st_uid != geteuid()))) {
    say("%s is another user's, or no file: it is ignored (LEAKDIR_CONFIG=%s reads it)", path, path);
    close(file);
    return -1;
  }
  while ((size_t)used < room && (got = read(file, text + used, room - (size_t)used)) > 0) used += got;
  if (got < 0) say("cannot read %s (%s): it is ignored", path, error_text(errno));
  close(file);
  return got < 0 ? -1 : used;
}

static void apply_file(const char *named) {
  static char text[1 << 14];
  const char *const path = named != NULL ? named : "./leakdir.conf";
  const ssize_t got = read_config(path, named != NULL, text, sizeof text);
  if (got < 0) return;
  if ((size_t)got == sizeof text) {
    say("%s is larger than %lu bytes: it is ignored", path, (unsigned long)sizeof text - 1);
    return;
  }
  text[got] = '\0';
  each_of_file(text, path, &option_sink);
}

/* `is_trusted`: the caller has the rights of this program, so his files and environment count. */
static void read_options(int is_trusted) {
  int i;
  for (i = 0; i < kOptions; ++i) {
    struct option *const option = &options[i];
    if (option->words[0] != '\0') option->value = place_of_word(option->words, option->default_value);
  }
  if (leakdir_default_options != NULL && leakdir_default_options() != NULL)
    each_of_list(leakdir_default_options(), "leakdir_default_options()", &option_sink);
  if (is_trusted) {
    const char *const list = getenv("LEAKDIR_OPTIONS");
    apply_file(getenv("LEAKDIR_CONFIG"));
    if (list != NULL) each_of_list(list, "LEAKDIR_OPTIONS", &option_sink);
  }
  if (value_of(kOption_help) != 0) print_help();
}
