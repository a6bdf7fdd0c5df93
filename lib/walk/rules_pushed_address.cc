// SPDX-License-Identifier: BSL-1.0
//
// Rules from call frame information, where a call pushes the return address.

#include "processor.hh"
#include "step.hh"

namespace leakdir {
namespace {

constexpr Rule kRuleEnd{RuleKind::kEnd, 0, 0};
constexpr Rule kRuleCannot{RuleKind::kCannot, 0, 0};

// The number of words in a byte offset that is to lie in 0 .. max; above max where it does not.
std::uint32_t words_in(std::int64_t offset, std::uint32_t max) {
  if (offset < 0 || offset % std::int64_t{kWord} != 0 || offset / std::int64_t{kWord} > max) return max + 1;
  return static_cast<std::uint32_t>(offset / std::int64_t{kWord});
}

}  // namespace

Rule rule_of(const CfiRow& row) noexcept {
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
    bp_words = words_in(-std::int64_t{row.frame_pointer.offset}, Rule::kMaxBpWords);
    if (bp_words < 2 || bp_words > Rule::kMaxBpWords) return kRuleCannot;
  } else if (row.frame_pointer.how != SavedHow::kUnchanged && row.frame_pointer.how != SavedHow::kUndefined) {
    return kRuleCannot;
  }
  return Rule(from_sp ? RuleKind::kFromSp : RuleKind::kFromBp, words, bp_words);
}

}  // namespace leakdir
