// SPDX-License-Identifier: BSL-1.0
#include "stack_id.hh"

#include <fmt/format.h>

#include <cstdint>
#include <string_view>

namespace leakdir::tool {

namespace {

// FNV-1a, 64 bits: http://www.isthe.com/chongo/tech/comp/fnv/. A zero byte ends each text.
std::uint64_t with(std::uint64_t hash, std::string_view text) {
  auto take = [&](unsigned char byte) { hash = (hash ^ byte) * 0x100000001b3; };
  for (char c : text) take(static_cast<unsigned char>(c));
  take(0);
  return hash;
}

}  // namespace

std::string stack_id(const TallyStack& stack) {
  std::uint64_t hash = with(0xcbf29ce484222325, stack.call);
  for (const auto& frame : stack.identity) hash = with(hash, frame);
  return fmt::format("{:016x}", hash);
}

}  // namespace leakdir::tool
