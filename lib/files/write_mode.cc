// SPDX-License-Identifier: BSL-1.0
#include "write_mode.hh"

namespace leakdir {

std::atomic<ledger::WriteMode> current_write_mode{ledger::WriteMode::kBehind};

}  // namespace leakdir
