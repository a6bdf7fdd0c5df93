// SPDX-License-Identifier: BSL-1.0
//
// Step by step outwards from here, by the unwind tables, until exit() has been left. The tables are read once for each
// register that a function keeps for its caller: read_cfi_row follows one beside the stack pointer.

#include <stdlib.h>

#include "exit_frame.hh"
#include "system/find_export.hh"
#include "system/loader.hh"
#include "walk/fast_walk_cfi.hh"
#include "walk/find_fde.hh"

namespace leakdir {
namespace {

// DWARF's numbers.
constexpr unsigned kRbx = 3, kRbp = 6, kRsp = 7, kR12 = 12, kR15 = 15, kReturnAddress = 16;
constexpr unsigned kKept[] = {kRbx, kRbp, kR12, 13, 14, kR15};

struct Frame {
  std::uintptr_t pc, sp;
  std::uintptr_t kept[kR15 + 1];
};

std::uintptr_t word_at(std::uintptr_t address) { return *reinterpret_cast<const std::uintptr_t*>(address); }

// Where the frame of the caller begins; 0: not known.
std::uintptr_t end_of_frame(const Frame& frame, const CfiRow& row) {
  const auto offset = static_cast<std::uintptr_t>(row.cfa_offset);
  switch (row.cfa_how) {
    case CfaHow::kRegister:
      if (row.cfa_column == kRsp) return frame.sp + offset;
      return row.cfa_column <= kR15 ? frame.kept[row.cfa_column] + offset : 0;
    case CfaHow::kThroughFramePointer:
      return word_at(frame.kept[kRbp] + static_cast<std::uintptr_t>(row.through_offset));
    case CfaHow::kOther:
      break;
  }
  return 0;
}

bool step(Frame& frame) {
  constexpr std::uintptr_t kLargestFrame = 1 << 20;
  CfiRow row = {};
  if (read_cfi_row(frame.pc, {kRsp, kRbp, kReturnAddress}, &row) != CfiAnswer::kRow) return false;
  const std::uintptr_t end = end_of_frame(frame, row);
  if (end <= frame.sp || end - frame.sp > kLargestFrame || row.return_address.how != SavedHow::kAtCfa) return false;
  Frame caller = frame;
  for (const unsigned kept : kKept) {
    if (read_cfi_row(frame.pc, {kRsp, kept, kReturnAddress}, &row) != CfiAnswer::kRow) return false;
    const SavedRegister& saved = row.frame_pointer;
    if (saved.how == SavedHow::kUnchanged) continue;
    if (saved.how != SavedHow::kAtCfa) return false;
    caller.kept[kept] = word_at(end + static_cast<std::uintptr_t>(saved.offset));
  }
  caller.pc = word_at(end + static_cast<std::uintptr_t>(row.return_address.offset));
  caller.sp = end;
  frame = caller;
  return true;
}

std::uintptr_t address_of_exit() {
  const void* found = is_static_program() ? reinterpret_cast<const void*>(::exit) : exported_anywhere("exit");
  return reinterpret_cast<std::uintptr_t>(found);
}

bool leave_exit(Frame& frame) {
  constexpr unsigned kMostFrames = 32;
  const std::uintptr_t exit = address_of_exit();
  for (unsigned i = 0; i < kMostFrames; ++i) {
    FoundFde found = {};
    const bool is_exit = find_fde(frame.pc - 1, &found) && found.function == exit;
    if (!step(frame)) return false;
    if (is_exit) return true;
  }
  return false;
}

[[gnu::always_inline]] inline Frame this_frame() {
  Frame here = {};
  __asm__ volatile(
      "leaq 0f(%%rip), %%rax\n0:\n\tmovq %%rax, %0\n\tmovq %%rsp, %1\n\tmovq %%rbx, %2\n\tmovq %%rbp, %3\n\tmovq "
      "%%r12, "
      "%4\n\tmovq %%r13, %5\n\tmovq %%r14, %6\n\tmovq %%r15, %7"
      : "=m"(here.pc), "=m"(here.sp), "=m"(here.kept[kRbx]), "=m"(here.kept[kRbp]), "=m"(here.kept[kR12]),
        "=m"(here.kept[13]), "=m"(here.kept[14]), "=m"(here.kept[kR15])
      :
      : "rax");
  return here;
}

ThreadAtExit thread_of(const Frame& frame) {
  ThreadAtExit thread = {frame.sp, {}, 0, true};
  for (const unsigned kept : kKept) thread.registers[thread.register_count++] = frame.kept[kept];
  return thread;
}

}  // namespace

ThreadAtExit find_thread_at_exit() {
  const Frame here = this_frame();
  Frame frame = here;
  return thread_of(leave_exit(frame) ? frame : here);
}

// This function's own caller, so that nothing of the look itself is on its stack.
__attribute__((noinline)) ThreadAtExit find_thread_here() {
  const Frame here = this_frame();
  Frame frame = here;
  return thread_of(step(frame) ? frame : here);
}

}  // namespace leakdir
