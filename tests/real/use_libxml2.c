// SPDX-License-Identifier: BSL-1.0
//
// Parses a generated document into a tree with libxml2 and asks XPath questions of it.

#include <libxml/parser.h>
#include <libxml/xpath.h>

#include "modes.h"

// libxml2 seeds its hash tables with this, and entries that collide are allocated: the same blocks in every run,
// please.
int rand_r(unsigned* seed) { return (int)(*seed = 4); }

static char* make_document(void) {
  enum { kRoom = 200000 };
  char* text = malloc(kRoom);
  size_t at = (size_t)snprintf(text, kRoom, "<?xml version='1.0'?><book>");
  for (int i = 0; i < 1000; ++i) {
    at += (size_t)snprintf(text + at, kRoom - at, "<entry id='%d'><name>guest &amp; number %d</name><empty/></entry>",
                           i, i);
  }
  snprintf(text + at, kRoom - at, "</book>");
  return text;
}

static NOINLINE void leak_node(void) {
  xmlNodePtr forgotten;
  LEAK_HERE(forgotten = xmlNewNode(NULL, BAD_CAST "forgotten"));
  MUST(forgotten != NULL);
}

int main(int argc, char** argv) {
  char* text = make_document();
  xmlDocPtr document = xmlReadMemory(text, (int)strlen(text), "book.xml", NULL, XML_PARSE_NODICT);
  MUST(document != NULL);
  xmlXPathContextPtr context = xmlXPathNewContext(document);
  xmlXPathObjectPtr found = xmlXPathEvalExpression(BAD_CAST "//entry[@id mod 3 = 0]/name", context);
  MUST(found != NULL && found->nodesetval->nodeNr == 334);
  if (wants(argc, argv, "keep")) xmlCleanupParser();  // libxml2.so does so when it is unloaded, libxml2.a does not
  may_end_here(argc, argv);
  if (wants(argc, argv, "leak")) leak_node();
  xmlXPathFreeObject(found);
  xmlXPathFreeContext(context);
  xmlFreeDoc(document);
  xmlCleanupParser();
  free(text);
  return 0;
}
