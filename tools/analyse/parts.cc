// SPDX-License-Identifier: BSL-1.0
#include "parts.hh"

#include <fmt/format.h>

#include <algorithm>
#include <map>
#include <tuple>
#include <utility>

#include "base/words.hh"
#include "runtime_code.hh"

namespace leakdir::tool {

namespace {

std::string_view last_part(std::string_view path) { return path.substr(path.rfind('/') + 1); }

bool has_function(const StackLine& at) { return at.line != nullptr && !at.line->function.empty(); }

// The frame whose name the part has; kNoFrame: there is none.
std::size_t frame_of(By by, const StackLines& stack, const Wrappers& wrappers) {
  if (stack.lines.empty()) return kNoFrame;
  if (by == By::kCaller) return 0;
  if (by != By::kModule) return wrappers.own_frame(stack);
  const auto asks = [&](const StackLine& at) {
    return !at.module.empty() && !is_runtime_module(at.module) &&
           !(has_function(at) && (is_runtime_line(*at.line) || wrappers.is_wrapper(at.line->function)));
  };
  const auto found = std::find_if(stack.lines.begin(), stack.lines.end(), asks);
  if (found != stack.lines.end()) return static_cast<std::size_t>(found - stack.lines.begin());
  return wrappers.own_frame(stack);
}

// "app+0x200" where no function is known. `at` is of this snapshot: its id has the frame.
std::string function_name(const Snapshot& snapshot, const StackLine& at) {
  const bool is_of_program = at.is_program || at.module.empty();
  const std::string module = printable(last_part(at.module));
  if (has_function(at)) {
    const std::string function = readable_function(at.line->function);
    return is_of_program ? function : fmt::format("{} ({})", function, module);
  }
  const Frame& frame = snapshot.frames[static_cast<std::uint32_t>(at.id >> 32)];
  const std::string offset = hex_of(offset_of(snapshot, frame));
  return at.module.empty() ? offset : fmt::format("{}+{}", module, offset);
}

// "FILE:LINE" of the macro hook; empty: none.
std::string place_of(const Snapshot& snapshot, std::uint32_t stack) {
  if (stack == kNone) return {};
  const Frame& frame = snapshot.frames[snapshot.nodes[stack].frame];
  return frame.is_place ? fmt::format("{}:{}", printable(snapshot.places[frame.module]), frame.pc) : "";
}

std::string name_of(By by, const Snapshot& snapshot, const Group& group, const StackLines& stack,
                    const Wrappers& wrappers) {
  const std::string place = place_of(snapshot, group.stack);
  const std::size_t index = frame_of(by, stack, wrappers);
  const StackLine at = index == kNoFrame ? StackLine() : stack.lines[index];
  const std::string file = at.line == nullptr ? "" : printable(at.line->file);
  switch (by) {
    case By::kCaller:
      if (!place.empty()) return place;
      if (index == kNoFrame) break;
      return function_name(snapshot, at) + (file.empty() ? "" : fmt::format(" {}:{}", file, at.line->line));
    case By::kFile:
      if (file.empty() && !stack.place.empty()) return printable(stack.place);
      return file.empty() ? "[no file]" : file;
    case By::kModule:
      return at.module.empty() ? "[no module]" : printable(at.module);
    default:
      if (index == kNoFrame && !place.empty()) return place;
      if (index == kNoFrame) break;
      return function_name(snapshot, at);
  }
  return "[no stack]";
}

auto rank(const Part& part, Sort sort) {
  const std::uint64_t bytes = ~part.all.whole_bytes(), blocks = ~part.all.whole_blocks();
  const auto oldest = static_cast<std::uint64_t>(part.oldest_ns);
  switch (sort) {
    case Sort::kBlocks:
      return std::tuple(blocks, bytes, oldest);
    case Sort::kAge:
      return std::tuple(oldest, bytes, blocks);
    default:
      return std::tuple(bytes, blocks, oldest);
  }
}

// Makes a tree of paths.
class TreeMaker {
 public:
  explicit TreeMaker(Sort sort) : sort_(sort) {}

