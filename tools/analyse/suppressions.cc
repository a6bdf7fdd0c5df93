// SPDX-License-Identifier: BSL-1.0
//
// Reads rules, matches patterns, and writes rules for what is listed.

#include "suppressions.hh"

#include <fmt/format.h>

#include <algorithm>
#include <iterator>
#include <unordered_set>

#include "base/error.hh"
#include "base/words.hh"
#include "runtime_code.hh"

namespace leakdir::tool {

namespace {

constexpr std::string_view kSpace = " \t\r\v\f";
constexpr std::size_t kMaxQuoted = 60;

std::string_view trimmed(std::string_view text) {
  const std::size_t first = text.find_first_not_of(kSpace);
  if (first == std::string_view::npos) return {};
  return text.substr(first, text.find_last_not_of(kSpace) - first + 1);
}

// The tool whose type of suppression this is. Its files look the same as ours.
const char* reader_of(std::string_view type) {
  static constexpr std::string_view kThreads[] = {"race",   "race_top", "mutex",          "thread",
                                                  "signal", "deadlock", "called_from_lib"};
  static constexpr std::string_view kAddresses[] = {"interceptor_name", "interceptor_via_fun", "interceptor_via_lib",
                                                    "odr_violation", "alloc_dealloc_mismatch"};
  if (std::find(std::begin(kThreads), std::end(kThreads), type) != std::end(kThreads)) return "ThreadSanitizer";
  if (std::find(std::begin(kAddresses), std::end(kAddresses), type) != std::end(kAddresses)) return "AddressSanitizer";
  return nullptr;
}

// What is wrong with a line; empty if nothing is.
std::string fault_of(std::string_view line) {
  if (line.front() == '{') return "this is a suppression of Valgrind's; leakdir reads LeakSanitizer's, leak:PATTERN";
  const std::size_t colon = line.find(':');
  const std::string_view type = line.substr(0, colon);
  if (colon != std::string_view::npos) {
    if (type == "leak")
      return line.size() > colon + 1 ? "" : "leak: without a pattern; leak:* would suppress everything";
    if (const char* tool = reader_of(type))
      return fmt::format("{}: is for {}; leaks are suppressed by leak:PATTERN", type, tool);
  }
  const bool is_long = line.size() > kMaxQuoted;
  return fmt::format("\"{}{}\" is no suppression; leak:PATTERN is", line.substr(0, kMaxQuoted), is_long ? "..." : "");
}

class Matcher {
 public:
  Matcher(const Snapshot& snapshot, const FrameLines& lines, const std::vector<SuppressionUse>& rules)
      : snapshot_(snapshot), lines_(lines), rules_(rules), rule_of_frame_(snapshot.frames.size(), kNotAsked) {}

  // The rule that takes the stack; kNone if none does.
  std::uint32_t rule_of(std::uint32_t stack) {
    for (; stack != kNone; stack = snapshot_.nodes[stack].parent) {
      std::uint32_t& rule = rule_of_frame_[snapshot_.nodes[stack].frame];
      if (rule == kNotAsked) rule = ask(snapshot_.nodes[stack].frame);
      if (rule != kNone) return rule;
    }
    return kNone;
  }

 private:
  static constexpr std::uint32_t kNotAsked = kNone - 1;

  std::uint32_t ask(std::uint32_t index) const {
    const Frame& frame = snapshot_.frames[index];
    std::vector<std::string_view> names;
    std::vector<std::string> readable;
    readable.reserve(lines_[index].size());
    if (frame.is_place) {
      names.push_back(snapshot_.places[frame.module]);
    } else {
      for (const auto& line : lines_[index]) {
        readable.push_back(readable_function(line.function));  // as the report shows it
        names.insert(names.end(), {line.function, readable.back(), line.file});
      }
      if (frame.module != kNone) names.push_back(snapshot_.modules[frame.module].path);
    }
    for (std::uint32_t rule = 0; rule < rules_.size(); ++rule)
      for (std::string_view name : names)
        if (matches_pattern(rules_[rule].rule.pattern, name)) return rule;
    return kNone;
  }

