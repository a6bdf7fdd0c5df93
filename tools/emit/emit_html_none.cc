// SPDX-License-Identifier: BSL-1.0
//
// In place of emit_html.cc where the libraries that its page needs were not there while building.

#include "base/error.hh"
#include "emit.hh"
#include "emit_diff.hh"

namespace leakdir::tool {

void require_html() {
  throw Error(
      "this build has no html: d3 and d3-flame-graph could not be fetched from the npm registry when it was made");
}

void emit_html(const Report&, const Sink&) { require_html(); }
void emit_diff_html(const Comparison&, const Sink&) { require_html(); }

}  // namespace leakdir::tool
