/* SPDX-License-Identifier: BSL-1.0
 *
 * How much of a disk record files leave to the program that makes them: a file that it cannot write any more is worse
 * than a record that is not there. The rule alone; who asks the disk is lib/files/disk_room.cc for the object and
 * ../trace/records.h for the hook without it. C99 and C++17 alike.
 */

#pragma once

#include "text.h"

#ifdef __cplusplus
namespace leakdir {
#endif

/* A file system as statfs tells it, to a user who is not root. Totals of 0: it does not say, and has no limit. */
struct DiskSpace {
  uint64_t bytes, bytes_free, block_bytes;
  uint64_t inodes, inodes_free;
};

enum DiskShortage { kDiskHasRoom = 0, kDiskIsNearlyFull, kDiskIsShortOfInodes, kDirIsAtLimit };

/* A 16th of it stays free, within bounds. Where less than that is free to begin with, as on a small device, files may
 * take a fifth of what is: four times what they have taken stays. */
LEAKDIR_TEXT uint64_t fixed_reserve(uint64_t total, uint64_t lowest, uint64_t highest) {
  const uint64_t part = total / 16;
  return part < lowest ? lowest : part > highest ? highest : part;
}

LEAKDIR_TEXT bool is_below_reserve(uint64_t total, uint64_t left, uint64_t taken, uint64_t reserve) {
  return total != 0 && left < reserve && left < 4 * taken;
}

/* How much more may be taken before it is below. */
LEAKDIR_TEXT uint64_t above_reserve(uint64_t total, uint64_t left, uint64_t taken, uint64_t reserve) {
  const uint64_t of_part = left > reserve ? left - reserve : 0;
  const uint64_t of_fifth = left > 4 * taken ? (left - 4 * taken) / 5 : 0;
  if (total == 0) return UINT64_MAX;
  return of_part > of_fifth ? of_part : of_fifth;
}

LEAKDIR_TEXT uint64_t reserved_bytes(const struct DiskSpace* disk) {
  return fixed_reserve(disk->bytes, UINT64_C(4) << 20, UINT64_C(256) << 20);
}
LEAKDIR_TEXT uint64_t reserved_inodes(const struct DiskSpace* disk) { return fixed_reserve(disk->inodes, 256, 65536); }

/* `so_many` files were made there, and may take `most_bytes` in all. */
LEAKDIR_TEXT enum DiskShortage disk_shortage(const struct DiskSpace* disk, uint64_t so_many, uint64_t most_bytes) {
  const uint64_t taken = so_many * disk->block_bytes;
  if (taken >= most_bytes) return kDirIsAtLimit;
  if (is_below_reserve(disk->bytes, disk->bytes_free, taken, reserved_bytes(disk))) return kDiskIsNearlyFull;
  if (is_below_reserve(disk->inodes, disk->inodes_free, so_many, reserved_inodes(disk))) return kDiskIsShortOfInodes;
  return kDiskHasRoom;
}

/* How many files may be made before the disk has to be asked again; no more than `most`. Where it is all but full that
 * is 1. */
LEAKDIR_TEXT uint64_t files_until_asked(const struct DiskSpace* disk, uint64_t so_many, uint64_t most) {
  const uint64_t block = disk->block_bytes != 0 ? disk->block_bytes : 1;
  const uint64_t of_bytes = above_reserve(disk->bytes, disk->bytes_free, so_many * block, reserved_bytes(disk)) / block;
  const uint64_t of_inodes = above_reserve(disk->inodes, disk->inodes_free, so_many, reserved_inodes(disk));
  const uint64_t room = of_bytes < of_inodes ? of_bytes : of_inodes;
  return room >= most ? most : room == 0 ? 1 : room;
}

#ifdef __cplusplus
} /* namespace leakdir */
#endif
