// SPDX-License-Identifier: BSL-1.0
//
// Reallocs a block from three places, waiting in between so that each version has its file, and shows DIR each time.

#define _GNU_SOURCE
#include <dirent.h>
#include <stdlib.h>
#include <time.h>

#include "expect.h"

static void show_files(const char* when) {
  const struct timespec time = {0, 400000000};
  nanosleep(&time, NULL);
  DIR* dir = opendir("mem");
  MUST(dir != NULL);
  for (struct dirent* entry; (entry = readdir(dir)) != NULL;) {
    if (strstr(entry->d_name, ".mem") == NULL) continue;
    char path[300], text[500] = "";
    snprintf(path, sizeof path, "mem/%s", entry->d_name);
    FILE* file = fopen(path, "r");
    MUST(file != NULL && fgets(text, sizeof text, file) != NULL);
    fclose(file);
    char line[700];
    snprintf(line, sizeof line, "%s size=%s", when, strstr(text, "size:") + 5);
    say(line);
  }
  closedir(dir);
}

static NOINLINE void* allocate(void) { return hidden(malloc(1101)); }
static NOINLINE void* grow(void* block) { return hidden(realloc(block, 150001)); }
static NOINLINE void shrink_and_leak(void* block) { LEAK(realloc, 1109, realloc(block, 1109)); }

int main(void) {
  void* block = allocate();
  show_files("first");
  block = grow(block);
  show_files("second");
  MUST(realloc(block, (size_t)-1 / 2) == NULL);  // fails: the block stays as it is
  show_files("third");
  shrink_and_leak(block);
  show_files("fourth");
  return 0;
}
