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
LEAKDIR_TEXT bool is_below_reserve(uint64_t total, uint64_t left, uint64_t taken, uint64_t lowest, uint64_t highest) {
  uint64_t reserve = total / 16;
  if (reserve < lowest) reserve = lowest;
  if (reserve > highest) reserve = highest;
  if (reserve > 4 * taken) reserve = 4 * taken;
  return total != 0 && left < reserve;
}

/* `so_many` files were made there, and may take `most_bytes` in all. */
LEAKDIR_TEXT enum DiskShortage disk_shortage(const struct DiskSpace* disk, uint64_t so_many, uint64_t most_bytes) {
  const uint64_t taken = so_many * disk->block_bytes;
  if (taken >= most_bytes) return kDirIsAtLimit;
  if (is_below_reserve(disk->bytes, disk->bytes_free, taken, UINT64_C(4) << 20, UINT64_C(256) << 20))
    return kDiskIsNearlyFull;
  if (is_below_reserve(disk->inodes, disk->inodes_free, so_many, 256, 65536)) return kDiskIsShortOfInodes;
  return kDiskHasRoom;
}

#ifdef __cplusplus
} /* namespace leakdir */
#endif
