// SPDX-License-Identifier: BSL-1.0
//
// What tools/demo.sh looks at, too: a guest book that forgets to free the entries that it strikes out.

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

struct entry {
  struct entry* next;
  char guest[56];
};

static struct entry* book;

static void sign(const char* guest) {
  struct entry* entry = malloc(sizeof *entry);
  if (entry == NULL) exit(1);
  snprintf(entry->guest, sizeof entry->guest, "%s", guest);
  entry->next = book;
  book = entry;
}

// The leak: the entry leaves the list, and nobody frees it.
static void strike_out(const char* guest) {
  for (struct entry** place = &book; *place != NULL; place = &(*place)->next) {
    if (strcmp((*place)->guest, guest) != 0) continue;
    *place = (*place)->next;
    return;
  }
}

static void close_book(void) {
  while (book != NULL) {
    struct entry* entry = book;
    book = entry->next;
    free(entry);
  }
}

int main(void) {
  sign("Ada");
  sign("Grace");
  sign("Charles");
  strike_out("Grace");
  char* farewell = strdup("Come again");
  if (farewell == NULL) return 1;
  puts(farewell);
  close_book();
  return 0;
}
