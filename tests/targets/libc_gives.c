// SPDX-License-Identifier: BSL-1.0
//
// libc_gives.c HOW: keeps one of each kind of block that libc hands to the program (what is none of libc's own), says
// for each `given NAME ADDRESS`, and ends as HOW says: return or killed.

#define _GNU_SOURCE
#include <argz.h>
#include <arpa/inet.h>
#include <dirent.h>
#include <dlfcn.h>
#include <glob.h>
#include <iconv.h>
#include <ifaddrs.h>
#include <locale.h>
#include <mntent.h>
#include <net/if.h>
#include <netdb.h>
#include <netinet/in.h>
#include <obstack.h>
#include <regex.h>
#include <resolv.h>
#include <search.h>
#include <signal.h>
#include <stdlib.h>
#include <wchar.h>
#include <wordexp.h>

#include "expect.h"

static void given(const char* name, const void* block) {
  char text[100];
  snprintf(text, sizeof text, "given %s %p\n", name, block);
  say(text);
}

static void texts(void) {
  given("strdup", strdup("a copy"));
  given("strndup", strndup("a copy", 3));
  given("wcsdup", wcsdup(L"a copy"));
  char *printed = NULL, *line = NULL, *word = NULL, *list = NULL;
  MUST(asprintf(&printed, "%d", 1) == 1);
  given("asprintf", printed);
  FILE* file = fopen("/proc/self/status", "r");
  size_t room = 0, bytes = 0;
  MUST(getline(&line, &room, file) > 0);
  given("getline", line);
  given("fopen", file);
  MUST(sscanf("word", "%ms", &word) == 1);
  given("scanf", word);
  argz_create_sep("a:b", ':', &list, &bytes);
  given("argz", list);
  given("getcwd", getcwd(NULL, 0));
  given("realpath", realpath("/etc/..", NULL));
}

static char* memory;
static size_t memory_bytes;
static void streams(void) {
  given("opendir", opendir("/etc"));
  given("fdopen", fdopen(dup(1), "w"));
  FILE* child = popen("true", "r");
  given("popen", child);
  (void)fgetc(child);  // it has ended then: one that starts after we were killed would take the directory
  given("tmpfile", tmpfile());
  given("setmntent", setmntent("/proc/self/mounts", "r"));
  FILE* file = open_memstream(&memory, &memory_bytes);
  fputs("in memory", file);
  fflush(file);
  given("open_memstream", file);
  given("open_memstream_text", memory);
  given("fopen_ccs", fopen("/etc/passwd", "r,ccs=ISO-8859-1"));
}

static int any_entry(const struct dirent* entry) { return entry->d_name[0] != '.'; }
static void lists(void) {
  struct dirent** names = NULL;
  MUST(scandir("/etc", &names, any_entry, alphasort) > 0);
  given("scandir", names);
  given("scandir_entry", names[0]);
  static glob_t found;
  MUST(glob("/etc/*", 0, NULL, &found) == 0);
  given("glob", found.gl_pathv);
  static wordexp_t words;
  MUST(wordexp("a b", &words, 0) == 0);
  given("wordexp", words.we_wordv);
  static struct __res_state state;
  MUST(res_ninit(&state) == 0);
  for (int i = 0; i < MAXNS; ++i) {
    if (state._u._ext.nsaddrs[i] != NULL) given("res_ninit", state._u._ext.nsaddrs[i]);
  }
  state.nscount = 1;  // where nobody is, which is known at once
  state.nsaddr_list[0] = (struct sockaddr_in){AF_INET, htons(1), {htonl(INADDR_LOOPBACK)}, {0}};
  unsigned char answer[100];
  MUST(res_nquery(&state, "no.such.name.invalid", C_IN, T_A, answer, sizeof answer) < 0);
  given("res_nquery", state._u._ext.nsaddrs[0]);
  struct addrinfo* addresses = NULL;
  MUST(getaddrinfo("localhost", "80", NULL, &addresses) == 0);
  given("getaddrinfo", addresses);
  struct ifaddrs* interfaces = NULL;
  if (getifaddrs(&interfaces) == 0 && interfaces != NULL) given("getifaddrs", interfaces);
  struct if_nameindex* indices = if_nameindex();
  if (indices != NULL) given("if_nameindex", indices);
}

static int by_address(const void* a, const void* b) { return a < b ? -1 : a > b; }
static void structures(void) {
  static regex_t expression;
  MUST(regcomp(&expression, "a*(b|c)", REG_EXTENDED) == 0);
  given("regcomp", expression.buffer);
  const locale_t locale = newlocale(LC_ALL_MASK, "C.UTF-8", (locale_t)0);
  given("newlocale", locale);
  given("duplocale", duplocale(locale));
  given("iconv_open", iconv_open("UTF-16", "ISO-8859-15"));
  static void* root;
  tsearch(&root, &root, by_address);
  given("tsearch", root);
  static struct hsearch_data table;
  MUST(hcreate_r(30, &table) != 0);
  given("hcreate_r", table.table);
  void* library = dlopen("libz.so.1", RTLD_NOW);
  if (library != NULL) given("dlopen", library);
}

int main(int count, char** arguments) {
  MUST(count == 2);
  texts();
  streams();
  lists();
  structures();
  if (strcmp(arguments[1], "killed") == 0) raise(SIGKILL);
  return 0;
}
