// SPDX-License-Identifier: BSL-1.0
//
// The page of `leakdir report --format html` around the report itself. html/make_page.py makes it while building, from
// html/page.* and the libraries that it uses.

#pragma once

#include <string_view>

namespace leakdir::tool {

extern const std::string_view kPageBeforeReport;
extern const std::string_view kPageAfterReport;

}  // namespace leakdir::tool
