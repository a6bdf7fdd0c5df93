// SPDX-License-Identifier: BSL-1.0
//
// The fast walk on x86-64 Linux: rules from call frame information, and the walk itself.
//
// Every step that is not beyond doubt ends in kCannot; then Boost looks at this stack. The hot path is fast_walk,
// follow and take_over_previous with nothing to learn; all else is kept out of line.

#include "fast_walk.hh"

#if !defined(__x86_64__) || !defined(__LP64__)
#error "this file is for x86-64 with 64-bit pointers; others take fast_walk_none.cc"
#endif

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
    // What gcc makes of a function that realigns its stack and needs its arguments' place: rbp points at the saved rbp.
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

// mov $15,%rax; syscall: the return from a signal handler. Without a table, libgcc knows it by its bytes.
bool is_signal_return(std::uintptr_t pc) {
  static constexpr unsigned char kCode[] = {0x48, 0xc7, 0xc0, 0x0f, 0x00, 0x00, 0x00, 0x0f, 0x05};
  if (!can_read(pc) || !can_read(pc + sizeof kCode - 1)) return false;
  const auto* code = reinterpret_cast<const unsigned char*>(pc);
  for (unsigned i = 0; i < sizeof kCode; ++i) {
    if (code[i] != kCode[i]) return false;
  }
  return true;
}

