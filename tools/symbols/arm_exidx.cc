// SPDX-License-Identifier: BSL-1.0
#include "arm_exidx.hh"

#include <cstring>

namespace leakdir::tool {

namespace {

constexpr std::size_t kWord = 4, kPair = 2 * kWord;
constexpr std::uint32_t kCannotUnwind = 1, kIsInstruction = 1;  // the last: a bit of a Thumb function's address

constexpr bool kIsLittle = __BYTE_ORDER__ == __ORDER_LITTLE_ENDIAN__;

}  // namespace

ArmExidx::ArmExidx(const ElfProgram& file) {
  if (file.header().e_ident[EI_DATA] != (kIsLittle ? ELFDATA2LSB : ELFDATA2MSB)) return;
  for (const auto& segment : file.segments())
    if (segment.p_type == PT_ARM_EXIDX) {
      start_ = segment.p_vaddr;
      table_ = file.code_at(start_, segment.p_filesz / kPair * kPair);
      return;
    }
}

std::uint32_t ArmExidx::word_at(std::size_t number, std::size_t which) const {
  std::uint32_t word;
  std::memcpy(&word, table_.data() + number * kPair + which * kWord, sizeof word);
  return word;
}

// 31 bits with a sign, counted from the entry itself.
std::uint64_t ArmExidx::begin_of(std::size_t number) const {
  const std::uint32_t word = word_at(number, 0), way = word & 0x7fffffff, sign = (word & 0x40000000) << 1;
  return static_cast<std::uint32_t>(start_ + number * kPair + (way | sign));
}

bool ArmExidx::covers(std::uint64_t address) const {
  address &= ~std::uint64_t{kIsInstruction};
  std::size_t low = 0, high = table_.size() / kPair;  // the last that begins at or before the address
  while (low < high) {
    const std::size_t middle = low + (high - low) / 2;
    if (begin_of(middle) <= address)
      low = middle + 1;
    else
      high = middle;
  }
  return low != 0 && word_at(low - 1, 1) != kCannotUnwind;
}

}  // namespace leakdir::tool
