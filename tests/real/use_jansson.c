// SPDX-License-Identifier: BSL-1.0
//
// Builds, writes and reads JSON with jansson.

#include <jansson.h>

#include "modes.h"

static json_t* build(void) {
  json_t* root = json_array();
  for (int i = 0; i < 300; ++i) {
    json_array_append_new(root, json_pack("{s:i, s:s, s:[i,i,f], s:{s:b, s:n}}", "id", i, "name", "a guest", "numbers",
                                          i, i + 1, i / 2.0, "nested", "true", i % 2, "null"));
  }
  return root;
}

static NOINLINE void leak_value(void) {
  json_t* forgotten;
  LEAK_HERE(forgotten = json_loads("{\"forgotten\": [1, 2, 3]}", 0, NULL));
  MUST(forgotten != NULL);
}

int main(int argc, char** argv) {
  json_t* root = build();
  char* text = json_dumps(root, JSON_INDENT(2) | JSON_SORT_KEYS);
  json_t* again = json_loads(text, 0, NULL);
  MUST(again != NULL && json_equal(root, again));
  may_end_here(argc, argv);
  if (wants(argc, argv, "leak")) leak_value();
  free(text);
  json_decref(again);
  json_decref(root);
  return 0;
}
