// SPDX-License-Identifier: BSL-1.0
#include "eh_frame_index.hh"

#include <cstring>

namespace leakdir::tool {

namespace {

constexpr std::size_t kHead = 12, kWord = 4, kPair = 2 * kWord;

template <class Number>
Number number_at(std::string_view bytes, std::size_t at) {
  Number number;
  std::memcpy(&number, bytes.data() + at, sizeof number);
  return number;
}

constexpr bool kIsLittle = __BYTE_ORDER__ == __ORDER_LITTLE_ENDIAN__;

}  // namespace

EhFrameIndex::EhFrameIndex(const ElfProgram& file) : file_(file) {
  if (file.header().e_ident[EI_DATA] != (kIsLittle ? ELFDATA2LSB : ELFDATA2MSB)) return;
  for (const auto& segment : file.segments())
    if (segment.p_type == PT_GNU_EH_FRAME && read(segment.p_vaddr, segment.p_filesz)) return;
  if (const auto section = file.section(".eh_frame_hdr")) read(section->sh_addr, section->sh_size);
}

bool EhFrameIndex::read(std::uint64_t address, std::uint64_t bytes) {
  const std::string_view head = bytes < kHead ? "" : file_.code_at(address, kHead);
  // Version 1; the count is an unsigned word, the table has signed words that count from the index.
  if (head.empty() || head.substr(0, 4) != std::string_view("\x01\x1b\x03\x3b", 4)) return false;
  const std::uint64_t pairs = number_at<std::uint32_t>(head, 8);
  if (pairs > (bytes - kHead) / kPair) return false;
  start_ = address;
  table_ = file_.code_at(start_ + kHead, pairs * kPair);
  return true;
}

std::uint64_t EhFrameIndex::word_at(std::size_t number, std::size_t which) const {
  return start_ +
         static_cast<std::uint64_t>(std::int64_t{number_at<std::int32_t>(table_, number * kPair + which * kWord)});
}

bool EhFrameIndex::covers(std::uint64_t address) const {
  std::size_t low = 0, high = table_.size() / kPair;  // the last that begins at or before the address
  while (low < high) {
    const std::size_t middle = low + (high - low) / 2;
    if (word_at(middle, 0) <= address)
      low = middle + 1;
    else
      high = middle;
  }
  if (low == 0) return false;
  const std::uint64_t begin = word_at(low - 1, 0), entry = word_at(low - 1, 1);
  // Its length, the way to what it has in common with others, and then the code: from where, and how much.
  const std::string_view found = file_.code_at(entry, 4 * kWord);
  if (found.empty()) return false;
  const std::uint64_t says =
      entry + 2 * kWord + static_cast<std::uint64_t>(std::int64_t{number_at<std::int32_t>(found, 2 * kWord)});
  return says == begin && address - begin < number_at<std::uint32_t>(found, 3 * kWord);
}

}  // namespace leakdir::tool
