// SPDX-License-Identifier: BSL-1.0
//
// The registers that a called function gives back, one file for each processor: kCalling, which columns of the unwind
// tables find a frame; kKept, which are theirs; without_mark(), the address that a saved return address means; and
// this_frame(), what all of them are where it stands.

#pragma once

#include <cstddef>
#include <cstdint>

#include "walk/fast_walk_cfi.hh"

namespace leakdir {

// A function that has called another: where it goes on, its stack pointer, and what it has in registers, by column.
struct Frame {
  static constexpr unsigned kColumns = 32;
  std::uintptr_t pc, sp;
  std::uintptr_t kept[kColumns];
};

}  // namespace leakdir

#if defined(__x86_64__)
#include "kept_registers_x86_64.hh"
#elif defined(__aarch64__)
#include "kept_registers_aarch64.hh"
#elif defined(__riscv) && __riscv_xlen == 64
#include "kept_registers_riscv64.hh"
#elif defined(__i386__)
#include "kept_registers_i386.hh"
#elif defined(__powerpc64__)
#include "kept_registers_ppc64.hh"
#elif defined(__s390x__)
#include "kept_registers_s390x.hh"
#else
#error "this processor has no unwind tables of this kind: it takes exit_frame_none.cc"
#endif
