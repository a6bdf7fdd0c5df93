// SPDX-License-Identifier: BSL-1.0
#include "xml.hh"

#include "utf8.hh"
#include "words.hh"

namespace leakdir::tool {

namespace {

// One printable line. U+FFFE and U+FFFF are no characters of XML.
void append_line(std::string& xml, std::string_view line) {
  const std::string safe = printable(line);
  for (std::string_view rest = safe; !rest.empty();) {
    const auto [character, bytes] = first_character(rest);
    switch (character) {
      case '&':
        xml += "&amp;";
        break;
      case '<':
        xml += "&lt;";
        break;
      case '>':
        xml += "&gt;";
        break;
      case '"':
        xml += "&quot;";
        break;
      case 0xfffe:
      case 0xffff:
        xml += character == 0xfffe ? "\\ufffe" : "\\uffff";
        break;
      default:
        xml += rest.substr(0, bytes);
    }
    rest.remove_prefix(bytes);
  }
}

}  // namespace

std::string xml_text(std::string_view text) {
  std::string xml;
  for (;;) {
    const std::size_t end = text.find('\n');
    append_line(xml, text.substr(0, end));
    if (end == std::string_view::npos) return xml;
    xml += "&#10;";  // as it is, a line's end in an attribute is read as a space
    text.remove_prefix(end + 1);
  }
}

}  // namespace leakdir::tool