  const Snapshot& snapshot_;
  const FrameLines& lines_;
  const std::vector<SuppressionUse>& rules_;
  std::vector<std::uint32_t> rule_of_frame_;  // the same for every stack that the frame is in
};

void count(SuppressionUse& use, const Group& group) {
  ++use.stacks;
  use.blocks += group.blocks.size();
  use.bytes += group.bytes;
}

// ---- Suppressions for what is listed --------------------------------------------------------------------------------

bool starts_with(std::string_view text, std::string_view start) { return text.substr(0, start.size()) == start; }

std::string_view last_part(std::string_view path) { return path.substr(path.rfind('/') + 1); }

// The pattern that tells the stack best: its innermost function of known source that is not the library's, else of the
// program, else any function, else a module. Empty: nothing is known that could be matched.
std::string pattern_for(const Snapshot& snapshot, const FrameLines& lines, std::uint32_t stack) {
  constexpr unsigned kNothing = 6;
  unsigned best = kNothing;
  std::string pattern;
  auto offer = [&](unsigned rank, std::string_view name) {
    // A line end cannot stand in a pattern, and other control characters need not.
    if (rank >= best || name.empty() || printable(name) != name) return;
    best = rank;
    // Nor can a `$` at its end that is part of the name.
    pattern = fmt::format("^{}{}", name, name.back() == '$' ? "*" : "$");
  };
  for (std::uint32_t index : frames_of(snapshot, stack)) {
    const Frame& frame = snapshot.frames[index];
    if (frame.is_place) {
      offer(5, snapshot.places[frame.module]);
      continue;
    }
    const Module* module = frame.module == kNone ? nullptr : &snapshot.modules[frame.module];
    for (const auto& line : lines[index]) {
      // Where paths were made relative, for reproducible builds, the file does not tell whose the line is.
      const bool is_ours = module != nullptr && module->is_program && !is_runtime_function(line.function);
      const unsigned without_path = !is_ours ? 3 : line.file.empty() ? 2 : 1;
      offer(!is_runtime_line(line) && !line.file.empty() ? 0 : without_path, line.function);
    }
    // Not the program's: that would be everything.
    if (module != nullptr && !module->is_program && best > 4 && !last_part(module->path).empty()) {
      best = 4;
      pattern = fmt::format("{}$", last_part(module->path));
    }
  }
  return pattern;
}

}  // namespace

bool matches_pattern(std::string_view pattern, std::string_view name) {
  if (name.empty()) return false;
  const bool from_start = !pattern.empty() && pattern.front() == '^';
  if (from_start) pattern.remove_prefix(1);
  const bool to_end = !pattern.empty() && pattern.back() == '$';
  if (to_end) pattern.remove_suffix(1);
  // Greedy, and goes back to the last `*` only: an earlier one could not match more. A pattern without `^` begins with
  // a `*`.
  constexpr std::size_t kNowhere = std::string_view::npos;
  std::size_t i = 0, at = 0, after_star = from_start ? kNowhere : 0, retry = 0;
  while (i < pattern.size() || (to_end && at < name.size())) {
    if (i < pattern.size() && pattern[i] == '*') {
      after_star = ++i;
      retry = at;
    } else if (i < pattern.size() && at < name.size() && pattern[i] == name[at]) {
      ++i;
      ++at;
    } else if (after_star != kNowhere && retry < name.size()) {
      i = after_star;
      at = ++retry;
    } else {
      return false;
    }
  }
  return true;
}

std::vector<Suppression> parse_suppressions(std::string_view text, const std::string& name,
                                            std::vector<std::string>* warnings) {
  std::vector<Suppression> rules;
  if (starts_with(text, "\xef\xbb\xbf")) text.remove_prefix(3);  // the mark that some editors put at the start
  for (std::size_t number = 1; !text.empty(); ++number) {
    const std::size_t end = text.find('\n');
    const std::string_view line = trimmed(text.substr(0, end));
    text.remove_prefix(end == std::string_view::npos ? text.size() : end + 1);
    if (line.empty() || line.front() == '#') continue;
    const std::string origin = fmt::format("{}:{}", name, number);
    const std::string fault = fault_of(line);
    if (fault.empty())
      rules.push_back({std::string(line.substr(line.find(':') + 1)), origin, false});
    else if (warnings == nullptr)
      throw Error(fmt::format("{}: {}", origin, fault));
    else
      warnings->push_back(fmt::format("{}: {}; the line was passed over", origin, fault));
  }
  return rules;
}

std::vector<SuppressionUse> suppress(const Snapshot& snapshot, const FrameLines& lines, std::vector<Suppression> rules,
                                     Grouped& grouped) {
  std::vector<SuppressionUse> uses;
  uses.reserve(rules.size());
  for (auto& rule : rules) uses.push_back({std::move(rule)});
  if (uses.empty()) return uses;
  Matcher matcher(snapshot, lines, uses);
  auto is_taken = [&](const Group& group) {
    const std::uint32_t rule = matcher.rule_of(group.stack);
    if (rule == kNone) return false;
    count(uses[rule], group);
    grouped.blocks -= group.blocks.size();
    grouped.bytes -= group.bytes;
    grouped.suppressed_blocks += group.blocks.size();
    grouped.suppressed_bytes += group.bytes;
    return true;
  };
  auto& groups = grouped.groups;
  groups.erase(std::remove_if(groups.begin(), groups.end(), is_taken), groups.end());
  return uses;
}

std::vector<std::string> unused(const std::vector<SuppressionUse>& rules) {
  std::vector<std::string> sentences;
  for (const auto& use : rules)
    if (use.stacks == 0 && !use.rule.is_the_programs)
      sentences.push_back(fmt::format("{}: leak:{} suppressed nothing", use.rule.origin, use.rule.pattern));
  return sentences;
}

std::string suppressions_for(const Snapshot& snapshot, const FrameLines& lines, const Grouped& grouped,
                             std::size_t shown) {
  // In the order of the report: what is largest comes first.
  std::vector<Suppression> rules;
  std::unordered_set<std::string> known;
  SuppressionUse nameless;
  for (std::size_t i = 0; i < shown; ++i) {
    std::string pattern = pattern_for(snapshot, lines, grouped.groups[i].stack);
    if (pattern.empty())
      count(nameless, grouped.groups[i]);
    else if (known.insert(pattern).second)
      rules.push_back({std::move(pattern), "", false});
  }
  auto what = [](const SuppressionUse& use) {
    return fmt::format("{}, {} in {}", count_of(use.blocks, "block"), bytes_of(use.bytes),
                       count_of(use.stacks, "stack"));
  };
  // What each takes when the file is used as it stands. One whose stacks all go to others is not needed.
  std::string text;
  Grouped rest = grouped;
  for (const auto& use : suppress(snapshot, lines, std::move(rules), rest))
    if (use.stacks != 0) text += fmt::format("# {}\nleak:{}\n", what(use), use.rule.pattern);
  if (nameless.stacks != 0) text += fmt::format("# {}: no name is known to suppress them by\n", what(nameless));
  return text;
}

}  // namespace leakdir::tool
