// SPDX-License-Identifier: BSL-1.0
#include "eh_frame_search.hh"

#include <cstdint>
#include <string_view>

namespace leakdir::tool {

namespace {

constexpr std::size_t kWord = 4;

class Bytes {
 public:
  Bytes(std::string_view bytes, bool is_big_endian) : bytes_(bytes), is_big_endian_(is_big_endian) {}

  std::size_t size() const { return bytes_.size(); }
  std::uint32_t word(std::size_t at) const {
    std::uint32_t word = 0;
    for (std::size_t i = 0; i < kWord; ++i)
      word |= std::uint32_t{static_cast<unsigned char>(bytes_[at + i])} << 8 * (is_big_endian_ ? kWord - 1 - i : i);
    return word;
  }

  // What entries have in common comes first: its length, a word of 0, the version, and letters that begin with z.
  bool may_begin(std::size_t at) const {
    constexpr std::uint32_t kLongest = 0x100, kShortest = 12;
    if (size() - at < kShortest) return false;
    const std::uint32_t length = word(at);
    return length >= kShortest && length < kLongest && length % kWord == 0 && word(at + kWord) == 0 &&
           (bytes_[at + 2 * kWord] == 1 || bytes_[at + 2 * kWord] == 3) && bytes_[at + 2 * kWord + 1] == 'z';
  }

  // Goes from entry to entry; `*end`: where that ends. True: there it says so, and one entry was a function's.
  bool is_table(std::size_t begin, std::size_t* end) const {
    bool has_function = false;
    for (std::size_t at = begin;; at += kWord + word(at)) {
      *end = at;
      if (size() - at < kWord) return false;
      const std::uint32_t length = word(at);
      if (length == 0) return has_function;
      if (length < 2 * kWord || length % kWord != 0 || length > size() - at - kWord) return false;
      const std::uint32_t back = word(at + kWord);
      if (back == 0) continue;
      if (back > at + kWord - begin || word(at + 2 * kWord - back) != 0) return false;
      has_function = true;
    }
  }

 private:
  std::string_view bytes_;
  bool is_big_endian_;
};

}  // namespace

bool has_eh_frame_table(const ElfProgram& file) {
  for (const auto& segment : file.segments()) {
    if (segment.p_type != PT_LOAD || (segment.p_flags & PF_R) == 0) continue;
    const Bytes bytes(file.code_at(segment.p_vaddr, segment.p_filesz), file.header().e_ident[EI_DATA] == ELFDATA2MSB);
    // (An entry begins at a multiple of a word.)
    for (std::size_t at = -segment.p_vaddr % kWord, end; at + kWord <= bytes.size(); at += kWord) {
      if (!bytes.may_begin(at)) continue;
      if (bytes.is_table(at, &end)) return true;
      if (end > at) at = end - kWord;  // who begins in between comes to that place, too
    }
  }
  return false;
}

}  // namespace leakdir::tool
