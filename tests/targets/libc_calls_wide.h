// SPDX-License-Identifier: BSL-1.0
//
// See libc_calls.h: what converts characters. Each may be the first in a process to do so, and loads what it takes.

#pragma once

#include <err.h>
#include <error.h>
#include <fnmatch.h>
#include <locale.h>
#include <regex.h>
#include <uchar.h>
#include <wchar.h>

#include "libc_calls.h"

#define CALL_IN_UTF8(name)                      \
  static void in_utf8_##name(void);             \
  CALL(name) {                                  \
    MUST(setlocale(LC_ALL, "C.UTF-8") != NULL); \
    in_utf8_##name();                           \
  }                                             \
  static void in_utf8_##name(void)

static char narrow[100];
static wchar_t wide[100];
static mbstate_t conversion_state;

CALL_IN_UTF8(wcrtomb) { MUST(wcrtomb(narrow, 0xe4, &conversion_state) == 2); }
CALL_IN_UTF8(wctomb) { MUST(wctomb(narrow, L'a') == 1); }
CALL_IN_UTF8(wctob) { MUST(wctob(0xe4) == EOF); }
CALL_IN_UTF8(btowc_utf8) { MUST(btowc(200) == WEOF); }
CALL_IN_UTF8(mblen) { MUST(mblen("\xc3\xa4", 2) == 2); }
CALL_IN_UTF8(mbrlen) { MUST(mbrlen("\xc3\xa4", 2, &conversion_state) == 2); }
CALL_IN_UTF8(mbtowc) { MUST(mbtowc(wide, "\xc3\xa4", 2) == 2); }
CALL_IN_UTF8(c16rtomb) { MUST(c16rtomb(narrow, 0xe4, &conversion_state) == 2); }
CALL_IN_UTF8(c32rtomb) { MUST(c32rtomb(narrow, 0xe4, &conversion_state) == 2); }
CALL_IN_UTF8(mbrtoc16_utf8) {
  char16_t character;
  MUST(mbrtoc16(&character, "\xc3\xa4", 2, &conversion_state) == 2);
}
CALL_IN_UTF8(mbrtoc32) {
  char32_t character;
  MUST(mbrtoc32(&character, "\xc3\xa4", 2, &conversion_state) == 2);
}
CALL_IN_UTF8(mbsrtowcs) {
  const char* text = "text";
  MUST(mbsrtowcs(wide, &text, 10, &conversion_state) == 4);
}
CALL_IN_UTF8(mbsnrtowcs) {
  const char* text = "text";
  MUST(mbsnrtowcs(wide, &text, 4, 10, &conversion_state) == 4);
}
CALL_IN_UTF8(wcsrtombs) {
  const wchar_t* text = L"text";
  MUST(wcsrtombs(narrow, &text, 10, &conversion_state) == 4);
}
CALL_IN_UTF8(wcsnrtombs) {
  const wchar_t* text = L"text";
  MUST(wcsnrtombs(narrow, &text, 4, 10, &conversion_state) == 4);
}
CALL_IN_UTF8(wcstombs) { MUST(wcstombs(narrow, L"text", 10) == 4); }

CALL_IN_UTF8(swprintf_narrow) { MUST(swprintf(wide, 100, L"%c %s", 'x', "narrow") == 8); }
CALL_IN_UTF8(snprintf_wide) { MUST(snprintf(narrow, 100, "%ls %lc", L"wide", L'x') == 6); }
CALL_IN_UTF8(sscanf_wide) { MUST(sscanf("text", "%ls", wide) == 1); }
CALL_IN_UTF8(swscanf_narrow) { MUST(swscanf(L"text", L"%s", narrow) == 1); }
CALL(scanf_gives_both) {
  wchar_t* first = NULL;
  char* second = NULL;
  MUST(swscanf(L"abc def", L"%mls %ms", &first, &second) == 2);
  free(first);
  free(second);
}
CALL_IN_UTF8(printf_wide) { (void)!printf("%ls\n", L"\u00e4"); }
CALL_IN_UTF8(fputwc) { (void)!fputwc(L'x', stdout); }
CALL_IN_UTF8(fputws_stderr) { (void)!fputws(L"to standard error\n", stderr); }
CALL_IN_UTF8(getwchar) { (void)!getwchar(); }
CALL_IN_UTF8(wscanf) { (void)!wscanf(L"%ls", wide); }
CALL_IN_UTF8(fgetwc_of_file) {
  FILE* file = fopen("/etc/passwd", "r");
  MUST(fgetwc(file) != WEOF && ungetwc(L'x', file) == L'x');
  fclose(file);
}
CALL_IN_UTF8(perror_wide) {
  fwide(stderr, 1);
  perror("said");
  psignal(SIGINT, "said");
  warnx("said");
  error(0, 0, "said");
}
CALL_IN_UTF8(regcomp_in_utf8) {
  regex_t expression;
  MUST(regcomp(&expression, "[[:alpha:]]*(x)", REG_EXTENDED | REG_ICASE) == 0);
  MUST(regexec(&expression, "\xc3\xa4xx", 0, NULL, 0) == 0);
  regfree(&expression);
}
CALL_IN_UTF8(fnmatch_in_utf8) { MUST(fnmatch("?", "\xc3\xa4", 0) == 0); }
