// SPDX-License-Identifier: BSL-1.0
//
// The walk through code that was made at run time and has no unwind tables, on x86-64 Linux: fast_walk.hh says what is
// believed.

#include "call_site.hh"
#include "fast_walk.hh"
#include "fast_walk_cfi.hh"
#include "fast_walk_reach.hh"
#include "step.hh"

namespace leakdir {
namespace {

// Where the call that returns to `pc` leads, if it says so itself; else 0.
std::uintptr_t called_by(std::uintptr_t pc) {
  constexpr std::uintptr_t kDistance = 4;
  std::int32_t distance;
  __builtin_memcpy(&distance, reinterpret_cast<const void*>(pc - kDistance), sizeof distance);
  const auto* const code = reinterpret_cast<const std::uint8_t*>(pc);
  const std::uintptr_t place = pc + static_cast<std::uintptr_t>(std::int64_t{distance});
  if (code[-5] == 0xe8) return place;
  const bool is_by_table = code[-6] == 0xff && code[-5] == 0x15;
  return is_by_table && can_read(place) && can_read(place + kWord - 1) ? word_at(place) : 0;
}

// Whether what returns to `pc` may be the code without a table at `callee`: a call is there, and it does not say that
// it leads to another function, one with a table. (Of what was left on a stack, nearly all is of the latter kind.)
// Java's interpreter pushes the address to return to, and jumps: made code, near to that which was called, may do so.
bool may_have_called(std::uintptr_t pc, std::uintptr_t callee) {
  if (!RuleCache::holds(pc)) return false;
  if (!follows_call(pc)) {
    constexpr std::uintptr_t kOneArea = std::uintptr_t{1} << 28;
    const std::uintptr_t distance = pc < callee ? callee - pc : pc - callee;
    return distance < kOneArea && can_read(pc) && !is_in_module(pc) && !is_in_module(callee) && !has_table(pc);
  }
  const std::uintptr_t called = can_read(pc - 6) ? called_by(pc) : 0;
  return called == 0 || !has_table(called);
}

// Whether rbp may be that of a function with a table, which the code without one has left as it was: between the two
// lies the address that this function's own call returns to. Its frames would be passed over.
bool may_be_anothers(std::uintptr_t sp, std::uintptr_t bp) {
  for (std::uintptr_t slot = sp; slot < bp; slot += kWord) {
    const std::uintptr_t word = word_at(slot);
    if (!RuleCache::holds(word) || !is_in_module(word) || !follows_call(word)) continue;
    const RuleKind kind = rule_for(word).kind();
    if (kind == RuleKind::kFromBp || kind == RuleKind::kThroughBp) return true;
  }
  return false;
}

// Where the dynamic loader was started, say: the outermost frame of a thread has 0 in rbp. Code that was made at run
// time may have it there for any reason.
bool is_outermost(const Registers& frame) { return frame.bp == 0 && is_in_module(frame.pc - 1); }

// From a frame whose code has no table to its caller's, if rbp points to a frame as "push %rbp; mov %rsp,%rbp" makes
// it.
bool hop(Readable& readable, Registers* registers) {
  constexpr std::uintptr_t kLargestFrame = std::uintptr_t{1} << 15;
  const Registers at = *registers;
  const std::uintptr_t end = at.bp + 2 * kWord;
  if (at.sp % kWord != 0 || at.bp < at.sp || at.bp - at.sp > kLargestFrame || at.bp % kWord != 0) return false;
  if (end > readable.end && (readable.is_own_stack || !extend_readable(&readable.end, end))) return false;
  if (!may_have_called(word_at(at.bp + kWord), at.pc) || may_be_anothers(at.sp, at.bp)) return false;
  *registers = {end, word_at(at.bp + kWord), word_at(at.bp)};
  return true;
}

}  // namespace

unsigned walk_by_frame_pointer(FastWalkState& state, const WalkStart& from, std::uintptr_t* out, unsigned max,
                               bool* truncated) noexcept {
  // No frame counts before the tables say that the walk has come to an outermost one, or before it has come so far that
  // it cannot be by chance.
  constexpr unsigned kFarEnough = 512;
  Readable readable = readable_from(state.reach, from.sp);
  Registers frame{from.sp, from.pc, from.bp};
  // Where a context begins, nothing called it.
  *truncated = follows_call(frame.pc) && !is_outermost(frame);
  if (!*truncated) return 0;
  if (readable.end == 0) return 0;
  unsigned count = 0;
  Step step = Step::kNoTable;
  for (; count < kFarEnough; ++count) {
    if (step == Step::kNoTable) {
      if (is_outermost(frame)) break;
      if (!hop(readable, &frame)) return 0;
    }
    if (count < max) out[count] = frame.pc;
    step = follow(readable, rule_for(frame.pc), &frame);
    if (step == Step::kEnd) {
      ++count;
      break;
    }
    if (step != Step::kNext && step != Step::kNoTable) return 0;
  }
  *truncated = count > max || count == kFarEnough;
  return count < max ? count : max;
}

}  // namespace leakdir
