// SPDX-License-Identifier: BSL-1.0
//
// The hooks for leakdir_trace.c, where it is in the same process: it hands its calls on, so that each block is recorded
// once, with the stack of who called it and not of the macro hook. It finds this table by the mark (shared/mark.h).
//
// Who hands a frame on may have left it already (a tail call), and what stood there is not to be trusted: the stack is
// captured without it.

#include <errno.h>

#include "api.hh"
#include "hooks.hh"
#include "shared/mark.h"
#include "track/next_block.hh"

namespace leakdir {
namespace {

using ledger::Call;

int do_record() { return phase() != Phase::kOff ? 1 : 0; }

void* allocate(int call, std::size_t first, std::size_t size, std::uintptr_t pc, std::uintptr_t frame) {
  const Caller::Held held = {0, pc};
  const Caller caller = Caller::by_address(held);
  void* block = nullptr;
  forget_places_within(frame);
  switch (static_cast<Call>(call)) {
    case Call::kMalloc:
      return told(allocator::malloc(size), size, Call::kMalloc, caller);
    case Call::kCalloc:
      return told(allocator::calloc(first, size), first * size, Call::kCalloc, caller);
    case Call::kAlignedAlloc:
      return told(allocator::aligned_alloc(first, size), size, Call::kAlignedAlloc, caller);
    case Call::kMemalign:
      return told(allocator::memalign(first, size), size, Call::kMemalign, caller);
    case Call::kValloc:
      return told(allocator::valloc(size), size, Call::kValloc, caller);
    case Call::kPvalloc:
      return told(allocator::pvalloc(size), size, Call::kPvalloc, caller);
    case Call::kPosixMemalign:
      if (const int error = allocator::posix_memalign(&block, first, size); error != 0) {
        errno = error;
        return nullptr;
      }
      return told(block, size, Call::kPosixMemalign, caller);
    default:
      return nullptr;
  }
}

void* resize_block(void* block, std::size_t size, int call, std::uintptr_t pc, std::uintptr_t frame) {
  forget_places_within(frame);
  const Caller::Held held = {0, pc};
  return resize(block, size, static_cast<Call>(call), Caller::by_address(held));
}

void release_block(void* block, std::uintptr_t pc) {
  const Caller::Held held = {0, pc};
  release(block, Caller::by_address(held));
}

void place(const char* file, int line, int call, std::size_t factor, std::uintptr_t frame) {
  place_is(file, line, call, factor, reinterpret_cast<const void*>(frame));
}

void switch_on(int on) { switch_recording(on != 0); }

}  // namespace

extern const HooksOnBehalf hooks_on_behalf __asm__("leakdir_hooks_on_behalf") LEAKDIR_OURS;
const HooksOnBehalf hooks_on_behalf = {do_record, allocate,  resize_block,     release_block,
                                       place,     switch_on, is_recording_now, dir_now};

}  // namespace leakdir