  void add(const std::vector<std::string>& path, std::uint64_t blocks, std::uint64_t bytes) {
    Node* node = &root_;
    node->add(blocks, bytes);
    for (const auto& name : path) {
      node = &node->callers[name];
      node->add(blocks, bytes);
    }
    node->own_blocks += blocks;
    node->own_bytes += bytes;
  }

  CallerTree make(const std::string& name) const { return made(name, root_); }

 private:
  struct Node {
    std::uint64_t blocks = 0, bytes = 0, own_blocks = 0, own_bytes = 0;
    std::map<std::string, Node> callers;

    void add(std::uint64_t more_blocks, std::uint64_t more_bytes) {
      blocks += more_blocks;
      bytes += more_bytes;
    }
  };

  // As deep as a stack, no more.
  CallerTree made(const std::string& name, const Node& node) const {
    CallerTree tree{name, node.blocks, node.bytes, {}};
    for (const auto& [caller, below] : node.callers) tree.callers.push_back(made(caller, below));
    if (!node.callers.empty() && node.own_blocks != 0)
      tree.callers.push_back({kOutermost, node.own_blocks, node.own_bytes, {}});
    std::stable_sort(tree.callers.begin(), tree.callers.end(), [this](const CallerTree& a, const CallerTree& b) {
      return sort_ == Sort::kBlocks ? std::tie(a.blocks, a.bytes) > std::tie(b.blocks, b.bytes)
                                    : std::tie(a.bytes, a.blocks) > std::tie(b.bytes, b.blocks);
    });
    return tree;
  }

  Sort sort_;
  Node root_;
};

}  // namespace

Parts parts_of(By by, const Snapshot& snapshot, const FrameLines& lines, const Wrappers& wrappers, Grouped& grouped) {
  Parts result;
  result.by = by;
  std::map<std::string, std::size_t> part_of;
  for (std::size_t i = 0; i < grouped.groups.size(); ++i) {
    const Group& group = grouped.groups[i];
    const std::string name = name_of(by, snapshot, group, lines_of(snapshot, lines, group.stack), wrappers);
    auto [at, is_new] = part_of.try_emplace(name, result.parts.size());
    if (is_new) result.parts.push_back({name, 0, 0, {}, group.oldest_ns, {}});
    Part& part = result.parts[at->second];
    part.blocks += group.blocks.size();
    part.bytes += group.bytes;
    part.all += group.all;
    part.oldest_ns = std::min(part.oldest_ns, group.oldest_ns);
    part.groups.push_back(i);
  }
  std::stable_sort(result.parts.begin(), result.parts.end(),
                   [&](const Part& a, const Part& b) { return rank(a, grouped.sort) < rank(b, grouped.sort); });
  std::vector<Group> in_order;
  in_order.reserve(grouped.groups.size());
  for (auto& part : result.parts) {
    for (auto& index : part.groups) {
      in_order.push_back(std::move(grouped.groups[index]));
      index = in_order.size() - 1;
    }
  }
  grouped.groups = std::move(in_order);
  result.shown = result.parts.size();
  return result;
}

CallerTree callers_of(const Part& part, By by, const Snapshot& snapshot, const FrameLines& lines,
                      const Wrappers& wrappers, const Grouped& grouped) {
  TreeMaker tree(grouped.sort);
  for (std::size_t index : part.groups) {
    const Group& group = grouped.groups[index];
    const StackLines stack = lines_of(snapshot, lines, group.stack);
    std::vector<std::string> path;
    const std::size_t first = frame_of(by, stack, wrappers);
    // A file or a module has functions of its own before it has callers.
    const bool has_function_of_its_own = by == By::kFile || by == By::kModule;
    for (std::size_t i = first == kNoFrame ? stack.lines.size() : first; i < stack.lines.size(); ++i) {
      if (i != first || has_function_of_its_own) path.push_back(function_name(snapshot, stack.lines[i]));
      if (has_function(stack.lines[i]) && stack.lines[i].line->function == "main") break;
    }
    tree.add(path, group.all.whole_blocks(), group.all.whole_bytes());
  }
  return tree.make(part.name);
}

}  // namespace leakdir::tool
