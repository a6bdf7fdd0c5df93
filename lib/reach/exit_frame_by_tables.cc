// SPDX-License-Identifier: BSL-1.0
//
// Step by step outwards from here, by the unwind tables, until exit() has been left. The tables are read once for each
// register that a function keeps for its caller: read_cfi_row follows one beside the stack pointer.

#include <stdlib.h>

#include "exit_frame.hh"
#include "kept_registers.hh"
#include "system/find_export.hh"
#include "system/loader.hh"
#include "walk/fast_walk_cfi.hh"
#include "walk/find_fde.hh"

namespace leakdir {
namespace {

std::uintptr_t word_at(std::uintptr_t address) { return *reinterpret_cast<const std::uintptr_t*>(address); }
std::uintptr_t word_at(std::uintptr_t end, const SavedRegister& saved) {
  return word_at(end + static_cast<std::uintptr_t>(saved.offset));
}

// Where the frame ends, which offsets count from; 0: not known.
std::uintptr_t end_of_frame(const Frame& frame, const CfiRow& row) {
  const auto offset = static_cast<std::uintptr_t>(row.cfa_offset);
  switch (row.cfa_how) {
    case CfaHow::kRegister:
      if (row.cfa_column == kCalling.stack_pointer) return frame.sp + offset;
      return row.cfa_column < Frame::kColumns ? frame.kept[row.cfa_column] + offset : 0;
    case CfaHow::kThroughFramePointer:
      return word_at(frame.kept[kCalling.frame_pointer] + static_cast<std::uintptr_t>(row.through_offset));
    case CfaHow::kOther:
      break;
  }
  return 0;
}

// To the caller; `end_of_callee` is where the frame ended that has been left.
bool step(Frame& frame, std::uintptr_t* end_of_callee = nullptr) {
  constexpr std::uintptr_t kLargestFrame = 1 << 20;
  CfiRow row = {};
  if (read_cfi_row(frame.pc, kCalling, &row) != CfiAnswer::kRow) return false;
  const std::uintptr_t end = end_of_frame(frame, row);
  if (end <= frame.sp || end - frame.sp > kLargestFrame || row.return_address.how != SavedHow::kAtCfa) return false;
  Frame caller = frame;
  caller.pc = without_mark(word_at(end, row.return_address));
  caller.sp = row.stack_pointer.how == SavedHow::kAtCfa ? word_at(end, row.stack_pointer) : end;
  if (caller.sp <= frame.sp || caller.sp > end) return false;
  for (const unsigned kept : kKept) {
    CfiColumns columns = kCalling;
    columns.frame_pointer = kept;
    if (read_cfi_row(frame.pc, columns, &row) != CfiAnswer::kRow) return false;
    const SavedRegister& saved = row.frame_pointer;
    if (saved.how == SavedHow::kUnchanged) continue;
    if (saved.how != SavedHow::kAtCfa) return false;
    caller.kept[kept] = word_at(end, saved);
  }
  frame = caller;
  if (end_of_callee != nullptr) *end_of_callee = end;
  return true;
}

std::uintptr_t address_of_exit() {
  const void* found = is_static_program() ? reinterpret_cast<const void*>(::exit) : exported_anywhere("exit");
  return reinterpret_cast<std::uintptr_t>(found);
}

bool is_in(const Frame& frame, std::uintptr_t function) {
  FoundFde found = {};
  return find_fde(frame.pc - 1, &found) && found.function == function;
}

// The frame that called exit(), or else the first one that is not ours.
Frame leave_exit(const Frame& here, std::uintptr_t ours) {
  constexpr unsigned kMostFrames = 32;
  const std::uintptr_t exit = address_of_exit();
  Frame frame = here, left = here;
  bool has_left_ours = false;
  for (unsigned i = 0; i < kMostFrames; ++i) {
    const bool is_exit = is_in(frame, exit);
    if (!step(frame)) break;
    if (is_exit) return frame;
    if (!has_left_ours) left = frame;
    has_left_ours = frame.sp > ours;
  }
  return has_left_ours ? left : here;
}

ThreadAtExit thread_of(const Frame& frame) {
  ThreadAtExit thread = {frame.sp, {}, 0};
  for (const unsigned kept : kKept) thread.registers[thread.register_count++] = frame.kept[kept];
  return thread;
}

}  // namespace

ThreadAtExit find_thread_at_exit(const void* ours) {
  const Frame here = this_frame();
  return thread_of(leave_exit(here, reinterpret_cast<std::uintptr_t>(ours)));
}

// This function and the one of ours that called it are left, so that nothing of the look itself is on the stack.
__attribute__((noinline)) ThreadAtExit find_thread_here(std::uintptr_t below) {
  constexpr unsigned kOurs = 2, kMostFrames = 64;
  Frame frame = this_frame(), left = frame;
  std::uintptr_t end = 0;
  for (unsigned i = 0; i < kMostFrames && step(frame, &end); ++i) {
    if (i < kOurs) left = frame;
    if (i + 1 >= kOurs && end >= below) return thread_of(end == below ? frame : left);
  }
  return thread_of(left);
}

}  // namespace leakdir
