// SPDX-License-Identifier: BSL-1.0
#include "stack_builder.hh"

namespace leakdir::tool {

std::uint32_t StackBuilder::add_frame(const Key& key, Frame frame) {
  auto [at, is_new] = frames_.try_emplace(key, static_cast<std::uint32_t>(snapshot_.frames.size()));
  if (is_new) snapshot_.frames.push_back(frame);
  return at->second;
}

std::uint32_t StackBuilder::frame(std::uint64_t pc, std::uint32_t module) {
  return add_frame({pc, module}, {pc, module, false});
}

std::uint32_t StackBuilder::place(const std::string& file, std::uint32_t line) {
  auto [at, is_new] = places_.try_emplace(file, static_cast<std::uint32_t>(snapshot_.places.size()));
  if (is_new) snapshot_.places.push_back(file);
  // The upper half of the second word tells a place from a frame with the same numbers.
  return add_frame({line, std::uint64_t{1} << 32 | at->second}, {line, at->second, true});
}

std::uint32_t StackBuilder::node(std::uint32_t frame, std::uint32_t parent) {
  auto [at, is_new] = nodes_.try_emplace({frame, parent}, static_cast<std::uint32_t>(snapshot_.nodes.size()));
  if (is_new) snapshot_.nodes.push_back({frame, parent});
  return at->second;
}

}  // namespace leakdir::tool
