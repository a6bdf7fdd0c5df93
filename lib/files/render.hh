// SPDX-License-Identifier: BSL-1.0
//
// From the ledger in memory to the text of a record (record_format.h). Reads only; no allocation, any thread.

#pragma once

#include <cstddef>

#include "shared/ledger.hh"
#include "shared/text.hh"
#include "stack/scratch.hh"
#include "system/sys.hh"

namespace leakdir {

struct Rendered {
  const char* text;
  std::size_t bytes;
};
// Memory for one record at a time where there is no thread's to use, or it may be in use. `text()` is null where there
// is none.
class RecordTextRoom {
 public:
  RecordTextRoom() : text_(static_cast<RecordText*>(sys::map_private(sizeof(RecordText)))) {}
  ~RecordTextRoom() {
    if (text_ != nullptr) sys::unmap(text_, sizeof(RecordText));
  }
  RecordTextRoom(const RecordTextRoom&) = delete;
  RecordTextRoom& operator=(const RecordTextRoom&) = delete;
  RecordText* text() const { return text_; }

 private:
  RecordText* text_;
};

Rendered render_block(RecordText& into, const ledger::Block& block);
void render_bad_free(Text& out, const ledger::BadFree& bad);

// The return addresses of its stack, innermost first; returns how many.
unsigned return_addresses(const ledger::Block& block, const void** into, unsigned most);

}  // namespace leakdir
