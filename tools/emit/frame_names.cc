// SPDX-License-Identifier: BSL-1.0
#include "frame_names.hh"

#include <fmt/format.h>

#include "base/words.hh"

namespace leakdir::tool {

std::string file_name_of(const std::string& path) { return path.substr(path.rfind('/') + 1); }

const std::vector<std::string>& FrameNames::of(std::uint32_t index) {
  auto& names = names_[index];
  if (!names.empty()) return names;
  const Snapshot& snapshot = report_.snapshot;
  const Frame& frame = snapshot.frames[index];
  if (frame.is_place) {
    names.push_back(fmt::format("{}:{}", printable(snapshot.places[frame.module]), frame.pc));
    return names;
  }
  const std::string module = frame.module == kNone ? "" : printable(file_name_of(snapshot.modules[frame.module].path));
  const std::string position =
      frame.module == kNone ? hex_of(frame.pc) : fmt::format("{}+{}", module, hex_of(offset_of(snapshot, frame)));
  for (const auto& line : report_.lines[index])
    names.push_back(line.function.empty() ? position : readable_function(line.function));
  if (names.empty()) names.push_back(position);
  return names;
}

}  // namespace leakdir::tool
