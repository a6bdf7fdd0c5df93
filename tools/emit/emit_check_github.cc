// SPDX-License-Identifier: BSL-1.0
//
// https://docs.github.com/en/actions/reference/workflows-and-actions/workflow-commands. All that is printed is a
// command, so that no name can be taken for one. GitHub shows ten of a step, which is why there are few unless the user
// wants more.

#include <fmt/format.h>

#include <string>
#include <string_view>

#include "base/words.hh"
#include "difference_text.hh"
#include "findings.hh"

namespace leakdir::tool {

namespace {

// As actions/toolkit writes it. In what is printable there are no other line ends.
std::string escaped(std::string_view text, bool is_property) {
  std::string safe;
  for (char c : text) {
    if (c == '%')
      safe += "%25";
    else if (c == '\r')
      safe += "%0D";
    else if (c == '\n')
      safe += "%0A";
    else if (is_property && c == ':')
      safe += "%3A";
    else if (is_property && c == ',')
      safe += "%2C";
    else
      safe += c;
  }
  return safe;
}

std::string command(const char* name, const SourcePosition& at, const std::string& title, const std::string& text) {
  std::string properties;
  if (!at.file.empty()) properties = fmt::format("file={},", escaped(printable(at.file), true));
  if (!at.file.empty() && at.line != 0) properties += fmt::format("line={},", at.line);
  return fmt::format("::{} {}title={}::{}\n", name, properties, escaped(title, true), escaped(text, false));
}

std::string of_stack(const CheckReport& report, const TallyStack& stack, const char* name, const std::string& head) {
  std::string text = fmt::format("{}\n{}", head, frames_text(stack));
  text.pop_back();
  return command("error", position_of(report, stack), fmt::format("{} in {}", name, own_function_of(stack)), text);
}

}  // namespace

void emit_check_github(const CheckReport& report, const Sink& sink) {
  const bool is_good = report.verdict.answer == Answer::kNoLeak;
  sink(command(is_good ? "notice" : "error", {}, "leakdir", printable(report.verdict.sentence)));
  for_each_shown(report, [&](const Difference& found, const char* name, const std::string& head) {
    sink(of_stack(report, found.stack(), name, head));
  });
  const std::string rest = not_shown_text(report);
  if (report.shown + report.shown_bad_frees != 0 && !rest.empty()) sink(command("notice", {}, "leakdir", rest));
  for (const auto& warning : report.warnings) sink(command("warning", {}, "leakdir", printable(warning)));
}

}  // namespace leakdir::tool
