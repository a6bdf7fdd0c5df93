// SPDX-License-Identifier: BSL-1.0
//
// Access to the rows of a ledger that may be damaged, cut short, hostile or still changing. load_ledger.cc uses it.
// Every offset, count and index is checked here against the file's true length, and nowhere else.

#pragma once

#include <array>
#include <cstdint>
#include <functional>
#include <string>
#include <unordered_map>
#include <vector>

#include "base/error.hh"
#include "bytes.hh"
#include "ledger.hh"

namespace leakdir::tool {

// The file does not begin as a ledger does, so nothing in it can be read. `what_is_wrong` with it: "is empty".
class NoHeader : public Error {
 public:
  NoHeader(const std::string& name, std::string wrong, const std::string& meaning = {})
      : Error(name + " " + wrong + meaning), what_is_wrong(std::move(wrong)) {}
  const std::string what_is_wrong;
};

class LedgerReader {
 public:
  // Throws Error with one sentence when this is no ledger that this tool can read. `name` is for messages.
  LedgerReader(const Bytes& bytes, std::string name);

  // Numbers are this machine's, here and in all rows.
  const ledger::Header& header() const { return header_; }
  // Whether the writer's processor stores numbers the other way round.
  bool was_turned_round() const { return is_of_other_order_; }

  // Versions 1 and 2, whose rows of blocks are others.
  bool is_of_old_version() const { return header_.version < ledger::kVersion; }
  std::uint32_t row_bytes(ledger::Kind kind) const {
    const bool is_old_block = kind == ledger::Kind::kBlocks && is_of_old_version();
    return is_old_block ? sizeof(ledger::OldBlock) : ledger::kRowBytes[static_cast<std::uint32_t>(kind)];
  }

  // Reads header and extent directory again: a running process may have grown its ledger.
  void refresh();

  // Calls `visit` with each run of rows of `kind`: index of the first, the rows, how many. Runs of zeros that are holes
  // in the file are passed over.
  using Visit = std::function<void(std::uint32_t first, const char* rows, std::size_t count)>;
  void for_each_run(ledger::Kind kind, const Visit& visit) const;

  // One row; false if the file does not hold it.
  template <class Record>
  bool read(ledger::Kind kind, std::uint32_t index, Record& to) const {
    return read_bytes(kind, index, &to, sizeof to);
  }

  // Up to `count` rows that lie one behind another in the file; returns how many it has.
  std::size_t read_rows(ledger::Kind kind, std::uint32_t first, std::size_t count, void* to) const;

  // One node, of which many lie close together and never change: through a cache of pages.
  bool read_node(std::uint32_t index, ledger::Node& to);

  // A zero-terminated text; what there is of it when it is cut short or longer than `limit`. 0: empty.
  std::string text(std::uint32_t offset, std::size_t limit = 4096) const;

  std::vector<std::string> damage;  // in sentences

 private:
  struct Run {
    std::uint64_t file_offset;
    std::uint32_t first, count;
  };

  void read_header();
  void read_directory();
  const Run* find(ledger::Kind kind, std::uint32_t index) const;
  // Whole rows; returns the bytes that were there.
  std::size_t read_rows(ledger::Kind kind, std::uint64_t offset, void* to, std::size_t bytes) const;
  bool read_bytes(ledger::Kind kind, std::uint32_t index, void* to, std::size_t bytes) const;
  void note_damage(std::string text);

  const Bytes& bytes_;
  std::string name_;
  ledger::Header header_{};
  bool is_of_other_order_ = false;
  std::array<std::vector<Run>, ledger::kKinds> runs_;  // sorted by `first`, without overlaps
  std::unordered_map<std::uint32_t, std::vector<ledger::Node>> node_pages_;
};

}  // namespace leakdir::tool
