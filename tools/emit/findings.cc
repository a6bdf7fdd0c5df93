// SPDX-License-Identifier: BSL-1.0
#include "findings.hh"

#include <fmt/format.h>

#include <filesystem>

#include "base/words.hh"
#include "difference_text.hh"

namespace leakdir::tool {

std::string finding_head(const CheckReport& report, const Difference& difference) {
  if (report.is_compared) return difference_head(difference);
  const TallyStack& stack = difference.stack();
  const auto all = static_cast<double>(report.now.bytes());
  const std::string kinds = kinds_of(stack);
  return fmt::format("{} in {}{}, {}{}{}", bytes_of(stack.bytes), count_of(stack.blocks, "block"),
                     all == 0 ? "" : fmt::format(", {:.1f} %", 100.0 * static_cast<double>(stack.bytes) / all),
                     printable(stack.call), kinds.empty() ? "" : ", " + kinds, own_frame_text(stack));
}

std::string bad_free_head(const CheckReport& report, const Difference& difference) {
  if (report.is_compared) return bad_free_difference_head(difference);
  const TallyStack& stack = difference.stack();
  return fmt::format("{}: {}", count_of(stack.blocks, "bad free"), printable(stack.call));
}

const char* finding_name(const CheckReport& report, const Difference& difference) {
  if (!report.is_compared) return "leak";
  switch (difference.fate) {
    case Fate::kGrown:
      return "leak that grew";
    case Fate::kLost:
      return "held block that is lost";
    case Fate::kNew:
      return "new leak";
    default:
      return "leak";  // that is known: all together are too much
  }
}

std::string not_shown_text(const CheckReport& report) {
  const std::size_t stacks = report.verdict.stacks.size() - report.shown,
                    bad_frees = report.verdict.bad_frees.size() - report.shown_bad_frees;
  std::string text;
  if (stacks != 0) text = count_of(stacks, "more stack") + " by function";
  if (bad_frees != 0) text += (text.empty() ? "" : ", ") + count_of(bad_frees, "more place") + " of bad frees";
  return text.empty() ? "" : text + " not shown";
}

SourcePosition position_of(const CheckReport& report, const SourceLine& line) {
  if (line.file.empty()) return {};
  namespace fs = std::filesystem;
  const fs::path file = fs::path(line.file).lexically_normal();
  if (file.is_relative()) return {file.string(), line.line, false};  // to what, nobody knows
  const fs::path relative = file.lexically_relative(fs::path(report.source_root).lexically_normal());
  const bool is_below = !report.source_root.empty() && !relative.empty() && *relative.begin() != "..";
  return {is_below ? relative.string() : file.string(), line.line, is_below};
}

SourcePosition position_of(const CheckReport& report, const TallyStack& stack) {
  return stack.own < stack.frames.size() ? position_of(report, stack.frames[stack.own].line) : SourcePosition();
}

}  // namespace leakdir::tool
