// SPDX-License-Identifier: BSL-1.0
#include "fde.hh"

namespace leakdir {
namespace {

// Pointer encodings: the low four bits say how it is stored, the next three what it counts from.
constexpr std::uint8_t kAbsolute = 0x00, kUdata4 = 0x03, kUdata8 = 0x04, kSdata4 = 0x0b, kSdata8 = 0x0c;
constexpr std::uint8_t kFromHere = 0x10;

// Text that says what the entry has beyond its fixed parts, a letter for each ("Linux Standard Base", "Exception
// Frames").
const std::uint8_t* augmentation_of(const std::uint8_t* cie) { return cie + 9; }

// How the addresses of a CIE's entries are encoded; 0xff: not to be read here.
std::uint8_t address_encoding(const std::uint8_t* cie) {
  constexpr std::uint8_t kUnreadable = 0xff;
  const std::uint8_t version = cie[8];
  const std::uint8_t* at = augmentation_of(cie);
  const std::uint8_t* const letters = at;
  if (version != 1 && version != 3) return kUnreadable;
  while (*at != 0) ++at;
  ++at;
  if (letters[0] == 0) return kAbsolute;
  if (letters[0] != 'z') return kUnreadable;
  const auto skip_leb = [&] {
    while ((*at++ & 0x80) != 0) {
    }
  };
  skip_leb();                              // code alignment
  skip_leb();                              // data alignment
  version == 1 ? void(++at) : skip_leb();  // the column of the return address
  skip_leb();                              // bytes of what the letters stand for
  for (const std::uint8_t* letter = letters + 1;; ++letter) {
    if (*letter == 'R') return *at;
    if (*letter == 'L') {
      ++at;
    } else if (*letter == 'P') {
      const std::uint8_t how = *at++ & 0x0f;
      if (how == kUdata4 || how == kSdata4) {
        at += 4;
      } else if (how == kUdata8 || how == kSdata8) {
        at += 8;
      } else if (how == kAbsolute) {
        at += sizeof(void*);
      } else {
        return kUnreadable;
      }
    } else if (*letter == 0) {
      return kAbsolute;
    } else if (*letter != 'S' && *letter != 'B') {
      return kUnreadable;
    }
  }
}

template <typename T>
std::uintptr_t load(const std::uint8_t* at) {
  T value;
  __builtin_memcpy(&value, at, sizeof value);
  return static_cast<std::uintptr_t>(value);
}

// Returns how many bytes it takes; 0: not to be read here.
unsigned read_value(const std::uint8_t* at, std::uint8_t how, std::uintptr_t* into) {
  switch (how) {
    case kAbsolute:
      *into = load<std::uintptr_t>(at);
      return sizeof(std::uintptr_t);
    case kUdata4:
      *into = load<std::uint32_t>(at);
      return 4;
    case kSdata4:
      *into = load<std::int32_t>(at);
      return 4;
    case kUdata8:
    case kSdata8:
      *into = load<std::uint64_t>(at);
      return 8;
    default:
      return 0;
  }
}

}  // namespace

bool read_fde_range(const std::uint8_t* fde, FdeRange* into) noexcept {
  const std::uint8_t encoding = address_encoding(cie_of(fde));
  if ((encoding & 0xf0) != 0 && (encoding & 0xf0) != kFromHere) return false;
  const std::uint8_t* const at = fde + 8;
  const unsigned bytes = read_value(at, encoding & 0x0f, &into->start);
  if (bytes == 0) return false;
  if ((encoding & 0xf0) == kFromHere && into->start != 0) into->start += reinterpret_cast<std::uintptr_t>(at);
  // The length counts from nothing, and is never negative.
  std::uint8_t how = encoding & 0x0f;
  if (how == kSdata4) how = kUdata4;
  return read_value(at + bytes, how, &into->bytes) != 0;
}

bool is_signal_fde(const std::uint8_t* fde) noexcept {
  const std::uint8_t* letter = augmentation_of(cie_of(fde));
  if (*letter != 'z') return false;
  while (*letter != 0 && *letter != 'S') ++letter;
  return *letter == 'S';
}

}  // namespace leakdir
