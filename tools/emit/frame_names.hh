// SPDX-License-Identifier: BSL-1.0
//
// What a frame is called where there is room for a name only: in graphs and in formats whose readers add up equal
// names. The text report and JSON have more to say and do it themselves.

#pragma once

#include <cstdint>
#include <string>
#include <vector>

#include "analyse/report_model.hh"

namespace leakdir::tool {

class FrameNames {
 public:
  explicit FrameNames(const Report& report) : report_(report), names_(report.snapshot.frames.size()) {}

  // Of one of Snapshot::frames, the innermost inlined function first; never empty. "app+0x200" where no function is
  // known, "app.c:69" where the macro hook recorded the place.
  const std::vector<std::string>& of(std::uint32_t index);

 private:
  const Report& report_;
  std::vector<std::vector<std::string>> names_;
};

// A path without its directories.
std::string file_name_of(const std::string& path);

// What is not a frame, and still has to add up.
inline constexpr char kNoStack[] = "[no stack]";
inline constexpr char kNotShown[] = "[not shown]";

}  // namespace leakdir::tool
