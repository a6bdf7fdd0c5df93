// SPDX-License-Identifier: BSL-1.0
#include "suppressions_for.hh"

#include <fmt/format.h>

#include <cstdint>
#include <unordered_map>
#include <utility>

#include "base/words.hh"
#include "function_name.hh"
#include "pattern.hh"
#include "runtime_code.hh"
#include "suppressions.hh"

namespace leakdir::tool {

namespace {

using Kind = FramePattern::Kind;

std::string_view last_part(std::string_view path) { return path.substr(path.rfind('/') + 1); }

bool is_runtime(const StackLine& at) {
  return is_runtime_module(at.module) || (at.line != nullptr && is_runtime_function(at.line->function));
}

bool has_function(const StackLine& at) { return at.line != nullptr && !at.line->function.empty(); }

// That the stack went through libc, or through the program, says nothing.
bool is_telling(const StackLine& at) {
  return !is_runtime(at) && (has_function(at) || (!at.is_program && !last_part(at.module).empty()));
}

FramePattern pattern_of(const StackLine& at) {
  if (has_function(at)) return {Kind::kFunction, glob_of(readable_function(name_in_any_build(at.line->function)))};
  if (at.module.empty()) return {Kind::kFunction, glob_of("???")};
  const bool has_directory = at.module.find('/') != std::string_view::npos;
  return {Kind::kModule, (has_directory ? "*/" : "") + glob_of(last_part(at.module))};
}

// As far as main, or as a thread's first function: what calls them is another one elsewhere.
std::size_t length_of(const StackLines& stack) {
  std::size_t end = 0;
  for (std::size_t i = 0; i < stack.lines.size(); ++i) {
    if (has_function(stack.lines[i]) && stack.lines[i].line->function == "main") return i + 1;
    if (!is_runtime(stack.lines[i])) end = i + 1;
  }
  return end == 0 ? stack.lines.size() : std::min(end + 1, stack.lines.size());
}

std::string name_of(const StackLines& stack, const Wrappers& wrappers) {
  const std::size_t own = wrappers.own_frame(stack);
  std::string name;
  if (own != kNoFrame)
    name = has_function(stack.lines[own]) ? readable_function(stack.lines[own].line->function)
                                          : printable(last_part(stack.lines[own].module));
  if (name.empty()) name = printable(last_part(stack.place));
  const bool is_line = !name.empty() && name != "}" && name.front() != '#' && name.front() != ' ';
  return is_line ? name : "a stack " + name;
}

// Without frames: nothing is known that could tell the stack.
Suppression block_for(std::string_view call, const StackLines& stack, const Wrappers& wrappers) {
  Suppression rule;
  rule.name = name_of(stack, wrappers);
  bool is_told = !stack.place.empty();
  for (const auto& at : stack.lines) is_told = is_told || is_telling(at);
  if (!is_told) return rule;
  rule.frames.push_back({Kind::kFunction, glob_of(call)});
  if (!stack.place.empty()) rule.frames.push_back({Kind::kFile, glob_of(stack.place)});
  const std::size_t length = length_of(stack);
  for (std::size_t i = 0; i < length; ++i) rule.frames.push_back(pattern_of(stack.lines[i]));
  return rule;
}

// What two stacks of one rule have in common, as a key: its frames.
std::string key_of(const Suppression& rule, std::size_t frames) {
  std::string key;
  for (std::size_t i = 0; i < std::min(frames, rule.frames.size()); ++i)
    key += fmt::format("{}:{}\n", static_cast<int>(rule.frames[i].kind), rule.frames[i].glob);
  return key;
}

struct Amount {
  std::uint64_t blocks = 0, bytes = 0, stacks = 0;

  void add(const Group& group) {
    ++stacks;
    blocks += group.blocks.size();
    bytes += group.bytes;
  }
  std::string in_words() const {
    return fmt::format("{}, {} in {}", count_of(blocks, "block"), bytes_of(bytes), count_of(stacks, "stack"));
  }
};

struct Made {
  Suppression rule;
  Amount from, more;  // what it was made from, and what else it would take
};

}  // namespace

MadeSuppressions suppressions_for(const Snapshot& snapshot, const FrameLines& lines, const Grouped& grouped,
                                  std::size_t shown, const Wrappers& wrappers) {
  constexpr std::size_t kCallAndFirst = 2;
  // In the order of the report: what is largest comes first.
  std::vector<Made> all;
  Amount nameless;
  std::unordered_map<std::string, std::size_t> made_of;
  // Which rules may take a stack that begins so; those that begin with a module may take any.
  std::unordered_map<std::string, std::vector<std::size_t>> beginning_as;
  std::vector<std::size_t> beginning_anyhow;
  const auto stack_of = [&](const Group& group) { return lines_of(snapshot, lines, group.stack); };
  const auto call_of = [](const Group& group) { return ledger::kCallNames[group.call]; };
  for (std::size_t i = 0; i < shown; ++i) {
    const Group& group = grouped.groups[i];
    Suppression rule = block_for(call_of(group), stack_of(group), wrappers);
    if (rule.frames.empty()) {
      nameless.add(group);
      continue;
    }
    auto [at, is_new] = made_of.try_emplace(key_of(rule, rule.frames.size()), all.size());
    if (is_new) {
      const bool is_by_module = rule.frames.size() > 1 && rule.frames[1].kind == Kind::kModule;
      (is_by_module ? beginning_anyhow : beginning_as[key_of(rule, kCallAndFirst)]).push_back(all.size());
      all.push_back({std::move(rule), {}, {}});
    }
    all[at->second].from.add(group);
  }
  const std::vector<Suppression> none;
  Matcher matcher(none);
  for (std::size_t i = 0; i < grouped.groups.size(); ++i) {
    const Group& group = grouped.groups[i];
    const StackLines stack = stack_of(group);
    const Suppression own = block_for(call_of(group), stack, wrappers);
    const std::string key = key_of(own, own.frames.size());
    std::vector<std::size_t> candidates = beginning_anyhow;
    const auto found = beginning_as.find(key_of(own, kCallAndFirst));
    if (found != beginning_as.end()) candidates.insert(candidates.end(), found->second.begin(), found->second.end());
    for (std::size_t candidate : candidates) {
      Made& made = all[candidate];
      const bool is_made_from_it = i < shown && key_of(made.rule, made.rule.frames.size()) == key;
      if (!is_made_from_it && matcher.takes(made.rule, call_of(group), stack)) made.more.add(group);
    }
  }
  MadeSuppressions result;
  for (const auto& made : all) {
    result.text += fmt::format("# {}\n", made.from.in_words());
    if (made.more.stacks != 0) {
      result.text += fmt::format("# It hides more than it was made from: {}\n", made.more.in_words());
      result.warnings.push_back(fmt::format("the suppression {} hides more than it was made from: {}",
                                            made.rule.in_words(), made.more.in_words()));
    }
    result.text += text_of_block(made.rule);
  }
  if (nameless.stacks != 0)
    result.text += fmt::format("# {}: no name is known to suppress them by\n", nameless.in_words());
  return result;
}

}  // namespace leakdir::tool
