// SPDX-License-Identifier: BSL-1.0
//
// There is no one schema of this XML. What is written here is what both that of Ant's task and that of Jenkins' plugin
// allow, with all that one of them requires.

#include <fmt/format.h>

#include <algorithm>

#include "analyse/stack_id.hh"
#include "base/words.hh"
#include "base/xml.hh"
#include "difference_text.hh"
#include "findings.hh"

namespace leakdir::tool {

namespace {

class JunitReport {
 public:
  explicit JunitReport(const CheckReport& report) : report_(report) {}

  std::string make() {
    const bool is_error = report_.verdict.answer == Answer::kNoTrust;
    if (is_error) {
      put_test("leaks", element("error", "no trustworthy data", report_.verdict.sentence, ""));
    } else if (report_.verdict.answer == Answer::kNoLeak) {
      put_test("leaks", "");
    } else {
      put_findings();
    }
    return fmt::format(
        "<?xml version=\"1.0\" encoding=\"UTF-8\"?>\n"
        "<testsuites>\n"
        "  <testsuite package=\"leakdir\" id=\"0\" name=\"leakdir\" timestamp=\"{}\" hostname=\"localhost\" "
        "tests=\"{}\" "
        "failures=\"{}\" errors=\"{}\" time=\"0\">\n"
        "    <properties>\n{}    </properties>\n"
        "{}"
        "    <system-out>{}</system-out>\n"
        "    <system-err>{}</system-err>\n"
        "  </testsuite>\n"
        "</testsuites>\n",
        utc_of(report_.time_ns).substr(0, 19), tests_, is_error ? 0 : failures_, is_error ? 1 : 0, properties(), cases_,
        lines(report_.verdict.sentence + "\n"), lines(remarks()));
  }

 private:
  // In an element a line's end may stand as it is.
  static std::string lines(const std::string& text) {
    std::string xml;
    for (std::size_t at = 0; at < text.size();) {
      const std::size_t end = std::min(text.find('\n', at), text.size() - 1);
      xml += xml_text(std::string_view(text).substr(at, end - at + (text[end] == '\n' ? 0 : 1)));
      if (text[end] == '\n') xml += '\n';
      at = end + 1;
    }
    return xml;
  }

  static std::string element(const char* name, const std::string& type, const std::string& message,
                             const std::string& text) {
    return fmt::format("      <{} type=\"{}\" message=\"{}\">{}</{}>\n", name, xml_text(type), xml_text(message),
                       lines(text), name);
  }

  std::string properties() const {
    std::string text = property("program", report_.now.program) + property("state", report_.now.state);
    if (report_.is_compared) text += property("compared_with", report_.before.origin);
    return text;
  }

  static std::string property(const char* name, const std::string& value) {
    return fmt::format("      <property name=\"{}\" value=\"{}\"/>\n", name, xml_text(value));
  }

  std::string remarks() const {
    std::string text;
    for (const auto& note : report_.notes) text += fmt::format("note: {}\n", printable(note));
    for (const auto& warning : report_.warnings) text += fmt::format("warning: {}\n", printable(warning));
    return text;
  }

  void put_findings() {
    for_each_shown(report_, [&](const Difference& found, const char* name, const std::string& head) {
      put_failure(found, name, head);
    });
    const std::string rest = not_shown_text(report_);
    if (tests_ != 0 && rest.empty()) return;
    ++failures_;
    put_test("leaks", element("failure", "leak", report_.verdict.sentence, rest));
  }

  // The same name in another run, whatever the lines of the sources are.
  void put_failure(const Difference& found, const std::string& type, const std::string& head) {
    ++failures_;
    put_test(fmt::format("{} {}", own_function_of(found.stack()), stack_id(found.stack())),
             element("failure", type, head, head + "\n" + frames_text(found.stack())));
  }

  void put_test(const std::string& name, const std::string& outcome) {
    ++tests_;
    const std::string program = report_.now.program.empty() ? "leakdir" : report_.now.program;
    const std::string head = fmt::format("    <testcase classname=\"{}\" name=\"{}\" time=\"0\"",
                                         xml_text(program.substr(program.rfind('/') + 1)), xml_text(name));
    cases_ += outcome.empty() ? head + "/>\n" : fmt::format("{}>\n{}    </testcase>\n", head, outcome);
  }

  const CheckReport& report_;
  std::string cases_;
  unsigned tests_ = 0, failures_ = 0;
};

}  // namespace

void emit_check_junit(const CheckReport& report, const Sink& sink) { sink(JunitReport(report).make()); }

}  // namespace leakdir::tool
