// SPDX-License-Identifier: BSL-1.0
//
// Calls of x86-64: "Intel 64 and IA-32 Architectures Software Developer's Manual", volume 2, CALL. Prefixes do not
// matter, as a call is read from its end.

#include "call_site.hh"
#include "fast_walk_reach.hh"

namespace leakdir {
namespace {

// ff /2: how long the instruction is by its ModRM and SIB bytes; 0: it is another one.
unsigned indirect_call_bytes(std::uint8_t modrm, std::uint8_t sib) {
  if ((modrm >> 3 & 7) != 2) return 0;
  const unsigned mod = modrm >> 6, rm = modrm & 7;
  if (mod == 3) return 2;
  const bool has_sib = rm == 4;
  unsigned bytes = has_sib ? 3 : 2;
  if (mod == 1) bytes += 1;
  if (mod == 2 || (mod == 0 && (rm == 5 || (has_sib && (sib & 7) == 5)))) bytes += 4;
  return bytes;
}

const std::uint8_t* at(std::uintptr_t pc) { return reinterpret_cast<const std::uint8_t*>(pc); }

std::uintptr_t relative_to(std::uintptr_t end) {
  std::int32_t distance;
  __builtin_memcpy(&distance, at(end) - sizeof distance, sizeof distance);
  return end + static_cast<std::uintptr_t>(std::intptr_t{distance});
}

// What lies in the table that the instruction names which ends there; 0: nobody can read it.
std::uintptr_t by_table(std::uintptr_t end) {
  const std::uintptr_t entry = relative_to(end);
  return entry % sizeof entry == 0 && can_read(entry) ? *reinterpret_cast<const std::uintptr_t*>(entry) : 0;
}

// Behind a stub of the linker's (endbr64, and a jump by a table); without one, the address itself.
std::uintptr_t behind_stub(std::uintptr_t pc) {
  constexpr unsigned kEndbr = 4, kBnd = 1, kJump = 6;
  if (!can_read(pc) || !can_read(pc + kEndbr + kBnd + kJump)) return 0;
  std::uintptr_t jump = pc;
  if (at(jump)[0] == 0xf3 && at(jump)[1] == 0x0f && at(jump)[2] == 0x1e && at(jump)[3] == 0xfa) jump += kEndbr;
  if (at(jump)[0] == 0xf2) jump += kBnd;
  return at(jump)[0] == 0xff && at(jump)[1] == 0x25 ? by_table(jump + kJump) : pc;
}

}  // namespace

std::uintptr_t function_called_before(std::uintptr_t pc) noexcept {
  constexpr unsigned kDirect = 5, kByTable = 6;
  if (!can_ask() || !can_read(pc - kByTable) || !can_read(pc - 1)) return 0;
  if (at(pc - kByTable)[0] == 0xff && at(pc - kByTable)[1] == 0x15) return by_table(pc);
  return at(pc - kDirect)[0] == 0xe8 ? behind_stub(relative_to(pc)) : 0;
}

bool follows_call(std::uintptr_t pc) noexcept {
  if (!can_ask()) return true;
  constexpr unsigned kDirect = 5, kLongest = 7, kShortest = 2;
  const auto* const end = reinterpret_cast<const std::uint8_t*>(pc);
  for (unsigned bytes = kShortest; bytes <= kLongest; ++bytes) {
    // Once where the code begins, and once in the page before, if that is another one.
    if ((bytes == kShortest || (pc - bytes + 1) % 4096 == 0) && !can_read(pc - bytes)) return false;
    const std::uint8_t* const begin = end - bytes;
    if (bytes == kDirect && begin[0] == 0xe8) return true;
    if (begin[0] == 0xff && indirect_call_bytes(begin[1], bytes > 2 ? begin[2] : 0) == bytes) return true;
  }
  return false;
}

bool is_signal_return(std::uintptr_t pc) noexcept {
  // mov $15,%rax; syscall
  static constexpr unsigned char kCode[] = {0x48, 0xc7, 0xc0, 0x0f, 0x00, 0x00, 0x00, 0x0f, 0x05};
  if (!can_ask() || !can_read(pc) || !can_read(pc + sizeof kCode - 1)) return false;
  const auto* code = reinterpret_cast<const unsigned char*>(pc);
  for (unsigned i = 0; i < sizeof kCode; ++i) {
    if (code[i] != kCode[i]) return false;
  }
  return true;
}

}  // namespace leakdir
