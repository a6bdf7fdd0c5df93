// SPDX-License-Identifier: BSL-1.0
//
// Symbols for who looks at one process again and again: what was answered once is not looked up a second time. A file
// is known by its path and build-id, so that one that was replaced, and loaded anew, is asked anew. What is known
// about an address that no look asks for any more is kept: a library has only so many calls in it.

#pragma once

#include <memory>
#include <string>
#include <unordered_map>
#include <utility>
#include <vector>

#include "symbols.hh"

namespace leakdir::tool {

class RememberedSymbols : public Symbols {
 public:
  explicit RememberedSymbols(std::unique_ptr<Symbols> symbols) : symbols_(std::move(symbols)) {}

  std::vector<SourceLine> lookup(const Module& module, std::uint64_t offset) override;
  Variable variable_at(const Module& module, std::uint64_t address) override {
    return symbols_->variable_at(module, address);
  }
  Variable thread_local_at(const Module& module, std::uint64_t before_end) override {
    return symbols_->thread_local_at(module, before_end);
  }
  std::string file_of(const Module& module) override { return symbols_->file_of(module); }
  std::vector<std::string> warnings() const override { return symbols_->warnings(); }
  std::vector<std::string> unreadable() const override { return symbols_->unreadable(); }

 private:
  using Answers = std::unordered_map<std::uint64_t, std::vector<SourceLine>>;  // by offset

  std::unique_ptr<Symbols> symbols_;
  std::unordered_map<std::string, Answers> files_;  // by build-id and path
};

}  // namespace leakdir::tool
