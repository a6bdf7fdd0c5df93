// SPDX-License-Identifier: BSL-1.0
//
// See libc_calls.h: strings, locales, conversions, time, searching and sorting.

#pragma once

#include <argz.h>
#include <envz.h>
#include <fnmatch.h>
#include <iconv.h>
#include <langinfo.h>
#include <libintl.h>
#include <locale.h>
#include <monetary.h>
#include <nl_types.h>
#include <obstack.h>
#define _REGEX_RE_COMP
#include <regex.h>
#include <search.h>
#include <stdlib.h>
#include <time.h>
#include <uchar.h>
#include <wchar.h>
#include <wctype.h>

#include "libc_calls.h"

CALL(strdup) { free(strdup("a copy")); }
CALL(wcsdup) { free(wcsdup(L"a copy")); }
CALL(strerror_unknown) { MUST(strerror(98765) != NULL); }
CALL(strerror_l_unknown) {
  const locale_t locale = newlocale(LC_ALL_MASK, "C", (locale_t)0);
  MUST(strerror_l(98764, locale) != NULL);
  freelocale(locale);
}
CALL(strsignal_unknown) { MUST(strsignal(987) != NULL); }
CALL(strsignal_realtime) { MUST(strsignal(40) != NULL); }
CALL(setlocale) { MUST(setlocale(LC_ALL, "C.UTF-8") != NULL); }
CALL(setlocale_mixed) {
  setlocale(LC_CTYPE, "C.UTF-8");
  MUST(setlocale(LC_ALL, NULL) != NULL);
}
CALL(setlocale_unknown) { MUST(setlocale(LC_ALL, "xx_YY.UTF-8") == NULL); }
CALL(newlocale) {
  const locale_t locale = newlocale(LC_ALL_MASK, "C.UTF-8", (locale_t)0);
  const locale_t copy = duplocale(locale);
  uselocale(copy);
  uselocale(LC_GLOBAL_LOCALE);
  freelocale(copy);
  freelocale(locale);
}
CALL(strcoll) {
  setlocale(LC_ALL, "C.UTF-8");
  static char a[3000], b[3000];
  memset(a, 'a', sizeof a - 1);
  memset(b, 'b', sizeof b - 1);
  MUST(strcoll((char*)hidden(a), (char*)hidden(b)) < 0);
}
CALL(strxfrm) {
  char text[100];
  MUST(strxfrm(text, "text", sizeof text) > 0);
}
CALL(mbstowcs) {
  setlocale(LC_ALL, "C.UTF-8");
  wchar_t text[10];
  MUST(mbstowcs(text, "\xc3\xa4", 10) == 1);
}
CALL(btowc) { MUST(btowc('a') == L'a'); }
CALL(mbrtoc16) {
  char16_t character;
  mbstate_t state = {0};
  MUST(mbrtoc16(&character, "a", 1, &state) == 1);
}
CALL(localeconv) { MUST(localeconv() != NULL); }
CALL(nl_langinfo) {
  setlocale(LC_ALL, "C.UTF-8");
  MUST(nl_langinfo(CODESET) != NULL);
}
CALL(strfmon) {
  char text[100];
  MUST(strfmon(text, sizeof text, "%n", 1234.5) > 0);
}
CALL(rpmatch) { MUST(rpmatch("yes") == 1); }
CALL(wcwidth) { MUST(wcwidth(L'a') == 1); }
CALL(towctrans) { MUST(towctrans(L'a', wctrans("toupper")) == L'A'); }
CALL(textdomain) { textdomain("some_domain"); }
CALL(bindtextdomain) { bindtextdomain("some_domain", "/usr/share/locale"); }
CALL(bind_textdomain_codeset) { bind_textdomain_codeset("some_domain", "UTF-8"); }
CALL(gettext) {
  setlocale(LC_ALL, "C.UTF-8");
  setenv("LANGUAGE", "de", 1);
  textdomain("some_domain");
  bindtextdomain("some_domain", "/usr/share/locale");
  MUST(gettext("some text") != NULL);
  MUST(ngettext("%d file", "%d files", 2) != NULL);
}
CALL(catopen) {
  const nl_catd catalogue = catopen("no_such_catalogue", NL_CAT_LOCALE);
  if (catalogue != (nl_catd)-1) catclose(catalogue);
}
static void convert(const char* from, const char* to) {
  const iconv_t conversion = iconv_open(to, from);
  MUST(conversion != (iconv_t)-1);
  char text[] = "text", result[100], *in = text, *out = result;
  size_t in_bytes = 4, out_bytes = sizeof result;
  MUST(iconv(conversion, &in, &in_bytes, &out, &out_bytes) == 0);
  iconv_close(conversion);
}
CALL(iconv_builtin) { convert("UTF-8", "UCS-4"); }
CALL(iconv) { convert("ISO-8859-15", "UTF-16"); }
CALL(iconv_two) {
  convert("ISO-8859-15", "EUC-JP");
  convert("KOI8-R", "CP437");
}
CALL(iconv_translit) { convert("UTF-8", "ISO-8859-1//TRANSLIT"); }
CALL(iconv_unknown) { MUST(iconv_open("no-such-set", "UTF-8") == (iconv_t)-1); }

