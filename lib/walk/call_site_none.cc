// SPDX-License-Identifier: BSL-1.0
//
// For processors whose code is not looked at: the tables alone tell a signal's return.

#include "call_site.hh"

namespace leakdir {

bool follows_call(std::uintptr_t) noexcept { return true; }

std::uintptr_t function_called_before(std::uintptr_t) noexcept { return 0; }

bool is_signal_return(std::uintptr_t) noexcept { return false; }

bool is_program_entry(std::uintptr_t) noexcept { return false; }

}  // namespace leakdir
