// SPDX-License-Identifier: BSL-1.0
//
// Text of any bytes in XML 1.0, in an element or between the quotes of an attribute: what XML has no way to write, even
// as a reference, is spelled out as printable() does it; a line's end stays one.

#pragma once

#include <string>
#include <string_view>

namespace leakdir::tool {

std::string xml_text(std::string_view text);

}  // namespace leakdir::tool
