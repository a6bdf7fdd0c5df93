/* SPDX-License-Identifier: BSL-1.0
 *
 * The options: the table of lib/shared/options.inc, what is set, and the help.
 */
#pragma once

#include "messages.h"
#include "shared/option_text.h"
#include "shared/text.h"
#include "system.h"

/* kOption_enabled and the like. */
enum {
#define OPTION_NUMBER(name, type, default_value, lowest, highest, meaning) kOption_##name,
#define OPTION_CHOICE(name, type, default_value, words, meaning) kOption_##name,
#define OPTION_TEXT(name, bytes, default_value, meaning) kOption_##name,
#include "shared/options.inc"
#undef OPTION_NUMBER
#undef OPTION_CHOICE
#undef OPTION_TEXT
  kOptions
};

/* option_dir */
#define OPTION_NUMBER(name, type, default_value, lowest, highest, meaning)
#define OPTION_CHOICE(name, type, default_value, words, meaning)
#define OPTION_TEXT(name, bytes, default_value, meaning) static char option_##name[kPath] = default_value;
#include "shared/options.inc"
#undef OPTION_NUMBER
#undef OPTION_CHOICE
#undef OPTION_TEXT

static struct option {
  const char *name, *default_value, *words, *meaning;
  char *text;                      /* of a text, else NULL */
  uint64_t value, lowest, highest; /* of a number; the value of a choice is the place of its word */
} options[kOptions] = {
#define OPTION_NUMBER(name, type, default_value, lowest, highest, meaning) \
  {#name, #default_value, "", meaning, NULL, default_value, lowest, highest},
#define OPTION_CHOICE(name, type, default_value, words, meaning) {#name, default_value, words, meaning, NULL, 0, 0, 0},
#define OPTION_TEXT(name, bytes, default_value, meaning) {#name, default_value, "", meaning, option_##name, 0, 0, 0},
#include "shared/options.inc"
#undef OPTION_NUMBER
#undef OPTION_CHOICE
#undef OPTION_TEXT
};

/* What is different here: what they mean; "": nothing, as there is one way to write and one frame. */
static const char *const other_meanings[kOptions] = {
    [kOption_write] = "before malloc returns, whatever is said; never: live blocks are counted, without a file",
    [kOption_delay_ms] = "",
    [kOption_share] = "",
    [kOption_unwind] = "",
    [kOption_depth] = "",
    [kOption_libc] = "",
    [kOption_sample] = "",
    [kOption_max_children] = "",
    [kOption_recording] = "0: armed but paused, until leakdir_start()",
    [kOption_max_files] = "no more record files than this; what is beyond is counted only",
    [kOption_max_disk] = "bytes (k, M, G) that files may take of the disk; 0: no limit",
    [kOption_children] = "0: forked children are not recorded",
};

static uint64_t value_of(int option) { return options[option].value; }

static bool is_set_to(int option, const char *word) {
  return value_of(option) == place_of_word(options[option].words, word);
}

static int set_option(struct option *option, struct Piece value) {
  unsigned place;
  if (option->text != NULL) return copy_piece(value, option->text, kPath);
  if (option->words[0] == '\0') return is_number(value, option->lowest, option->highest, &option->value);
  if (!is_choice(value, option->words, &place)) return 0;
  option->value = place;
  return 1;
}

static void take_option(const struct Setting *setting, void *context) {
  static char where[kPath + 16];
  const struct Piece key = setting->key, value = setting->value;
  int i = 0;
  (void)context;
  while (i < kOptions && !is_word(key, options[i].name)) ++i;
  if (i < kOptions && set_option(&options[i], value)) return;
  if (setting->line != 0) {
    snprintf(where, sizeof where, "%s:%u", setting->source, setting->line);
  } else {
    snprintf(where, sizeof where, "%s", setting->source);
  }
  if (i == kOptions) {
    say("%s: unknown option '%.*s': ignored (help=1 lists them)", where, (int)key.bytes, key.at);
  } else {
    say("%s: bad value '%.*s' for %.*s: the default holds", where, (int)value.bytes, value.at, (int)key.bytes, key.at);
  }
}

static const struct SettingSink option_sink = {take_option, NULL};

static void print_help(void) {
  static char row[4 * 80];
  int i;
  say_all(kOptionHelp, sizeof kOptionHelp - 1);
  for (i = 0; i < kOptions; ++i) {
    const struct option *const option = &options[i];
    struct TextBuffer text = text_in(row, sizeof row);
    const char *const meaning = other_meanings[i] != NULL ? other_meanings[i] : option->meaning;
    if (meaning[0] == '\0') continue;
    put_option_help(&text, option->name, option->default_value, option->words, meaning);
    say_all(row, text_size(&text));
  }
}
