// SPDX-License-Identifier: BSL-1.0
//
// "Exception Handling ABI for the Arm Architecture"; the instructions that return from a signal's handler are glibc's
// (sigrestorer.S) and the kernel's (sigreturn_codes.S), in both instruction sets.

#include <link.h>
#include <unwind.h>

#include "frames_to_signal.hh"
#include "system/loader.hh"

namespace leakdir {
namespace {

struct Range {
  std::uintptr_t start, end;
  bool has(std::uintptr_t first, std::uintptr_t bytes) const {
    return first >= start && first < end && end - first >= bytes;
  }
};

struct Search {
  std::uintptr_t pc;
  Range code;
};

int see_module(dl_phdr_info* info, std::size_t, void* context) {
  Search& search = *static_cast<Search*>(context);
  for (unsigned i = 0; i < info->dlpi_phnum; ++i) {
    const ElfW(Phdr)& header = info->dlpi_phdr[i];
    constexpr auto kReadableCode = static_cast<ElfW(Word)>(PF_R | PF_X);
    if (header.p_type != PT_LOAD || (header.p_flags & kReadableCode) != kReadableCode) continue;
    const std::uintptr_t start = info->dlpi_addr + header.p_vaddr;
    const Range code = {start, start + header.p_memsz};
    if (!code.has(search.pc, 1)) continue;
    search.code = code;
    return 1;
  }
  return 0;
}

bool is_signal_return(const std::uint16_t* code) {
  constexpr std::uint16_t kMovWide = 0xf04f, kMovWideR7 = 0x0700, kMovR7 = 0x2700, kSvc = 0xdf00;
  constexpr std::uint16_t kSigreturn = 119, kRtSigreturn = 173;
  constexpr std::uint32_t kArmMovR7 = 0xe3a07000, kArmSvc = 0xef;
  std::uint32_t words[2];
  __builtin_memcpy(words, code, sizeof words);
  for (unsigned i = 0; i < 2; ++i) {
    const std::uint16_t number = i == 0 ? kSigreturn : kRtSigreturn;
    if (code[0] == kMovWide && code[1] == (kMovWideR7 | number) && code[2] == kSvc) return true;
    if (code[0] == (kMovR7 | number) && code[1] == kSvc) return true;
    if (words[0] == (kArmMovR7 | number) && words[1] >> 24 == kArmSvc) return true;
  }
  return false;
}

struct Frames {
  std::uintptr_t* into;
  unsigned most, count;
  Search last;  // most frames lie in the module of the one before
};

bool ends_here(std::uintptr_t pc, Search& last) {
  constexpr unsigned kBytes = 8;
  if (!last.code.has(pc, 1)) {
    last = {pc, {0, 0}};
    for_each_module(see_module, &last);
  }
  return last.code.has(pc, kBytes) && is_signal_return(reinterpret_cast<const std::uint16_t*>(pc));
}

_Unwind_Reason_Code take(_Unwind_Context* context, void* argument) {
  Frames& frames = *static_cast<Frames*>(argument);
  const std::uintptr_t pc = _Unwind_GetIP(context);
  if (pc == 0 || frames.count == frames.most || ends_here(pc, frames.last)) return _URC_END_OF_STACK;
  frames.into[frames.count++] = pc;
  return _URC_NO_REASON;
}

}  // namespace

unsigned frames_to_signal(std::uintptr_t* into, unsigned most) noexcept {
  Frames frames = {into, most, 0, {0, {0, 0}}};
  _Unwind_Backtrace(take, &frames);
  return frames.count;
}

}  // namespace leakdir
