// SPDX-License-Identifier: BSL-1.0
//
// Takes out what is known. Pure: groups in, fewer groups out. suppression_file.hh has the syntax, and commands ask
// through common_options.hh.
//
// A rule leak:PATTERN takes a stack when the pattern is found in the function, the file or the module of one of its
// frames, those that were inlined included. A block of frames takes a stack that begins, at its innermost frame, as the
// block says; what called the last of them does not count, as with Valgrind. The call itself, "malloc", is a frame of
// its own then, which a block may name or leave out.
//
// A block of frames that is for some kinds alone takes blocks of these kinds. Where the kind of a block is not known it
// does not: what it is not meant for would be hidden. That is said.
//
// Each block of memory is counted once: blocks of frames are asked first, in the order of the file; then the first
// frame from the inside that a line leak:PATTERN matches decides, and of several such lines the first.

#pragma once

#include <cstdint>
#include <string>
#include <string_view>
#include <unordered_map>
#include <vector>

#include "group.hh"
#include "load/snapshot.hh"
#include "stack_lines.hh"
#include "suppression_file.hh"

namespace leakdir::tool {

struct SuppressionUse {
  Suppression rule;
  std::uint64_t stacks = 0, blocks = 0, bytes = 0;  // that it took
  std::uint64_t blocks_of_unknown_kind = 0;         // that it did not take for that alone
};

// Which rule takes a stack. The rules and all that the stacks refer to must outlive it.
class Matcher {
 public:
  explicit Matcher(const std::vector<Suppression>& rules) : rules_(rules) {}

  // The first rule, by the order above, that takes the stack and is for one of the kinds; kNone: none does.
  std::uint32_t rule_of(std::string_view call, const StackLines& stack, KindSet kinds = kAllKinds);

  // Whether this block of frames takes it.
  bool takes(const Suppression& block, std::string_view call, const StackLines& stack);

 private:
  // What a frame may be called.
  struct Names {
    std::vector<std::string> functions;
    std::string_view file, module;
    bool is_below_main = false;
    std::uint32_t rule = kNone;  // of the lines leak:PATTERN
  };
  // From the call on, and with the place after it, if there is one. Neither has to be named by a block.
  struct Frames {
    std::vector<const Names*> without_place, with_place;
  };

  const Names& names_of(const StackLine& at);
  const Names& names_of_place(std::string_view file);
  const Names& names_of_call(std::string_view call);
  void ask(Names& names) const;
  static bool matches(const FramePattern& pattern, const Names& names);
  Frames frames_of(std::string_view call, const StackLines& stack);
  static bool takes(const Suppression& block, const Frames& frames);
  static bool begins_as(const std::vector<const Names*>& stack, std::size_t from,
                        const std::vector<FramePattern>& patterns);

  const std::vector<Suppression>& rules_;
  std::unordered_map<std::uint64_t, Names> of_line_;
  std::unordered_map<std::string_view, Names> of_place_, of_call_;
};

// Takes the groups that a rule matches out of `grouped`, and out of its totals. What each rule took, in their order.
// `lines` must know every frame of every group.
std::vector<SuppressionUse> suppress(const Snapshot& snapshot, const FrameLines& lines, std::vector<Suppression> rules,
                                     Grouped& grouped);

// One sentence for each rule that took nothing, or left something as its kind is not known. The program's own are for
// other runs too: what they did not take is left out.
std::vector<std::string> unused(const std::vector<SuppressionUse>& rules);

}  // namespace leakdir::tool
