// SPDX-License-Identifier: BSL-1.0
#include "remembered_symbols.hh"

namespace leakdir::tool {

std::vector<SourceLine> RememberedSymbols::lookup(const Module& module, std::uint64_t offset) {
  Answers& answers = files_[module.build_id + '/' + module.path];
  auto [known, is_new] = answers.try_emplace(offset);
  if (is_new) known->second = symbols_->lookup(module, offset);
  return known->second;
}

}  // namespace leakdir::tool
