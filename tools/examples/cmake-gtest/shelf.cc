// SPDX-License-Identifier: BSL-1.0

#include "shelf.hh"

#include <algorithm>

namespace {

struct Card {
  std::string title;
  bool is_lent = false;
};

}  // namespace

void Shelf::put(const std::string& title) { titles_.push_back(title); }

bool Shelf::lend(const std::string& title) {
  const auto found = std::find(titles_.begin(), titles_.end(), title);
  if (found == titles_.end()) return false;
  Card* card = new Card{title, true};  // the leak
  titles_.erase(found);
  return card->is_lent;
}
