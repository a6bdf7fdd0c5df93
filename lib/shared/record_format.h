/* SPDX-License-Identifier: BSL-1.0
 *
 * The record file of one block, DIR/0x<address>.mem, and of one bad free, DIR/0x<address>.badfree: their text.
 *
 * This is the specification of the format. The object writes it (lib/files/record_file.cc), the tool does for the
 * blocks of a killed process (`leakdir recover`), and so does the hook without the object (lib/trace/): all by the
 * functions of record_text.h. C99 and C++17 alike; in C++ record.hh is what to include.
 *
 *   [+0x4009f7] --> addr:0x733270, size:20           the caller, as addr2line wants it for its file; sizes in bytes
 *   call: malloc                                     the function that the program called
 *   thread: 4711 app                                 tid and name
 *   time: 2026-11-23T09:14:26.123456Z                UTC
 *   sequence: 17
 *   program: /home/you/app
 *   build-id: 3f…                                    of the program; absent if it has none
 *   location: app.c:69                               only from the macro hook
 *   early: yes                                       only if so: from before start-up, the caller is all there is
 *   inherited: yes                                   only if so: allocated by the parent before fork
 *   truncated: yes                                   only if so: the stack is deeper than what was kept
 *   sample: 524288                                   only if so: on average a block in so many bytes has a record
 *   reach: definitely lost                           only where somebody looked; or indirectly lost, possibly lost,
 *                                                    still reachable
 *   frames: 2
 *   #0 0x4009f7 /home/you/app+0x4009f7               return address; module + the address that addr2line wants
 *   #1 0x401b2a /home/you/app+0x401b2a               (a frame in no known module: "#1 0x401b2a ?")
 *   exact: 1 2                                       only if so: frames that no call returns to (where a signal came):
 *                                                    what is to be named is the address itself, not the call before it
 *   by-frame-pointer: 2 3                            only if so: frames that were found by the frame pointer, as there
 *                                                    is no unwind table for the code that they called
 *   addr2line: addr2line -Cfipe /home/you/app 0x4009f6 0x401b29      call addresses; a line for each module
 *
 * A .badfree file has the same keys, `kind:` in place of `call:`, and the stacks that are known, each under a line
 * `stack: free`, `stack: first free` or `stack: allocation`:
 *
 *   [+0x4009f7] --> bad free:0x733270, double free
 *   kind: double free
 *   thread: … time: … program: … build-id: …
 *   block: 0x733270                                  the block that was freed before, or that the pointer lies in
 *   block-size: 20
 *   stack: free
 *   frames: 2
 *   #0 … addr2line: …
 *
 * A reader passes over keys that it does not know. A line that was cut (a full disk) has no newline at its end.
 */

#pragma once

#include "text.h"

#ifdef __cplusplus
namespace leakdir {
#endif

static const char kRecordSuffix[] = ".mem";
static const char kBadFreeSuffix[] = ".badfree";
enum {
  kMaxRecordName = 2 + 16 + sizeof kBadFreeSuffix,
  kRecordDirMode = 0700,
  kRecordFileMode = 0600,
  kMaxFrames = 128, /* of a stack; more are not shown */
};

/* One frame as a record shows it. `module` is an identity only: frames with the same one share an addr2line line. */
struct FrameView {
  uint64_t return_address;
  const char* path; /* of the module; null: none known */
  uint64_t offset;  /* return address as addr2line wants it for `path` */
  unsigned module;
  bool is_entered, is_signal_return, is_without_table; /* as ledger::kNode… */
};

/* Where frames come from: a chain of nodes, as in the ledger. `frame` fills in the frame of `node` and returns the node
 * of the frame that called it, 0 after the outermost. It must end: the renderer follows at most kMaxFrames nodes. */
struct FrameChain {
  uint32_t (*frame)(const void* context, uint32_t node, struct FrameView* out);
  const void* context;
};

/* What all records say of the program, and of the moment. */
struct RecordOrigin {
  uint32_t tid;
  const char* thread_name;
  uint64_t realtime_ns; /* since 1970 */
  const char* program;
  const uint8_t* build_id;
  size_t build_id_bytes; /* 0: none */
};

struct RecordView {
  struct RecordOrigin origin;
  uint64_t address;
  uint64_t size_bytes;
  const char* call;
  uint64_t sequence;
  uint32_t stack;   /* node of the innermost frame, 0: no stack known */
  const char* file; /* of the macro hook; null: none */
  uint32_t line;
  bool early, inherited, truncated;
  const char* reach;     /* null: not known */
  uint64_t sample_bytes; /* ledger::Header::sample_bytes */
};

struct BadFreeView {
  struct RecordOrigin origin;
  uint64_t address;
  const char* kind;
  uint64_t block; /* 0: none known */
  uint64_t block_bytes;
  uint32_t free_stack, first_free_stack, allocation_stack; /* nodes; 0: not known */
};

#ifdef __cplusplus
} /* namespace leakdir */
#endif
