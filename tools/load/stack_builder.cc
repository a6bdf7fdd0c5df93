// SPDX-License-Identifier: BSL-1.0
#include "stack_builder.hh"

namespace leakdir::tool {

StackBuilder::StackBuilder(Snapshot& snapshot) : snapshot_(snapshot) {
  for (std::uint32_t i = 0; i < snapshot.places.size(); ++i) places_.try_emplace(snapshot.places[i], i);
  for (std::uint32_t i = 0; i < snapshot.frames.size(); ++i) frames_.try_emplace(key_of(snapshot.frames[i]), i);
  for (std::uint32_t i = 0; i < snapshot.nodes.size(); ++i)
    nodes_.try_emplace({snapshot.nodes[i].frame, snapshot.nodes[i].parent}, i);
}

// The upper half of a key's second word tells the kinds of frames with the same numbers apart.
StackBuilder::Key StackBuilder::key_of(const Frame& frame) {
  return {frame.pc, std::uint64_t{frame.is_place} << 32 | std::uint64_t{frame.is_exact} << 33 |
                        std::uint64_t{frame.by_frame_pointer} << 34 | frame.module};
}

std::uint32_t StackBuilder::add_frame(const Frame& frame) {
  auto [at, is_new] = frames_.try_emplace(key_of(frame), static_cast<std::uint32_t>(snapshot_.frames.size()));
  if (is_new) snapshot_.frames.push_back(frame);
  return at->second;
}

std::uint32_t StackBuilder::frame(std::uint64_t pc, std::uint32_t module, bool is_exact, bool by_frame_pointer) {
  return add_frame({pc, module, false, is_exact, by_frame_pointer});
}

std::uint32_t StackBuilder::place(const std::string& file, std::uint32_t line) {
  auto [at, is_new] = places_.try_emplace(file, static_cast<std::uint32_t>(snapshot_.places.size()));
  if (is_new) snapshot_.places.push_back(file);
  return add_frame({line, at->second, true, false, false});
}

std::uint32_t StackBuilder::node(std::uint32_t frame, std::uint32_t parent) {
  auto [at, is_new] = nodes_.try_emplace({frame, parent}, static_cast<std::uint32_t>(snapshot_.nodes.size()));
  if (is_new) snapshot_.nodes.push_back({frame, parent});
  return at->second;
}

}  // namespace leakdir::tool
