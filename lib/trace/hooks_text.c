/* SPDX-License-Identifier: BSL-1.0
 *
 * What allocates a text: in the C library it calls malloc inside, where leakdir/trace.h has no hand.
 */

#include "blocks.h"
#include "from.h"
#include "place.h"
#include "system.h"

HOOK char *leakdir_trace_strndup(const char *text, size_t most) {
  const size_t bytes = strnlen(text, most);
  char *copy = get(kMalloc, 0, bytes + 1, FROM);
  if (copy == NULL) return NULL;
  memcpy(copy, text, bytes);
  copy[bytes] = '\0';
  return copy;
}

HOOK char *leakdir_trace_strdup(const char *text) {
  const size_t bytes = strlen(text) + 1;
  char *copy = get(kMalloc, 0, bytes, FROM);
  return copy == NULL ? NULL : memcpy(copy, text, bytes);
}

HOOK wchar_t *leakdir_trace_wcsdup(const wchar_t *text) {
  const size_t bytes = (wcslen(text) + 1) * sizeof *text;
  wchar_t *copy = get(kMalloc, 0, bytes, FROM);
  return copy == NULL ? NULL : memcpy(copy, text, bytes);
}

static int print(char **into, const char *format, va_list arguments, struct from from) {
  va_list again;
  char *text;
  int bytes;
  va_copy(again, arguments);
  bytes = vsnprintf(NULL, 0, format, again);
  va_end(again);
  if (bytes < 0) return bytes;
  text = get(kMalloc, 0, (size_t)bytes + 1, from);
  if (text == NULL) return -1;
  *into = text;
  return vsnprintf(text, (size_t)bytes + 1, format, arguments);
}

HOOK int leakdir_trace_vasprintf(char **into, const char *format, va_list arguments) {
  return print(into, format, arguments, FROM);
}

HOOK int leakdir_trace_asprintf(char **into, const char *format, ...) {
  va_list arguments;
  int bytes;
  va_start(arguments, format);
  bytes = print(into, format, arguments, FROM);
  va_end(arguments);
  return bytes;
}

/* What glibc makes of the two with _FORTIFY_SOURCE. */
HOOK int leakdir_trace_vasprintf_chk(char **into, int flag, const char *format, va_list arguments) {
  (void)flag;
  return print(into, format, arguments, FROM);
}

HOOK int leakdir_trace_asprintf_chk(char **into, int flag, const char *format, ...) {
  va_list arguments;
  int bytes;
  (void)flag;
  va_start(arguments, format);
  bytes = print(into, format, arguments, FROM);
  va_end(arguments);
  return bytes;
}

static ssize_t read_until(char **line, size_t *room, int end, FILE *file, struct from from) {
  size_t used = 0;
  int c, has_room = 1;
  if (*line == NULL || *room == 0) {
    *line = NULL;
    *room = 0;
  }
  flockfile(file);
  while ((c = getc_unlocked(file)) != EOF) {
    if (used + 2 > *room) {
      const size_t more = *room < 60 ? 120 : 2 * *room;
      char *grown = resize(*line, more, kRealloc, from);
      has_room = grown != NULL;
      if (!has_room) break;
      *line = grown;
      *room = more;
    }
    (*line)[used++] = (char)c;
    if (c == end) break;
  }
  funlockfile(file);
  if (used == 0 || !has_room) return -1;
  (*line)[used] = '\0';
  return (ssize_t)used;
}

HOOK ssize_t leakdir_trace_getdelim(char **line, size_t *room, int end, FILE *file) {
  return read_until(line, room, end, file, FROM);
}

HOOK ssize_t leakdir_trace_getline(char **line, size_t *room, FILE *file) {
  return read_until(line, room, '\n', file, FROM);
}
