// SPDX-License-Identifier: BSL-1.0
#include "words_in_order.hh"

#include <algorithm>
#include <cstring>
#include <vector>

namespace leakdir::tool {

std::size_t WordsInOrder::read(const reach::Piece* pieces, unsigned count, void* into) {
  std::size_t done = 0;
  for (unsigned i = 0; i < count; ++i) {
    const std::size_t got = read_piece(pieces[i], static_cast<char*>(into) + done);
    done += got;
    if (got != pieces[i].bytes) break;
  }
  return done;
}

// A piece that begins or ends within a word is part of what is read.
std::size_t WordsInOrder::read_piece(const reach::Piece& piece, char* into) {
  const std::uint64_t before = piece.address % word_;
  const std::uint64_t bytes = (before + piece.bytes + word_ - 1) / word_ * word_;
  std::vector<char> around;
  char* words = into;
  if (bytes != piece.bytes) {
    around.resize(bytes);
    words = around.data();
  }
  const reach::Piece whole = {piece.address - before, bytes};
  const std::uint64_t got = memory_.read(&whole, 1, words) / word_ * word_;
  for (char* word = words; word != words + got; word += word_) std::reverse(word, word + word_);
  if (words == into) return got;
  const std::uint64_t some = got <= before ? 0 : std::min(got - before, piece.bytes);
  std::memcpy(into, words + before, some);
  return some;
}

}  // namespace leakdir::tool
