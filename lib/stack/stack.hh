// SPDX-License-Identifier: BSL-1.0
//
// The stack of this call, as a node of the ledger. The only part that unwinds.
//
// Safe before start-up and at exit of a plain -static program, where the unwinder aborts: then the caller is all there
// is. Never called inside free() on the ordinary path: libgcc frees while it holds the lock that the unwinder takes.

#pragma once

#include <cstdint>

#include "shared/ledger.hh"
#include "shared/options.hh"
#include "system/base.hh"
#include "system/guard.hh"

namespace leakdir {

struct Captured {
  std::uint32_t stack;  // node of the innermost frame of the user's; 0: no room
  ledger::Call call;    // as given, or operator new where that called us
  unsigned flags;       // of the block: kFlagEarly, kFlagTruncated, kFlagLibc
};

// `thread.scratch` may be null.
Captured capture_stack(ThreadState& thread, Caller caller, ledger::Call call, const ReentryGuard&);

// The stack begins with where the call stands in the source.
void add_place(Captured& captured, const Place& place);

// The caller alone, with nothing asked of the unwinder or the loader.
Captured capture_caller(std::uintptr_t caller, ledger::Call call);

// Makes the first unwind, which may allocate. At start; a program whose tables are not there yet is tried again by
// capture_stack.
void prime_unwinder(const ReentryGuard&);

// At start of a plain -static program, whose tables the linker has not sorted.
void prepare_static_capture();

// How to capture, from the options.
void configure_capture(Unwind unwind, unsigned depth);

// Exit has begun: a plain -static program may take its tables back from libgcc at any time.
void capture_is_ending();

}  // namespace leakdir
