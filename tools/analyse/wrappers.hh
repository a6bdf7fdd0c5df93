// SPDX-License-Identifier: BSL-1.0
//
// Whose block is it? The caller of malloc is often a wrapper, a function that allocates for others: xmalloc, g_malloc,
// strdup, a template's allocate. A stack's **own frame** is the first one, from the inside, of the program's own code
// that is no wrapper. All outputs that name one function for a stack name that one. Pure functions.
//
// The program's own code is in the program and in libraries that do not come with the system; it is not libc's and not
// the C++ library's, wherever those were linked to.
//
// A wrapper is a function
//   - that the user named (--alloc-fn),
//   - whose name says so: it ends as malloc, calloc, strdup, asprintf, allocate ... do, or it is one of libc's that
//     allocate for their caller, or
//   - that stands innermost in many different stacks: it was called by at least kManyCallers functions, for blocks of
//     several sizes, allocates in few places, and never stands further out. A function that makes things of one kind
//     has one size; one that does much has many places, or others below it.

#pragma once

#include <cstddef>
#include <string>
#include <string_view>
#include <unordered_set>
#include <vector>

#include "group.hh"
#include "load/snapshot.hh"
#include "stack_lines.hh"

namespace leakdir::tool {

inline constexpr std::size_t kNoFrame = ~std::size_t{0};
inline constexpr std::size_t kManyCallers = 5, kManySizes = 3, kFewPlaces = 3;

class Wrappers {
 public:
  // Those that are known by their names, and those that the user named: Valgrind's patterns for the whole name, with or
  // without parameters.
  explicit Wrappers(std::vector<std::string> named = {});

  // Finds more in the stacks. `lines` must know the frames of those that are to count.
  void learn(const Snapshot& snapshot, const Grouped& grouped, const FrameLines& lines);

  bool is_wrapper(std::string_view function) const;

  // The number of the own frame, or of what stands in for it where there is none: a wrapper of the program's, else a
  // function of a library, else any frame. kNoFrame: there are no frames.
  std::size_t own_frame(const StackLines& stack) const { return best_frame(stack).number; }
  bool has_own_frame(const StackLines& stack) const { return best_frame(stack).is_own; }  // and none in its place

 private:
  struct Best {
    std::size_t number = kNoFrame;
    bool is_own = false;
  };
  Best best_frame(const StackLines& stack) const;

  std::vector<std::string> named_;
  std::unordered_set<std::string> learned_;  // by name_in_any_build()
};

}  // namespace leakdir::tool
