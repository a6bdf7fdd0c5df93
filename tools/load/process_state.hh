// SPDX-License-Identifier: BSL-1.0
//
// Is the process that wrote a ledger still there? A pid is not a name: another process may have got it, or the same
// one may have gone on to another program by exec. load_ledger.cc asks.

#pragma once

#include <string>

#include "ledger.hh"

namespace leakdir::tool {

// `proc` is where the proc file system is mounted.
bool is_running(const ledger::Header& header, const std::string& proc = "/proc");

// False when the machine was started again since, or when it was another machine. True where that is not known.
bool is_of_this_boot(const ledger::Header& header, const std::string& proc = "/proc");

}  // namespace leakdir::tool
