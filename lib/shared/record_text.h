/* SPDX-License-Identifier: BSL-1.0
 *
 * Makes the text of record_format.h: C99 and C++17 alike. It is compiled in record.cc, for the object and for the tool,
 * and in the hook without the object (../trace/records.h).
 */

#pragma once

#include "record_format.h"

#ifdef __cplusplus
namespace leakdir {
#endif

/* The caller's address for line 1: 0 when there is no stack. */
static uint64_t caller_offset(const struct FrameChain* chain, uint32_t stack) {
  struct FrameView frame;
  if (stack == 0) return 0;
  chain->frame(chain->context, stack, &frame);
  return frame.path ? frame.offset : frame.return_address;
}

static void put_thread_and_time(struct TextBuffer* out, const struct RecordOrigin* origin) {
  put_text(out, "thread: ");
  put_dec(out, origin->tid);
  put_char(out, ' ');
  put_one_line(out, origin->thread_name);
  put_text(out, "\ntime: ");
  put_utc(out, origin->realtime_ns);
  put_char(out, '\n');
}

static void put_program(struct TextBuffer* out, const struct RecordOrigin* origin) {
  put_text(out, "program: ");
  put_one_line(out, origin->program);
  if (origin->build_id_bytes != 0) {
    put_text(out, "\nbuild-id: ");
    put_hex_bytes(out, origin->build_id, origin->build_id_bytes);
  }
  put_char(out, '\n');
}

/* The modules of one stack in the order in which they are met. A stack that crosses more of them than this (plugins
 * that call plugins) has no addr2line line for the rest; its frames are all there. */
enum { kMostModules = 12 };
struct ModulesMet {
  unsigned module[kMostModules];
  const char* path[kMostModules];
  unsigned count;
};

static void meet_module(struct ModulesMet* met, const struct FrameView* frame) {
  unsigned i = 0;
  if (!frame->path) return;
  for (; i < met->count; ++i) {
    if (met->module[i] == frame->module) return;
  }
  if (met->count == kMostModules) return;
  met->module[met->count] = frame->module;
  met->path[met->count++] = frame->path;
}

/* A stack from its innermost frame on. */
struct StackWalk {
  const struct FrameChain* chain;
  uint32_t next;
  unsigned count; /* frames met; the last of them is `frame`, and its number is one less */
  struct FrameView frame;
  bool is_exact, is_by_frame_pointer;
};

static struct StackWalk walk_from(const struct FrameChain* chain, uint32_t stack) {
  struct StackWalk walk;
  walk.chain = chain;
  walk.next = stack;
  walk.count = 0;
  walk.frame.is_signal_return = walk.frame.is_without_table = false;
  walk.is_exact = walk.is_by_frame_pointer = false;
  return walk;
}

/* False: that was the outermost one. */
static bool next_frame(struct StackWalk* walk) {
  const bool was_signal_return = walk->frame.is_signal_return, was_without_table = walk->frame.is_without_table;
  if (walk->next == 0 || walk->count == kMaxFrames) return false;
  walk->next = walk->chain->frame(walk->chain->context, walk->next, &walk->frame);
  walk->is_exact = walk->frame.is_entered || was_signal_return;
  walk->is_by_frame_pointer = was_without_table;
  ++walk->count;
  return true;
}

static unsigned count_frames(const struct FrameChain* chain, uint32_t stack) {
  struct StackWalk walk = walk_from(chain, stack);
  while (next_frame(&walk)) {
  }
  return walk.count;
}

/* #0 0x4009f7 /home/you/app+0x4009f7 */
static void put_frame(struct TextBuffer* out, unsigned number, const struct FrameView* frame) {
  put_char(out, '#');
  put_dec(out, number);
  put_char(out, ' ');
  put_hex(out, frame->return_address);
  put_char(out, ' ');
  if (frame->path) {
    put_one_line(out, frame->path);
    put_char(out, '+');
    put_hex(out, frame->offset);
  } else {
    put_char(out, '?');
  }
  put_char(out, '\n');
}

static bool is_exact(const struct StackWalk* walk) { return walk->is_exact; }
static bool is_by_frame_pointer(const struct StackWalk* walk) { return walk->is_by_frame_pointer; }

/* "exact: 1 2": the numbers of the frames that are so, if there are any. */
static void put_those(struct TextBuffer* out, const char* key, bool (*is_so)(const struct StackWalk*),
                      const struct FrameChain* chain, uint32_t stack) {
  struct StackWalk walk = walk_from(chain, stack);
  bool is_first = true;
  while (next_frame(&walk)) {
    if (!is_so(&walk)) continue;
    if (is_first) put_text(out, key);
    put_text(out, is_first ? ": " : " ");
    put_dec(out, walk.count - 1);
    is_first = false;
  }
  if (!is_first) put_char(out, '\n');
}

/* The command that names the stack's frames in one module. */
static void put_addr2line(struct TextBuffer* out, const struct FrameChain* chain, uint32_t stack, unsigned module,
                          const char* path) {
  struct StackWalk walk = walk_from(chain, stack);
  put_text(out, "addr2line: addr2line -Cfipe ");
  put_shell_word(out, path);
  while (next_frame(&walk)) {
    if (!walk.frame.path || walk.frame.module != module) continue;
    put_char(out, ' ');
    put_hex(out, walk.is_exact ? walk.frame.offset : walk.frame.offset - 1);
  }
  put_char(out, '\n');
}

/* Whether the line that begins there has found room; else the text ends before it. */
static bool has_room(struct TextBuffer* out, size_t line_start) {
  if (!out->is_full) return true;
  cut_text_to(out, line_start);
  return false;
}

static void put_stack(struct TextBuffer* out, const struct FrameChain* chain, uint32_t stack) {
  struct StackWalk walk = walk_from(chain, stack);
  struct ModulesMet met;
  size_t line_start;
  unsigned m;
  met.count = 0;
  put_text(out, "frames: ");
  put_dec(out, count_frames(chain, stack));
  put_char(out, '\n');

  while (next_frame(&walk)) {
    line_start = text_size(out);
    meet_module(&met, &walk.frame);
    put_frame(out, walk.count - 1, &walk.frame);
    if (!has_room(out, line_start)) return;
  }

  line_start = text_size(out);
  put_those(out, "exact", is_exact, chain, stack);
  if (!has_room(out, line_start)) return;

  line_start = text_size(out);
  put_those(out, "by-frame-pointer", is_by_frame_pointer, chain, stack);
  if (!has_room(out, line_start)) return;

  for (m = 0; m < met.count; ++m) {
    line_start = text_size(out);
    put_addr2line(out, chain, stack, met.module[m], met.path[m]);
    if (!has_room(out, line_start)) return;
  }
}

static void put_record_head(struct TextBuffer* out, const struct RecordView* record, const struct FrameChain* chain) {
  put_text(out, "[+");
  put_hex(out, caller_offset(chain, record->stack));
  put_text(out, "] --> addr:");
  put_hex(out, record->address);
  put_text(out, ", size:");
  put_dec(out, record->size_bytes);
  put_text(out, "\ncall: ");
  put_text(out, record->call);
  put_char(out, '\n');
  put_thread_and_time(out, &record->origin);
  put_text(out, "sequence: ");
  put_dec(out, record->sequence);
  put_char(out, '\n');
}

static void put_record_tail(struct TextBuffer* out, const struct RecordView* record, const struct FrameChain* chain) {
  put_program(out, &record->origin);
  if (record->file) {
    put_text(out, "location: ");
    put_one_line(out, record->file);
    put_char(out, ':');
    put_dec(out, record->line);
    put_char(out, '\n');
  }
  if (record->early) put_text(out, "early: yes\n");
  if (record->inherited) put_text(out, "inherited: yes\n");
  if (record->truncated) put_text(out, "truncated: yes\n");
  if (record->sample_bytes != 0) {
    put_text(out, "sample: ");
    put_dec(out, record->sample_bytes);
    put_char(out, '\n');
  }
  if (record->reach) {
    put_text(out, "reach: ");
    put_text(out, record->reach);
    put_char(out, '\n');
  }
  put_stack(out, chain, record->stack);
}

static void put_named_stack(struct TextBuffer* out, const char* name, const struct FrameChain* chain, uint32_t stack) {
  if (stack == 0) return;
  put_text(out, "stack: ");
  put_text(out, name);
  put_char(out, '\n');
  put_stack(out, chain, stack);
}

static void put_bad_free(struct TextBuffer* out, const struct BadFreeView* bad, const struct FrameChain* chain) {
  put_text(out, "[+");
  put_hex(out, caller_offset(chain, bad->free_stack));
  put_text(out, "] --> bad free:");
  put_hex(out, bad->address);
  put_text(out, ", ");
  put_text(out, bad->kind);
  put_text(out, "\nkind: ");
  put_text(out, bad->kind);
  put_char(out, '\n');
  put_thread_and_time(out, &bad->origin);
  put_program(out, &bad->origin);
  if (bad->block != 0) {
    put_text(out, "block: ");
    put_hex(out, bad->block);
    put_text(out, "\nblock-size: ");
    put_dec(out, bad->block_bytes);
    put_char(out, '\n');
  }
  put_named_stack(out, "free", chain, bad->free_stack);
  put_named_stack(out, "first free", chain, bad->first_free_stack);
  put_named_stack(out, "allocation", chain, bad->allocation_stack);
}

#ifdef __cplusplus
} /* namespace leakdir */
#endif
