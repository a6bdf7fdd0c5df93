// SPDX-License-Identifier: BSL-1.0
//
// What the pictures of the README show: a photo album's server that answers some requests and forgets a part of what it
// made for them.

#include <stdlib.h>
#include <string.h>

static void* volatile kept;

static void* keep(void* block) { return kept = block; }

static void read_colours(int i) { keep(malloc(768 + 16 * (size_t)i)); }
static void read_comment(void) { keep(strdup("Sunday, at the lake")); }
static void read_header(int i) {
  read_colours(i);
  if (i % 3 == 0) read_comment();
}
static void decode_rows(int i) { keep(malloc(4096 * (size_t)(1 + i % 3))); }
static void decode_photo(int i) {
  read_header(i);
  decode_rows(i);
}
static void scale_down(int i) { keep(malloc(6000 + 160 * (size_t)(i % 5))); }
static void draw_frame(void) { keep(calloc(40, 56)); }
static void make_thumbnail(int i) {
  decode_photo(i);
  scale_down(i);
  if (i % 2 == 0) draw_frame();
}
static void sort_by_date(int photos) { keep(malloc(sizeof(long) * 96 * (size_t)photos)); }
static void list_photos(int photos) {
  for (int i = 0; i < photos; ++i) make_thumbnail(i);
  sort_by_date(photos);
}
static void write_cell(int i) { keep(malloc(900 + (size_t)i)); }
static void write_page(int photos) {
  for (int i = 0; i < photos; ++i) write_cell(i);
  keep(malloc(7200));
}
static void show_album(int photos) {
  list_photos(photos);
  write_page(photos);
}

static void parse_cookie(void) { keep(malloc(2100)); }
static void open_session(void) {
  parse_cookie();
  keep(malloc(5300));
}
static void index_words(int words) {
  for (int i = 0; i < words; ++i) keep(malloc(310));
}
static void rank_matches(int words) { keep(malloc(1100 * (size_t)words)); }
static void search(int words) {
  index_words(words);
  rank_matches(words);
}
static void store_upload(int i) {
  keep(malloc(9000));
  decode_photo(i);
}

static void answer(int request) {
  open_session();
  if (request % 3 == 0) show_album(3 + request);
  if (request % 3 == 1) search(6 + request);
  if (request % 3 == 2) store_upload(request);
}

int main(void) {
  for (int request = 0; request < 6; ++request) answer(request);
  return 0;
}
