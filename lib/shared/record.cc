// SPDX-License-Identifier: BSL-1.0
#include "record.hh"

#include "record_text.h"

namespace leakdir {

void put_record_name(Text& out, std::uint64_t address, const char* suffix) { out.hex(address).put(suffix); }

void put_record(Text& out, const RecordView& record, const FrameChain& chain) {
  put_record_head(out, record, chain);
  put_record_tail(out, record, chain);
}

void put_record_head(Text& out, const RecordView& record, const FrameChain& chain) {
  put_record_head(out.buffer(), &record, &chain);
}

void put_record_tail(Text& out, const RecordView& record, const FrameChain& chain) {
  put_record_tail(out.buffer(), &record, &chain);
}

void put_bad_free(Text& out, const BadFreeView& bad, const FrameChain& chain) {
  put_bad_free(out.buffer(), &bad, &chain);
}

}  // namespace leakdir
