// SPDX-License-Identifier: BSL-1.0
#include "disk_room.hh"

#include <atomic>

#include "ledger/ledger_file.hh"
#include "record_dir.hh"
#include "shared/disk_reserve.h"
#include "system/messages.hh"
#include "system/sys.hh"

namespace leakdir {
namespace {

constexpr std::uint64_t kMostFilesAtATime = 64;

std::atomic<DiskShortage> shortage{kDiskHasRoom};
std::atomic<std::int32_t> files_until_next{0};
std::uint64_t max_disk = 0;

// A directory that is not to be reached has no room to tell of: what is made there fails by itself.
bool ask_disk(RecordFolder folder, DiskSpace& disk) {
  if (folder.descriptor != RecordFolder::kNone) return sys::disk_space(folder.descriptor, &disk) == 0;
  const int opened = open_record_dir();
  if (opened < 0) return false;
  const int error = sys::disk_space(opened, &disk);
  sys::close(opened);
  return error == 0;
}

// Of what max_disk leaves beside the ledger files may take one half, so that the ledger can grow.
std::uint64_t most_bytes_of_files() {
  if (max_disk == 0) return UINT64_MAX;
  const std::uint64_t ledger = __atomic_load_n(&ledger_file.header()->file_bytes, __ATOMIC_RELAXED);
  return ledger < max_disk ? (max_disk - ledger) / 2 : 0;
}

}  // namespace

void configure_disk_room(std::uint64_t most_bytes) {
  max_disk = most_bytes;
  ledger_file.limit_to(max_disk == 0 ? UINT64_MAX : max_disk);
  shortage.store(kDiskHasRoom, std::memory_order_relaxed);
  files_until_next.store(0, std::memory_order_relaxed);
}

bool disk_has_room() { return shortage.load(std::memory_order_relaxed) == kDiskHasRoom; }

void look_at_disk(RecordFolder folder, std::uint64_t files) {
  DiskSpace disk = {};
  const bool is_known = ask_disk(folder, disk);
  const std::uint64_t until_next = is_known ? files_until_asked(&disk, files, kMostFilesAtATime) : kMostFilesAtATime;
  files_until_next.store(static_cast<std::int32_t>(until_next), std::memory_order_relaxed);
  const DiskShortage now = is_known ? disk_shortage(&disk, files, most_bytes_of_files()) : kDiskHasRoom;
  if (const std::uint64_t taken = files * disk.block_bytes; max_disk != 0)
    ledger_file.limit_to(taken < max_disk ? max_disk - taken : 0);
  if (shortage.exchange(now, std::memory_order_relaxed) == now) return;
  if (now == kDiskIsNearlyFull) messages::disk_is_nearly_full(record_dir_shown(), disk.bytes_free >> 20);
  if (now == kDiskIsShortOfInodes) messages::disk_is_short_of_inodes(record_dir_shown(), disk.inodes_free);
  if (now == kDirIsAtLimit) messages::directory_is_at_limit(record_dir_shown());
}

bool disk_has_room_for_another(RecordFolder folder, std::uint64_t files) {
  if (files_until_next.fetch_sub(1, std::memory_order_relaxed) <= 0) {
    look_at_disk(folder, files);
    files_until_next.fetch_sub(1, std::memory_order_relaxed);
  }
  return disk_has_room();
}

}  // namespace leakdir
