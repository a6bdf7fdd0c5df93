/* SPDX-License-Identifier: BSL-1.0
 *
 * The files of live blocks and of bad frees: their text is that of lib/shared/record_text.h. There is one frame in a
 * stack.
 */
#pragma once

#include "directory.h"
#include "files.h"
#include "live_table.h"
#include "messages.h"
#include "module.h"
#include "place.h"
#include "shared/disk_reserve.h"
#include "shared/error_text.h"
#include "shared/record_text.h"
#include "system.h"

/* All that a record needs. It lies in the libc's heap, as the program's stacks may be small. */
struct record_buffer {
  char text[6 * kPath], path[3 * kPath], thread_name[17];
  struct module module;
};

static struct record_buffer *new_record(void) {
  struct record_buffer *const record = libc_malloc(sizeof *record);
  if (record != NULL) memset(&record->module, 0, sizeof record->module);
  return record;
}

/* A chain for each address, of this one frame. Node n is address n - 1. */
struct callers {
  const uintptr_t *addresses;
  struct module *module;
};

static uint32_t frame_of(const void *context, uint32_t node, struct FrameView *out) {
  const struct callers *const callers = context;
  struct module *const module = callers->module;
  locate(module, callers->addresses[node - 1]);
  out->return_address = module->address;
  out->path = module->path[0] != '\0' ? module->path : NULL;
  out->offset = module->address - module->bias;
  out->module = 1;
  out->is_entered = out->is_signal_return = out->is_without_table = false;
  return 0;
}

static struct RecordOrigin origin_of_this(struct record_buffer *record) {
  struct RecordOrigin origin;
  struct timespec now;
  memcpy(record->thread_name, "?", 2);
  origin.tid = 0;
#ifdef __linux__
  origin.tid = (uint32_t)thread_id();
  prctl(PR_GET_NAME, (unsigned long)record->thread_name, 0ul, 0ul, 0ul);
#endif
  record->thread_name[sizeof record->thread_name - 1] = '\0';
  clock_gettime(CLOCK_REALTIME, &now);
  origin.thread_name = record->thread_name;
  origin.realtime_ns = (uint64_t)now.tv_sec * 1000000000 + (uint64_t)now.tv_nsec;
  origin.program = program;
  origin.build_id = build_id;
  origin.build_id_bytes = build_id_bytes;
  return origin;
}

static const char *name_of(char *path, size_t room, const void *address, const char *suffix) {
  struct TextBuffer out = text_in(path, room);
  put_text(&out, dir);
  put_char(&out, '/');
  put_hex(&out, (uintptr_t)address);
  put_text(&out, suffix);
  return end_text(&out);
}

static int create(const char *path) {
  return open(path, O_WRONLY | O_CREAT | O_EXCL | O_NOFOLLOW | O_CLOEXEC, kRecordFileMode);
}

static enum DiskShortage shortage; /* as of when the disk was asked last */

/* It is asked for every 64th file, and sooner where it has room for fewer. Under the lock. */
static int disk_has_room(unsigned long long so_many) {
  static uint64_t until_next;
  struct statvfs status;
  struct DiskSpace disk;
  if (until_next-- != 0) return shortage == kDiskHasRoom;
  until_next = 63;
  shortage = kDiskHasRoom;
  if (statvfs(dir, &status) != 0) return 1;
  disk.block_bytes = status.f_frsize != 0 ? status.f_frsize : status.f_bsize;
  disk.bytes = status.f_blocks * disk.block_bytes;
  disk.bytes_free = status.f_bavail * disk.block_bytes;
  disk.inodes = status.f_files;
  disk.inodes_free = status.f_ffree;
  until_next = files_until_asked(&disk, so_many, 64) - 1;
  shortage = disk_shortage(&disk, so_many, value_of(kOption_max_disk) == 0 ? UINT64_MAX : value_of(kOption_max_disk));
  return shortage == kDiskHasRoom;
}

static void say_if_disk_is_short(void) {
  static int said;
  if (shortage == kDiskHasRoom || __atomic_exchange_n(&said, 1, __ATOMIC_RELAXED)) return;
  say("%s: no more files are made, %s; further live blocks are counted only", shown,
      shortage == kDirIsAtLimit ? "max_disk is reached" : "the disk is nearly full");
}

static void write_file(const void *address, const char *suffix, struct record_buffer *record, size_t bytes) {
  static int said;
  const char *const path = name_of(record->path, sizeof record->path, address, suffix);
  int file = create(path), error = 0;
  if (file < 0 && errno == EEXIST) {
    unlink(path);
    file = create(path);
  }
  if (file < 0) error = errno;
  if (file >= 0) {
    fchmod(file, kRecordFileMode); /* a umask may take more than it should */
    error = write_quietly(file, record->text, bytes);
    close(file);
    if (error != 0) unlink(path);
  }
  if (error != 0 && !said) say("cannot write record files in %s (%s)", shown, error_text(error));
  if (error != 0) said = 1;
}

static void remove_record(const void *address) {
  static char path[3 * kPath]; /* under the lock */
  unlink(name_of(path, sizeof path, address, kRecordSuffix));
}

static void write_record(const struct block *block, int call, unsigned long long number, const struct place *place) {
  struct record_buffer *const record = new_record();
  struct TextBuffer out;
  struct RecordView view;
  struct FrameChain chain;
  struct callers callers;
  if (record == NULL) return;
  callers.addresses = &block->caller;
  callers.module = &record->module;
  chain.frame = frame_of;
  chain.context = &callers;
  memset(&view, 0, sizeof view);
  view.origin = origin_of_this(record);
  view.address = (uintptr_t)block->address;
  view.size_bytes = block->size;
  view.call = call_names[call];
  view.sequence = number;
  view.stack = 1;
  view.file = place->file;
  view.line = (uint32_t)place->line;
  out = text_in(record->text, sizeof record->text);
  put_record_head(&out, &view, &chain);
  put_record_tail(&out, &view, &chain);
  write_file(block->address, kRecordSuffix, record, text_size(&out));
  libc_free(record);
}

/* What is known of the block is all 0 where nothing is. */
static void write_bad_free_record(const void *address, const char *kind, const struct kept_block *block,
                                  uintptr_t caller) {
  struct record_buffer *const record = new_record();
  struct TextBuffer out;
  struct BadFreeView view;
  struct FrameChain chain;
  struct callers callers;
  uintptr_t addresses[3];
  if (record == NULL) return;
  addresses[0] = caller;
  addresses[1] = block->freed_by;
  addresses[2] = block->caller;
  callers.addresses = addresses;
  callers.module = &record->module;
  chain.frame = frame_of;
  chain.context = &callers;
  memset(&view, 0, sizeof view);
  view.origin = origin_of_this(record);
  view.address = (uintptr_t)address;
  view.kind = kind;
  view.block = (uintptr_t)block->address;
  view.block_bytes = block->size;
  view.free_stack = 1;
  view.first_free_stack = block->freed_by != 0 ? 2 : 0;
  view.allocation_stack = block->caller != 0 ? 3 : 0;
  out = text_in(record->text, sizeof record->text);
  put_bad_free(&out, &view, &chain);
  write_file(address, kBadFreeSuffix, record, text_size(&out));
  libc_free(record);
}
