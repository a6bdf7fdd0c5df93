// SPDX-License-Identifier: BSL-1.0
//
// forks_for_each HOW CHILDREN: a server that forks for each connection. Each child works on what it has inherited and
// on blocks of its own, gives back its own (but with `leak`), and ends: by `exit`, `_exit`, `killed`. Prints how many
// directories of children there were at most after one had ended, and which was the last child.
//   chain    each child is forked by the one before, which holds a block and is gone then. Also prints how many more
//            mappings the last one has than the tenth.

#include <dirent.h>
#include <signal.h>
#include <stdlib.h>
#include <sys/wait.h>

#include "expect.h"

static unsigned long directories(void) {
  unsigned long count = 0;
  DIR* folder = opendir("mem");
  if (folder == NULL) return 0;
  for (const struct dirent* entry; (entry = readdir(folder)) != NULL;)
    count += entry->d_name[strspn(entry->d_name, "0123456789")] == '\0';
  closedir(folder);
  return count;
}

static long mappings(void) {
  FILE* maps = fopen("/proc/self/maps", "r");
  MUST(maps != NULL);
  long count = 0;
  for (int c; (c = getc(maps)) != EOF;) count += c == '\n';
  fclose(maps);
  return count;
}

static void goes_on_in_children(int children) {
  long at_tenth = 0;
  int ended[2], byte;
  MUST(pipe(ended) == 0);
  const pid_t first = fork();
  if (first != 0) {
    close(ended[1]);
    MUST(read(ended[0], &byte, 1) == 0);
    return;
  }
  for (int i = 1; i < children; ++i) {
    sink = malloc(6001);
    if (i == 10) at_tenth = mappings();
    const pid_t next = fork();
    MUST(next >= 0);
    if (next != 0) _exit(0);
  }
  sink = malloc(6001);
  char text[100];
  snprintf(text, sizeof text, "at most directories=%lu mappings=%ld\nlast pid=%d\n", directories(),
           mappings() - at_tenth, getpid());
  say(text);
  _exit(0);
}

static void serve(char** inherited, const char* how) {
  alarm(20);
  char* line = NULL;
  for (int i = 0; i < 50; ++i) {
    line = realloc(line, 100 * (size_t)(i + 1));
    free(hidden(malloc(31)));
  }
  free(line);
  free(inherited[0]);
  inherited[1] = realloc(inherited[1], 9000);
  free(inherited[1]);
  if (strcmp(how, "leak") == 0) sink = malloc(6001);
  if (strcmp(how, "killed") == 0) raise(SIGKILL);
  if (strcmp(how, "_exit") == 0) _exit(0);
  exit(0);
}

int main(int argc, char** argv) {
  MUST(argc == 3);
  LEAK(malloc, 4003, malloc(4003));
  LEAK(malloc, 4007, malloc(4007));
  char* inherited[2] = {hidden(malloc(501)), hidden(malloc(503))};
  unsigned long most = 0;
  pid_t child = 0;
  if (strcmp(argv[1], "chain") == 0) {
    goes_on_in_children(atoi(argv[2]));
    return 0;
  }
  for (int i = 0; i < atoi(argv[2]); ++i) {
    child = fork();
    if (child == 0) serve(inherited, argv[1]);
    int status = -1;
    MUST(waitpid(child, &status, 0) == child);
    MUST(status == (strcmp(argv[1], "killed") == 0 ? SIGKILL : 0));
    const unsigned long now = directories();
    if (now > most) most = now;
  }
  char text[100];
  snprintf(text, sizeof text, "at most directories=%lu\nlast pid=%d\n", most, child);
  say(text);
  free(inherited[0]);
  free(inherited[1]);
  return 0;
}
