// SPDX-License-Identifier: BSL-1.0
//
// Reads the head of one unwind table entry: which addresses it is for, and whether they are a signal's return. Of
// .eh_frame's pointer encodings those that linkers make for code; others are refused, and are libgcc's to read.

#pragma once

#include <cstdint>

namespace leakdir {

struct FdeRange {
  std::uintptr_t start, bytes;
};

// Bytes of the entry at `at` with its length word; 0: the end of the table, or an entry of the 64-bit format.
inline std::uintptr_t entry_bytes(const std::uint8_t* at) {
  std::uint32_t length;
  __builtin_memcpy(&length, at, sizeof length);
  return length == 0 || length == 0xffffffff ? 0 : std::uintptr_t{length} + sizeof length;
}

// The distance back to the entry that this one shares the rest with (its CIE), counted from the word itself; 0: it is
// one.
inline std::uint32_t distance_to_cie(const std::uint8_t* at) {
  std::uint32_t distance;
  __builtin_memcpy(&distance, at + 4, sizeof distance);
  return distance;
}
inline const std::uint8_t* cie_of(const std::uint8_t* fde) { return fde + 4 - distance_to_cie(fde); }

// False: an encoding that is not read here.
bool read_fde_range(const std::uint8_t* fde, FdeRange* into) noexcept;

// Whether the entry is of the frame that the kernel makes for a signal's handler to return to.
bool is_signal_fde(const std::uint8_t* fde) noexcept;

}  // namespace leakdir
