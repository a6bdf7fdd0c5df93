// SPDX-License-Identifier: BSL-1.0
#include "disk_room.hh"

#include <atomic>

#include "record_dir.hh"
#include "shared/disk_reserve.h"
#include "system/messages.hh"
#include "system/sys.hh"

namespace leakdir {
namespace {

constexpr std::int32_t kFilesAtATime = 64;

std::atomic<DiskShortage> shortage{kDiskHasRoom};
std::atomic<std::int32_t> files_until_next{0};

// A directory that is not to be reached has no room to tell of: what is made there fails by itself.
bool ask_disk(RecordFolder folder, DiskSpace& disk) {
  if (folder.descriptor != RecordFolder::kNone) return sys::disk_space(folder.descriptor, &disk) == 0;
  const int opened = open_record_dir();
  if (opened < 0) return false;
  const int error = sys::disk_space(opened, &disk);
  sys::close(opened);
  return error == 0;
}

}  // namespace

void configure_disk_room() {
  shortage.store(kDiskHasRoom, std::memory_order_relaxed);
  files_until_next.store(0, std::memory_order_relaxed);
}

bool disk_has_room() { return shortage.load(std::memory_order_relaxed) == kDiskHasRoom; }

void look_at_disk(RecordFolder folder, std::uint64_t files) {
  files_until_next.store(kFilesAtATime, std::memory_order_relaxed);
  DiskSpace disk = {};
  const DiskShortage now = ask_disk(folder, disk) ? disk_shortage(&disk, files) : kDiskHasRoom;
  if (shortage.exchange(now, std::memory_order_relaxed) == now) return;
  if (now == kDiskIsNearlyFull) messages::disk_is_nearly_full(record_dir_shown(), disk.bytes_free >> 20);
  if (now == kDiskIsShortOfInodes) messages::disk_is_short_of_inodes(record_dir_shown(), disk.inodes_free);
}

bool disk_has_room_for_another(RecordFolder folder, std::uint64_t files) {
  if (files_until_next.fetch_sub(1, std::memory_order_relaxed) <= 0) look_at_disk(folder, files);
  return disk_has_room();
}

}  // namespace leakdir
