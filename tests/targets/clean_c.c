// SPDX-License-Identifier: BSL-1.0
//
// A C program that uses much of libc and frees all that is its own.

#define _GNU_SOURCE
#include <dirent.h>
#include <errno.h>
#include <locale.h>
#include <pthread.h>
#include <regex.h>
#include <search.h>
#include <stdlib.h>
#include <time.h>
#include <wchar.h>

#include "expect.h"

static void use_stdio(void) {
  printf("printed %d %s %f\n", 1, "two", 3.0);
  FILE* file = fopen("scratch.txt", "w+");
  MUST(file != NULL);
  for (int i = 0; i < 2000; ++i) fprintf(file, "line %d of a file that needs its buffer\n", i);
  rewind(file);
  char* line = NULL;
  size_t room = 0;
  int lines = 0;
  while (getline(&line, &room, file) > 0) ++lines;
  MUST(lines == 2000);
  free(line);
  fclose(file);
  file = tmpfile();
  MUST(file != NULL);
  fputs("unseen", file);
  fclose(file);
  char* memory = NULL;
  size_t bytes = 0;
  file = open_memstream(&memory, &bytes);
  for (int i = 0; i < 1000; ++i) fprintf(file, "%d ", i);
  fclose(file);
  MUST(bytes == 3890);
  free(memory);
  wprintf(L"%ls", L"");
}

static void use_locale_and_time(void) {
  setlocale(LC_ALL, "C.UTF-8");
  locale_t locale = newlocale(LC_ALL_MASK, "C.UTF-8", (locale_t)0);
  if (locale != (locale_t)0) freelocale(locale);
  setenv("TZ", "Europe/Berlin", 1);
  setenv("ANOTHER_VARIABLE", "with a value", 1);
  tzset();
  time_t now = 1700000000;
  MUST(localtime(&now) != NULL);
  char text[100];
  strftime(text, sizeof text, "%c %Z", localtime(&now));
  MUST(strerror(ENOENT) != NULL);
}

static pthread_key_t key;
static void* in_thread(void* argument) {
  pthread_setspecific(key, malloc(77));
  free(hidden(malloc((size_t)argument + 100)));
  printf("from a thread\n");
  return malloc(55);
}

static void use_threads(void) {
  MUST(pthread_key_create(&key, free) == 0);
  pthread_t threads[6];
  for (size_t i = 0; i < 6; ++i) MUST(pthread_create(&threads[i], NULL, in_thread, (void*)i) == 0);
  for (int i = 0; i < 6; ++i) {
    void* result;
    MUST(pthread_join(threads[i], &result) == 0);
    free(result);
  }
  pthread_key_delete(key);
}

static void use_regex(void) {
  regex_t regex;
  MUST(regcomp(&regex, "^([a-z]+)[0-9]*(x|y)+$", REG_EXTENDED | REG_ICASE) == 0);
  regmatch_t matches[3];
  MUST(regexec(&regex, "Hello123xyx", 3, matches, 0) == 0);
  regfree(&regex);
}

static void use_popen(void) {
  FILE* pipe = popen("echo hello", "r");
  MUST(pipe != NULL);
  char text[20] = "";
  MUST(fgets(text, sizeof text, pipe) != NULL && strcmp(text, "hello\n") == 0);
  MUST(pclose(pipe) == 0);
}

static int by_number(const void* a, const void* b) { return *(const int*)a - *(const int*)b; }

static void use_qsort_and_search(void) {
  const size_t count = 20000;
  int* numbers = calloc(count, sizeof *numbers);
  for (size_t i = 0; i < count; ++i) numbers[i] = (int)(i * 7919 % count);
  qsort(numbers, count, sizeof *numbers, by_number);
  MUST(numbers[0] == 0 && numbers[count - 1] == (int)count - 1);
  free(numbers);
  void* tree = NULL;
  static int keys[50];
  for (int i = 0; i < 50; ++i) keys[i] = i, tsearch(&keys[i], &tree, by_number);
  for (int i = 0; i < 50; ++i) tdelete(&keys[i], &tree, by_number);
  MUST(tree == NULL);
}

static void use_directories(void) {
  struct dirent** entries;
  const int count = scandir("/", &entries, NULL, alphasort);
  MUST(count > 0);
  for (int i = 0; i < count; ++i) free(entries[i]);
  free(entries);
  free(realpath("/proc/self/../self", NULL));
  free(getcwd(NULL, 0));
}

int main(void) {
  use_stdio();
  use_locale_and_time();
  use_threads();
  use_regex();
  use_popen();
  use_qsort_and_search();
  use_directories();
  return 0;
}
