// SPDX-License-Identifier: BSL-1.0
//
// Recording that is paused and resumed, by the API or by the configuration file (`paused api` or `paused file`). Blocks
// from the paused phase are freed, moved and kept while recording, and those recorded are freed while paused.

#define _GNU_SOURCE
#include <stdlib.h>
#include <sys/stat.h>
#include <time.h>

#include "expect.h"

void leakdir_start(void) __attribute__((weak));
void leakdir_stop(void) __attribute__((weak));
int leakdir_is_recording(void) __attribute__((weak));

static int by_file;

static void write_config(const char* text) {
  FILE* file = fopen("leakdir.conf.new", "w");
  MUST(file != NULL);
  fputs(text, file);
  fclose(file);
  MUST(rename("leakdir.conf.new", "leakdir.conf") == 0);
}

static void switch_recording(int on) {
  if (!by_file) {
    MUST(leakdir_start != NULL && leakdir_stop != NULL);
    on ? leakdir_start() : leakdir_stop();
    return;
  }
  write_config(on ? "recording = 1\n" : "recording = 0\n");
  // The file is looked at from time to time.
  int tries = 0;
  while (leakdir_is_recording() != on && ++tries < 3000) {
    const struct timespec time = {0, 10000000};
    nanosleep(&time, NULL);
    free(hidden(malloc(50)));
  }
  MUST(tries < 3000);
}

static NOINLINE void leak_recorded(void) { LEAK(malloc, 3301, malloc(3301)); }
static NOINLINE void leak_paused(void) { sink = malloc(3307); }
static NOINLINE void leak_recorded_again(void) { LEAK(malloc, 3313, malloc(3313)); }
static NOINLINE void leak_moved(void* block) { LEAK(realloc, 100003, realloc(block, 100003)); }

int main(int argc, char** argv) {
  MUST(argc == 2);
  by_file = strcmp(argv[1], "file") == 0;
  void* recorded[100];
  void* unrecorded[300];
  leak_recorded();
  for (int i = 0; i < 100; ++i) recorded[i] = hidden(malloc(400));
  switch_recording(0);
  leak_paused();
  for (int i = 0; i < 300; ++i) unrecorded[i] = hidden(malloc(400));
  for (int i = 0; i < 100; ++i) free(recorded[i]);
  for (int i = 0; i < 100; ++i) recorded[i] = hidden(malloc(400));  // the same addresses, unrecorded now
  switch_recording(1);
  leak_recorded_again();
  leak_moved(unrecorded[0]);
  for (int i = 1; i < 300; ++i) free(unrecorded[i]);
  for (int i = 0; i < 100; ++i) free(recorded[i]);
  return 0;
}
