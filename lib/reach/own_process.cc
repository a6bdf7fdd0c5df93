// SPDX-License-Identifier: BSL-1.0
#include "own_process.hh"

#include <errno.h>
#include <fcntl.h>
#include <sys/auxv.h>
#include <sys/mman.h>

#include "system/sys.hh"

namespace leakdir {
namespace {

constexpr std::uint64_t kPage = 4096;
constexpr unsigned kMostInterruptions = 1000;  // of one read

// What /proc has of this memory. Once the first thread has ended (pthread_exit in main) it has nothing of the process
// by that one's number; each thread that lives has all of it (Linux 3.17). An emulator knows the first name alone.
constexpr const char* kPageMaps[] = {"/proc/self/pagemap", "/proc/thread-self/pagemap"};
constexpr const char* kMemories[] = {"/proc/self/mem", "/proc/thread-self/mem"};
constexpr const char* kMaps[] = {"/proc/self/maps", "/proc/thread-self/maps"};

// Calls line(begin, end) for each whole line of the file; `buffer` of `room` bytes. False: it cannot be read, or not to
// its end.
template <class Line>
bool for_each_line(const char* path, char* buffer, std::size_t room, Line line) {
  const int file = sys::open_at(AT_FDCWD, path, O_RDONLY);
  if (file < 0) return false;
  std::size_t filled = 0;
  std::int64_t offset = 0;
  long got;
  for (unsigned tries = 0;;) {
    got = sys::read_at(file, buffer + filled, room - filled, offset);
    if (got == -EINTR && ++tries < kMostInterruptions) continue;
    if (got <= 0) break;
    offset += got;
    filled += static_cast<std::size_t>(got);
    std::size_t begin = 0;
    for (std::size_t i = 0; i < filled; ++i) {
      if (buffer[i] != '\n') continue;
      line(buffer + begin, buffer + i);
      begin = i + 1;
    }
    if (begin == 0 && filled == room) break;
    for (std::size_t i = begin; i < filled; ++i) buffer[i - begin] = buffer[i];
    filled -= begin;
  }
  sys::close(file);
  return got >= 0 && offset != 0;
}

}  // namespace

// ---- Memory -----------------------------------------------------------------------------------------------------

WorkMemory::~WorkMemory() {
  for (unsigned i = 0; i < count_; ++i) {
    sys::unmap(reinterpret_cast<void*>(pieces_[i].start), static_cast<std::size_t>(pieces_[i].end - pieces_[i].start));
  }
}

void* WorkMemory::take(std::uint64_t bytes) {
  bytes = (bytes + kPage) & ~(kPage - 1);
  if (count_ == kMost || bytes > SIZE_MAX / 2) return nullptr;
  void* const memory = sys::map_private(static_cast<std::size_t>(bytes));
  if (memory == nullptr) return nullptr;
  constexpr std::uint64_t kLarge = 4 << 20;
  // It is all used, and out of order: a page is made 500 times less often, and found sooner.
  if (bytes >= kLarge) sys::advise(memory, static_cast<std::size_t>(bytes), MADV_HUGEPAGE);
  const auto start = static_cast<std::uint64_t>(reinterpret_cast<std::uintptr_t>(memory));
  pieces_[count_++] = {start, start + bytes};
  return memory;
}

void WorkMemory::add_to(reach::Holes& holes) const {
  for (unsigned i = 0; i < count_; ++i) holes.add(pieces_[i]);
}

// ---- The process ------------------------------------------------------------------------------------------------

bool OwnProcess::open(WorkMemory& memory) {
  remote_ = memory.take_array<iovec>(reach::MarkRoom::kPieces);
  page_state_ = memory.take_array<std::uint64_t>(kPages);
  if (remote_ == nullptr || page_state_ == nullptr) return false;
  // What the kernel is asked of must be this memory. An emulator (qemu's user mode) hands /proc on as it is: of a
  // processor of 32 bits it has the memory at other addresses than the program, of a big-endian one pagemap has the
  // words of another.
  volatile std::uint64_t word = 0x6d656d6f72792e2e;
  const reach::Piece itself = {reinterpret_cast<std::uintptr_t>(&word), sizeof word};
  const auto work = static_cast<std::uint64_t>(reinterpret_cast<std::uintptr_t>(page_state_));
  const auto is_read = [&](std::size_t got) { return got == sizeof word && page_state_[0] == word; };
  page_bytes_ = ::getauxval(AT_PAGESZ);
  for (const char* path : kPageMaps) {
    if (page_bytes_ == 0 || (page_file_ = sys::open_at(AT_FDCWD, path, O_RDONLY)) < 0) continue;
    if (is_told_as_used(itself) && is_told_as_used({work, kPages * sizeof *page_state_})) break;
    sys::close(page_file_);
    page_file_ = -1;
  }
  page_count_ = 0;
  // A filter of system calls may kill for one that it does not know; reading a file it knows.
  if (!sys::is_filtered(reinterpret_cast<char*>(page_state_), kPages * sizeof *page_state_)) {
    if (is_read(read_by_call(&itself, 1, page_state_))) return true;
  }
  for (const char* path : kMemories) {
    if ((memory_file_ = sys::open_at(AT_FDCWD, path, O_RDONLY)) < 0) continue;
    if (is_read(read(&itself, 1, page_state_))) return true;
    sys::close(memory_file_);
    memory_file_ = -1;
  }
  return false;
}

OwnProcess::~OwnProcess() {
  if (memory_file_ >= 0) sys::close(memory_file_);
  if (page_file_ >= 0) sys::close(page_file_);
}

bool OwnProcess::read_mappings(WorkMemory& memory) {
  constexpr std::size_t kRoom = 64 << 10;
  constexpr std::uint64_t kMore = 64;  // that may come in between: what is taken here, to begin with
  auto* const buffer = memory.take_array<char>(kRoom);
  if (buffer == nullptr) return false;
  std::uint64_t lines = 0;
  const char* maps = nullptr;
  for (const char* path : kMaps) {
    if (!for_each_line(maps = path, buffer, kRoom, [&](const char*, const char*) { ++lines; })) continue;
    if (lines != 0) break;
  }
  if (lines == 0) return false;
  auto* const list = memory.take_array<reach::Mapping>(lines + kMore);
  if (list == nullptr) return false;
  std::size_t count = 0;
  const bool is_whole = for_each_line(maps, buffer, kRoom, [&](const char* begin, const char* end) {
    if (count < lines + kMore && reach::parse_mapping(begin, end, &list[count])) ++count;
  });
  mappings_ = {list, count};
  return is_whole && count != 0;
}

std::size_t OwnProcess::read_by_call(const reach::Piece* pieces, unsigned count, void* into) {
  std::size_t wanted = 0;
  for (unsigned i = 0; i < count; ++i) {
    remote_[i] = {reinterpret_cast<void*>(static_cast<std::uintptr_t>(pieces[i].address)),
                  static_cast<std::size_t>(pieces[i].bytes)};
    wanted += remote_[i].iov_len;
  }
  const long got = sys::read_memory(remote_, count, into, wanted);
  return got < 0 ? 0 : static_cast<std::size_t>(got);
}

std::size_t OwnProcess::read(const reach::Piece* pieces, unsigned count, void* into) {
  if (memory_file_ < 0) return read_by_call(pieces, count, into);
  std::size_t total = 0;
  for (unsigned i = 0; i < count; ++i) {
    const auto bytes = static_cast<std::size_t>(pieces[i].bytes);
    const long got = sys::read_at(memory_file_, static_cast<char*>(into) + total, bytes,
                                  static_cast<std::int64_t>(pieces[i].address));
    if (got > 0) total += static_cast<std::size_t>(got);
    if (got != static_cast<long>(bytes)) break;
  }
  return total;
}

const char* OwnProcess::in_place(std::uint64_t address, std::uint64_t bytes) {
  if (!reads_in_place_) return nullptr;
  if (last_mapping_ == nullptr || address < last_mapping_->start || address >= last_mapping_->end) {
    last_mapping_ = mappings_.find(address);
    if (last_mapping_ == nullptr) return nullptr;
  }
  constexpr std::uint32_t kNone = reach::Mapping::kShared | reach::Mapping::kFile | reach::Mapping::kDevice;
  const bool is_plain = (last_mapping_->flags & (reach::Mapping::kRead | kNone)) == reach::Mapping::kRead;
  if (!is_plain || bytes > last_mapping_->end - address) return nullptr;
  return reinterpret_cast<const char*>(static_cast<std::uintptr_t>(address));
}

bool OwnProcess::fill_pages(std::uint64_t page) {
  if (page - first_page_ < page_count_) return true;
  const long got = sys::read_at(page_file_, page_state_, kPages * sizeof *page_state_,
                                static_cast<std::int64_t>(page * sizeof *page_state_));
  if (got < static_cast<long>(sizeof *page_state_)) return false;
  first_page_ = page;
  page_count_ = static_cast<std::uint64_t>(got) / sizeof *page_state_;
  return true;
}

// Of memory in use: all of its words have the same highest byte, but for bits that may be either. That some pages are
// swapped out does not matter: then each page may be in use.
bool OwnProcess::is_told_as_used(const reach::Piece& piece) {
  page_count_ = 0;
  const std::uint64_t first = piece.address / page_bytes_, last = (piece.address + piece.bytes - 1) / page_bytes_;
  if (!fill_pages(first) || page_count_ <= last - first) return false;
  for (std::uint64_t i = 0; i <= last - first; ++i) {
    constexpr std::uint64_t kMayBe = 7u;  // is mapped here alone, is watched
    if ((page_state_[i] >> 56 & ~kMayBe) != 0x80) return false;
  }
  return true;
}

reach::Stretch OwnProcess::next_used(reach::Stretch within) {
  // A few pages are read as quickly as asked for.
  if (page_file_ < 0 || within.end - within.start <= 4 * page_bytes_) return within;
  const reach::Mapping* const mapping = mappings_.find(within.start);
  const bool is_shared = mapping == nullptr || mapping->has(reach::Mapping::kShared);
  std::uint64_t at = within.start;
  const auto is_used = [&](std::uint64_t page) {
    return reach::may_hold_pointers(page_state_[page - first_page_], is_shared);
  };
  for (;; at = (at | (page_bytes_ - 1)) + 1) {
    if (at >= within.end) return {within.end, within.end};
    if (!fill_pages(at / page_bytes_)) return {at, within.end};
    if (is_used(at / page_bytes_)) break;
  }
  std::uint64_t end = at;
  while (end < within.end && fill_pages(end / page_bytes_) && is_used(end / page_bytes_))
    end = (end | (page_bytes_ - 1)) + 1;
  return {at, end < within.end ? end : within.end};
}

}  // namespace leakdir
