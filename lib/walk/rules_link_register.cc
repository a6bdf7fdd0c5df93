// SPDX-License-Identifier: BSL-1.0
//
// Rules from call frame information, where a call leaves the return address in a register.

#include "processor.hh"
#include "step.hh"

namespace leakdir {

Rule rule_of(const CfiRow& row) noexcept {
  constexpr Rule kCannot{RuleKind::kCannot, 0, 0};
  // An undefined return address marks the outermost frame, whatever else the row says.
  if (row.return_address.how == SavedHow::kUndefined) return Rule(RuleKind::kEnd, 0, 0);
  // A function that has not saved it calls nobody: only a signal comes there.
  if (row.return_address.how != SavedHow::kAtCfa || row.cfa_how != CfaHow::kRegister) return kCannot;
  if (row.stack_pointer.how != SavedHow::kUnchanged && row.stack_pointer.how != SavedHow::kUndefined) return kCannot;

  const bool from_sp = row.cfa_column == kColumns.stack_pointer;
  if (!from_sp && row.cfa_column != kColumns.frame_pointer) return kCannot;
  std::int64_t bp_offset = 0;
  if (row.frame_pointer.how == SavedHow::kAtCfa) {
    bp_offset = -std::int64_t{row.frame_pointer.offset};
    if (bp_offset == 0) return kCannot;
  } else if (row.frame_pointer.how != SavedHow::kUnchanged && row.frame_pointer.how != SavedHow::kUndefined) {
    return kCannot;
  }
  const Rule rule = Rule::of(from_sp ? RuleKind::kFromSp : RuleKind::kFromBp, row.cfa_offset,
                             -std::int64_t{row.return_address.offset}, bp_offset, row.address_is_signed);
  return rule.kind() == RuleKind::kNone ? kCannot : rule;
}

}  // namespace leakdir
