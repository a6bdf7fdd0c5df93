// SPDX-License-Identifier: BSL-1.0
#include "largest.hh"

#include <algorithm>
#include <map>
#include <utility>

namespace leakdir::tool {

namespace {

using Key = std::pair<std::vector<std::string>, std::string>;

void keep_largest(Amount& of, const Amount& other) {
  of.blocks = std::max(of.blocks, other.blocks);
  of.bytes = std::max(of.bytes, other.bytes);
  of.stacks = std::max(of.stacks, other.stacks);
}

void keep_largest(TallyStack& of, const TallyStack& other) {
  of.blocks = std::max(of.blocks, other.blocks);
  of.bytes = std::max(of.bytes, other.bytes);
  of.stacks = std::max(of.stacks, other.stacks);
  for (std::size_t kind = 0; kind < ledger::kReaches; ++kind) keep_largest(of.kinds[kind], other.kinds[kind]);
}

std::vector<TallyStack> largest_of(const std::vector<Tally>& runs, std::vector<TallyStack> Tally::*stacks) {
  std::map<Key, TallyStack> all;  // in the order of put_in_order()
  for (const auto& run : runs)
    for (const auto& stack : run.*stacks) {
      const auto [known, is_new] = all.try_emplace({stack.identity, stack.call}, stack);
      if (!is_new) keep_largest(known->second, stack);
    }
  std::vector<TallyStack> result;
  result.reserve(all.size());
  for (auto& one : all) result.push_back(std::move(one.second));
  return result;
}

}  // namespace

Tally largest_of(const std::vector<Tally>& runs) {
  Tally largest = runs.front();
  largest.stacks = largest_of(runs, &Tally::stacks);
  largest.bad_frees = largest_of(runs, &Tally::bad_frees);
  return largest;
}

}  // namespace leakdir::tool
