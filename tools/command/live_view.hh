// SPDX-License-Identifier: BSL-1.0
//
// What a person sees of a look, and what keys do to that: what is listed and in which order, where the list begins,
// which stack is chosen and whether it is open. Knows no terminal.

#pragma once

#include <cstddef>
#include <functional>
#include <string>
#include <vector>

#include "base/terminal.hh"
#include "key.hh"
#include "watch_look.hh"

namespace leakdir::tool {

class LiveView {
 public:
  // `identity_of`: of a stack of the look, that tells it again in the next one.
  using IdentityOf = std::function<std::string(const Look&, std::size_t)>;

  LiveView(Arrangement arrangement, bool is_filtered, std::size_t top, IdentityOf identity_of)
      : arrangement_(std::move(arrangement)),
        is_filtered_(is_filtered),
        top_(top),
        identity_of_(std::move(identity_of)) {}

  const Arrangement& arrangement() const { return arrangement_; }

  // What is to be done before it is drawn again.
  enum class Need { kNothing, kArrange, kForgetGrowth };
  Need press(Key key, const Look& look);
  // The look is another one, or arranged anew: what was chosen is found again.
  void take(const Look& look);

  // As much as fits, and a last line that says what the keys do.
  std::string text(const Look& look, TerminalSize size, bool is_coloured, const std::string& when);

 private:
  static constexpr std::size_t kNone = ~std::size_t{0};

  bool lists_parts() const { return arrangement_.by != By::kStack; }
  std::size_t items(const Look& look) const;
  std::string name_of_item(const Look& look, std::size_t item) const;
  void choose(const Look& look, std::size_t item);
  void move(const Look& look, std::ptrdiff_t by);
  std::string list(const Look& look, std::size_t lines, std::size_t columns, bool is_coloured);
  std::string open_item(const Look& look, std::size_t lines, std::size_t columns, bool is_coloured);
  std::string keys(const std::string& when) const;

  Arrangement arrangement_;
  bool is_filtered_;
  std::size_t top_;  // stacks at most; 0: what fits
  IdentityOf identity_of_;

  std::size_t first_ = 0, chosen_ = kNone, listed_ = 1;  // of the items, that are stacks or parts
  std::string identity_;                                 // of what is chosen
  bool is_open_ = false, shows_help_ = false;
  std::size_t line_ = 0, lines_open_ = 1, most_line_ = 0;  // of what is open: where it begins, how much is to be seen
};

}  // namespace leakdir::tool
