// SPDX-License-Identifier: BSL-1.0
#include "suppressions.hh"

#include <fmt/format.h>

#include <algorithm>
#include <utility>

#include "base/words.hh"
#include "function_name.hh"
#include "pattern.hh"
#include "runtime_code.hh"

namespace leakdir::tool {

namespace {

using Kind = FramePattern::Kind;

// What Valgrind calls a frame whose function is not known, and all that calls main.
constexpr std::string_view kUnknown = "???", kBelowMain = "(below main)";

void add(std::vector<std::string>& names, std::string name) {
  if (std::find(names.begin(), names.end(), name) == names.end()) names.push_back(std::move(name));
}

// Files of Valgrind's say which operator new by its mangled name; a pattern in one may be for any of them.
std::vector<std::string> names_of_operator_new() {
  std::vector<std::string> names = {"operator new", "operator new[]"};
  for (const char* array : {"", "[]"})
    for (const char* size : {"unsigned long", "unsigned int"})
      for (const char* more :
           {"", ", std::nothrow_t const&", ", std::align_val_t", ", std::align_val_t, std::nothrow_t const&"})
        names.push_back(fmt::format("operator new{}({}{})", array, size, more));
  for (const char* which : {"w", "a"})
    for (const char* size : {"m", "j"})
      for (const char* more : {"", "RKSt9nothrow_t", "St11align_val_t", "St11align_val_tRKSt9nothrow_t"})
        names.push_back(fmt::format("_Zn{}{}{}", which, size, more));
  return names;
}

}  // namespace

void Matcher::ask(Names& names) const {
  for (std::uint32_t rule = 0; rule < rules_.size() && names.rule == kNone; ++rule) {
    const std::string& pattern = rules_[rule].pattern;
    if (!rules_[rule].frames.empty()) continue;
    bool is_match = matches_pattern(pattern, names.file) || matches_pattern(pattern, names.module);
    for (const auto& function : names.functions) is_match = is_match || matches_pattern(pattern, function);
    if (is_match) names.rule = rule;
  }
}

const Matcher::Names& Matcher::names_of(const StackLine& at) {
  auto [found, is_new] = of_line_.try_emplace(at.id);
  Names& names = found->second;
  if (!is_new) return names;
  names.module = at.module;
  if (at.line != nullptr) {
    const std::string& function = at.line->function;
    names.file = at.line->file;
    names.is_below_main = is_runtime_function(function);
    if (!function.empty()) {
      names.functions.push_back(function);
      add(names.functions, readable_function(function));  // as the report shows it
      ask(names);
      add(names.functions, std::string(name_in_any_build(function)));
      add(names.functions, readable_function(name_in_any_build(function)));
      return names;
    }
  }
  ask(names);
  return names;
}

const Matcher::Names& Matcher::names_of_place(std::string_view file) {
  auto [found, is_new] = of_place_.try_emplace(file);
  if (is_new) {
    found->second.file = file;
    ask(found->second);
  }
  return found->second;
}

const Matcher::Names& Matcher::names_of_call(std::string_view call) {
  auto [found, is_new] = of_call_.try_emplace(call);
  if (is_new)
    found->second.functions = call == "operator new" ? names_of_operator_new() : std::vector{std::string(call)};
  return found->second;
}

bool Matcher::matches(const FramePattern& pattern, const Names& names) {
  const auto is_match = [&](std::string_view name) { return matches_glob(pattern.glob, name); };
  switch (pattern.kind) {
    case Kind::kModule:
      return is_match(names.module);
    case Kind::kFile:
      return !names.file.empty() && is_match(names.file);
    default:
      if (pattern.glob == kBelowMain) return names.is_below_main;
      if (names.functions.empty()) return is_match(kUnknown);
      return std::any_of(names.functions.begin(), names.functions.end(), is_match);
  }
}

// Greedy, as matches_glob() is; what is left of the stack does not count.
bool Matcher::begins_as(const std::vector<const Names*>& stack, std::size_t from,
                        const std::vector<FramePattern>& patterns) {
  constexpr std::size_t kNowhere = ~std::size_t{0};
  std::size_t i = 0, at = from, after_gap = kNowhere, retry = from;
  while (i < patterns.size()) {
    if (patterns[i].kind == Kind::kAnyFrames) {
      after_gap = ++i;
      retry = at;
    } else if (at < stack.size() && matches(patterns[i], *stack[at])) {
      ++i;
      ++at;
    } else if (after_gap != kNowhere && retry < stack.size()) {
      i = after_gap;
      at = ++retry;
    } else {
      return false;
    }
  }
  return true;
}

Matcher::Frames Matcher::frames_of(std::string_view call, const StackLines& stack) {
  Frames frames;
  frames.without_place.push_back(&names_of_call(call));
  for (const auto& at : stack.lines) frames.without_place.push_back(&names_of(at));
  if (stack.place.empty()) return frames;
  frames.with_place = frames.without_place;
  frames.with_place.insert(frames.with_place.begin() + 1, &names_of_place(stack.place));
  return frames;
}

bool Matcher::takes(const Suppression& block, const Frames& frames) {
  for (std::size_t from : {0, 1})
    for (const auto* all : {&frames.with_place, &frames.without_place})
      if (!all->empty() && begins_as(*all, from, block.frames)) return true;
  return false;
}

bool Matcher::takes(const Suppression& block, std::string_view call, const StackLines& stack) {
  return takes(block, frames_of(call, stack));
}

std::uint32_t Matcher::rule_of(std::string_view call, const StackLines& stack, KindSet kinds) {
  if (std::any_of(rules_.begin(), rules_.end(), [](const Suppression& rule) { return !rule.frames.empty(); })) {
    const Frames frames = frames_of(call, stack);
    for (std::uint32_t rule = 0; rule < rules_.size(); ++rule)
      if (!rules_[rule].frames.empty() && (rules_[rule].kinds & kinds) != 0 && takes(rules_[rule], frames)) return rule;
  }
  if (!stack.place.empty() && names_of_place(stack.place).rule != kNone) return names_of_place(stack.place).rule;
  for (const auto& at : stack.lines)
    if (names_of(at).rule != kNone) return names_of(at).rule;
  return kNone;
}

std::vector<SuppressionUse> suppress(const Snapshot& snapshot, const FrameLines& lines, std::vector<Suppression> rules,
                                     Grouped& grouped) {
  std::vector<SuppressionUse> uses(rules.size());
  if (rules.empty()) return uses;
  Matcher matcher(rules);
  auto is_taken = [&](const Group& group) {
    const StackLines stack = lines_of(snapshot, lines, group.stack);
    const char* const call = ledger::kCallNames[group.call];
    const std::uint32_t rule = matcher.rule_of(call, stack, kind_bit(group.reach));
    if (rule == kNone) {
      const std::uint32_t other = group.reach == ledger::Reach::kUnknown ? matcher.rule_of(call, stack) : kNone;
      if (other != kNone) uses[other].blocks_of_unknown_kind += group.blocks.size();
      return false;
    }
    ++uses[rule].stacks;
    uses[rule].blocks += group.blocks.size();
    uses[rule].bytes += group.bytes;
    grouped.blocks -= group.blocks.size();
    grouped.bytes -= group.bytes;
    grouped.all -= group.all;
    grouped.suppressed_blocks += group.blocks.size();
    grouped.suppressed_bytes += group.bytes;
    return true;
  };
  auto& groups = grouped.groups;
  groups.erase(std::remove_if(groups.begin(), groups.end(), is_taken), groups.end());
  for (std::size_t i = 0; i < rules.size(); ++i) uses[i].rule = std::move(rules[i]);
  return uses;
}

std::vector<std::string> unused(const std::vector<SuppressionUse>& rules) {
  std::vector<std::string> sentences;
  for (const auto& use : rules) {
    if (use.blocks_of_unknown_kind != 0)
      sentences.push_back(fmt::format(
          "{}: {} is for kinds of leaks ({}), and whether {} of such a kind is not known: not "
          "suppressed",
          use.rule.origin, use.rule.in_words(), words_of(use.rule.kinds),
          use.blocks_of_unknown_kind == 1 ? "1 block is" : fmt::format("{} blocks are", use.blocks_of_unknown_kind)));
    else if (use.stacks == 0 && !use.rule.is_the_programs)
      sentences.push_back(fmt::format("{}: {} suppressed nothing", use.rule.origin, use.rule.in_words()));
  }
  return sentences;
}

}  // namespace leakdir::tool
