// SPDX-License-Identifier: BSL-1.0
//
// What the unwind tables say of one return address, for the three registers that the fast walk follows.
//
// The tables are the ones that _Unwind_Backtrace, and so Boost, uses (find_fde.hh), read to the same effect, its
// simplifications included: identical frames depend on it. Called by step.cc for addresses that the cache does not
// hold. Reading a row allocates nothing and takes no lock, nor does the search in the program's modules;
// where glibc is older than 2.35, or a program has no PT_GNU_EH_FRAME and no index, it may.

#pragma once

#include <cstdint>

namespace leakdir {

// DWARF's numbers for the processor's registers.
struct CfiColumns {
  std::uint64_t stack_pointer;
  std::uint64_t frame_pointer;
  std::uint64_t return_address;
  bool are_addresses_signed = false;  // some are, where the tables say so (arm64)
};

enum class SavedHow : std::uint8_t {
  kUnchanged,
  kAtCfa,           // at CFA + offset
  kAtFramePointer,  // at frame pointer + offset
  kUndefined,
  kOther,
};

struct SavedRegister {
  SavedHow how;
  std::int32_t offset;  // bytes; several rows lie on the stack of whoever allocates

  static SavedRegister of(SavedHow how, std::int64_t offset) {
    const auto short_offset = static_cast<std::int32_t>(offset);
    return short_offset == offset ? SavedRegister{how, short_offset} : SavedRegister{SavedHow::kOther, 0};
  }
};

enum class CfaHow : std::uint8_t {
  kRegister,             // register `column` + offset
  kThroughFramePointer,  // held at frame pointer + through_offset
  kOther,
};

struct CfiRow {
  CfaHow cfa_how;
  std::uint64_t cfa_column;
  std::int64_t cfa_offset;
  std::int64_t through_offset;
  SavedRegister stack_pointer;
  SavedRegister frame_pointer;
  SavedRegister return_address;
  bool address_is_signed;
};

enum class CfiAnswer {
  kRow,
  kNoTable,      // no entry covers the address
  kUnsupported,  // an entry that this reader does not follow: signal frames, unknown instructions
};

[[nodiscard]] CfiAnswer read_cfi_row(std::uintptr_t return_address, const CfiColumns& columns, CfiRow* row) noexcept;

// Whether there is a table for the function that `address` lies in.
[[nodiscard]] bool has_table(std::uintptr_t address) noexcept;

// Whether the address lies in the program or in a library that the loader knows: there, what the tables say holds until
// it is unloaded. Elsewhere (code made at run time) tables come and go at any time.
[[nodiscard]] bool is_in_module(std::uintptr_t address) noexcept;

}  // namespace leakdir
