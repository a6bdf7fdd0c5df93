// SPDX-License-Identifier: BSL-1.0
//
// How a whole stack is learnt: it is walked once more, frame by frame, and each word that decides where the walk goes
// is noted. (step.hh follows the frames; what it reads is said there.)

#include "whole_stack.hh"

#include "step.hh"
#include "system/base.hh"

namespace leakdir {
namespace {

static_assert(WholeStack::kMostChecks == 3 * kFastWalkMaxFrames);  // so there is always room

constexpr std::uintptr_t kNowhere = 0;

// Notes the word at `address`, which can be read. False: there are too many, or it is too far away.
bool note(WholeStackDraft& draft, std::uintptr_t address) {
  const std::uintptr_t place = address - draft.start.sp;
  const unsigned checks = draft.stack.checks;
  if (place > UINT32_MAX || checks == WholeStack::kMostChecks) return false;
  draft.words[checks] = word_at(address);
  draft.places[checks] = static_cast<WholeStackPlace>(place);
  ++draft.stack.checks;
  return true;
}

// The frame is found by rbp: as it was at the start, or as a frame further in has saved it. Noted once.
bool note_bp(WholeStackDraft& draft, std::uintptr_t* saved_at, bool* is_noted) {
  draft.stack.kind = WholeStack::Kind::kAtSp;
  if (*is_noted) return true;
  *is_noted = true;
  if (*saved_at != kNowhere) return note(draft, *saved_at);
  draft.stack.uses_bp = true;
  return true;
}

// Whether a frame with this rule can be of a stack that is kept: what it comes to depends on the stack alone.
bool is_decided_by_stack(Rule rule, std::uintptr_t pc) {
  return rule.kind() <= RuleKind::kThroughBp ||
         (rule.kind() == RuleKind::kEnd && g_rules.find(pc).kind() == RuleKind::kEnd);  // only if it is kept
}

// Walks as fast_walk(state, start, max) has, and notes what decides it. False where that is not all on the stack.
bool note_walk(WholeStackDraft& draft, const FastWalkState& state, const WalkStart& start, unsigned max) {
  Readable readable = {state.reach.hi, true};
  Registers at{start.sp, start.pc, start.bp};
  std::uintptr_t bp_saved_at = kNowhere;
  bool bp_is_noted = false, is_over = false;
  unsigned frames = 0;
  while (!is_over && frames != max) {
    const Rule rule = rule_for(at.pc);
    if (!is_decided_by_stack(rule, at.pc)) return false;
    ++frames;
    is_over = rule.kind() == RuleKind::kEnd;
    if (is_over) break;
    if (rule.kind() != RuleKind::kFromSp && !note_bp(draft, &bp_saved_at, &bp_is_noted)) return false;
    Registers next = at;
    const Step step = follow(readable, rule, &next);
    if (step != Step::kNext && step != Step::kEnd) return false;
    if (rule.kind() == RuleKind::kThroughBp && !note(draft, at.bp - rule.offset())) return false;
    if (!note(draft, next.sp - rule.address_offset())) return false;
    const std::uintptr_t saved_at = rule.kind() == RuleKind::kThroughBp ? at.bp
                                    : rule.bp_offset() != 0             ? next.sp - rule.bp_offset()
                                                                        : kNowhere;
    if (saved_at != kNowhere) {
      bp_saved_at = saved_at;
      bp_is_noted = false;
    }
    is_over = step == Step::kEnd;
    at = next;
  }
  return frames == state.frames && is_over != state.truncated;
}

// So that their number is a multiple, the first is looked at again.
void fill_up(WholeStackDraft& draft) {
  for (std::uint16_t& checks = draft.stack.checks; checks % kWordsAtOnce != 0; ++checks) {
    draft.words[checks] = draft.words[0];
    draft.places[checks] = draft.places[0];
  }
}

}  // namespace

LEAKDIR_SLOW void learn_whole_stack(FastWalkState& state, const WalkStart& start, unsigned max,
                                    std::uint64_t known) noexcept {
  if (state.plain_count != 0 || state.generation != g_walk_generation.load(std::memory_order_acquire)) return;
  // Of a stack that begins in the loader it may have to be asked what has changed.
  if (is_loader(start.pc) || start.sp % kWord != 0 || !is_known_to_be_own_stack(state.reach, start.sp)) return;
  WholeStack* const kept = kept_whole_stack(state, start);
  if (kept != nullptr) {
    kept->known = known;
    return;
  }
  const std::uintptr_t depth = state.reach.hi - start.sp;
  if (depth > UINT32_MAX) return;
  WholeStackDraft& draft = state.whole_draft;
  draft.stack = {start.pc, 0, known, static_cast<std::uint32_t>(depth), WholeStack::Kind::kFromSp, false, 0};
  draft.start = {start.sp, start.bp};
  state.whole.begin_to_learn();
  if (max > kFastWalkMaxFrames) max = kFastWalkMaxFrames;
  if (!note_walk(draft, state, start, max)) return;
  fill_up(draft);
  if (state.generation == g_walk_generation.load(std::memory_order_acquire)) state.whole.add(draft);
}

}  // namespace leakdir
