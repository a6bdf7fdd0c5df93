// SPDX-License-Identifier: BSL-1.0
//
// Which executable or shared library an address lies in, kept in the ledger so that a reader far away can symbolise it.
//
// Asked only when a stack frame is new. Goes to the loader (loader.hh), whose lock it takes: never while another of our
// locks is held. Does not allocate.

#pragma once

#include <cstdint>

#include "system/guard.hh"

namespace leakdir {

// Index of the module in the ledger, 0: none known. Asks the loader when it has none.
std::uint32_t module_of(std::uintptr_t pc, const ReentryGuard&);

// The same among those that are known already: nothing is asked of the loader, so it may be called anywhere.
std::uint32_t known_module_of(std::uintptr_t address);

// Reads the loader's list. Returns true when a module was found to be gone: what was known of its addresses is not true
// any more.
bool refresh_modules(const ReentryGuard&);

// True when the loader unloaded something since the last refresh.
bool modules_were_unloaded(const ReentryGuard&);

// By index: whether what was known of the module's addresses is not true any more; whether it is the dynamic loader.
LEAKDIR_OURS extern bool some_are_unloaded;
bool is_unloaded_slow(std::uint32_t module);
inline bool is_unloaded(std::uint32_t module) {
  return LEAKDIR_UNLIKELY(some_are_unloaded) && is_unloaded_slow(module);
}
bool is_of_loader(std::uint32_t module);

// The executable itself: index of its module, and whether its unwind tables are found through its program headers
// (false: a plain -static program, see functions.hh).
std::uint32_t program_module();
bool program_has_table_header();

}  // namespace leakdir
