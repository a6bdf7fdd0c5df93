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

static unsigned count_frames(const struct FrameChain* chain, uint32_t stack) {
  struct FrameView frame;
  unsigned frames = 0;
  uint32_t node = stack;
  for (; node != 0 && frames < kMaxFrames; ++frames) {
    node = chain->frame(chain->context, node, &frame);
  }
  return frames;
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

static void put_stack(struct TextBuffer* out, const struct FrameChain* chain, uint32_t stack) {
  const unsigned frames = count_frames(chain, stack);
  struct FrameView frame;
  struct ModulesMet met;
  uint32_t node = stack;
  unsigned i, m;
  met.count = 0;
  put_text(out, "frames: ");
  put_dec(out, frames);
  put_char(out, '\n');

  for (i = 0; i < frames; ++i) {
    const size_t line_start = text_size(out);
    node = chain->frame(chain->context, node, &frame);
    meet_module(&met, &frame);
    put_frame(out, i, &frame);
    if (out->is_full) {
      cut_text_to(out, line_start);
      return;
    }
  }

  for (m = 0; m < met.count; ++m) {
    const size_t line_start = text_size(out);
    put_text(out, "addr2line: addr2line -Cfipe ");
    put_shell_word(out, met.path[m]);
    node = stack;
    for (i = 0; i < frames; ++i) {
      node = chain->frame(chain->context, node, &frame);
      if (!frame.path || frame.module != met.module[m]) continue;
      put_char(out, ' ');
      put_hex(out, frame.offset - 1);
    }
    put_char(out, '\n');
    if (out->is_full) {
      cut_text_to(out, line_start);
      return;
    }
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
