// SPDX-License-Identifier: BSL-1.0
//
// The fast walk on x86-64 Linux: rules from call frame information, and the walk itself.
//
// Every step that is not beyond doubt ends in kCannot; then Boost looks at this stack. The hot path is fast_walk,
// follow and unchanged_frames with nothing to learn; all else is kept out of line.

#include "fast_walk.hh"

#if !defined(__x86_64__) || !defined(__LP64__)
#error "this file is for x86-64 with 64-bit pointers; others take fast_walk_none.cc"
#endif

#include "call_site.hh"
#include "fast_walk_cfi.hh"
#include "fast_walk_reach.hh"
#include "fast_walk_rule.hh"

namespace leakdir {
namespace {

constexpr CfiColumns kColumns = {7, 6, 16};  // rsp, rbp, the return address
constexpr std::uintptr_t kWord = sizeof(std::uintptr_t);

std::uintptr_t word_at(std::uintptr_t address) { return *reinterpret_cast<const std::uintptr_t*>(address); }

// ---- Rules ------------------------------------------------------------------------------------------------------

constexpr Rule kRuleEnd{RuleKind::kEnd, 0, 0};
constexpr Rule kRuleCannot{RuleKind::kCannot, 0, 0};
constexpr Rule kRuleNoTable{RuleKind::kNoTable, 0, 0};

// The number of words in a byte offset that is to lie in 0 .. max; above max where it does not.
std::uint32_t words_in(std::int64_t offset, std::uint32_t max) {
  if (offset < 0 || offset % std::int64_t{kWord} != 0 || offset / std::int64_t{kWord} > max) return max + 1;
  return static_cast<std::uint32_t>(offset / std::int64_t{kWord});
}

Rule rule_of(const CfiRow& row) {
  // An undefined return address marks the outermost frame, whatever else the row says.
  if (row.return_address.how == SavedHow::kUndefined) return kRuleEnd;
  if (row.return_address.how != SavedHow::kAtCfa || row.return_address.offset != -std::int64_t{kWord})
    return kRuleCannot;
  if (row.stack_pointer.how != SavedHow::kUnchanged && row.stack_pointer.how != SavedHow::kUndefined)
    return kRuleCannot;

  if (row.cfa_how == CfaHow::kThroughFramePointer) {
    // What gcc makes of a function that realigns its stack and needs the address of its arguments: rbp points at the
    // saved rbp.
    const std::uint32_t words = words_in(-row.through_offset, Rule::kMaxOffsetWords);
    const bool usual = row.frame_pointer.how == SavedHow::kAtFramePointer && row.frame_pointer.offset == 0;
    return usual && words <= Rule::kMaxOffsetWords ? Rule(RuleKind::kThroughBp, words, 0) : kRuleCannot;
  }
  if (row.cfa_how != CfaHow::kRegister) return kRuleCannot;

  const bool from_sp = row.cfa_column == kColumns.stack_pointer;
  if (!from_sp && row.cfa_column != kColumns.frame_pointer) return kRuleCannot;
  const std::uint32_t words = words_in(row.cfa_offset, Rule::kMaxOffsetWords);
  if (words > Rule::kMaxOffsetWords) return kRuleCannot;

  std::uint32_t bp_words = 0;
  if (row.frame_pointer.how == SavedHow::kAtCfa) {
    bp_words = words_in(-row.frame_pointer.offset, Rule::kMaxBpWords);
    if (bp_words < 2 || bp_words > Rule::kMaxBpWords) return kRuleCannot;
  } else if (row.frame_pointer.how != SavedHow::kUnchanged && row.frame_pointer.how != SavedHow::kUndefined) {
    return kRuleCannot;
  }
  return Rule(from_sp ? RuleKind::kFromSp : RuleKind::kFromBp, words, bp_words);
}

[[gnu::noinline, gnu::cold]] Rule learn(std::uintptr_t pc) {
  find_loader();
  if (tables_are_gone() || !RuleCache::holds(pc)) return kRuleCannot;
  CfiRow row;
  Rule rule = kRuleCannot;
  switch (read_cfi_row(pc, kColumns, &row)) {
    case CfiAnswer::kRow:
      rule = rule_of(row);
      break;
    case CfiAnswer::kNoTable:
      // Code without tables ends the stack, here as there.
      rule = is_program_entry(pc) ? kRuleEnd : is_signal_return(pc) ? kRuleCannot : kRuleNoTable;
      break;
    case CfiAnswer::kUnsupported:
      break;
  }
  if (is_in_module(pc - 1)) {
    g_rules.add(pc, rule);
    return rule;
  }
  // Code that was made at run time may be replaced, or get its tables, without anybody being told: nothing of it is
  // kept. A frame of it that were followed might be reused later on the strength of an old table, so Boost takes that
  // stack.
  return rule.kind() == RuleKind::kEnd || rule.kind() == RuleKind::kNoTable ? rule : kRuleCannot;
}

inline Rule rule_for(std::uintptr_t pc) {
  if (__builtin_expect(RuleCache::holds(pc), 1)) {
    const Rule rule = g_rules.find(pc);
    if (__builtin_expect(rule.kind() != RuleKind::kNone, 1)) return rule;
  }
  return learn(pc);
}

// ---- One frame --------------------------------------------------------------------------------------------------

// What may be read in this walk: up to `end`; on the thread's own stack that is its top.
struct Readable {
  std::uintptr_t end;
  bool is_own_stack;
};

inline Readable readable_from(FastWalkState& state, std::uintptr_t sp) {
  std::uintptr_t thread;  // its control block, which begins with its own address and lies above its stack
  asm("mov %%fs:0, %0" : "=r"(thread));
  const StackReach& reach = state.reach;
  if (__builtin_expect(sp >= reach.lo && sp < reach.hi && reach.thread == thread, 1)) return {reach.hi, true};
  if (is_own_stack(state.reach, sp, thread)) return {reach.hi, true};
  return {can_ask() ? readable_end_at(sp) : 0, false};
}

struct Registers {
  std::uintptr_t sp;
  std::uintptr_t pc;
  std::uintptr_t bp;
};

enum class Step { kNext, kEnd, kNoTable, kUnreadable, kCannot };

// The caller's frame is said to begin at `cfa`, where nothing is known to be readable.
[[gnu::noinline, gnu::cold]] Step follow_beyond(Readable& readable, std::uintptr_t sp, std::uintptr_t cfa) {
  if (cfa > sp && cfa % kWord == 0 && !readable.is_own_stack && extend_readable(&readable.end, cfa)) return Step::kNext;
  // Another stack, or a register that does not hold what the table says. Boost would read there.
  return can_read(cfa - kWord) && can_read(cfa - 1) ? Step::kCannot : Step::kUnreadable;
}

// The beginning of the frame, for RuleKind::kThroughBp; 0 where that cannot be followed.
[[gnu::noinline, gnu::cold]] std::uintptr_t cfa_through_bp(FastWalkState& state, unsigned* slots,
                                                           std::uintptr_t readable_end, std::uintptr_t sp,
                                                           std::uintptr_t bp, Rule rule) {
  const std::uintptr_t slot = bp - rule.offset();
  if (slot % kWord != 0 || slot < sp || bp < slot || bp >= readable_end) return 0;
  const std::uintptr_t cfa = word_at(slot);
  if (cfa <= bp + kWord) return 0;
  if (*slots < kMaxCfaSlots) state.fresh_cfa_slots[*slots] = CfaSlot{sp, slot, cfa};
  ++*slots;  // with more than there is room for, this walk is not remembered
  return cfa;
}

// From the frame of these registers to its caller's. Sets *bp_slot: where bp is unchanged, to `bp_copy`, so that
// whoever checks the slot later need not tell the cases apart.
inline Step follow(FastWalkState& state, unsigned* slots, Readable& readable, Registers* registers,
                   std::uintptr_t* bp_copy, std::uintptr_t* bp_slot) {
  const Registers at = *registers;
  const Rule rule = rule_for(at.pc);
  std::uintptr_t cfa = (rule.kind() == RuleKind::kFromSp ? at.sp : at.bp) + rule.offset();
  std::uintptr_t bp_offset = rule.bp_offset();
  if (__builtin_expect(rule.kind() > RuleKind::kFromBp, 0)) {
    if (rule.kind() == RuleKind::kEnd) return Step::kEnd;
    if (rule.kind() == RuleKind::kNoTable) return Step::kNoTable;
    if (rule.kind() == RuleKind::kCannot) return Step::kCannot;
    cfa = cfa_through_bp(state, slots, readable.end, at.sp, at.bp, rule);
    if (cfa == 0) return Step::kCannot;
    bp_offset = cfa - at.bp;
  }
  if (__builtin_expect(cfa <= at.sp || cfa > readable.end || cfa % kWord != 0, 0)) {
    const Step step = follow_beyond(readable, at.sp, cfa);
    if (step != Step::kNext) return step;
  }
  if (bp_offset == 0) {
    *bp_slot = reinterpret_cast<std::uintptr_t>(bp_copy);
  } else {
    *bp_slot = cfa - bp_offset;
    if (__builtin_expect(cfa - bp_offset < at.sp, 0)) return Step::kCannot;
    registers->bp = word_at(cfa - bp_offset);
  }
  registers->sp = cfa;
  registers->pc = word_at(cfa - kWord);
  return registers->pc != 0 ? Step::kNext : Step::kEnd;
}

// ---- The previous walk ------------------------------------------------------------------------------------------

// Copies a frame; a bp_slot that points at the frame itself is to point at the copy.
inline void copy_frame(WalkFrame& to, const WalkFrame& from) {
  const bool unchanged = from.bp_slot == reinterpret_cast<std::uintptr_t>(&from.bp);
  const WalkFrame copy = from;
  to = copy;
  if (unchanged) to.bp_slot = reinterpret_cast<std::uintptr_t>(&to.bp);
}

// Whether bp may be anything in a frame with this return address: where the frame begins does not depend on it. If it
// was not saved there, the caller's bp is the same and is looked at next.
inline bool is_bp_free(std::uintptr_t pc) { return rule_for(pc).kind() == RuleKind::kFromSp; }

// Whether the two are the same frame.
inline bool is_same_frame(WalkFrame& previous, const Registers& frame) {
  if (previous.sp != frame.sp || previous.pc != frame.pc) return false;
  if (previous.bp == frame.bp) return true;
  if (!is_bp_free(frame.pc)) return false;
  previous.bp = frame.bp;
  return true;
}

// Whether the words that hold a frame's beginning are as they were, for the frames from first_sp to before last_sp.
[[gnu::noinline, gnu::cold]] bool cfa_slots_unchanged(const FastWalkState& state, std::uintptr_t first_sp,
                                                      std::uintptr_t last_sp) {
  for (unsigned i = 0; i < state.cfa_slot_count; ++i) {
    const CfaSlot& slot = state.cfa_slots[i];
    if (slot.sp >= first_sp && slot.sp < last_sp && word_at(slot.slot) != slot.cfa) return false;
  }
  return true;
}

// Of the `count` frames from `frames` on, the first of which is known to be a frame of this stack: how many are, as
// everything that the previous walk read to get there is as it was. Their return addresses go to out. 0: cannot tell.
inline unsigned unchanged_frames(const FastWalkState& state, Readable& readable, WalkFrame* frames, unsigned count,
                                 std::uintptr_t* out) {
  // All that is read lies below the last frame.
  const std::uintptr_t last_sp = frames[count - 1].sp;
  if (__builtin_expect(last_sp > readable.end, 0) &&
      (readable.is_own_stack || !extend_readable(&readable.end, last_sp))) {
    return 0;
  }
  out[0] = frames[0].pc;
  unsigned i = 1;
  for (; i < count; ++i) {
    const std::uintptr_t pc = frames[i].pc;
    const std::uintptr_t other_pc = word_at(frames[i].sp - kWord) ^ pc;
    const std::uintptr_t bp = word_at(frames[i - 1].bp_slot);
    if (__builtin_expect((other_pc | (bp ^ frames[i].bp)) != 0, 0)) {
      if (other_pc != 0 || !is_bp_free(pc)) break;
      frames[i].bp = bp;
    }
    out[i] = pc;
  }
  if (__builtin_expect(state.cfa_slot_count != 0, 0) && !cfa_slots_unchanged(state, frames[0].sp, last_sp)) return 0;
  return i;
}

// Keeps of the previous walk's slots those of the frames from first_sp to last_sp, and adds the new ones. False: too
// many.
[[gnu::noinline, gnu::cold]] bool keep_cfa_slots(FastWalkState& state, std::uintptr_t first_sp, std::uintptr_t last_sp,
                                                 unsigned fresh) {
  unsigned kept = 0;
  if (fresh > kMaxCfaSlots) return false;
  for (unsigned i = 0; i < state.cfa_slot_count; ++i) {
    const CfaSlot slot = state.cfa_slots[i];
    if (slot.sp >= first_sp && slot.sp <= last_sp) state.cfa_slots[kept++] = slot;
  }
  for (unsigned i = 0; i < fresh; ++i) {
    if (kept == kMaxCfaSlots) return false;
    state.cfa_slots[kept++] = state.fresh_cfa_slots[i];
  }
  state.cfa_slot_count = kept;
  return true;
}

// Makes this walk the previous one: `fresh` new frames, then `tail` frames of the previous walk from index `at` on.
inline void remember(FastWalkState& state, unsigned fresh, unsigned at, unsigned tail, unsigned fresh_slots,
                     bool complete) {
  WalkFrame* const old_frames = state.frames[state.current];
  WalkFrame* const new_frames = state.frames[state.current ^ 1] + kFastWalkRoom;
  unsigned begin = at - fresh;
  unsigned end = at + tail;
  // A signal handler may leave by longjmp and never come back: half a walk must count as none.
  fast_walk_forget_previous(state);
  std::atomic_signal_fence(std::memory_order_seq_cst);
  state.complete = complete;
  if (__builtin_expect((state.cfa_slot_count | fresh_slots) != 0, 0)) {
    const std::uintptr_t first_sp = tail != 0 ? old_frames[at].sp : ~std::uintptr_t{0};
    const std::uintptr_t last_sp = tail != 0 ? old_frames[at + tail - 1].sp : 0;
    if (!keep_cfa_slots(state, first_sp, last_sp, fresh_slots)) {
      state.cfa_slot_count = 0;
      return;
    }
  }
  if (tail != 0 && fresh <= at) {
    for (unsigned i = 0; i < fresh; ++i) copy_frame(old_frames[begin + i], new_frames[i]);
  } else {
    // Too few unused slots before the old frames: the rest moves behind the new ones, which leaves room for the next
    // time.
    for (unsigned i = 0; i < tail; ++i) copy_frame(new_frames[fresh + i], old_frames[at + i]);
    state.current ^= 1;
    begin = kFastWalkRoom;
    end = begin + fresh + tail;
  }
  state.begin = begin;
  std::atomic_signal_fence(std::memory_order_seq_cst);
  state.end = end;
}

}  // namespace

// ---- The walk ---------------------------------------------------------------------------------------------------

int fast_walk(FastWalkState& state, const WalkStart& start, std::uintptr_t* out, unsigned max, unsigned* reused,
              bool* truncated) noexcept {
  *reused = 0;
  *truncated = false;
  if (max > kFastWalkMaxFrames) max = kFastWalkMaxFrames;
  if (max == 0) return 0;

  if (__builtin_expect(is_loader(start.pc), 0)) loader_allocates();
  const std::uintptr_t generation = g_walk_generation.load(std::memory_order_acquire);
  if (__builtin_expect(state.generation != generation, 0)) {
    fast_walk_forget_previous(state);
    std::atomic_signal_fence(std::memory_order_seq_cst);
    state.generation = generation;
  }
  Readable readable = readable_from(state, start.sp);
  if (__builtin_expect(readable.end == 0 || start.sp % kWord != 0, 0)) return kCannot;

  // The frames of the previous walk from the first that is not below this one, up to one that no frame reaches.
  const unsigned end = state.end;
  WalkFrame* old = state.frames[state.current] + (end != 0 ? state.begin : 0);
  WalkFrame* const old_end = state.frames[state.current] + end;
  old_end->sp = ~std::uintptr_t{0};
  WalkFrame* const new_frames = state.frames[state.current ^ 1] + kFastWalkRoom;
  unsigned count = 0;  // frames found
  unsigned slots = 0;  // of state.fresh_cfa_slots, used
  unsigned whole = 0;  // frames taken over from the previous walk up to its last, and `count` behind them
  unsigned whole_at = 0;
  Registers frame{start.sp, start.pc, start.bp};
  Step step;
  do {
    while (old->sp < frame.sp) ++old;
    unsigned run = 0;
    if (is_same_frame(*old, frame)) {
      const auto rest = static_cast<unsigned>(old_end - old);
      run = unchanged_frames(state, readable, old, rest < max - count ? rest : max - count, out + count);
      if (run != 0 && (count + run == max || (run == rest && state.complete))) {
        *reused = run == rest ? run : 0;
        *truncated = run != rest || !state.complete;
        const auto at = static_cast<unsigned>(old - state.frames[state.current]);
        if (count != 0 || run != rest) remember(state, count, at, run, slots, !*truncated);
        return static_cast<int>(count + run);
      }
      // What holds a frame's beginning is noted where the frame is followed, so such walks are not taken over in part.
      if (state.cfa_slot_count != 0) run = 0;
    }
    WalkFrame* last = new_frames + count;
    if (run != 0) {
      // The frames up to the first change hold; the walk goes on from the last of them.
      for (unsigned i = 0; i < run; ++i) copy_frame(last[i], old[i]);
      count += run;
      old += run;
      if (old == old_end) {
        whole = run;
        whole_at = count;
      }
      last += run - 1;
      frame = {last->sp, last->pc, last->bp};
    } else {
      last->sp = frame.sp;
      last->pc = frame.pc;
      last->bp = frame.bp;
      out[count++] = frame.pc;
    }
    step = follow(state, &slots, readable, &frame, &last->bp, &last->bp_slot);
  } while (step == Step::kNext && count != max);
  if (count != max && step == Step::kCannot) return kCannot;
  *truncated = step != Step::kEnd && step != Step::kNoTable;
  // Only an end that a kept rule says will be one the next time.
  const bool complete = !*truncated && g_rules.find(out[count - 1]).kind() == RuleKind::kEnd;
  if (whole_at == count) *reused = whole;
  remember(state, count, 0, 0, slots, complete);
  state.without_table = {step == Step::kNoTable ? frame.pc : 0, frame.sp, frame.bp};
  return static_cast<int>(count);
}

// ---- Without tables ---------------------------------------------------------------------------------------------

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
  Readable readable = readable_from(state, from.sp);
  Registers frame{from.sp, from.pc, from.bp};
  // Where a context begins, nothing called it.
  *truncated = follows_call(frame.pc) && !is_outermost(frame);
  if (!*truncated) return 0;
  if (readable.end == 0) return 0;
  unsigned count = 0, slots = 0;
  std::uintptr_t bp_copy, bp_slot;
  Step step = Step::kNoTable;
  for (; count < kFarEnough; ++count) {
    if (step == Step::kNoTable) {
      if (is_outermost(frame)) break;
      if (!hop(readable, &frame)) return 0;
    }
    if (count < max) out[count] = frame.pc;
    step = follow(state, &slots, readable, &frame, &bp_copy, &bp_slot);
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
