// SPDX-License-Identifier: BSL-1.0
#include "ledger_file.hh"

#include <errno.h>
#include <fcntl.h>
#include <sys/auxv.h>
#include <sys/mman.h>
#include <sys/resource.h>
#include <sys/syscall.h>

#include "system/base.hh"
#include "system/messages.hh"
#include "system/own_memory.hh"
#include "system/process.hh"
#include "system/rights.hh"
#include "system/sys.hh"

#ifndef MAP_FIXED_NOREPLACE
#define MAP_FIXED_NOREPLACE 0x100000
#endif

namespace leakdir {

using ledger::Kind;

LedgerFile ledger_file;

struct LedgerMapping {
  int protection, flags, file;
  std::uint64_t offset;
};

namespace {

// In a child's ledger, beside what it copies of its parent's: a module or two, the name of its directory.
constexpr std::uint32_t kRoomBesideCopied = 512;

// A busy disk takes its time. If it hangs, the first thread waits for so long, and later threads do not wait.
constexpr unsigned kPatientTries = TryLock::kTriesAtOnce + 5000;

// The most that the ledger may hold and the first extent, in bytes, by kind.
struct Room {
  std::uint64_t most;
  std::uint64_t first;
};
constexpr bool kWide = sizeof(void*) == 8;
constexpr std::uint64_t kNodeBytes = kWide ? std::uint64_t{1} << 30 : 32u << 20;
static_assert(LedgerFile::kNodeBits + ledger::kStackShift == 64);
static_assert(kNodeBytes / sizeof(ledger::Node) <= std::uint64_t{1} << LedgerFile::kNodeBits);
// A freed row has no more bits than for a time to say which one is the next.
constexpr std::uint64_t kBlockBytes = kWide ? std::uint64_t{2} << 30 : 64u << 20;
static_assert(kBlockBytes / ledger::kRowBytes[static_cast<std::uint32_t>(Kind::kBlocks)] <= ledger::kMostTime + 1);
constexpr Room kRooms[ledger::kKinds] = {
    {0, 0},
    {kBlockBytes, 32 << 10},                  // blocks
    {kNodeBytes, 16 << 10},                   // nodes
    {1 << 20, 4 << 10},                       // threads
    {512 << 10, 4 << 10},                     // modules
    {256 << 10, 4 << 10},                     // bad frees
    {4 << 20, 4 << 10},                       // text
    {kWide ? 16u << 20 : 4u << 20, 4 << 10},  // periods
};

// An extent is as large as everything before it, within bounds: to have a page of tmpfs allocated takes a microsecond,
// and no call of malloc is to wait for a thousand of them. In a large ledger the directory of extents must be spared.
struct ExtentBound {
  std::uint64_t ledger_bytes, extent_bytes;
};
constexpr ExtentBound kExtentBounds[] = {{64 << 20, 256 << 10}, {512 << 20, 1 << 20}, {UINT64_MAX, 2 << 20}};

std::uint64_t largest_extent(std::uint64_t have) {
  unsigned i = 0;
  while (have >= kExtentBounds[i].ledger_bytes) ++i;
  return kExtentBounds[i].extent_bytes;
}

std::uint64_t page_bytes() {
  static std::uint64_t bytes = 0;
  if (bytes == 0) bytes = ::getauxval(AT_PAGESZ);
  return bytes != 0 ? bytes : 4096;
}

std::uint64_t page_aligned(std::uint64_t bytes) { return (bytes + page_bytes() - 1) & ~(page_bytes() - 1); }

// A program that runs under a limit of address space keeps most of it.
std::uint64_t within_limit(std::uint64_t bytes, std::uint64_t limit) {
  while (bytes > (64 << 10) && bytes > limit / 32) bytes /= 2;
  return bytes;
}

std::uint64_t address_space_limit() {
  std::uint64_t limit[2] = {};
  if (sys::call(SYS_prlimit64, 0, RLIMIT_AS, 0, reinterpret_cast<long>(limit)) != 0) return UINT64_MAX;
  return limit[0];
}

constexpr int kClaim = MAP_PRIVATE | MAP_ANONYMOUS | MAP_NORESERVE;

constexpr LedgerMapping kClaimed = {PROT_NONE, kClaim, -1, 0};

bool map_where_free(char* at, std::uint64_t bytes, const LedgerMapping& what) {
  void* const got = sys::map(at, bytes, what.protection, what.flags | MAP_FIXED_NOREPLACE, what.file, what.offset);
  // Before Linux 4.17 it is a wish.
  if (got != nullptr && got != at) sys::unmap(got, bytes);
  return got == at;
}

bool is_free(char* at, std::uint64_t bytes) {
  if (!map_where_free(at, bytes, kClaimed)) return false;
  sys::unmap(at, bytes);
  return true;
}

constexpr std::uint64_t kApart = std::uint64_t{4} << 30;

// Half way down from where the kernel puts what is mapped: nothing comes there by itself, from above or from below, and
// it is chosen as much by chance. Null where address space is short, or where the kernel wants it otherwise.
char* find_place(std::uint64_t bytes) {
  if (!kWide) return nullptr;
  void* const page = sys::map(nullptr, page_bytes(), PROT_NONE, kClaim, -1, 0);
  if (page == nullptr) return nullptr;
  sys::unmap(page, page_bytes());
  // A forked child has its parent's ledger there, too, and those of some before.
  constexpr unsigned kTries = 8;
  const std::uint64_t half = (reinterpret_cast<std::uintptr_t>(page) / 2) & ~(page_bytes() - 1);
  for (unsigned i = 0; i < kTries && half > (i + 1) * kApart; ++i) {
    auto* const at = reinterpret_cast<char*>(static_cast<std::uintptr_t>(half - i * kApart));
    if (is_free(at, bytes)) return at;
  }
  return nullptr;
}

}  // namespace

bool LedgerFile::settle() {
  const std::uint64_t limit = address_space_limit();
  for (unsigned shrink = 0; shrink < 12; ++shrink) {
    std::uint64_t bytes[ledger::kKinds] = {};
    std::uint64_t total = 0;
    for (std::uint32_t kind = 1; kind < ledger::kKinds; ++kind) {
      bytes[kind] =
          page_aligned(within_limit(kRooms[kind].most, limit) >> (kRooms[kind].most > (8 << 20) ? shrink : 0));
      total += bytes[kind];
    }
    const bool is_likely = likely_place_ != nullptr && is_free(likely_place_, total);
    char* place = is_likely ? likely_place_ : find_place(total);
    const bool is_claimed = place == nullptr;
    if (is_claimed) place = static_cast<char*>(sys::map(nullptr, total, PROT_NONE, kClaim, -1, 0));
    if (place == nullptr) continue;
    // gcore writes what cannot be read as zeros. What is mapped over it is dumped as usual.
    if (is_claimed) sys::advise(place, total, MADV_DONTDUMP);
    lay_out(place, bytes, is_claimed);
    return map_lower_rows(array(Kind::kBlocks), Kind::kBlocks) && map_lower_rows(array(Kind::kNodes), Kind::kNodes);
  }
  return false;
}

void LedgerFile::lay_out(char* at, const std::uint64_t* bytes, bool is_claimed) {
  for (std::uint32_t kind = 1; kind < ledger::kKinds; ++kind) {
    Array& array = arrays_[kind];
    array.base = at;
    array.capacity = static_cast<std::uint32_t>(bytes[kind] / ledger::kRowBytes[kind]);
    array.mapped.store(array.first, std::memory_order_relaxed);
    array.used.store(array.first, std::memory_order_relaxed);
    array.claimed = is_claimed ? bytes[kind] : 0;
    if (is_claimed) memory_is_own(at, bytes[kind]);
    at += bytes[kind];
  }
}

// `bytes` from the array's beginning on are leakdir's now.
void LedgerFile::has_claimed(Array& array, std::uint64_t bytes) {
  if (array.claimed == 0) {
    memory_is_own(array.base, bytes);
  } else {
    own_memory_grew(array.base, bytes);
  }
  array.claimed = bytes;
}

// Takes address space up to there, and never what is another's already.
bool LedgerFile::claim(Array& array, std::uint64_t bytes) {
  if (bytes <= array.claimed) return true;
  if (!map_where_free(array.base + array.claimed, bytes - array.claimed, kClaimed)) return false;
  has_claimed(array, bytes);
  return true;
}

namespace {

constexpr LedgerMapping memory_of(int file, std::uint64_t offset) {
  return {PROT_READ | PROT_WRITE, MAP_SHARED, file, offset};
}
constexpr LedgerMapping kOfNoFile = {PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS | MAP_NORESERVE, -1, 0};

}  // namespace

// The same, and there is memory from `from` on.
bool LedgerFile::map_into(Array& array, std::uint64_t from, std::uint64_t bytes, const LedgerMapping& what) {
  char* const at = array.base + from;
  if (from == array.claimed) {  // both in one
    if (!map_where_free(at, bytes, what)) return false;
    has_claimed(array, from + bytes);
    return true;
  }
  return claim(array, from + bytes) &&
         sys::map(at, bytes, what.protection, what.flags | MAP_FIXED, what.file, what.offset) != nullptr;
}

bool LedgerFile::map_lower_rows(Array& array, Kind kind) {
  if (array.first == 0) return true;
  if (array.first >= array.capacity) return false;
  const std::uint64_t bytes = std::uint64_t{array.first} * ledger::kRowBytes[static_cast<std::uint32_t>(kind)];
  return map_into(array, 0, bytes, kOfNoFile);
}

void LedgerFile::move_to(LedgerFile& other) {
  other.header_ = header_;
  other.path_ = nullptr;  // it is only read from then on
  for (std::uint32_t kind = 0; kind < ledger::kKinds; ++kind) {
    other.arrays_[kind].base = arrays_[kind].base;
    other.arrays_[kind].capacity = arrays_[kind].capacity;
    other.arrays_[kind].first = arrays_[kind].first;
    other.arrays_[kind].claimed = arrays_[kind].claimed;
    arrays_[kind].claimed = 0;
    other.arrays_[kind].mapped.store(arrays_[kind].mapped.load());
    other.arrays_[kind].used.store(arrays_[kind].used.load());
  }
  header_ = nullptr;
  leave();
}

void LedgerFile::hand_over_to(LedgerFile& kept) {
  const Array& blocks = array(Kind::kBlocks);
  const bool was_found = kWide && blocks.claimed < std::uint64_t{blocks.capacity} * sizeof(ledger::Block::word[0]);
  likely_place_ = was_found ? blocks.base - static_cast<std::size_t>(kApart) : nullptr;
  move_to(kept);
  constexpr Kind kGoOn[] = {Kind::kBlocks, Kind::kNodes};
  for (const Kind kind : kGoOn) {
    Array& goes_on = array(kind);
    const std::uint32_t row_bytes = ledger::kRowBytes[static_cast<std::uint32_t>(kind)];
    goes_on.first = static_cast<std::uint32_t>(page_aligned(std::uint64_t{kept.used(kind)} * row_bytes) / row_bytes);
  }
  // Most children end soon. What they are sure to have is the parent's modules and texts.
  first_bytes_[static_cast<std::uint32_t>(Kind::kBlocks)] = 8 << 10;
  first_bytes_[static_cast<std::uint32_t>(Kind::kNodes)] = 4 << 10;
  constexpr Kind kCopied[] = {Kind::kModules, Kind::kText};
  for (const Kind kind : kCopied) {
    first_bytes_[static_cast<std::uint32_t>(kind)] =
        kept.used(kind) * ledger::kRowBytes[static_cast<std::uint32_t>(kind)] + kRoomBesideCopied;
  }
  is_of_child_ = true;
}

namespace {

// What every process needs, made at once: each growth by itself would open the file again.
constexpr Kind kFirstKinds[] = {Kind::kBlocks, Kind::kNodes, Kind::kThreads, Kind::kModules, Kind::kText};

// Of the header, in a child's ledger: the Header and a page of the directory. More of it, before the file grows.
constexpr std::uint64_t kSmallHeaderBytes = ledger::kDirectoryOffset + (4 << 10);
constexpr std::uint32_t kExtentsInSmallHeader = (kSmallHeaderBytes - ledger::kDirectoryOffset) / sizeof(ledger::Extent);

}  // namespace

std::uint64_t LedgerFile::first_bytes(Kind kind) const {
  const std::uint64_t bytes = first_bytes_[static_cast<std::uint32_t>(kind)];
  return page_aligned(bytes != 0 ? bytes : kRooms[static_cast<std::uint32_t>(kind)].first);
}

std::uint64_t LedgerFile::first_bytes_in_all() const {
  std::uint64_t bytes = 0;
  for (const Kind kind : kFirstKinds) bytes += first_bytes(kind);
  return bytes;
}

bool LedgerFile::allocate_first(int file) {
  const std::uint64_t bytes = first_bytes_in_all();
  if (!is_of_child_) return sys::allocate(file, 0, ledger::kHeaderBytes + bytes) == 0;
  return sys::allocate(file, 0, kSmallHeaderBytes) == 0 && sys::allocate(file, ledger::kHeaderBytes, bytes) == 0;
}

void LedgerFile::map_first_extents(int file) {
  std::uint64_t offset = header_->file_bytes;
  header_->file_bytes += first_bytes_in_all();
  for (const Kind kind : kFirstKinds) {
    Array& array = this->array(kind);
    const std::uint32_t row_bytes = ledger::kRowBytes[static_cast<std::uint32_t>(kind)];
    const std::uint64_t bytes = first_bytes(kind);
    LedgerMapping what = memory_of(file, offset);
    if (is_of_child_) what.flags |= MAP_POPULATE;  // all of it is used at once
    const std::uint64_t lower_bytes = std::uint64_t{array.first} * row_bytes;
    if (std::uint64_t{array.capacity - array.first} * row_bytes >= bytes && map_into(array, lower_bytes, bytes, what))
      add_extent(array, kind, offset, bytes);
    offset += bytes;
  }
}

int LedgerFile::create(int folder, const char* path, const char* name, bool& shared) {
  const int file = sys::open_at(folder, name, O_RDWR | O_CREAT | O_EXCL | O_NOFOLLOW, 0600);
  if (file < 0) return file;
  sys::FileStatus status = {};
  const int unknown = sys::stat_descriptor(file, &status);
  if (unknown != 0 || (status.mode & 07777) != 0600) sys::change_mode(file, 0600);  // whatever the umask is
  const bool is_withheld = files_would_be_callers();
  int error = is_withheld ? -EPERM : unknown;
  const bool has_extents = error == 0 && allocate_first(file);
  has_whole_header_ = !has_extents || !is_of_child_;
  if (error == 0 && !has_extents) error = sys::allocate(file, 0, ledger::kHeaderBytes);
  void* mapping = nullptr;
  if (error == 0) {
    mapping = sys::map(nullptr, ledger::kHeaderBytes, PROT_READ | PROT_WRITE, MAP_SHARED, file, 0);
    if (mapping == nullptr) error = -ENODEV;
  }
  if (error != 0) {
    sys::close(file);
    sys::unlink_at(folder, name);  // a reader has the record files then
    if (is_withheld) {
      messages::ledger_withheld(path);
    } else {
      messages::ledger_not_shared(path, error);
    }
    shared = false;
    return create_private();
  }
  shared = true;
  header_ = static_cast<ledger::Header*>(mapping);
  if (!has_whole_header_) sys::make_pages(mapping, kSmallHeaderBytes);
  memory_is_own(header_, ledger::kHeaderBytes);
  header_->file_bytes = ledger::kHeaderBytes;
  device_ = status.device;
  inode_ = status.inode;
  const bool has_room = settle();
  if (has_room && has_extents) map_first_extents(file);
  sys::close(file);
  if (has_room) return 0;
  leave();
  return -ENOMEM;
}

int LedgerFile::create_private() {
  path_ = nullptr;
  has_whole_header_ = true;
  header_ = static_cast<ledger::Header*>(sys::map_private(ledger::kHeaderBytes));
  if (header_ == nullptr) return -ENOMEM;
  memory_is_own(header_, ledger::kHeaderBytes);
  header_->file_bytes = ledger::kHeaderBytes;
  if (settle()) return 0;
  leave();
  return -ENOMEM;
}

void LedgerFile::leave() {
  memory_is_given_back(header_);
  if (header_ != nullptr) sys::unmap(header_, ledger::kHeaderBytes);
  header_ = nullptr;
  path_ = nullptr;
  for (Array& array : arrays_) {
    if (array.claimed != 0) {
      memory_is_given_back(array.base);
      sys::unmap(array.base, array.claimed);
    }
    array.claimed = 0;
    array.base = nullptr;
    array.capacity = 0;
    array.mapped.store(0, std::memory_order_relaxed);
    array.used.store(0, std::memory_order_relaxed);
  }
}

int LedgerFile::open_again() const {
  if (path_ == nullptr) return -ENOENT;
  const int file = sys::open_at(AT_FDCWD, path_, O_RDWR | O_NOFOLLOW | O_NONBLOCK | O_NOCTTY);
  if (file < 0) return file;
  // After chroot, or when somebody replaced the directory, the path may lead elsewhere.
  sys::FileStatus status;
  const int error = sys::stat_descriptor(file, &status);
  if (error == 0 && status.device == device_ && status.inode == inode_) return file;
  sys::close(file);
  return error != 0 ? error : -ESTALE;
}

int LedgerFile::map_from_file(char* at, std::uint64_t bytes) {
  const int file = open_again();
  if (file < 0) return file;
  const std::uint64_t offset = header_->file_bytes;
  int error = has_whole_header_ ? 0 : sys::allocate(file, 0, ledger::kHeaderBytes);
  if (error == 0) has_whole_header_ = true;
  if (error == 0) error = sys::allocate(file, offset, bytes);
  if (error == 0 && sys::map(at, bytes, PROT_READ | PROT_WRITE, MAP_SHARED | MAP_FIXED, file, offset) == nullptr) {
    error = -ENOMEM;
  }
  sys::close(file);
  return error;
}

// False, after saying why, where it cannot.
bool LedgerFile::grow_file(char* at, std::uint64_t bytes) {
  if (room_left() < bytes) {
    messages::ledger_at_limit();
    return false;
  }
  const int error = map_from_file(at, bytes);
  if (error != 0) messages::ledger_in_memory(error);
  return error == 0;
}

// Where the file cannot grow (a full disk, no descriptor left, the directory gone), the extent lies in private memory:
// the program has its record files still, and a reader of the ledger is told that something is missing.
int LedgerFile::map_extent(Array& array, Kind kind, std::uint64_t bytes) {
  const std::uint32_t row_bytes = ledger::kRowBytes[static_cast<std::uint32_t>(kind)];
  const std::uint32_t first = array.mapped.load(std::memory_order_relaxed);
  char* at = array.base + std::uint64_t{first} * row_bytes;
  const std::uint32_t extents = header_->extent_count;
  if (extents == ledger::kMaxExtents) return -EFBIG;
  if (!claim(array, std::uint64_t{first} * row_bytes + bytes)) return -ENOMEM;
  const bool is_in_file = is_shared() && grow_file(at, bytes);
  if (!has_whole_header_ && extents == kExtentsInSmallHeader) return -EFBIG;
  if (!is_in_file && sys::map(at, bytes, PROT_READ | PROT_WRITE,
                              MAP_PRIVATE | MAP_ANONYMOUS | MAP_FIXED | MAP_NORESERVE, -1, 0) == nullptr) {
    return -ENOMEM;
  }
  const bool has_place = is_in_file || !is_shared();
  const std::uint64_t offset = has_place ? header_->file_bytes : ledger::kInMemory;
  if (has_place) header_->file_bytes = offset + bytes;
  add_extent(array, kind, offset, bytes);
  return 0;
}

void LedgerFile::add_extent(Array& array, Kind kind, std::uint64_t offset, std::uint64_t bytes) {
  const std::uint32_t extents = header_->extent_count;
  const std::uint32_t first = array.mapped.load(std::memory_order_relaxed);
  const auto count = static_cast<std::uint32_t>(bytes / ledger::kRowBytes[static_cast<std::uint32_t>(kind)]);
  directory()[extents] = {offset, static_cast<std::uint32_t>(kind), first, count, 0};
  __atomic_store_n(&header_->extent_count, extents + 1, __ATOMIC_RELEASE);
  array.mapped.store(first + count, std::memory_order_release);
}

LEAKDIR_SLOW bool LedgerFile::grow(Kind kind, std::uint32_t until) {
  const bool hangs = process->growth_hangs.load(std::memory_order_relaxed) != 0;
  const TryLock lock(process->growth_lock, hangs ? TryLock::kTriesAtOnce : kPatientTries);
  if (!lock.is_nested()) process->growth_hangs.store(lock.taken() ? 0 : 1, std::memory_order_relaxed);
  if (!lock.taken()) return false;
  Array& array = this->array(kind);
  const std::uint32_t row_bytes = ledger::kRowBytes[static_cast<std::uint32_t>(kind)];
  while (array.mapped.load(std::memory_order_relaxed) < until) {
    const std::uint64_t have = std::uint64_t{array.mapped.load(std::memory_order_relaxed) - array.first} * row_bytes;
    const std::uint64_t most = largest_extent(have);
    std::uint64_t bytes =
        have < kRooms[static_cast<std::uint32_t>(kind)].first ? kRooms[static_cast<std::uint32_t>(kind)].first : have;
    bytes = page_aligned(bytes < most ? bytes : most);
    const std::uint64_t left = std::uint64_t{array.capacity - array.first} * row_bytes - have;
    if (bytes > left) bytes = left & ~(page_bytes() - 1);
    const int error = bytes == 0 ? -EFBIG : map_extent(array, kind, bytes);
    if (error != 0) {
      messages::ledger_full(error);
      return false;
    }
  }
  return true;
}

std::uint32_t LedgerFile::take(Kind kind, std::uint32_t count) {
  Array& array = this->array(kind);
  if (array.base == nullptr) return 0;
  std::uint32_t first = array.used.load(std::memory_order_relaxed);
  std::uint32_t start;
  do {
    start = first == 0 && kind != Kind::kBlocks ? 1 : first;  // row 0 is never used
    if (count > array.capacity || start > array.capacity - count) return 0;
    if (LEAKDIR_UNLIKELY(start + count > array.mapped.load(std::memory_order_acquire)) && !grow(kind, start + count)) {
      return 0;
    }
  } while (!array.used.compare_exchange_weak(first, start + count, std::memory_order_relaxed));
  return kind == Kind::kBlocks ? start + ledger::kPageHeadWords : start;
}

std::uint32_t LedgerFile::used(Kind kind) const {
  return arrays_[static_cast<std::uint32_t>(kind)].used.load(std::memory_order_acquire);
}

std::uint32_t LedgerFile::add_text(const char* text) {
  std::uint32_t bytes = 0;
  while (text[bytes] != '\0') ++bytes;
  if (bytes == 0) return 0;
  const std::uint32_t offset = take(Kind::kText, bytes + 1);
  if (offset == 0) return 0;
  for (std::uint32_t i = 0; i <= bytes; ++i) base(Kind::kText)[offset + i] = text[i];
  return offset;
}

// What is given back is no longer part of the ledger. Allocations may still come after the last look: they make the
// ledger grow again instead of touching a hole.
void LedgerFile::trim_tail(int file, ledger::Extent& extent) {
  Array& array = array_of(extent);
  const std::uint32_t row_bytes = ledger::kRowBytes[extent.kind];
  const std::uint32_t used = array.used.load(std::memory_order_acquire);
  const std::uint32_t kept = used <= extent.first ? 0 : used - extent.first;
  if (kept >= extent.count) return;
  const std::uint64_t from = page_aligned(std::uint64_t{kept} * row_bytes);
  const std::uint64_t bytes = std::uint64_t{extent.count} * row_bytes;
  if (array.mapped.load(std::memory_order_relaxed) > extent.first) {
    array.mapped.store(extent.first + static_cast<std::uint32_t>(from / row_bytes), std::memory_order_relaxed);
  }
  extent.count = static_cast<std::uint32_t>(from / row_bytes);
  if (from < bytes && extent.file_offset != ledger::kInMemory)
    sys::punch_hole(file, extent.file_offset + from, bytes - from);
}

// An extent that lies in private memory goes to the file: there may be room for it by now.
bool LedgerFile::bring_home(int file, ledger::Extent& extent) {
  const std::uint64_t offset = header_->file_bytes;
  const std::uint64_t bytes = page_aligned(std::uint64_t{extent.count} * ledger::kRowBytes[extent.kind]);
  if (room_left() < bytes || sys::allocate(file, offset, bytes) != 0) return false;
  char* from = array_of(extent).base + std::uint64_t{extent.first} * ledger::kRowBytes[extent.kind];
  auto* to = static_cast<char*>(sys::map(nullptr, bytes, PROT_READ | PROT_WRITE, MAP_SHARED, file, offset));
  if (to == nullptr) return false;
  for (std::uint64_t i = 0; i < bytes; ++i) to[i] = from[i];
  const bool done = sys::map(from, bytes, PROT_READ | PROT_WRITE, MAP_SHARED | MAP_FIXED, file, offset) != nullptr;
  sys::unmap(to, bytes);
  if (!done) return false;
  extent.file_offset = offset;
  header_->file_bytes = offset + bytes;
  return true;
}

void LedgerFile::trim_pages(int file, const ledger::Extent& extent, bool (*page_is_empty)(std::uint32_t page)) {
  const std::uint32_t first = extent.first / ledger::kPageWords;
  const std::uint32_t pages = extent.count / ledger::kPageWords;
  constexpr std::uint64_t kBytes = std::uint64_t{ledger::kPageWords} * sizeof(std::uint64_t);
  for (std::uint32_t start = 0; start < pages; ++start) {
    std::uint32_t end = start;
    while (end < pages && page_is_empty(first + end)) ++end;
    if (end != start) sys::punch_hole(file, extent.file_offset + start * kBytes, (end - start) * kBytes);
    start = end;
  }
}

void LedgerFile::trim(bool (*page_is_empty)(std::uint32_t page)) {
  const int file = open_again();
  if (file < 0) return;
  for (std::uint32_t i = 0; i < header_->extent_count; ++i) {
    ledger::Extent& extent = directory()[i];
    trim_tail(file, extent);
    if (extent.count == 0 || (extent.file_offset == ledger::kInMemory && !bring_home(file, extent))) continue;
    if (extent.kind == static_cast<std::uint32_t>(Kind::kBlocks)) trim_pages(file, extent, page_is_empty);
  }
  sys::close(file);
}

}  // namespace leakdir
