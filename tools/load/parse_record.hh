// SPDX-License-Identifier: BSL-1.0
//
// The text of one record file (lib/shared/record_format.h is its specification) into plain data. load_records.cc uses
// it for directories without a ledger, recover.cc to tell a record of leakdir's from a file that only has such a name.

#pragma once

#include <cstdint>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

namespace leakdir::tool {

struct ParsedFrame {
  std::uint64_t pc = 0;
  std::string module;  // empty: in no known module
  std::uint64_t offset = 0;
  bool is_exact = false, by_frame_pointer = false;
};

struct ParsedRecord {
  bool is_bad_free = false;
  std::uint64_t address = 0;
  std::uint64_t size = 0;
  std::uint64_t sequence = 0;
  std::uint32_t tid = 0;
  std::int64_t time_ns = 0;
  std::string call;                            // or kind, of a bad free
  std::string thread_name, program, build_id;  // build_id: bytes
  std::string location_file;
  std::uint32_t location_line = 0;
  bool is_early = false, is_inherited = false, is_truncated = false;
  std::uint64_t sample_bytes = 0;  // of the option `sample`
  std::string reach;               // "definitely lost"; empty: not known
  std::uint64_t block = 0, block_bytes = 0;
  std::vector<ParsedFrame> stack, first_free_stack, allocation_stack;  // stack: of the block, or of the bad free
};

// Nothing when the first line is not that of a record. Later lines that make no sense are passed over, and so is a last
// line without a newline: the disk was full.
std::optional<ParsedRecord> parse_record(std::string_view text);

}  // namespace leakdir::tool
