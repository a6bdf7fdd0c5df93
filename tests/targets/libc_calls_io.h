// SPDX-License-Identifier: BSL-1.0
//
// See libc_calls.h: files, streams, directories, and the text that is read and printed.

#pragma once

#include <dirent.h>
#include <err.h>
#include <error.h>
#include <fcntl.h>
#include <fts.h>
#include <ftw.h>
#include <glob.h>
#include <locale.h>
#include <mntent.h>
#include <printf.h>
#include <sys/stat.h>
#include <wchar.h>
#include <wordexp.h>

#include "libc_calls.h"

static FILE* scratch_file(const char* mode) {
  FILE* file = fopen("scratch.txt", mode);
  MUST(file != NULL);
  return file;
}

CALL(printf) { MUST(printf("to standard output\n") > 0); }
CALL(getchar) { (void)!getchar(); }
CALL(perror) { perror("said to standard error"); }
CALL(warn) { warn("a warning"); }
CALL(error) { error(0, 2, "an error"); }
CALL(fopen) {
  FILE* file = scratch_file("w+");
  for (int i = 0; i < 2000; ++i) fprintf(file, "line %d of a file that needs its buffer\n", i);
  fclose(file);
}
CALL(freopen) {
  FILE* file = freopen("scratch.txt", "r", scratch_file("w"));
  MUST(file != NULL);
  fclose(file);
}
CALL(ungetc) {
  FILE* file = scratch_file("w+");
  fputs("text", file);
  rewind(file);
  for (int i = 0; i < 300; ++i) ungetc('x', file);
  fclose(file);
}
CALL(ungetc_stays_open) {
  for (int i = 0; i < 300; ++i) ungetc('x', stdin);
}
CALL(ungetwc_stays_open) {
  FILE* file = freopen("/dev/null", "r", stdin);
  for (int i = 0; i < 3000; ++i) ungetwc(L'x', file);
}
CALL(fgetws) {
  FILE* file = scratch_file("w+");
  fputws(L"wide characters\n", file);
  rewind(file);
  wchar_t text[30];
  MUST(fgetws(text, 30, file) != NULL);
  fclose(file);
}
CALL(wide_utf8) {
  MUST(setlocale(LC_ALL, "C.UTF-8") != NULL);
  FILE* file = scratch_file("w+");
  MUST(fwprintf(file, L"%ls", L"\u00e4") > 0);
  fclose(file);
}
CALL(ccs) {
  FILE* file = scratch_file("w+,ccs=ISO-8859-1");
  fputws(L"converted\n", file);
  fclose(file);
}
CALL(wide_stderr) { fwprintf(stderr, L"%ls", L"wide\n"); }
CALL(tmpfile) {
  FILE* file = tmpfile();
  MUST(file != NULL && fputs("unseen", file) >= 0);
  fclose(file);
}
CALL(open_memstream) {
  char* memory = NULL;
  size_t bytes = 0;
  FILE* file = open_memstream(&memory, &bytes);
  for (int i = 0; i < 1000; ++i) fprintf(file, "%d ", i);
  fclose(file);
  free(memory);
}
CALL(open_wmemstream) {
  wchar_t* memory = NULL;
  size_t characters = 0;
  FILE* file = open_wmemstream(&memory, &characters);
  for (int i = 0; i < 1000; ++i) fputws(L"wide ", file);
  fclose(file);
  free(memory);
}
CALL(fmemopen) {
  char memory[100] = "in memory\n";
  FILE* file = fmemopen(NULL, 100, "w+");
  fputs(memory, file);
  fclose(file);
  file = fmemopen(memory, sizeof memory, "r");
  MUST(fgetc(file) == 'i');
  fclose(file);
}
CALL(fopencookie) {
  const cookie_io_functions_t none = {0};
  FILE* file = fopencookie(NULL, "w", none);
  fputs("nowhere", file);
  fclose(file);
}
CALL(popen) {
  FILE* pipe = popen("echo one; echo two", "r");
  char text[20];
  while (fgets(text, sizeof text, pipe) != NULL) {
  }
  MUST(pclose(pipe) == 0);
}
CALL(getline) {
  char* line = NULL;
  size_t room = 0;
  FILE* file = fopen("/proc/self/status", "r");
  while (getline(&line, &room, file) > 0) {
  }
  free(line);
  fclose(file);
}
CALL(asprintf) {
  char* text = NULL;
  MUST(asprintf(&text, "%3000d %.300Lf %'d", 1, 1e300L, 1000000) > 0);
  free(text);
}
CALL(printf_wide_fields) {
  char text[9000];
  MUST(snprintf(text, sizeof text, "%2$*1$d %3$.4000f %4$ls", 4000, 1, 2.5, L"wide") > 8000);
}
static int print_percent_y(FILE* file, const struct printf_info* info, const void* const* arguments) {
  (void)info, (void)arguments;
  return fprintf(file, "y");
}
static int arguments_of_y(const struct printf_info* info, size_t n, int* types, int* sizes) {
  (void)info, (void)n, (void)types, (void)sizes;
  return 0;
}
CALL(register_printf_specifier) {
  register_printf_specifier('Y', print_percent_y, arguments_of_y);
  const char* volatile format = "%Y";
  char text[10];
  snprintf(text, sizeof text, format);
}
CALL(register_printf_modifier) { register_printf_modifier(L"QQ"); }
CALL(register_printf_type) { register_printf_type(NULL); }
CALL(scanf) {
  char *word = NULL, *set = NULL;
  MUST(sscanf("word abc", "%ms %m[abc]", &word, &set) == 2);
  free(word);
  free(set);
}
CALL(long_scanf) {
  static char digits[5000];
  memset(digits, '1', sizeof digits - 1);
  double number;
  MUST(sscanf(digits, "%lf", &number) == 1);
}
CALL(opendir) {
  DIR* directory = opendir("/etc");
  while (readdir(directory) != NULL) {
  }
  closedir(directory);
}
static int any_entry(const struct dirent* entry) { return entry->d_name[0] != '.'; }
CALL(scandir) {
  struct dirent** names = NULL;
  int count = scandir("/etc", &names, any_entry, alphasort);
  while (count > 0) free(names[--count]);
  free(names);
}
static int any_file(const char* path, const struct stat* status, int kind, struct FTW* where) {
  (void)path, (void)status, (void)kind, (void)where;
  return 0;
}
CALL(nftw) { nftw("/etc/apt", any_file, 2, FTW_PHYS | FTW_DEPTH); }
CALL(glob) {
  glob_t found;
  if (glob("~/*", GLOB_TILDE, NULL, &found) == 0) globfree(&found);
  if (glob("/etc/*.conf", GLOB_MARK, NULL, &found) == 0) globfree(&found);
}
CALL(wordexp) {
  wordexp_t words;
  if (wordexp("$HOME ~ /etc/* \"two words\" $((1+2)) $(echo command)", &words, 0) == 0) wordfree(&words);
}
CALL(realpath) { free(realpath("/proc/self/exe", NULL)); }
CALL(canonicalize_file_name) { free(canonicalize_file_name("/etc/../etc")); }
CALL(getcwd) { free(getcwd(NULL, 0)); }
CALL(get_current_dir_name) { free(get_current_dir_name()); }
CALL(getmntent) {
  FILE* file = setmntent("/proc/self/mounts", "r");
  MUST(file != NULL);
  while (getmntent(file) != NULL) {
  }
  endmntent(file);
}
CALL(ttyname) { (void)hidden(ttyname(0)); }
CALL(getdelim) {
  char* text = NULL;
  size_t room = 0;
  FILE* file = fopen("/proc/self/environ", "r");
  while (getdelim(&text, &room, 0, file) > 0) {
  }
  free(text);
  fclose(file);
}
CALL(fopen_mapped) {
  FILE* file = fopen("/etc/passwd", "rm");
  MUST(fgetc(file) != EOF);
  fclose(file);
}
CALL(freopen_null) {
  FILE* file = freopen(NULL, "r", scratch_file("w+"));
  if (file != NULL) fclose(file);
}
CALL(popen_both_ways) {
  FILE *to = popen("cat > /dev/null", "we"), *from = popen("true", "r");
  fputs("x", to);
  pclose(to);
  pclose(from);
}
CALL(tempnam) { free(tempnam(NULL, "abc")); }
static void walk(int options) {
  char* paths[] = {(char*)"/etc/apt", NULL};
  FTS* tree = fts_open(paths, options, NULL);
  MUST(tree != NULL);
  while (fts_read(tree) != NULL) {
  }
  fts_close(tree);
}
CALL(fts) { walk(FTS_PHYSICAL | FTS_NOCHDIR); }
CALL(fts_changes_directory) { walk(FTS_LOGICAL); }
CALL(nftw_changes_directory) {
  const int here = open(".", O_RDONLY);
  nftw("/etc/apt", any_file, 20, FTW_CHDIR);
  MUST(fchdir(here) == 0);
  close(here);
}
CALL(glob_more) {
  glob_t found;
  if (glob("/{etc,usr}/{a,b}*/*", GLOB_BRACE, NULL, &found) == 0) {
    (void)glob("/etc/h*", GLOB_APPEND, NULL, &found);
    globfree(&found);
  }
  if (glob("~root/*", GLOB_TILDE_CHECK, NULL, &found) == 0) globfree(&found);
}
CALL(wordexp_fails) {
  wordexp_t words = {0};
  MUST(wordexp("a (b", &words, 0) != 0);
  MUST(wordexp("$UNDEFINED_NAME", &words, WRDE_UNDEF) != 0);
  MUST(wordexp("$(true)", &words, WRDE_NOCMD) != 0);
}
CALL(wordexp_appends) {
  wordexp_t words;
  MUST(wordexp("~/x ${HOME:-a} $(echo a b)", &words, 0) == 0);
  MUST(wordexp("c d", &words, WRDE_APPEND) == 0);
  wordfree(&words);
}
CALL(error_at_line) {
  error_at_line(0, 0, "file", 3, "said");
  error_at_line(0, 2, "file", 3, "said");
}
CALL(warn_long) {
  static char text[9000];
  memset(text, 'x', sizeof text - 1);
  warnx("%s", text);
  error(0, 0, "%s", text);
}
