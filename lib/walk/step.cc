// SPDX-License-Identifier: BSL-1.0
//
// One frame of a walk: where its rule comes from, and how one is followed.

#include "step.hh"

#include "by_code.hh"
#include "call_site.hh"
#include "fast_walk_cfi.hh"
#include "fast_walk_reach.hh"
#include "find_fde.hh"
#include "hands_on_to_exit.hh"
#include "processor.hh"

namespace leakdir {
namespace {

// ---- Rules ------------------------------------------------------------------------------------------------------

constexpr Rule kRuleEnd{RuleKind::kEnd, 0, 0};
constexpr Rule kRuleCannot{RuleKind::kCannot, 0, 0};
constexpr Rule kRuleNoTable{RuleKind::kNoTable, 0, 0};

// libgcc, which is asked of code in no module, allocates in its first look, under its mutex: asked from there, on the
// way to what it looks for (a signal's return, code that was made at run time), it would wait for ever.
LEAKDIR_SLOW bool may_ask_libgcc(const WalkStart& start) {
  constexpr std::uintptr_t kLooksFrames = 2048;  // more than those from the one that allocates to that look's
  const std::uintptr_t end = can_ask() ? readable_end_at(start.sp) : 0;
  return !may_be_in_libgccs_search(start.pc, start.sp, end < start.sp + kLooksFrames ? end : start.sp + kLooksFrames);
}

Rule learn(std::uintptr_t pc, const WalkStart* start) {
  find_loader();
  if (tables_are_gone() || !RuleCache::holds(pc)) return kRuleCannot;
  if (start != nullptr && !is_in_module(pc - 1) && !may_ask_libgcc(*start)) return kRuleCannot;
  CfiRow row;
  Rule rule = kRuleCannot;
  switch (read_cfi_row(pc, kColumns, &row)) {
    case CfiAnswer::kRow:
      rule = rule_of(row);
      break;
    case CfiAnswer::kNoTable:
      // Code without tables ends the stack, here as there.
      rule = is_program_entry(pc) || hands_on_to_exit(pc) ? kRuleEnd
             : is_signal_return(pc)                       ? kRuleCannot
                                                          : kRuleNoTable;
      if (kWalksByCode && rule.kind() == RuleKind::kNoTable && is_in_module(pc - 1)) rule = rule_by_code(pc);
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

}  // namespace

Rule rule_for(std::uintptr_t pc, const WalkStart* start) noexcept {
  if (__builtin_expect(RuleCache::holds(pc), 1)) {
    const Rule rule = g_rules.find(pc);
    if (__builtin_expect(rule.kind() != RuleKind::kNone, 1)) return rule;
  }
  return learn(pc, start);
}

// ---- One frame --------------------------------------------------------------------------------------------------

Readable readable_by_asking(StackReach& reach, std::uintptr_t thread, std::uintptr_t sp) noexcept {
  if (is_own_stack(reach, sp, thread)) return {reach.hi, true};
  return {can_ask() ? readable_end_at(sp) : 0, false};
}

namespace {

// The caller's frame is said to begin at `cfa`, where nothing is known to be readable.
Step follow_beyond(Readable& readable, std::uintptr_t sp, std::uintptr_t cfa) {
  if (cfa > sp && cfa % kWord == 0 && !readable.is_own_stack && extend_readable(&readable.end, cfa)) return Step::kNext;
  // Another stack, or a register that does not hold what the table says. Boost would read there.
  return can_read(cfa - kWord) && can_read(cfa - 1) ? Step::kCannot : Step::kUnreadable;
}

// The frame of a function that is known by its code. Nothing is believed that its caller does not say, too.
LEAKDIR_SLOW Step follow_code(Readable& readable, Rule rule, Registers* registers) {
  Registers next = *registers;
  const auto words = static_cast<std::uint32_t>(rule.offset() / kWord);
  const bool is_from_bp = (words & kFromBpByCode) != 0;
  const Rule known(is_from_bp ? RuleKind::kFromBp : RuleKind::kFromSp, words & ~kFromBpByCode,
                   static_cast<std::uint32_t>(rule.bp_offset() / kWord));
  if (follow(readable, known, &next) != Step::kNext || !calls_function_of(next.pc, registers->pc)) {
    return Step::kNoTable;
  }
  *registers = next;
  return Step::kNext;
}

}  // namespace

std::uintptr_t cfa_through_bp(std::uintptr_t readable_end, const Registers& at, std::uintptr_t offset) noexcept {
  const std::uintptr_t slot = at.bp - offset;
  if (slot % kWord != 0 || slot < at.sp || at.bp < slot || at.bp >= readable_end) return 0;
  const std::uintptr_t cfa = word_at(slot);
  return cfa > at.bp + kWord ? cfa : 0;
}

Step follow(Readable& readable, Rule rule, Registers* registers) noexcept {
  const Registers at = *registers;
  std::uintptr_t cfa = (rule.kind() == RuleKind::kFromSp ? at.sp : at.bp) + rule.offset();
  std::uintptr_t bp_offset = rule.bp_offset();
  if (rule.kind() > RuleKind::kFromBp) {
    if (rule.kind() == RuleKind::kEnd) return Step::kEnd;
    if (rule.kind() == RuleKind::kNoTable) return Step::kNoTable;
    if (rule.kind() == RuleKind::kCannot) return Step::kCannot;
    if (kWalksByCode && rule.kind() == RuleKind::kByCode) return follow_code(readable, rule, registers);
    cfa = cfa_through_bp(readable.end, at, rule.offset());
    if (cfa == 0) return Step::kCannot;
    bp_offset = cfa - at.bp;
  }
  if (cfa <= at.sp || cfa > readable.end || cfa % kWord != 0) {
    const Step step = follow_beyond(readable, at.sp, cfa);
    if (step != Step::kNext) return step;
  }
  const std::uintptr_t address = cfa - rule.address_offset();
  if (Rule::kHasLinkRegister && address < at.sp) return Step::kCannot;
  if (bp_offset != 0) {
    if (cfa - bp_offset < at.sp) return Step::kCannot;
    registers->bp = word_at(cfa - bp_offset);
  }
  registers->sp = cfa;
  registers->pc = rule.is_signed() ? without_signature(word_at(address)) : word_at(address);
  return registers->pc != 0 ? Step::kNext : Step::kEnd;
}

}  // namespace leakdir
