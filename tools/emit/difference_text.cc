// SPDX-License-Identifier: BSL-1.0
#include "difference_text.hh"

#include <fmt/format.h>

#include <cstdlib>

#include "base/words.hh"

namespace leakdir::tool {

namespace {

// ", 2 definitely lost (before: 2 still reachable)"
std::string kinds_text(const Difference& difference) {
  const std::string now = kinds_of(difference.stack());
  if (now.empty()) return {};
  const std::string before =
      difference.before == nullptr || difference.after == nullptr ? "" : kinds_of(*difference.before);
  return ", " + now + (before.empty() || before == now ? "" : fmt::format(" (before: {})", before));
}

}  // namespace

const char* name_of(Fate fate) {
  switch (fate) {
    case Fate::kNew:
      return "new";
    case Fate::kGrown:
      return "grown";
    case Fate::kLost:
      return "lost";
    case Fate::kShrunk:
      return "shrunk";
    case Fate::kGone:
      return "gone";
    case Fate::kUnread:
      return "not read";
    default:
      return "same";
  }
}

std::string signed_count(std::int64_t count, const char* noun) {
  return fmt::format("{:+} {}{}", count, noun, std::abs(count) == 1 ? "" : "s");
}

std::string frames_text(const TallyStack& stack) {
  std::string text;
  if (!stack.place.empty()) text += fmt::format("    at {}\n", printable(stack.place));
  unsigned number = 0;
  for (const auto& frame : stack.frames) {
    const SourceLine& line = frame.line;
    const std::string position = printable(!line.file.empty()     ? fmt::format("{}:{}", line.file, line.line)
                                           : frame.module.empty() ? frame.offset
                                                                  : fmt::format("{}+{}", frame.module, frame.offset));
    text +=
        fmt::format("    #{} {}{}{}\n", number++, line.function.empty() ? "" : readable_function(line.function) + " ",
                    position, line.inlined ? " (inlined)" : "");
  }
  if (stack.frames.empty())
    for (const auto& name : stack.identity) text += fmt::format("    #{} {}\n", number++, printable(name));
  return text.empty() ? "    (no stack)\n" : text;
}

std::string own_frame_text(const TallyStack& stack) {
  if (stack.own == 0 || stack.own >= stack.frames.size()) return {};
  return fmt::format(", in {} (#{})", own_function_of(stack), stack.own);
}

std::string difference_head(const Difference& difference) {
  std::string text = fmt::format("{}: {}, {}", name_of(difference.fate), signed_count(difference.bytes, "byte"),
                                 signed_count(difference.blocks, "block"));
  if (difference.before != nullptr && difference.after != nullptr)
    text += fmt::format(" ({} in {} -> {} in {})", difference.before->bytes, difference.before->blocks,
                        difference.after->bytes, difference.after->blocks);
  const TallyStack& stack = difference.stack();
  return fmt::format("{}, {}{}{}", text, printable(stack.call), kinds_text(difference), own_frame_text(stack));
}

std::string difference_text(const Difference& difference) {
  return fmt::format("\n{}\n{}", difference_head(difference), frames_text(difference.stack()));
}

std::string bad_free_difference_head(const Difference& difference) {
  return fmt::format("{}: {}: {}", name_of(difference.fate), signed_count(difference.blocks, "bad free"),
                     printable(difference.stack().call));
}

std::string bad_free_difference_text(const Difference& difference) {
  return fmt::format("\n{}\n{}", bad_free_difference_head(difference), frames_text(difference.stack()));
}

}  // namespace leakdir::tool
