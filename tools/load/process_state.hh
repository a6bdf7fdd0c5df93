// SPDX-License-Identifier: BSL-1.0
//
// Is the process that wrote a ledger still there? A pid is not a name: another process may have got it, or the same
// one may have gone on to another program by exec. load_ledger.cc asks.

#pragma once

#include <string>

#include "ledger.hh"

namespace leakdir::tool {

// `ledger` is the header's file: the process may have gone on to a program that has another ledger. Empty: any ledger
// is taken for it. `proc` is where the proc file system is mounted.
bool is_running(const ledger::Header& header, const std::string& ledger = "", const std::string& proc = "/proc");

// The program that the process runs by now, after an exec: its path, or "another program" where that is not known.
// Empty: it does not live any more, or still runs the program that wrote the ledger, as far as can be told.
std::string went_on_as(const ledger::Header& header, const std::string& ledger = "", const std::string& proc = "/proc");

// False when the machine was started again since, or when it was another machine. True where that is not known.
bool is_of_this_boot(const ledger::Header& header, const std::string& proc = "/proc");

}  // namespace leakdir::tool
