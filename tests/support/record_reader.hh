// SPDX-License-Identifier: BSL-1.0
//
// Reads record files as strictly as lib/shared/record_format.h specifies them: anything that is missing, misplaced or
// unknown throws, and so fails the test.

#pragma once

#include <cstdint>
#include <string>
#include <vector>

namespace leakdir_test {

struct Frame {
  std::uint64_t return_address = 0;
  std::string module;        // empty: in no known module
  std::uint64_t offset = 0;  // as addr2line wants it for the module
  bool is_exact = false;     // no call returns there
  bool by_frame_pointer = false;
  std::uint64_t named() const { return is_exact ? offset : offset - 1; }  // what is to be named
};

struct Stack {
  std::vector<Frame> frames;
  std::vector<std::string> addr2line;  // the commands, ready to paste
};

struct Record {
  std::string file;
  std::uint64_t caller = 0, address = 0, size = 0, sequence = 0;
  std::string call, thread_name, time, program, build_id, location;
  int tid = 0;
  bool early = false, inherited = false, truncated = false;
  std::uint64_t sample = 0;  // of the option `sample`
  std::string reach;         // "definitely lost" …; empty: nobody looked
  Stack stack;
};

struct BadFreeRecord {
  std::string file;
  std::uint64_t caller = 0, address = 0, block = 0, block_size = 0;
  std::string kind, thread_name, time, program, build_id;
  int tid = 0;
  bool has_block = false;
  Stack free, first_free, allocation;  // without frames: not known
};

Record parse_record(const std::string& path);
BadFreeRecord parse_bad_free(const std::string& path);

// All of DIR, in the order of their sequence numbers; of their names for bad frees.
std::vector<Record> records_in(const std::string& dir);
std::vector<BadFreeRecord> bad_frees_in(const std::string& dir);

std::uint64_t total_bytes(const std::vector<Record>& records);
std::vector<std::uint64_t> sizes_of(const std::vector<Record>& records);  // sorted

}  // namespace leakdir_test
