// SPDX-License-Identifier: BSL-1.0
//
// Ledgers of the other byte order: a big-endian processor's, read here. A writer stores numbers as its processor does;
// who reads them turns them round once, and everything behind the reader has numbers of this machine.

#pragma once

#include <cstddef>

#include "ledger.hh"

namespace leakdir::tool {

bool is_of_other_order(const ledger::Header& header);

// Each turns the numbers round in place, and leaves bytes (names, build-ids) as they are.
void turn_round(ledger::Header& header);
void turn_round(ledger::Extent* extents, std::size_t count);
void turn_round(ledger::Kind kind, void* rows, std::size_t count);
std::uint32_t turned_round(std::uint32_t number);
std::uint64_t turned_round(std::uint64_t number);

}  // namespace leakdir::tool
