// SPDX-License-Identifier: BSL-1.0
//
// As a compiler says where a mistake is: "FILE:LINE: error: …", and the stack below it as notes. Editors turn that into
// a list of places (VS Code's $gcc, vim's :cfile, Emacs' compile), and terminals into links. A frame without
// a line, or of libc's and the C++ runtime's own, which nobody wants to open, stands as the text has it.

#include <fmt/format.h>

#include <string>
#include <string_view>

#include "analyse/runtime_code.hh"
#include "base/words.hh"
#include "difference_text.hh"
#include "findings.hh"

namespace leakdir::tool {

namespace {

std::string place_of(const SourcePosition& at) { return fmt::format("{}:{}", printable(at.file), at.line); }

// Without a place the message is the tool's own, as "ld: error: …" is the linker's.
std::string message(const SourcePosition& at, const char* severity, const std::string& text) {
  return fmt::format("{}: {}: {}\n", at.file.empty() ? "leakdir" : place_of(at), severity, text);
}

std::string of_stack(const CheckReport& report, const TallyStack& stack, const char* name, const std::string& head) {
  std::string text =
      message(position_of(report, stack), "error", fmt::format("{} in {}: {}", name, own_function_of(stack), head));
  const std::string frames = frames_text(stack);
  std::size_t number = 0;
  for (std::size_t from = 0, end; (end = frames.find('\n', from)) != std::string::npos; from = end + 1) {
    const std::string_view line = std::string_view(frames).substr(from, end + 1 - from);
    if (line.find('#') != 4) {  // the place of the macro hook
      text += line;
      continue;
    }
    const SourceLine source = number < stack.frames.size() ? stack.frames[number].line : SourceLine();
    const SourcePosition at_frame = position_of(report, source);
    if (at_frame.file.empty() || source.function.empty() || is_runtime_line(source))
      text += line;
    else
      text += message(
          at_frame, "note",
          fmt::format("#{} {}{}", number, readable_function(source.function), source.inlined ? " (inlined)" : ""));
    ++number;
  }
  return text;
}

}  // namespace

void emit_check_gcc(const CheckReport& report, const Sink& sink) {
  const bool is_good = report.verdict.answer == Answer::kNoLeak;
  sink(message({}, is_good ? "note" : "error", printable(report.verdict.sentence)));
  for_each_shown(report, [&](const Difference& found, const char* name, const std::string& head) {
    sink(of_stack(report, found.stack(), name, head));
  });
  const std::string rest = not_shown_text(report);
  if (report.shown + report.shown_bad_frees != 0 && !rest.empty()) sink(message({}, "note", rest));
}

}  // namespace leakdir::tool
