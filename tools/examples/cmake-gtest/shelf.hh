// SPDX-License-Identifier: BSL-1.0
//
// A shelf of books. lend() forgets the card that it made out.

#pragma once

#include <memory>
#include <string>
#include <vector>

class Shelf {
 public:
  void put(const std::string& title);
  bool lend(const std::string& title);
  std::size_t size() const { return titles_.size(); }

 private:
  std::vector<std::string> titles_;
};