[[gnu::noinline, gnu::cold]] Rule learn(std::uintptr_t pc) {
  if (tables_are_gone() || !RuleCache::holds(pc)) return kRuleCannot;
  CfiRow row;
  Rule rule = kRuleCannot;
  switch (read_cfi_row(pc, kColumns, &row)) {
    case CfiAnswer::kRow:
      rule = rule_of(row);
      break;
    case CfiAnswer::kNoTable:
      // Code without tables ends the stack, here as there.
      rule = is_signal_return(pc) ? kRuleCannot : kRuleEnd;
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
  return rule.kind() == RuleKind::kEnd ? rule : kRuleCannot;
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
  if (__builtin_expect(sp >= state.reach.lo && sp < state.reach.hi, 1)) return {state.reach.hi, true};
  std::uintptr_t thread_top;  // the thread control block begins with its own address
  asm("mov %%fs:0, %0" : "=r"(thread_top));
  if (is_own_stack(state.reach, sp, thread_top)) return {state.reach.hi, true};
  return {can_ask() ? readable_end_at(sp) : 0, false};
}

enum class Step { kNext, kEnd, kUnreadable, kCannot };

// The caller's frame is said to begin at `cfa`, where nothing is known to be readable.
[[gnu::noinline, gnu::cold]] Step follow_beyond(Readable& readable, std::uintptr_t sp, std::uintptr_t cfa) {
  if (cfa > sp && cfa % kWord == 0 && !readable.is_own_stack && extend_readable(&readable.end, cfa)) return Step::kNext;
  // Another stack, or a register that does not hold what the table says. Boost would read there.
  return can_read(cfa - kWord) && can_read(cfa - 1) ? Step::kCannot : Step::kUnreadable;
}

// The place that holds the beginning of the frame, for RuleKind::kThroughBp; false where it cannot be followed.
[[gnu::noinline, gnu::cold]] bool cfa_through_bp(FastWalkState& state, unsigned* slots, const Readable& readable,
                                                 const WalkFrame& frame, Rule rule, std::uintptr_t* cfa) {
  const std::uintptr_t slot = frame.bp - rule.offset();
  if (slot % kWord != 0 || slot < frame.sp || frame.bp < slot || frame.bp >= readable.end) return false;
  *cfa = word_at(slot);
  if (*cfa <= frame.bp + kWord || *slots == kMaxCfaSlots) return false;
  state.fresh_cfa_slots[(*slots)++] = CfaSlot{frame.sp, slot, *cfa};
  return true;
}

// From `frame` to its caller's frame. Sets frame.bp_slot: where bp is unchanged, to the frame's own copy of it, so
// that whoever checks the slot later need not tell the cases apart.
inline Step follow(FastWalkState& state, unsigned* slots, Readable& readable, WalkFrame& frame, WalkFrame* next) {
  const Rule rule = rule_for(frame.pc);
  std::uintptr_t cfa = (rule.kind() == RuleKind::kFromSp ? frame.sp : frame.bp) + rule.offset();
  std::uintptr_t bp_offset = rule.bp_offset();
  if (__builtin_expect(rule.kind() > RuleKind::kFromBp, 0)) {
    if (rule.kind() == RuleKind::kEnd) return Step::kEnd;
    if (rule.kind() == RuleKind::kCannot) return Step::kCannot;
    if (!cfa_through_bp(state, slots, readable, frame, rule, &cfa)) return Step::kCannot;
    bp_offset = cfa - frame.bp;
  }
  if (__builtin_expect(cfa <= frame.sp || cfa > readable.end || cfa % kWord != 0, 0)) {
    const Step step = follow_beyond(readable, frame.sp, cfa);
    if (step != Step::kNext) return step;
  }
  if (bp_offset == 0) {
    frame.bp_slot = reinterpret_cast<std::uintptr_t>(&frame.bp);
  } else {
    frame.bp_slot = cfa - bp_offset;
    if (__builtin_expect(frame.bp_slot < frame.sp, 0)) return Step::kCannot;
  }
  next->sp = cfa;
  next->pc = word_at(cfa - kWord);
  next->bp = word_at(frame.bp_slot);
  return next->pc != 0 ? Step::kNext : Step::kEnd;
}

// ---- The previous walk ------------------------------------------------------------------------------------------

// Copies a frame; a bp_slot that points at the frame itself is to do so in its new place.
inline void place(WalkFrame& to, const WalkFrame& from) {
  const bool unchanged = from.bp_slot == reinterpret_cast<std::uintptr_t>(&from.bp);
  const WalkFrame copy = from;
  to = copy;
  if (unchanged) to.bp_slot = reinterpret_cast<std::uintptr_t>(&to.bp);
}

// Whether the two are the same frame. bp need not be equal where the table does not use it: such a function saved
// it first and holds anything in it now.
inline bool is_same_frame(WalkFrame& previous, const WalkFrame& frame) {
  if (previous.sp != frame.sp || previous.pc != frame.pc) return false;
  if (previous.bp == frame.bp) return true;
  const Rule rule = rule_for(frame.pc);
  if (rule.kind() != RuleKind::kFromSp || rule.bp_offset() == 0) return false;
  previous.bp = frame.bp;
  return true;
}

// Of the `count` frames from `frames` on, the first of which is known to be a frame of this stack: how many are, as
// everything that the previous walk read to get there is as it was. Their return addresses go to out.
inline unsigned unchanged_frames(const WalkFrame* frames, unsigned count, std::uintptr_t* out) {
  out[0] = frames[0].pc;
  unsigned i = 1;
  for (; i < count; ++i) {
    const std::uintptr_t changed =
        (word_at(frames[i].sp - kWord) ^ frames[i].pc) | (word_at(frames[i - 1].bp_slot) ^ frames[i].bp);
    if (changed != 0) break;
    out[i] = frames[i].pc;
  }
  return i;
}

// The same for the places that hold a frame's beginning.
[[gnu::noinline, gnu::cold]] bool cfa_slots_unchanged(const FastWalkState& state, std::uintptr_t first_sp,
                                                      std::uintptr_t last_sp) {
  for (unsigned i = 0; i < state.cfa_slot_count; ++i) {
    const CfaSlot& slot = state.cfa_slots[i];
    if (slot.sp >= first_sp && slot.sp < last_sp && word_at(slot.slot) != slot.cfa) return false;
  }
  return true;
}

// Keeps of the previous walk's slots those of the frames from first_sp to last_sp, and adds the new ones. False: too
// many.
[[gnu::noinline, gnu::cold]] bool keep_cfa_slots(FastWalkState& state, std::uintptr_t first_sp, std::uintptr_t last_sp,
                                                 unsigned fresh) {
  unsigned kept = 0;
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
inline void remember(FastWalkState& state, unsigned fresh, unsigned at, unsigned tail, unsigned fresh_slots) {
  // A signal handler may leave by longjmp and never come back: half a walk must count as none.
  state.count = 0;
  std::atomic_signal_fence(std::memory_order_release);
  unsigned count = fresh + tail;
  if (__builtin_expect((state.cfa_slot_count | fresh_slots) != 0, 0)) {
    const std::uintptr_t first_sp = tail != 0 ? state.frames[at].sp : ~std::uintptr_t{0};
    const std::uintptr_t last_sp = tail != 0 ? state.frames[at + tail - 1].sp : 0;
    if (!keep_cfa_slots(state, first_sp, last_sp, fresh_slots)) {
      state.cfa_slot_count = 0;
      count = 0;
    }
  }
  const unsigned gap = kFastWalkMaxFrames - (at + tail);
  if (gap != 0 && tail != 0) {
    for (unsigned i = tail; i-- > 0;) place(state.frames[at + gap + i], state.frames[at + i]);
  }
  at += gap;
  for (unsigned i = 0; i < fresh; ++i) place(state.frames[at - fresh + i], state.fresh[i]);
  std::atomic_signal_fence(std::memory_order_release);
  state.count = count;
}

}  // namespace

// ---- The walk ---------------------------------------------------------------------------------------------------

int fast_walk(FastWalkState& state, const WalkStart& start, std::uintptr_t* out, unsigned max, unsigned* reused,
              bool* truncated) noexcept {
  constexpr unsigned kEnd = kFastWalkMaxFrames;
  *reused = 0;
  *truncated = false;
  if (max > kEnd) max = kEnd;
  if (max == 0) return 0;

  const std::uintptr_t generation = g_walk_generation.load(std::memory_order_acquire);
  if (__builtin_expect(state.generation != generation, 0)) {
    state.count = 0;
    state.generation = generation;
  }
  Readable readable = readable_from(state, start.sp);
  if (__builtin_expect(readable.end == 0 || start.sp % kWord != 0, 0)) return kCannot;

  unsigned previous = kEnd - state.count;  // the first frame of the previous walk that is not below this one
  unsigned count = 0;                      // frames found
  unsigned slots = 0;                      // fresh_cfa_slots found
  unsigned whole = 0, whole_at = 0;        // frames of the previous walk up to its last, and `count` behind them
  bool complete = false;
  WalkFrame frame{start.sp, start.pc, start.bp, 0};
  for (;;) {
    while (previous < kEnd && state.frames[previous].sp < frame.sp) ++previous;
    unsigned run = 0;
    if (previous < kEnd && is_same_frame(state.frames[previous], frame)) {
      const unsigned left = kEnd - previous < max - count ? kEnd - previous : max - count;
      const std::uintptr_t last_sp = state.frames[previous + left - 1].sp;
      if (last_sp <= readable.end || (!readable.is_own_stack && extend_readable(&readable.end, last_sp))) {
        run = unchanged_frames(&state.frames[previous], left, out + count);
        if (__builtin_expect(state.cfa_slot_count != 0, 0) &&
            (run != left || !cfa_slots_unchanged(state, frame.sp, last_sp))) {
          run = 0;
        }
        const bool is_rest = previous + run == kEnd;
        if (run != 0 && (count + run == max || (is_rest && state.complete))) {
          *reused = is_rest ? run : 0;
          *truncated = !is_rest || !state.complete;
          state.complete = is_rest && state.complete;
          if (count != 0 || !is_rest) remember(state, count, previous, run, slots);
          return static_cast<int>(count + run);
        }
        if (state.cfa_slot_count != 0) run = 0;
      }
    }
    if (run != 0) {
      // The frames up to the first change hold; the walk goes on from the last of them.
      for (unsigned i = 0; i < run; ++i) place(state.fresh[count + i], state.frames[previous + i]);
      count += run;
      previous += run;
      if (previous == kEnd) {
        whole = run;
        whole_at = count;
      }
    } else {
      state.fresh[count] = frame;
      out[count] = frame.pc;
      ++count;
    }
    const Step step = follow(state, &slots, readable, state.fresh[count - 1], &frame);
    if (count == max || step != Step::kNext) {
      if (count != max && step == Step::kCannot) return kCannot;
      *truncated = step != Step::kEnd;
      break;
    }
  }
  // Only an end that a kept rule says will be one the next time.
  complete = !*truncated && g_rules.find(out[count - 1]).kind() == RuleKind::kEnd;
  state.complete = complete;
  if (whole_at == count) *reused = whole;
  remember(state, count, kEnd, 0, slots);
  return static_cast<int>(count);
}

}  // namespace leakdir
