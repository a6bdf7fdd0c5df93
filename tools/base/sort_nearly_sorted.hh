// SPDX-License-Identifier: BSL-1.0
//
// Sorts what is mostly in order already, as blocks are by address in a program that has freed little: in one pass, but
// for what is out of place. What is not so is sorted as usual.

#pragma once

#include <algorithm>
#include <cstddef>
#include <vector>

namespace leakdir::tool {

template <class T, class Less>
void sort_nearly_sorted(std::vector<T>& list, Less less) {
  const std::size_t count = list.size(), most = count / 16;
  std::vector<T> strays;
  std::size_t at = static_cast<std::size_t>(std::is_sorted_until(list.begin(), list.end(), less) - list.begin());
  std::size_t kept = at;
  for (; at < count && strays.size() <= most; ++at) {
    const T next = list[at];
    if (kept == 0 || !less(next, list[kept - 1])) {
      list[kept++] = next;
    } else if (kept == 1 || !less(next, list[kept - 2])) {  // then it is the one before that is out of place
      strays.push_back(list[kept - 1]);
      list[kept - 1] = next;
    } else {
      strays.push_back(next);
    }
  }
  const bool is_nearly = at == count;
  // Between what was kept and what was not come to there is room for the strays.
  if (!is_nearly) {
    std::copy(strays.begin(), strays.end(), list.begin() + static_cast<std::ptrdiff_t>(kept));
    std::sort(list.begin(), list.end(), less);
    return;
  }
  std::sort(strays.begin(), strays.end(), less);
  while (!strays.empty()) {
    const bool is_stray = kept == 0 || !less(strays.back(), list[kept - 1]);
    list[--at] = is_stray ? strays.back() : list[kept - 1];
    if (is_stray) {
      strays.pop_back();
    } else {
      --kept;
    }
  }
}

}  // namespace leakdir::tool
