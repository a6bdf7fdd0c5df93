// SPDX-License-Identifier: BSL-1.0
//
// The formats of a report; one file each, emit_<format>.cc. They hand their output over piece by piece: the whole of it
// may be larger than the machine's memory.

#pragma once

#include <functional>
#include <string_view>

#include "report_model.hh"

namespace leakdir::tool {

using Sink = std::function<void(std::string_view)>;

void emit_text(const Report& report, bool is_coloured, const Sink& sink);
void emit_json(const Report& report, const Sink& sink);
void emit_folded(const Report& report, const Sink& sink);
void emit_pprof(const Report& report, const Sink& sink);

}  // namespace leakdir::tool
