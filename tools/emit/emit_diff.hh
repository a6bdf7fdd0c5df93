// SPDX-License-Identifier: BSL-1.0
//
// What `diff` prints: the differences of two tallies, for reading and for programs. Pure.

#pragma once

#include <cstddef>
#include <vector>

#include "analyse/compare.hh"
#include "analyse/tally.hh"
#include "emit.hh"

namespace leakdir::tool {

struct Comparison {
  const Tally &before, &after;
  std::vector<Difference> stacks, bad_frees;  // by compare()
  bool lists_all;                             // what has shrunk or is gone, too
  std::size_t top;                            // list this many stacks; 0: all

  bool has_grown() const;
};

void emit_diff_text(const Comparison& comparison, const Sink& sink);
// A page, as of a report. Everything that has changed is in it, whatever lists_all says; `top` holds.
void emit_diff_html(const Comparison& comparison, const Sink& sink);
// Version 1. Keys are never renamed or removed. Everything is in it, whatever lists_all says; `top` holds.
void emit_diff_json(const Comparison& comparison, const Sink& sink);

}  // namespace leakdir::tool
