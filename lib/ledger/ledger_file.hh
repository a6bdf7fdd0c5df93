// SPDX-License-Identifier: BSL-1.0
//
// The ledger as the object writes it: DIR/.ledger mapped, one array of rows for each kind, each growing by extents
// at the end of the file. Where shared mappings cannot be had it lies in private memory, and says so.
//
// Never moves: a row's address is base + index for the life of the process. The place for the largest ledger is chosen
// at start; of the address space it takes what it uses alone, and no more than that counts against a limit (RLIMIT_AS,
// mlockall) that the program may set for itself. File space is allocated before it is touched, so that a full disk is
// an error of the growth and never SIGBUS. What the file has no room for lies in private memory. Holds no descriptor.
// Threads may take rows at once; growth is behind a lock that is only tried, so that a signal handler that interrupts
// it cannot hang.

#pragma once

#include <atomic>
#include <cstdint>

#include "shared/ledger.hh"
#include "system/base.hh"

namespace leakdir {

struct LedgerMapping;  // what is to be mapped, and how

class LedgerFile {
 public:
  // No node has a higher index than so many bits can say.
  static constexpr unsigned kNodeBits = 26;

  // Makes a new ledger in the directory `folder` (a descriptor; `path` for messages) and maps it. Returns 0 or a
  // negative errno; then nothing was made. `shared` comes out false where the ledger is in private memory only.
  int create(int folder, const char* path, const char* name, bool& shared);

  // In private memory from the start.
  int create_private();

  // Gives up the mapping, not the file.
  void leave();

  // For a forked child, whose parent goes on with the file: `kept` has it from now on, to be read, and this one is
  // empty. When it is made anew, the numbers of its blocks and nodes go on where the parent's end, so that no number
  // means two things; rows with lower ones are zeros.
  void hand_over_to(LedgerFile& kept);
  // All of it, to one that is empty.
  void move_to(LedgerFile& other);

  // The lowest number of a row of its own.
  std::uint32_t first(ledger::Kind kind) const { return arrays_[static_cast<std::uint32_t>(kind)].first; }

  // Whether it lies in a file, which survives the process.
  bool is_shared() const { return path_ != nullptr; }

  ledger::Header* header() const { return header_; }

  // The block whose first word is the i-th.
  ledger::Block* block(std::uint32_t i) const {
    return reinterpret_cast<ledger::Block*>(reinterpret_cast<std::uint64_t*>(base(ledger::Kind::kBlocks)) + i);
  }
  ledger::Node* node(std::uint32_t i) const { return reinterpret_cast<ledger::Node*>(base(ledger::Kind::kNodes)) + i; }
  ledger::Thread* thread(std::uint32_t i) const {
    return reinterpret_cast<ledger::Thread*>(base(ledger::Kind::kThreads)) + i;
  }
  ledger::Module* module(std::uint32_t i) const {
    return reinterpret_cast<ledger::Module*>(base(ledger::Kind::kModules)) + i;
  }
  ledger::BadFree* bad_free(std::uint32_t i) const {
    return reinterpret_cast<ledger::BadFree*>(base(ledger::Kind::kBadFrees)) + i;
  }
  ledger::Period* period(std::uint32_t i) const {
    return reinterpret_cast<ledger::Period*>(base(ledger::Kind::kPeriods)) + i;
  }
  const char* text(std::uint32_t offset) const { return base(ledger::Kind::kText) + offset; }

  // Takes `count` rows that follow each other and returns the index of the first; 0 when there is no room. They are
  // zero. Blocks are taken by pages: what comes back is the first block.
  std::uint32_t take(ledger::Kind kind, std::uint32_t count);

  // One past the last row that was taken.
  std::uint32_t used(ledger::Kind kind) const;

  // Copies a zero-terminated text; returns its offset, 0 when there is no room.
  std::uint32_t add_text(const char* text);

  // Gives space back to the file system: what was never used, and the pages of blocks for which `page_is_empty(page)`
  // (of kPageWords words). Nobody may write to such a page any more.
  void trim(bool (*page_is_empty)(std::uint32_t page));

  // How long the file may become, in bytes. It is as long as it is: what it cannot take lies in private memory.
  void limit_to(std::uint64_t bytes) { limit_.store(bytes, std::memory_order_relaxed); }

  // Where the file lies, absolute. When it cannot be reached there any more, it does not grow.
  void set_path(const char* path) { path_ = path; }

 private:
  struct Array {
    char* base;
    std::uint32_t capacity;             // rows that there is a place for
    std::uint32_t first;                // of its own; 0 unless it goes on where another's end
    std::atomic<std::uint32_t> mapped;  // rows that may be used
    std::atomic<std::uint32_t> used;
    std::uint64_t claimed;  // bytes from base on that are leakdir's; what lies behind them anybody may have
  };

  char* base(ledger::Kind kind) const { return arrays_[static_cast<std::uint32_t>(kind)].base; }
  Array& array(ledger::Kind kind) { return arrays_[static_cast<std::uint32_t>(kind)]; }
  Array& array_of(const ledger::Extent& extent) { return arrays_[extent.kind]; }

  // The file, opened anew; negative errno if it is not to be reached any more. The caller closes it.
  int open_again() const;
  std::uint64_t room_left() const {
    const std::uint64_t limit = limit_.load(std::memory_order_relaxed);
    return limit > header_->file_bytes ? limit - header_->file_bytes : 0;
  }
  bool settle();
  void lay_out(char* at, const std::uint64_t* bytes, bool is_claimed);
  static void has_claimed(Array& array, std::uint64_t bytes);
  static bool claim(Array& array, std::uint64_t bytes);
  static bool map_into(Array& array, std::uint64_t from, std::uint64_t bytes, const LedgerMapping& what);
  static bool map_lower_rows(Array& array, ledger::Kind kind);
  bool grow(ledger::Kind kind, std::uint32_t until);
  void trim_tail(int file, ledger::Extent& extent);
  static void trim_pages(int file, const ledger::Extent& extent, bool (*page_is_empty)(std::uint32_t page));
  int map_extent(Array& array, ledger::Kind kind, std::uint64_t bytes);
  std::uint64_t first_bytes(ledger::Kind kind) const;
  std::uint64_t first_bytes_in_all() const;
  bool allocate_first(int file);
  void map_first_extents(int file);
  void add_extent(Array& array, ledger::Kind kind, std::uint64_t offset, std::uint64_t bytes);
  bool grow_file(char* at, std::uint64_t bytes);
  int map_from_file(char* at, std::uint64_t bytes);
  bool bring_home(int file, ledger::Extent& extent);
  ledger::Extent* directory() {
    return reinterpret_cast<ledger::Extent*>(reinterpret_cast<char*>(header_) + ledger::kDirectoryOffset);
  }

  ledger::Header* header_ = nullptr;
  const char* path_ = nullptr;  // absolute; null: private memory
  std::atomic<std::uint64_t> limit_{UINT64_MAX};
  std::uint64_t device_ = 0, inode_ = 0;
  char* likely_place_ = nullptr;  // of a child: below its parent's, where nothing is, most likely
  Array arrays_[ledger::kKinds] = {};
  std::uint32_t first_bytes_[ledger::kKinds] = {};  // of the first extent, in a child's; else zeros
  bool is_of_child_ = false;
  bool has_whole_header_ = true;  // all of it has its space in the file
};

LEAKDIR_OURS extern LedgerFile ledger_file;

}  // namespace leakdir
