// SPDX-License-Identifier: BSL-1.0
//
// What commands make of a snapshot, in every format, for the fuzz targets of its readers: nothing of it may crash, or
// let a control character through to a terminal.

#pragma once

#include <string>

#include "analyse/suppressions_for.hh"
#include "analyse/tally.hh"
#include "base/error.hh"
#include "emit/emit.hh"
#include "emit/emit_metrics.hh"
#include "fuzz.hh"
#include "load/recover.hh"

namespace leakdir::tool {

class NoSymbols : public Symbols {
 public:
  std::vector<SourceLine> lookup(const Module&, std::uint64_t) override { return {}; }
};

inline bool has_html() {
  try {
    require_html();
    return true;
  } catch (const Error&) {
    return false;
  }
}

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
  const Sink keep = [&rest](std::string_view piece) { rest += piece; };
  emit_json(report, keep);
  const Tally tally = tally_of(snapshot, grouped, lines);
  MUST_HOLD(baseline_text(tally_of_json(rest, "report")).size() > 0);
  MUST_HOLD(tally.blocks() == grouped.blocks);
  emit_look(report, "", keep);
  ProcessMetrics metrics;
  metrics.is_up = metrics.knows_kinds = true;
  metrics.start_ns = snapshot.start_ns;
  metrics.live = tally;
  const std::string numbers = metrics_text({metrics}, 3, MetricsFormat::kPrometheus);
  for (char c : numbers) MUST_HOLD(c == '\n' || (static_cast<unsigned char>(c) >= 0x20 && c != 0x7f));
  emit_folded(report, keep);
  emit_pprof(report, keep);
  static const bool with_html = has_html();
  std::size_t html_bytes = 0;  // mostly the libraries of the page: counted, not kept
  if (with_html) emit_html(report, [&html_bytes](std::string_view piece) { html_bytes += piece.size(); });
  rest += baseline_text(tally) + suppressions_for(snapshot, lines, grouped, grouped.groups.size()).text;
  for (const auto& block : snapshot.blocks) rest += record_text(snapshot, block);
  for (const auto& bad_free : snapshot.bad_frees) rest += bad_free_text(snapshot, bad_free);
  return text + rest;
}

}  // namespace leakdir::tool
