// SPDX-License-Identifier: BSL-1.0
//
// The formats of a report; one file each, emit_<format>.cc. They hand their output over piece by piece: the whole of it
// may be larger than the machine's memory.

#pragma once

#include <functional>
#include <string>
#include <string_view>

#include "analyse/report_model.hh"

namespace leakdir::tool {

using Sink = std::function<void(std::string_view)>;

struct TextStyle {
  bool is_coloured = false;
  std::size_t columns = 0;               // frames are made to fit; 0: lines are as long as they are, good for grep
  std::size_t most_frames = 0;           // of each stack, from its own one on; 0: all
  bool is_look = false;                  // one of several: nothing that is not about live blocks
  std::size_t chosen = ~std::size_t{0};  // the stack, or part, by its number, that the reader stands on
};

void emit_text(const Report& report, const TextStyle& style, const Sink& sink);
void emit_json(const Report& report, const Sink& sink);
void emit_folded(const Report& report, const Sink& sink);
// One look of several, in one line of JSON. `ended`: how the process has ended, in words, if it has.
void emit_look(const Report& report, const std::string& ended, const Sink& sink);
void emit_pprof(const Report& report, const Sink& sink);
void emit_html(const Report& report, const Sink& sink);
void require_html();  // throws Error with a sentence where this build has no html

}  // namespace leakdir::tool