static const time_t some_time = 1700000000;
CALL(localtime) { MUST(localtime(&some_time) != NULL); }
CALL(localtime_r) {
  struct tm parts;
  MUST(localtime_r(&some_time, &parts) != NULL);
}
CALL(localtime_abroad) {
  setenv("TZ", "Europe/Berlin", 1);
  MUST(localtime(&some_time) != NULL);
  setenv("TZ", "America/New_York", 1);
  tzset();
  MUST(localtime(&some_time) != NULL);
}
CALL(ctime) { MUST(ctime(&some_time) != NULL); }
CALL(gmtime) { MUST(gmtime(&some_time) != NULL); }
CALL(mktime) {
  struct tm parts = {.tm_year = 120, .tm_mon = 5, .tm_mday = 3};
  MUST(mktime(&parts) > 0);
}
CALL(timelocal) {
  struct tm parts = {.tm_year = 120, .tm_mday = 3};
  MUST(timelocal(&parts) > 0);
  MUST(timegm(&parts) > 0);
}
CALL(tzset) { tzset(); }
CALL(tzset_rule) {
  setenv("TZ", "ABC-1DEF,M3.5.0,M10.5.0/3", 1);
  tzset();
}
CALL(strftime) {
  char text[100];
  const struct tm parts = {.tm_year = 120, .tm_mon = 5, .tm_mday = 3};
  MUST(strftime(text, sizeof text, "%c %Z %Ey", &parts) > 0);
}
CALL(wcsftime) {
  wchar_t text[100];
  const struct tm parts = {.tm_year = 120, .tm_mon = 5, .tm_mday = 3};
  MUST(wcsftime(text, 100, L"%c %Z", &parts) > 0);
}
CALL(strptime) {
  struct tm parts = {0};
  MUST(strptime("2020-05-03 10:11 +0100", "%Y-%m-%d %H:%M %z", &parts) != NULL);
  (void)hidden(strptime("1700000000", "%s", &parts));
}
CALL(getdate) {
  FILE* file = fopen("datemsk", "w");
  fputs("%Y-%m-%d\n", file);
  fclose(file);
  setenv("DATEMSK", "datemsk", 1);
  MUST(getdate("2020-05-03") != NULL);
}

