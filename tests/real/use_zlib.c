// SPDX-License-Identifier: BSL-1.0
//
// Compresses and expands with zlib, in memory and through its files.

#include <zlib.h>

#include "modes.h"

static unsigned char plain[400000], packed[500000], unpacked[400000];

static void make_plain(void) {
  for (size_t i = 0; i < sizeof plain; ++i) plain[i] = (unsigned char)((i * i >> 7) + i / 1000);
}

static void begin(z_stream* stream) {
  memset(stream, 0, sizeof *stream);
  MUST(deflateInit(stream, 6) == Z_OK);
  stream->next_in = plain;
  stream->avail_in = sizeof plain;
  stream->next_out = packed;
  stream->avail_out = sizeof packed;
  MUST(deflate(stream, Z_FINISH) == Z_STREAM_END);
}

static void check(void) {
  uLongf bytes = sizeof unpacked;
  MUST(uncompress(unpacked, &bytes, packed, sizeof packed) == Z_OK);
  MUST(bytes == sizeof plain && memcmp(plain, unpacked, sizeof plain) == 0);
}

static gzFile write_file(void) {
  gzFile file = gzopen("plain.gz", "wb9");
  MUST(file != NULL && gzwrite(file, plain, sizeof plain) == (int)sizeof plain);
  return file;
}

static NOINLINE void leak_inflate(void) {
  z_stream forgotten;
  int result;
  memset(&forgotten, 0, sizeof forgotten);
  LEAK_HERE(result = inflateInit(&forgotten));
  MUST(result == Z_OK);
}

int main(int argc, char** argv) {
  make_plain();
  z_stream stream;
  begin(&stream);
  check();
  gzFile file = write_file();
  may_end_here(argc, argv);
  if (wants(argc, argv, "leak")) leak_inflate();
  MUST(deflateEnd(&stream) == Z_OK && gzclose(file) == Z_OK);
  return 0;
}
