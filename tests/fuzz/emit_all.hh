// SPDX-License-Identifier: BSL-1.0
//
// Everything that commands make of a snapshot, for the fuzz targets of its readers: nothing of it may crash, or let a
// control character through to a terminal.

#pragma once

#include <string>

#include "analyse/tally.hh"
#include "emit/emit.hh"
#include "fuzz.hh"
#include "load/recover.hh"

namespace leakdir::tool {

class NoSymbols : public Symbols {
 public:
  std::vector<SourceLine> lookup(const Module&, std::uint64_t) override { return {}; }
};

inline std::string emit_all(const Snapshot& snapshot) {
  GroupOptions options;
  options.lists_libc = true;
  const Grouped grouped = group(snapshot, options);
  NoSymbols none;
  const FrameLines lines = symbolise(snapshot, shown_stacks(snapshot, grouped, grouped.groups.size()), none);
  const Report report{snapshot, grouped, lines, grouped.groups.size(), false, snapshot.warnings};
  std::string text, rest;
  emit_text(report, {}, [&text](std::string_view piece) { text += piece; });
  for (char c : text) MUST_HOLD(c == '\n' || (static_cast<unsigned char>(c) >= 0x20 && c != 0x7f));
  emit_json(report, [&rest](std::string_view piece) { rest += piece; });
  const Tally tally = tally_of(snapshot, grouped, lines);
  MUST_HOLD(baseline_text(tally_of_json(rest, "report")).size() > 0);
  MUST_HOLD(tally.blocks() == grouped.blocks);
  rest += baseline_text(tally) + suppressions_for(snapshot, lines, grouped, grouped.groups.size());
  for (const auto& block : snapshot.blocks) rest += record_text(snapshot, block);
  for (const auto& bad_free : snapshot.bad_frees) rest += bad_free_text(snapshot, bad_free);
  return text + rest;
}

}  // namespace leakdir::tool
