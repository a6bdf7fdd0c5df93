// SPDX-License-Identifier: BSL-1.0
//
// names_test greeting|table: two tests of one program. `table` forgets what it has made.

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

static char* greeting_of(const char* name) {
  char* text = malloc(strlen(name) + 8);
  if (text == NULL) exit(1);
  sprintf(text, "Hello, %s", name);
  return text;
}

int main(int argc, char** argv) {
  if (argc < 2) return 2;
  char* text = greeting_of(argv[1]);
  puts(text);
  if (strcmp(argv[1], "table") != 0) free(text);
  return 0;
}
