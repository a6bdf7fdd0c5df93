// SPDX-License-Identifier: BSL-1.0
#include "ended_children.hh"

#include <fcntl.h>

#include "ledger/owner.hh"
#include "run_folder.hh"
#include "shared/record.hh"
#include "shared/text.hh"
#include "system/sys.hh"

namespace leakdir {
namespace {

constexpr std::uint64_t kMostBytes = 64 << 20;
constexpr std::uint64_t kFileBytes = 4096;       // that a record file takes, mostly
constexpr std::uint64_t kLargeLedger = 1 << 20;  // not read through: something is in it
constexpr std::uint32_t kMostAtOnce = 32;        // that go at one time

std::uint32_t max_children = 0;

// A child's directory that has something to show.
struct Kept {
  std::int64_t seconds, nanoseconds;
  std::uint64_t bytes;
  std::uint32_t pid;

  bool is_older_than(const Kept& other) const {
    return seconds != other.seconds ? seconds < other.seconds : nanoseconds < other.nanoseconds;
  }
};

bool is_shown(std::uint64_t word0, const ledger::Header& header) {
  const unsigned flags = ledger::block_flags(word0);
  return ledger::block_state(word0) == ledger::BlockState::kLive &&
         (flags & (ledger::kFlagIgnored | ledger::kFlagInherited)) == 0 &&
         ((flags & ledger::kFlagLibc) == 0 || header.option_libc != 0);
}

bool extent_shows_something(int file, const ledger::Header& header, const ledger::Extent& extent) {
  ledger::Block rows[17];
  constexpr std::uint32_t kSome = sizeof rows / sizeof *rows;
  static_assert(ledger::kBlocksPerPage % kSome == 0);
  for (std::uint32_t word = ledger::kPageHeadWords; word < extent.count;) {
    const auto offset = static_cast<std::int64_t>(extent.file_offset + std::uint64_t{word} * sizeof rows->word[0]);
    const long got = sys::read_at(file, rows, sizeof rows, offset);
    if (got < static_cast<long>(sizeof rows)) return false;
    for (const ledger::Block& row : rows) {
      if (is_shown(row.word[0], header)) return true;
    }
    word += kSome * ledger::kBlockWords;
    if (word % ledger::kPageWords == 0) word += ledger::kPageHeadWords;
  }
  return false;
}

bool ledger_shows_something(int folder, const ledger::Header& header) {
  if (header.version != ledger::kVersion || header.bad_frees != 0 || header.dropped_blocks != 0 ||
      header.unseen_blocks != 0 || header.file_bytes > kLargeLedger || header.extent_count > ledger::kMaxExtents)
    return true;
  const int file = sys::open_at(folder, ledger::kFileName, O_RDONLY | O_NOFOLLOW | O_NONBLOCK | O_NOCTTY);
  if (file < 0) return true;
  bool something = false;
  for (std::uint32_t i = 0; i < header.extent_count && !something; ++i) {
    ledger::Extent extent = {};
    const std::uint64_t offset = ledger::kDirectoryOffset + i * sizeof extent;
    if (sys::read_at(file, &extent, sizeof extent, static_cast<std::int64_t>(offset)) != sizeof extent) {
      something = true;
    } else if (extent.kind == static_cast<std::uint32_t>(ledger::Kind::kBlocks)) {
      something = extent.file_offset == ledger::kInMemory || extent_shows_something(file, header, extent);
    }
  }
  sys::close(file);
  return something;
}

std::uint64_t bytes_of_records(int folder) {
  std::uint64_t bytes = 0;
  for_each_name(folder, [&](const char* name) {
    bytes += is_record_name(name) ? kFileBytes : 0;
    return false;
  });
  return bytes;
}

enum class Left { kNotEnded, kNothing, kSomething };

// What an ended child has left in `folder`/`name`/, which is described in `kept` if it is anything.
Left look_into(int folder, const char* name, Kept* kept) {
  const int child = sys::open_at(folder, name, O_RDONLY | O_DIRECTORY | O_NOFOLLOW);
  if (child < 0) return Left::kNotEnded;
  ledger::Header header;
  sys::FileStatus status = {};
  Left left = Left::kNotEnded;
  if (read_header(child, &header) && header.parent_pid != 0 && !owner_is_alive(header) &&
      sys::stat_descriptor(child, &status) == 0) {
    const std::uint64_t records = bytes_of_records(child);
    left = records == 0 && !ledger_shows_something(child, header) ? Left::kNothing : Left::kSomething;
    *kept = {status.modified_seconds, status.modified_nanoseconds, header.file_bytes + records, header.pid};
  }
  sys::close(child);
  return left;
}

// The oldest, in their order.
struct Oldest {
  Kept kept[kMostAtOnce];
  std::uint32_t count = 0;

  void take(const Kept& other) {
    std::uint32_t at = count;
    if (count < kMostAtOnce) {
      ++count;
    } else if (other.is_older_than(kept[--at])) {
      // the youngest of them makes way
    } else {
      return;
    }
    for (; at != 0 && other.is_older_than(kept[at - 1]); --at) kept[at] = kept[at - 1];
    kept[at] = other;
  }
};

}  // namespace

void configure_ended_children(std::uint32_t most) { max_children = most; }

std::uint32_t tidy_up_after_children(const char* base) {
  const int folder = sys::open_at(AT_FDCWD, base, O_RDONLY | O_DIRECTORY | O_NOFOLLOW);
  if (folder < 0) return 0;
  char own[24];
  Text(own, sizeof own).dec(static_cast<std::uint64_t>(sys::pid())).c_str();
  Oldest oldest;
  std::uint64_t bytes = 0;
  std::uint32_t children = 0, removed = 0;
  for_each_name(folder, [&](const char* name) {
    Kept kept;
    if (!is_process_name(name) || is_same_text(name, own)) return false;
    const Left left = look_into(folder, name, &kept);
    if (left == Left::kNothing) remove_process_dir(folder, name);
    if (left != Left::kSomething) return false;
    oldest.take(kept);
    bytes += kept.bytes;
    ++children;
    return false;
  });
  for (std::uint32_t i = 0; i < oldest.count && (children - removed > max_children || bytes > kMostBytes); ++i) {
    char name[24];
    remove_process_dir(folder, Text(name, sizeof name).dec(oldest.kept[i].pid).c_str());
    bytes -= oldest.kept[i].bytes;
    ++removed;
  }
  sys::close(folder);
  return removed;
}

}  // namespace leakdir