static int by_number(const void* a, const void* b) { return *(const int*)a - *(const int*)b; }
CALL(qsort) {
  static int numbers[20000];
  for (int i = 0; i < 20000; ++i) numbers[i] = i * 7919 % 20000;
  qsort(numbers, 20000, sizeof *numbers, by_number);
  MUST(numbers[17] == 17);
}
static void keep_key(void* key) { (void)key; }
CALL(tsearch) {
  void* root = NULL;
  static int keys[] = {3, 1, 2};
  for (int i = 0; i < 3; ++i) tsearch(&keys[i], &root, by_number);
  tdelete(&keys[1], &root, by_number);
  tdestroy(root, keep_key);
}
CALL(hcreate) {
  MUST(hcreate(100) != 0);
  hsearch((ENTRY){.key = (char*)"key"}, ENTER);
  hdestroy();
}
CALL(hcreate_kept) { MUST(hcreate(100) != 0); }
CALL(regcomp) {
  regex_t expression;
  MUST(regcomp(&expression, "^(a|b)*[[:alpha:]]+\\(x{2,3}$", REG_EXTENDED) == 0);
  regmatch_t found[3];
  (void)!regexec(&expression, "abababab(xx", 3, found, 0);
  regfree(&expression);
}
CALL(re_comp) {
  MUST(re_comp("a*b") == NULL);
  MUST(re_exec("aab") == 1);
}
CALL(fnmatch) {
  setlocale(LC_ALL, "C.UTF-8");
  static char text[3000];
  memset(text, 'x', sizeof text - 1);
  MUST(fnmatch("*[[:alpha:]]", text, 0) == 0);
  MUST(fnmatch("+(x|y)z", "xyxyx", FNM_EXTMATCH) != 0);
}
CALL(argz) {
  char* list = NULL;
  size_t bytes = 0;
  argz_add_sep(&list, &bytes, "a:b:c", ':');
  envz_add(&list, &bytes, "name", "value");
  free(list);
}
#define obstack_chunk_alloc malloc
#define obstack_chunk_free free
CALL(obstack) {
  struct obstack stack;
  obstack_init(&stack);
  for (int i = 0; i < 100; ++i) obstack_grow(&stack, "some text", 9);
  obstack_free(&stack, NULL);
}
CALL(strtod_long) {
  static char digits[5000];
  memset(digits, '7', sizeof digits - 1);
  digits[1] = '.';
  MUST(strtod(digits, NULL) > 7);
}
CALL(fcvt) {
  int point, sign;
  MUST(fcvt(1e300, 10, &point, &sign) != NULL);
}
CALL(qfcvt) {
  int point, sign;
  MUST(qfcvt(1e300L, 10, &point, &sign) != NULL);
}
CALL(hcreate_twice) {
  hdestroy();
  for (int i = 0; i < 2; ++i) {
    MUST(hcreate(10) != 0);
    hdestroy();
  }
}
CALL(regcomp_fails) {
  regex_t expression;
  MUST(regcomp(&expression, "a(b", REG_EXTENDED) != 0);
  MUST(regcomp(&expression, "a{2,1}", REG_EXTENDED) != 0);
}
CALL(regexec_backwards) {
  regex_t expression;
  MUST(regcomp(&expression, "\\(a*\\)b*\\1", 0) == 0);
  regmatch_t found[2];
  MUST(regexec(&expression, "aaabbbaaa", 2, found, 0) == 0);
  regfree(&expression);
}
CALL(obstack_printf) {
  struct obstack stack;
  obstack_init(&stack);
  obstack_printf(&stack, "%5000d", 3);
  obstack_free(&stack, NULL);
}
CALL(tzset_of_files) {
  const char* const zones[] = {":/usr/share/zoneinfo/Asia/Tokyo", "No/Such/Zone", "EST5EDT", "Africa/Cairo"};
  for (int i = 0; i < 20; ++i) {
    setenv("TZ", zones[i % 4], 1);
    tzset();
  }
  unsetenv("TZ");
  tzset();
}
CALL(newlocale_of_another) {
  locale_t locale = newlocale(LC_CTYPE_MASK, "C.UTF-8", (locale_t)0);
  locale = newlocale(LC_TIME_MASK, "C", locale);
  MUST(newlocale(LC_ALL_MASK, "xx_YY", (locale_t)0) == NULL);
  freelocale(locale);
}
CALL(strxfrm_l) {
  const locale_t locale = newlocale(LC_ALL_MASK, "C.UTF-8", (locale_t)0);
  char text[100];
  MUST(strxfrm_l(text, "text", sizeof text, locale) > 0);
  MUST(strcoll_l("a", "b", locale) < 0);
  MUST(strfmon_l(text, sizeof text, locale, "%n", 1.5) > 0);
  const struct tm parts = {.tm_year = 120};
  MUST(strftime_l(text, sizeof text, "%c", &parts, locale) > 0);
  freelocale(locale);
}
CALL(setlocale_often) {
  for (int i = 0; i < 20; ++i) {
    setlocale(LC_ALL, i % 2 == 0 ? "C.UTF-8" : "C");
    setlocale(LC_NUMERIC, "C.UTF-8");
  }
}
CALL(setlocale_by_environment) {
  setenv("LC_TIME", "C.UTF-8", 1);
  MUST(setlocale(LC_ALL, "") != NULL);
  setenv("LC_ALL", "C.UTF-8", 1);
  MUST(setlocale(LC_ALL, "") != NULL);
}
// What localedef, msgfmt and gencat make.
CALL(locale_of_files) {
  MUST(system("localedef -i POSIX -f ISO-8859-15 --no-archive ./ab_CD 2> /dev/null; test -d ab_CD") == 0);
  char* here = getcwd(NULL, 0);
  setenv("LOCPATH", here, 1);
  free(here);
  MUST(setlocale(LC_ALL, "ab_CD") != NULL);
  char text[300];
  const struct tm parts = {.tm_year = 120};
  MUST(strftime(text, sizeof text, "%c %A %EY", &parts) > 0);
  MUST(strxfrm(text, "\xe4z", sizeof text) > 0 && localeconv() != NULL && rpmatch("y") == 1);
  regex_t expression;
  MUST(regcomp(&expression, "[[=a=][.z.]-]*", REG_EXTENDED) == 0);
  regfree(&expression);
  const locale_t locale = newlocale(LC_ALL_MASK, "ab_CD", (locale_t)0), copy = duplocale(locale);
  freelocale(locale);
  freelocale(copy);
  FILE* file = fopen("wide.txt", "w");
  MUST(fwprintf(file, L"%ls", L"\u00e4") == 1);
  fclose(file);
  setlocale(LC_ALL, "C");
  setlocale(LC_ALL, "ab_CD");
  unsetenv("LOCPATH");
}
CALL(gettext_of_files) {
  FILE* file = fopen("own.po", "w");
  fputs("msgid \"\"\nmsgstr \"Content-Type: text/plain; charset=ISO-8859-1\\n\"\n", file);
  fputs("\"Plural-Forms: nplurals=2; plural=n%10>=2 ? 1 : 0;\\n\"\n", file);
  fputs("msgid \"text\"\nmsgstr \"Text\"\nmsgid \"a\"\nmsgid_plural \"b\"\nmsgstr[0] \"c\"\nmsgstr[1] \"d\"\n", file);
  fclose(file);
  MUST(system("mkdir -p texts/de/LC_MESSAGES; msgfmt -o texts/de/LC_MESSAGES/own.mo own.po") == 0);
  setlocale(LC_ALL, "C.UTF-8");
  setenv("LANGUAGE", "de:fr", 1);
  char* path = realpath("texts", NULL);
  bindtextdomain("own", path);
  free(path);
  textdomain("own");
  MUST(strcmp(gettext("text"), "Text") == 0);
  MUST(strcmp(ngettext("a", "b", 3), "d") == 0);
  bind_textdomain_codeset("own", "UTF-16");
  MUST(gettext("text") != NULL);
  textdomain(NULL);
}
CALL(catgets) {
  FILE* file = fopen("texts.msg", "w");
  fputs("$set 1\n1 text\n", file);
  fclose(file);
  MUST(system("gencat texts.cat texts.msg") == 0);
  nl_catd catalogue = catopen("./texts.cat", 0);
  MUST(strcmp(catgets(catalogue, 1, 1, "none"), "text") == 0);
  catclose(catalogue);
  setenv("NLSPATH", "./%N.cat", 1);
  catalogue = catopen("texts", NL_CAT_LOCALE);
  MUST(catalogue != (nl_catd)-1);
  catclose(catalogue);
}
CALL(iconv_many) {
  const char* const sets[] = {"ISO-8859-2", "SJIS", "GB18030", "BIG5", "EUC-KR", "UTF-7", "CP1252", "ISO-2022-JP"};
  for (int i = 0; i < 8; ++i) {
    convert("UTF-8", sets[i]);
    convert(sets[i], "UTF-16");
  }
}
CALL(iconv_ignore) { convert("UTF-8", "ASCII//TRANSLIT//IGNORE"); }
CALL(iconv_path) {
  setenv("GCONV_PATH", "/no/such/directory", 1);
  convert("ISO-8859-15", "UTF-16");
}
