// SPDX-License-Identifier: BSL-1.0
//
// Compresses and expands with liblzma.

#include <lzma.h>

#include "modes.h"

static unsigned char plain[300000], packed[400000], unpacked[300000];

static void pack(lzma_stream* stream) {
  for (size_t i = 0; i < sizeof plain; ++i) plain[i] = (unsigned char)((i * i >> 7) + i / 1000);
  MUST(lzma_easy_encoder(stream, 2, LZMA_CHECK_CRC64) == LZMA_OK);
  stream->next_in = plain;
  stream->avail_in = sizeof plain;
  stream->next_out = packed;
  stream->avail_out = sizeof packed;
  MUST(lzma_code(stream, LZMA_FINISH) == LZMA_STREAM_END);
}

static void unpack(lzma_stream* stream, size_t bytes) {
  MUST(lzma_stream_decoder(stream, UINT64_MAX, 0) == LZMA_OK);
  stream->next_in = packed;
  stream->avail_in = bytes;
  stream->next_out = unpacked;
  stream->avail_out = sizeof unpacked;
  MUST(lzma_code(stream, LZMA_FINISH) == LZMA_STREAM_END);
  MUST(memcmp(plain, unpacked, sizeof plain) == 0);
}

static NOINLINE void leak_decoder(void) {
  lzma_stream forgotten = LZMA_STREAM_INIT;
  lzma_ret result;
  LEAK_HERE(result = lzma_alone_decoder(&forgotten, UINT64_MAX));
  MUST(result == LZMA_OK);
}

int main(int argc, char** argv) {
  lzma_stream encoder = LZMA_STREAM_INIT, decoder = LZMA_STREAM_INIT;
  pack(&encoder);
  unpack(&decoder, encoder.total_out);
  may_end_here(argc, argv);
  if (wants(argc, argv, "leak")) leak_decoder();
  lzma_end(&encoder);
  lzma_end(&decoder);
  return 0;
}
