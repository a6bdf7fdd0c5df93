// SPDX-License-Identifier: BSL-1.0
#include "arm_exidx.hh"

#include <cstring>

#include "sorted_pairs.hh"

namespace leakdir::tool {

namespace {

constexpr std::uint32_t kCannotUnwind = 1, kIsInstruction = 1;  // the last: a bit of a Thumb function's address

}  // namespace

ArmExidx::ArmExidx(const ElfProgram& file) {
  if (!has_our_byte_order(file)) return;
  for (const auto& segment : file.segments())
    if (segment.p_type == PT_ARM_EXIDX) {
      start_ = segment.p_vaddr;
      table_ = file.code_at(start_, segment.p_filesz / kIndexPair * kIndexPair);
      return;
    }
}

std::uint32_t ArmExidx::word_at(std::size_t number, std::size_t which) const {
  std::uint32_t word;
  std::memcpy(&word, table_.data() + number * kIndexPair + which * kIndexWord, sizeof word);
  return word;
}

// 31 bits with a sign, counted from the entry itself.
std::uint64_t ArmExidx::begin_of(std::size_t number) const {
  const std::uint32_t word = word_at(number, 0), way = word & 0x7fffffff, sign = (word & 0x40000000) << 1;
  return static_cast<std::uint32_t>(start_ + number * kIndexPair + (way | sign));
}

bool ArmExidx::covers(std::uint64_t address) const {
  address &= ~std::uint64_t{kIsInstruction};
  const std::size_t count =
      entries_up_to(address, table_.size() / kIndexPair, [this](auto number) { return begin_of(number); });
  return count != 0 && word_at(count - 1, 1) != kCannotUnwind;
}

}  // namespace leakdir::tool
