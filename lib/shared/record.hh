// SPDX-License-Identifier: BSL-1.0
//
// The text of a record file, for C++. record_format.h says what the format is and what the arguments mean. Nothing here
// allocates, throws or keeps state; a record is made in the caller's buffer. Safe in signal handlers.

#pragma once

#include <cstddef>
#include <cstdint>

#include "record_format.h"
#include "text.hh"

namespace leakdir {

inline constexpr char kLostDir[] = "lost";  // in DIR: the records of what is lost

// The file's name without its directory.
void put_record_name(Text& out, std::uint64_t address, const char* suffix);

// The whole text. What does not fit into the buffer is left out at the end of a line (see Text::full).
void put_record(Text& out, const RecordView& record, const FrameChain& chain);

// Its two parts: what is of this block alone (at most kMaxRecordHead bytes), and what it shares with all blocks of one
// stack, whose RecordView says the same from `file` on.
inline constexpr std::size_t kMaxRecordHead = 320;
void put_record_head(Text& out, const RecordView& record, const FrameChain& chain);
void put_record_tail(Text& out, const RecordView& record, const FrameChain& chain);

void put_bad_free(Text& out, const BadFreeView& bad, const FrameChain& chain);

}  // namespace leakdir
