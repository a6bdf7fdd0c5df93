// SPDX-License-Identifier: BSL-1.0
#include "eh_frame_index.hh"

#include <cstring>

#include "sorted_pairs.hh"

namespace leakdir::tool {

namespace {

constexpr std::size_t kHead = 12;

template <class Number>
Number number_at(std::string_view bytes, std::size_t at) {
  Number number;
  std::memcpy(&number, bytes.data() + at, sizeof number);
  return number;
}

}  // namespace

EhFrameIndex::EhFrameIndex(const ElfProgram& file) : file_(file) {
  if (!has_our_byte_order(file)) return;
  for (const auto& segment : file.segments())
    if (segment.p_type == PT_GNU_EH_FRAME && read(segment.p_vaddr, segment.p_filesz)) return;
  if (const auto section = file.section(".eh_frame_hdr")) read(section->sh_addr, section->sh_size);
}

bool EhFrameIndex::read(std::uint64_t address, std::uint64_t bytes) {
  const std::string_view head = bytes < kHead ? "" : file_.code_at(address, kHead);
  // Version 1; the count is an unsigned word, the table has signed words that count from the index.
  if (head.empty() || head.substr(0, 4) != std::string_view("\x01\x1b\x03\x3b", 4)) return false;
  const std::uint64_t pairs = number_at<std::uint32_t>(head, 8);
  if (pairs > (bytes - kHead) / kIndexPair) return false;
  start_ = address;
  table_ = file_.code_at(start_ + kHead, pairs * kIndexPair);
  return true;
}

std::uint64_t EhFrameIndex::word_at(std::size_t number, std::size_t which) const {
  return start_ + static_cast<std::uint64_t>(
                      std::int64_t{number_at<std::int32_t>(table_, number * kIndexPair + which * kIndexWord)});
}

bool EhFrameIndex::covers(std::uint64_t address) const {
  const std::size_t count =
      entries_up_to(address, table_.size() / kIndexPair, [this](auto number) { return word_at(number, 0); });
  if (count == 0) return false;
  const std::uint64_t begin = word_at(count - 1, 0), entry = word_at(count - 1, 1);
  // Its length, the way to what it has in common with others, and then the code: from where, and how much.
  const std::string_view found = file_.code_at(entry, 4 * kIndexWord);
  if (found.empty()) return false;
  const std::uint64_t says =
      entry + 2 * kIndexWord + static_cast<std::uint64_t>(std::int64_t{number_at<std::int32_t>(found, 2 * kIndexWord)});
  return says == begin && address - begin < number_at<std::uint32_t>(found, 3 * kIndexWord);
}

}  // namespace leakdir::tool
