// SPDX-License-Identifier: BSL-1.0
#include "live_memory.hh"

#include <fcntl.h>
#include <fmt/format.h>
#include <sys/uio.h>
#include <unistd.h>

#include <algorithm>
#include <cerrno>
#include <cstring>

#include "base/error.hh"
#include "process_status.hh"

namespace leakdir::tool {

namespace {

constexpr std::uint64_t kPage = 4096;
constexpr std::uint64_t kPresent = std::uint64_t{1} << 63, kSwapped = std::uint64_t{1} << 62;
constexpr std::uint64_t kOfFile = std::uint64_t{1} << 61;

int open_of(pid_t pid, const char* name) {
  return open(fmt::format("/proc/{}/{}", pid, name).c_str(), O_RDONLY | O_CLOEXEC);
}

}  // namespace

LiveMemory::LiveMemory(pid_t pid)
    : pid_(pid),
      memory_(open_of(pid, "mem")),
      // Of another page size the numbers mean something else; then all counts as used.
      pagemap_(sysconf(_SC_PAGESIZE) == kPage ? open_of(pid, "pagemap") : -1),
      window_text_(kWindow),
      pages_(kPages) {}

LiveMemory::~LiveMemory() {
  if (memory_ >= 0) close(memory_);
  if (pagemap_ >= 0) close(pagemap_);
}

std::unique_ptr<Memory> LiveMemory::another() const {
  auto other = std::make_unique<LiveMemory>(pid_);
  other->mappings_ = mappings_;
  other->reads_file_ = reads_file_;
  return other;
}

std::size_t LiveMemory::read(const reach::Piece* pieces, unsigned count, void* into) {
  if (count != 1 || pieces[0].bytes > kPage) return read_some(pieces, count, into);
  const reach::Piece piece = pieces[0];
  if (piece.address - window_ >= window_bytes_ || window_bytes_ - (piece.address - window_) < piece.bytes) {
    if (!fill_window(piece)) return read_some(pieces, 1, into);
  }
  std::memcpy(into, window_text_.data() + (piece.address - window_), piece.bytes);
  return piece.bytes;
}

// No page is asked for that the process has not used: the kernel would make it, or wait for who fills it.
bool LiveMemory::fill_window(const reach::Piece& piece) {
  window_bytes_ = 0;
  // From a multiple of its size on, so that it serves downwards, too; else from the page itself.
  std::uint64_t start = piece.address - piece.address % kWindow;
  reach::Stretch used = next_used({start, start + kWindow});
  if (used.start != start || used.end < piece.address + piece.bytes) {
    start = piece.address & ~(kPage - 1);
    used = next_used({start, start + kWindow});
  }
  if (used.start != start || used.end <= start) return false;
  const reach::Piece window = {start, used.end - start};
  const std::size_t got = read_some(&window, 1, window_text_.data());
  if (got < piece.address - start + piece.bytes) return false;
  window_ = start;
  window_bytes_ = got;
  return true;
}

std::size_t LiveMemory::read_some(const reach::Piece* pieces, unsigned count, void* into) {
  if (!reads_file_) {
    count = std::min(count, reach::MarkRoom::kPieces);
    const std::size_t got = read_joined(pieces, count, static_cast<char*>(into));
    if (!reads_file_) return got;
  }
  std::size_t done = 0;
  for (unsigned i = 0; i < count; ++i) {
    const ssize_t got =
        pread(memory_, static_cast<char*>(into) + done, pieces[i].bytes, static_cast<off_t>(pieces[i].address));
    if (got > 0) done += static_cast<std::size_t>(got);
    if (got < 0 || static_cast<std::uint64_t>(got) != pieces[i].bytes) break;
  }
  return done;
}

// What the kernel does for each stretch that it is asked for, and for each page of it, costs more than the bytes:
// pieces that lie close together are one stretch, and what lies between them, malloc's own words, goes into the bin.
// (It is too little to be a page of its own.)
std::size_t LiveMemory::read_joined(const reach::Piece* pieces, unsigned count, char* into) {
  static_assert(2 * reach::MarkRoom::kPieces <= 1024);  // what the kernel takes at once
  iovec remote[reach::MarkRoom::kPieces] = {}, local[2 * reach::MarkRoom::kPieces] = {};
  char bin[kClose] = {};
  unsigned stretches = 0, parts = 0;
  for (unsigned i = 0; i < count; ++i) {
    const std::uint64_t end = i == 0 ? 0 : pieces[i - 1].address + pieces[i - 1].bytes;
    const std::uint64_t gap = pieces[i].address - end;
    if (i > 0 && gap < kClose) {
      if (gap != 0) local[parts++] = {bin, gap};
      remote[stretches - 1].iov_len += gap + pieces[i].bytes;
    } else {
      remote[stretches++] = {reinterpret_cast<void*>(pieces[i].address), pieces[i].bytes};
    }
    local[parts++] = {into, pieces[i].bytes};
    into += pieces[i].bytes;
  }
  const ssize_t read = process_vm_readv(pid_, local, parts, remote, stretches, 0);
  if (read < 0) {
    reads_file_ = errno != EFAULT;
    return 0;
  }
  auto left = static_cast<std::size_t>(read);
  std::size_t got = 0;
  for (unsigned i = 0; i < parts && left > 0; ++i) {
    const std::size_t some = std::min(left, local[i].iov_len);
    if (local[i].iov_base != bin) got += some;
    left -= some;
  }
  return got;
}

// A page of the process's own is one that was written; of a file's that nobody wrote no pointer of the program's can be
// in it. Of what is shared only pages that the process has touched can hold any.
bool LiveMemory::is_used(std::uint64_t page, const reach::Mapping& mapping) {
  if (page - first_page_ >= page_count_) {
    // From a multiple of their number on: a list is often followed downwards, and then they serve as well.
    const std::uint64_t wanted = (mapping.end - mapping.start) / kPage > kFewPages ? kPages : kFewPages;
    first_page_ = page - page % wanted;
    const ssize_t got =
        pread(pagemap_, pages_.data(), wanted * sizeof pages_[0], static_cast<off_t>(first_page_ * sizeof pages_[0]));
    page_count_ = got > 0 ? static_cast<std::size_t>(got) / sizeof pages_[0] : 0;
    if (page - first_page_ >= page_count_) return true;  // not known
  }
  const std::uint64_t entry = pages_[page - first_page_];
  if ((entry & kSwapped) != 0) return true;
  return (entry & kPresent) != 0 && (mapping.has(reach::Mapping::kShared) || (entry & kOfFile) == 0);
}

reach::Stretch LiveMemory::next_used(reach::Stretch within) {
  if (pagemap_ < 0 || within.start >= within.end) return within;
  const reach::Mapping* mapping = reach::Mappings{mappings_.data(), mappings_.size()}.find(within.start);
  if (mapping == nullptr) return within;
  const std::uint64_t behind = std::min(within.end, mapping->end);
  const std::uint64_t end = (behind + kPage - 1) / kPage;
  std::uint64_t page = within.start / kPage;
  while (page < end && !is_used(page, *mapping)) ++page;
  if (page == end)
    return behind == within.end ? reach::Stretch{within.end, within.end} : next_used({behind, within.end});
  const std::uint64_t first = page;
  while (page < end && is_used(page, *mapping)) ++page;
  return {std::max(within.start, first * kPage), std::min(behind, page * kPage)};
}

void LiveMemory::read_mappings() {
  const int file = open_of(pid_, "maps");
  // (The kernel gives a page of text at a time, whatever it is asked for.)
  std::string text;
  std::vector<char> some(16 << 10);
  ssize_t got = file < 0 ? -1 : 1;
  while (got > 0) {
    got = ::read(file, some.data(), some.size());
    if (got > 0) text.append(some.data(), static_cast<std::size_t>(got));
  }
  const int error = errno;
  if (file >= 0) close(file);
  if (got < 0) throw Error(why_not_traced(pid_, error));
  mappings_.clear();
  for (std::size_t at = 0, end; at < text.size(); at = end + 1) {
    end = std::min(text.find('\n', at), text.size());
    reach::Mapping mapping;
    if (reach::parse_mapping(text.data() + at, text.data() + end, &mapping)) mappings_.push_back(mapping);
  }
  if (mappings_.empty()) throw Error(why_not_traced(pid_, ESRCH));
}

}  // namespace leakdir::tool
