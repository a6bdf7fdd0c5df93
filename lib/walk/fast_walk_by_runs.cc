// SPDX-License-Identifier: BSL-1.0
//
// The fast walk, run by run.
//
// The hot path is fast_walk with runs that hold. Where there is none for a return address, one is learnt, frame by
// frame (step.hh). It ends where another run begins, or at an address that chance picks, so that stacks which
// differ further in have the outer runs in common. Of a run that holds in part that part is used (recursion goes on for
// longer or for shorter); where it always is the same part, the ways part there, and it is cut. Of two runs that one
// has always followed the other, one is made. So where a stack changes all the time, runs end, and what does not change
// is one long run.

#include "fast_walk.hh"
#include "fast_walk_reach.hh"
#include "stack_words.hh"
#include "step.hh"
#include "system/base.hh"

namespace leakdir {
namespace {

// ---- Whether a run holds ------------------------------------------------------------------------------------------

std::uintptr_t plus(std::uintptr_t base, std::int32_t place) {
  return base + static_cast<std::uintptr_t>(std::intptr_t{place});
}

// The same for a run whose first frame is found by rbp. What is asked of the frame is what follow() asks.
inline bool begins_by_bp(const Run& run, Registers& frame, std::uintptr_t end, std::uintptr_t* base) {
  if (run.start == RunStart::kFromBp) {
    *base = plus(frame.bp, run.first);
    const std::uintptr_t cfa = *base + run.sp_after(0);
    if (cfa <= frame.sp || cfa > end || cfa % kWord != 0) return false;
    if (Rule::kHasLinkRegister && *base < frame.sp) return false;
    return run.first_bp == Run::kUnchanged || plus(*base, run.first_bp) >= frame.sp;
  }
  const std::uintptr_t cfa = cfa_through_bp(end, frame, static_cast<std::uintptr_t>(std::intptr_t{run.first}));
  if (cfa == 0 || cfa > end || cfa % kWord != 0) return false;
  *base = cfa - kWord;
  frame.bp = word_at(frame.bp);
  return true;
}

inline bool begins(const Run& run, Registers& frame, std::uintptr_t end, std::uintptr_t* base) {
  if (LEAKDIR_LIKELY(run.start == RunStart::kFromSp)) {
    *base = plus(frame.sp, run.first);
    return true;
  }
  return begins_by_bp(run, frame, end, base);
}

// A return address of the run as it lies on the stack, without its signature.
std::uintptr_t address_at(const Run& run, std::uintptr_t slot) {
  const std::uintptr_t word = word_at(slot);
  return Rule::kHasLinkRegister ? word << run.signature_bits >> run.signature_bits : word;
}

// The frame after the run's last …
inline Registers frame_after(const Run& run, std::uintptr_t base, std::uintptr_t bp) {
  return {base + run.sp_after(), address_at(run, base + run.next),
          run.bp_slot == Run::kUnchanged ? bp : word_at(plus(base, run.bp_slot))};
}

// … and after one of the others.
Registers frame_after(const Run& run, unsigned frame, std::uintptr_t base, std::uintptr_t bp) {
  const std::int32_t bp_slot = run.bp_slots()[frame];
  return {base + run.sp_after(frame), address_at(run, base + run.places()[frame]),
          bp_slot == Run::kUnchanged ? bp : word_at(plus(base, bp_slot))};
}

// Whether each return address of the run is where it is to be.
[[gnu::always_inline]] inline bool addresses_hold(const Run& run, std::uintptr_t base) {
#if defined(LEAKDIR_HAS_LINK_REGISTER)
  return words_hold(run.pcs(), run.places(), run.checks, base, run.signature_bits);
#else
  return words_hold(run.pcs(), run.places(), run.checks, base);
#endif
}

[[gnu::noinline]] bool holds_by_bp(const Run& run, Registers& frame, std::uintptr_t end) {
  Registers at = frame;
  std::uintptr_t base;
  if (run.wanted != 0 || run.is_of_loader || !begins(run, at, end, &base) || base + run.sp_after() > end) return false;
  if (!addresses_hold(run, base)) return false;
  std::uintptr_t differences = run.bp_distance == Run::kUnchanged ? 0 : at.bp ^ plus(base, run.bp_distance);
  const BpCheck* const bps = run.bps();
  for (unsigned i = 0; i < run.bp_checks; ++i) {
    differences |= word_at(plus(base, bps[i].slot)) ^ plus(base, bps[i].distance);
  }
  if (differences != 0) return false;
  frame = frame_after(run, base, at.bp);
  return true;
}

// Whether the stack that goes on with `frame` begins with the frames of the run. Then the frame is the one after them;
// its pc is 0 where there is none. Else it is left as it was.
[[gnu::always_inline]] inline bool holds(const Run& run, Registers& frame, std::uintptr_t end) {
  if (!run.is_plain) {
    Registers at = frame;  // the hot path's own stays in registers
    const bool it_does = holds_by_bp(run, at, end);
    frame = at;
    return it_does;
  }
  const std::uintptr_t base = plus(frame.sp, run.first);
  if (LEAKDIR_UNLIKELY(base + run.sp_after() > end) || LEAKDIR_UNLIKELY(!addresses_hold(run, base))) return false;
  frame = frame_after(run, base, frame.bp);
  return true;
}

// How many of the run's frames the stack has, and can be followed from.
unsigned held_frames(const Run& run, std::uintptr_t base, std::uintptr_t bp, std::uintptr_t end) {
  unsigned bp_check = 0;
  for (unsigned i = 0;; ++i) {
    if (i != 0 && i == run.bp_distance_for && bp != plus(base, run.bp_distance)) return i;
    if (bp_check != run.bp_checks && run.bps()[bp_check].frame == i) {
      const BpCheck& check = run.bps()[bp_check++];
      if (word_at(plus(base, check.slot)) != plus(base, check.distance)) return i;
    }
    const bool is_last = i + 1 == run.frames;
    if (base + run.sp_after(i) > end) return i;
    if (is_last || address_at(run, base + run.places()[i]) != run.pcs()[i]) return i + 1;
  }
}

// ---- Learning -----------------------------------------------------------------------------------------------------

// One address of sixteen. It is the same for every stack: what is alike further out is cut alike.
bool is_picked(std::uintptr_t pc) { return (pc * 0x9e3779b97f4a7c15u) >> 60 == 0; }

bool fits(std::uintptr_t distance) {
  const auto signed_distance = static_cast<std::intptr_t>(distance);
  return signed_distance < INT32_MAX && signed_distance > INT32_MIN;
}

std::int32_t place_of(std::uintptr_t address, std::uintptr_t base) { return static_cast<std::int32_t>(address - base); }

// Where rbp was saved by a frame whose caller's begins at `cfa`; unchanged: where it was before.
std::int32_t bp_slot_after(Rule rule, std::uintptr_t cfa, std::uintptr_t base, std::int32_t before) {
  return rule.bp_offset() == 0 ? before : place_of(cfa - rule.bp_offset(), base);
}

// The first frame decides where the base is.
void begin_draft(Run& run, Rule rule, const Registers& at, std::uintptr_t cfa) {
  run = {};
  run.pc = at.pc;
  run.new_frames = Run::kNotKnown;
  run.bp_distance = run.first_bp = run.bp_slot = Run::kUnchanged;
  if (rule.kind() == RuleKind::kThroughBp) {
    run.start = RunStart::kThroughBp;
    run.first = static_cast<std::int32_t>(rule.offset());
    return;
  }
  run.start = rule.kind() == RuleKind::kFromSp ? RunStart::kFromSp : RunStart::kFromBp;
  run.first = static_cast<std::int32_t>(rule.offset()) - static_cast<std::int32_t>(rule.address_offset());
  run.first_bp = run.bp_slot = bp_slot_after(rule, cfa, cfa - rule.address_offset(), Run::kUnchanged);
  run.signature_bits = static_cast<std::uint8_t>(rule.is_signed() ? signature_bits() : 0);
}

// A frame that is found by rbp, and is not the first: the run depends on what rbp is there. False: it cannot.
bool check_bp(RunDraft& draft, std::uintptr_t bp, std::uintptr_t base, unsigned frame) {
  if (!fits(bp - base)) return false;
  const std::int32_t distance = place_of(bp, base);
  if (draft.run.bp_slot == Run::kUnchanged) {
    if (draft.run.bp_distance != Run::kUnchanged) return draft.run.bp_distance == distance;
    draft.run.bp_distance = distance;
    draft.run.bp_distance_for = static_cast<std::uint8_t>(frame);
  } else {
    draft.bps[draft.run.bp_checks++] = {draft.run.bp_slot, distance, frame};
  }
  return true;
}

// Whether a run ends before `next`.
bool ends_before(FastWalkState& state, std::uintptr_t next) {
  return is_picked(next) || state.store.find(next) != nullptr;
}

// Of the frames from `at` on; of `wanted` of them, if it is not 0. Null: not even of the first, or there is no room.
Run* learn(FastWalkState& state, Readable& readable, Registers at, unsigned wanted) {
  RunDraft& draft = state.draft;
  Run& run = draft.run;
  std::uintptr_t base = 0;
  unsigned frames = 0;
  bool is_signed = false;
  for (;;) {
    const Rule rule = rule_for(at.pc, &state.start);
    if (rule.kind() == RuleKind::kEnd && g_rules.find(at.pc).kind() == RuleKind::kEnd) {  // only if it is kept
      if (frames == 0) {
        begin_draft(run, Rule(RuleKind::kFromSp, 0, 0), at, at.sp);
        run.next = 0;
        run.next_sp = kWord;
      }
      run.ends = true;
      ++frames;
      break;
    }
    if (rule.kind() > (frames == 0 ? RuleKind::kThroughBp : RuleKind::kFromBp)) break;
    if (frames != 0 && rule.is_signed() != is_signed) break;
    Registers next = at;
    const Step step = follow(readable, rule, &next);
    if (step != Step::kNext && step != Step::kEnd) break;
    if (frames == 0) {
      base = next.sp - rule.address_offset();
      is_signed = rule.is_signed();
      begin_draft(run, rule, at, next.sp);
    } else {
      if (!fits(next.sp - base) || (rule.kind() == RuleKind::kFromBp && !check_bp(draft, at.bp, base, frames))) break;
      run.bp_slot = bp_slot_after(rule, next.sp, base, run.bp_slot);
    }
    run.next = static_cast<std::uint32_t>(next.sp - rule.address_offset() - base);
    run.next_sp = static_cast<std::uint32_t>(next.sp - base);
    ++frames;
    if (step == Step::kEnd || frames == Run::kMostFrames || frames == wanted) break;
    if (wanted == 0 && ends_before(state, next.pc)) break;
    draft.pcs[frames - 1] = next.pc;
    draft.places[frames - 1] = run.next;
    draft.bp_slots[frames - 1] = run.bp_slot;
    if (Rule::kHasLinkRegister) draft.sps[frames - 1] = run.next_sp;
    at = next;
  }
  if (frames == 0) return nullptr;
  state.followed += frames;
  run.frames = static_cast<std::uint8_t>(frames);
  run.is_of_loader = is_loader(run.pc);
  run.is_plain =
      !run.is_of_loader && run.start == RunStart::kFromSp && run.bp_distance == Run::kUnchanged && run.bp_checks == 0;
  for (run.checks = static_cast<std::uint8_t>(frames - 1); run.checks % kWordsAtOnce != 0; ++run.checks) {
    draft.pcs[run.checks] = draft.pcs[0];  // looked at twice
    draft.places[run.checks] = draft.places[0];
    draft.bp_slots[run.checks] = Run::kUnchanged;
  }
  Run* const made = state.store.add(draft);
  if (made == nullptr) {
    state.store_is_full = true;
    state.generation = ~state.generation;  // what each walk looks at
  }
  return made;
}

// Whether it is always so many frames of the run that the stack has. Not told where the run goes round in itself.
bool parts_always_at(FastWalkState& state, unsigned runs, Run& run, unsigned frames) {
  constexpr unsigned kOftenEnough = 4;
  if (runs != 0 && state.runs[runs - 1] == &run) return false;
  if (run.parts_at != frames) run.parts_at_times = 0;
  run.parts_at = static_cast<std::uint8_t>(frames);
  return ++run.parts_at_times >= kOftenEnough;
}

// For a frame for which there is no run, or `run`, which does not hold: a run of which so many frames do, and the frame
// after them. 0: none. `runs` were taken before.
struct Part {
  Run* run;
  unsigned frames;
};
[[gnu::noinline, gnu::cold]] Part other_run(FastWalkState& state, Readable& readable, Registers& frame, Run* run,
                                            unsigned runs) {
  unsigned wanted = 0;
  if (run != nullptr && run->wanted == 0) {
    Registers at = frame;
    std::uintptr_t base;
    if (!begins(*run, at, readable.end, &base)) return {nullptr, 0};
    // On a stack that is not the thread's own, what may be read is asked for when it is needed.
    if (!readable.is_own_stack) (void)extend_readable(&readable.end, base + run->sp_after());
    const unsigned frames = held_frames(*run, base, at.bp, readable.end);
    if (frames == 0) return {nullptr, 0};
    if (frames == run->frames || !parts_always_at(state, runs, *run, frames)) {
      frame = frames == run->frames ? frame_after(*run, base, at.bp) : frame_after(*run, frames - 1, base, at.bp);
      return {run, frames};
    }
    wanted = frames;
  } else if (run != nullptr) {
    wanted = run->wanted;
  }
  Run* const learnt = learn(state, readable, frame, wanted);
  if (learnt == nullptr || !holds(*learnt, frame, readable.end)) return {nullptr, 0};
  return {learnt, learnt->frames};
}

// Where two runs of the last walk have followed each other all the time, the first is to be learnt again, with the
// second's frames. Called now and then; it costs as much as a look at the runs.
[[gnu::noinline, gnu::cold]] void join_runs(FastWalkState& state) {
  constexpr unsigned kLongEnough = 5;
  for (unsigned i = 0; i + 1 < state.run_count; ++i) {
    Run& run = *state.runs[i];
    const Run& next = *state.runs[i + 1];
    const unsigned frames = run.frames + next.frames;
    if (state.used[i] != run.frames || frames > Run::kMostFrames || next.start == RunStart::kThroughBp) continue;
    if (Rule::kHasLinkRegister && run.signature_bits != next.signature_bits) continue;
    if (run.follower != next.serial) {
      run.follower = next.serial;
      run.streak = 0;
    } else if (++run.streak == kLongEnough) {
      run.wanted = static_cast<std::uint8_t>(frames);
      run.is_plain = false;
      ++i;
    }
  }
}

// ---- What no run is made of ---------------------------------------------------------------------------------------

// The rest of the stack from `frame` on, frame by frame, after `found` frames of so many runs. What fast_walk returns.
[[gnu::noinline, gnu::cold]] int walk_plainly(FastWalkState& state, Readable& readable, Registers frame, unsigned runs,
                                              unsigned found, unsigned max) {
  unsigned count = 0;
  Step step;
  do {
    state.plain[count++] = frame.pc;
    step = follow(readable, rule_for(frame.pc, &state.start), &frame);
  } while (step == Step::kNext && found + count != max);
  state.run_count = runs;
  state.run_frames = found;
  state.plain_count = count;
  state.frames = found + count;
  state.followed += count;
  state.truncated = step != Step::kEnd && step != Step::kNoTable;
  state.without_table = {step == Step::kNoTable ? frame.pc : 0, frame.sp, frame.bp};
  return step == Step::kCannot && state.frames != max ? kCannot : static_cast<int>(state.frames);
}

[[gnu::noinline, gnu::cold]] void begin_anew(FastWalkState& state, std::uintptr_t generation) {
  fast_walk_forget_runs(state);
  state.store_is_full = false;
  signal_fence();
  state.generation = generation;
}

// A walk begins in the loader. True: all that was known is forgotten, and the walk has to begin again.
[[gnu::noinline, gnu::cold]] bool are_outdated_by_loader(FastWalkState& state) {
  loader_allocates();
  const std::uintptr_t generation = g_walk_generation.load(std::memory_order_acquire);
  if (state.generation == generation) return false;
  begin_anew(state, generation);
  return true;
}

}  // namespace

// ---- The walk -----------------------------------------------------------------------------------------------------

int fast_walk(FastWalkState& state, const WalkStart& start, unsigned max) noexcept {
  if (max > kFastWalkMaxFrames) max = kFastWalkMaxFrames;
  state.plain_count = 0;
  if (LEAKDIR_UNLIKELY(max == 0)) {
    state.run_count = state.run_frames = state.frames = 0;
    return 0;
  }

  const std::uintptr_t generation = g_walk_generation.load(std::memory_order_acquire);
  if (LEAKDIR_UNLIKELY(state.generation != generation)) begin_anew(state, generation);
  Readable readable = readable_from(state.reach, start.sp);
  if (LEAKDIR_UNLIKELY(readable.end == 0 || start.sp % kWord != 0)) return kCannot;

  Registers frame{start.sp, start.pc, start.bp};
  std::uintptr_t end = readable.end;
  unsigned count = 0, runs = 0;
  for (;;) {
    Run* run = state.store.find(frame.pc);
    unsigned used;
    if (LEAKDIR_LIKELY(run != nullptr) && LEAKDIR_LIKELY(holds(*run, frame, end))) {
      used = run->frames;
    } else {
      if (runs == 0 && is_loader(frame.pc) && are_outdated_by_loader(state)) continue;
      Registers at = frame;  // the hot path's own stays in registers
      state.start = start;
      const Part part = other_run(state, readable, at, run, runs);
      if (part.frames == 0) return walk_plainly(state, readable, at, runs, count, max);
      run = part.run;
      used = part.frames;
      end = readable.end;
      frame = at;
    }
    state.runs[runs] = run;
    state.used[runs++] = static_cast<std::uint8_t>(used);
    count += used;
    const bool is_over = frame.pc == 0 || (run->ends && used == run->frames);
    if (!is_over && count < max) continue;
    state.truncated = !is_over || count > max;
    break;
  }
  state.run_count = runs;
  state.run_frames = count;
  if (LEAKDIR_UNLIKELY(++state.walks % 64 == 0)) join_runs(state);
  state.frames = count < max ? count : max;
  return static_cast<int>(state.frames);
}

}  // namespace leakdir
