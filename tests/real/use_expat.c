// SPDX-License-Identifier: BSL-1.0
//
// Parses a large generated document with expat.

#include <expat.h>

#include "modes.h"

static int elements;

static void XMLCALL start(void* data, const XML_Char* name, const XML_Char** attributes) {
  (void)data, (void)name, (void)attributes;
  ++elements;
}
static void XMLCALL end(void* data, const XML_Char* name) { (void)data, (void)name; }

static void feed(XML_Parser parser, const char* text) {
  MUST(XML_Parse(parser, text, (int)strlen(text), 0) == XML_STATUS_OK);
}

static void feed_document(XML_Parser parser) {
  feed(parser, "<?xml version='1.0'?><!DOCTYPE book [<!ENTITY who 'a guest'>]><book xmlns='urn:book'>");
  for (int i = 0; i < 20000; ++i) {
    char text[200];
    snprintf(text, sizeof text,
             "<entry id='%d' kind%d='x'><name>&who; &amp; number %d</name><deep><er/></deep></entry>", i, i % 50, i);
    feed(parser, text);
  }
  feed(parser, "<open><elements attribute='at the end'>");
}

static NOINLINE void leak_parser(void) {
  XML_Parser forgotten;
  LEAK_HERE(forgotten = XML_ParserCreate("UTF-8"));
  MUST(forgotten != NULL);
}

int main(int argc, char** argv) {
  XML_Parser parser = XML_ParserCreateNS(NULL, '|');
  XML_SetElementHandler(parser, start, end);
  feed_document(parser);
  MUST(elements == 80003);
  may_end_here(argc, argv);
  if (wants(argc, argv, "leak")) leak_parser();
  XML_ParserFree(parser);
  return 0;
}
