// SPDX-License-Identifier: BSL-1.0
//
// When records become files, as it stands now. The option `write` says it at start. At exit it becomes "at once", and
// where the program does not reach the directory any more, "behind": the helper still does. "Never" stays.

#pragma once

#include <atomic>

#include "shared/ledger.hh"
#include "system/base.hh"

namespace leakdir {

LEAKDIR_OURS extern std::atomic<ledger::WriteMode> current_write_mode;

inline ledger::WriteMode write_mode() { return current_write_mode.load(std::memory_order_relaxed); }
inline void set_write_mode(ledger::WriteMode mode) { current_write_mode.store(mode, std::memory_order_relaxed); }

}  // namespace leakdir
