// SPDX-License-Identifier: BSL-1.0
//
// The verdict as one line; below it, as `report` and `diff` print them, the stacks that it fails on.

#include <fmt/format.h>

#include "base/words.hh"
#include "difference_text.hh"
#include "findings.hh"

namespace leakdir::tool {

void emit_check_text(const CheckReport& report, const Sink& sink) {
  sink(printable(report.verdict.sentence) + "\n");
  for_each_shown(report, [&](const Difference& found, const char*, const std::string& head) {
    sink(fmt::format("\n{}\n{}", head, frames_text(found.stack())));
  });
  if (report.shown + report.shown_bad_frees == 0) return;  // the line alone is wanted, or there is no more to say
  if (const std::string rest = not_shown_text(report); !rest.empty()) sink("\n" + rest + "\n");
}

}  // namespace leakdir::tool
