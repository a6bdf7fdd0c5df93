// SPDX-License-Identifier: BSL-1.0
//
// moves_a_block [files]: reallocs a block from three lines, waiting a little in between, and shows DIR each time. With
// `files` it waits until the block's file, and no other, is there.

#define _GNU_SOURCE
#include <dirent.h>
#include <stdlib.h>
#include <time.h>

#include "expect.h"

// Says the size of each record file that is there, and gives whether it is one alone, of the size that is wanted.
static int show_files(const char* when, int aloud, size_t wanted) {
  int files = 0, right = 0;
  DIR* dir = opendir("mem");
  MUST(dir != NULL);
  for (struct dirent* entry; (entry = readdir(dir)) != NULL;) {
    if (strstr(entry->d_name, ".mem") == NULL) continue;
    char path[300], text[500] = "", line[700];
    snprintf(path, sizeof path, "mem/%s", entry->d_name);
    FILE* file = fopen(path, "r");
    if (file == NULL) continue;  // gone since
    if (fgets(text, sizeof text, file) == NULL) text[0] = '\0';
    fclose(file);
    const char* size = strstr(text, "size:");
    snprintf(line, sizeof line, "%s size=%s", when, size != NULL ? size + 5 : "?\n");
    if (aloud) say(line);
    ++files;
    right += size != NULL && strtoul(size + 5, NULL, 10) == wanted;
  }
  closedir(dir);
  return files == 1 && right == 1;
}

static int waits_for_files;

static void wait_for_file(const char* when, size_t size) {
  const struct timespec moment = {0, 10000000}, a_while = {0, 200000000};
  int tries = 0;
  while (waits_for_files && !show_files(when, 0, size) && ++tries < 2000) nanosleep(&moment, NULL);
  nanosleep(&a_while, NULL);  // nothing more comes or goes
  show_files(when, 1, size);
}

static NOINLINE void* allocate(void) { return hidden(malloc(1101)); }
static NOINLINE void* grow(void* block) { return hidden(realloc(block, 150001)); }
static NOINLINE void shrink_and_leak(void* block) { LEAK(realloc, 1109, realloc(block, 1109)); }

int main(int argc, char** argv) {
  waits_for_files = argc > 1 && strcmp(argv[1], "files") == 0;
  void* block = allocate();
  wait_for_file("first", 1101);
  block = grow(block);
  wait_for_file("second", 150001);
  MUST(realloc(block, (size_t)-1 / 2) == NULL);  // fails: the block stays as it is
  wait_for_file("third", 150001);
  shrink_and_leak(block);
  wait_for_file("fourth", 1109);
  return 0;
}
