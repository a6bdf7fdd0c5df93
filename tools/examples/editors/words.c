// SPDX-License-Identifier: BSL-1.0
//
// Counts the words of its arguments. It forgets its table of separators, and a copy of each text.

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

static char* separators(void) {
  char* table = malloc(16);
  if (table == NULL) exit(1);
  strcpy(table, " \t\n.,;:!?");
  return table;
}

static size_t count_words(const char* text) {
  static char* table;
  if (table == NULL) table = separators();
  char* copy = malloc(strlen(text) + 1);
  if (copy == NULL) exit(1);
  strcpy(copy, text);
  size_t words = 0;
  for (char* word = strtok(copy, table); word != NULL; word = strtok(NULL, table)) ++words;
  return words;
}

int main(int argc, char** argv) {
  for (int i = 1; i < argc; ++i) printf("%zu %s\n", count_words(argv[i]), argv[i]);
  return 0;
}
