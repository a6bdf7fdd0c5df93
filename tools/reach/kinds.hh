// SPDX-License-Identifier: BSL-1.0
//
// Kinds of live blocks, in Valgrind's words: which of them are meant, and whether it is known of which kind a block is.

#pragma once

#include <optional>
#include <string>
#include <string_view>

#include "load/snapshot.hh"

namespace leakdir::tool {

// Bit i is ledger::Reach i; kUnknown is one of them.
using KindSet = unsigned;

constexpr KindSet kind_bit(ledger::Reach reach) { return 1u << static_cast<unsigned>(reach); }
constexpr bool has(KindSet kinds, ledger::Reach reach) { return (kinds & kind_bit(reach)) != 0; }

inline constexpr KindSet kLostKinds =
    kind_bit(ledger::Reach::kDefinite) | kind_bit(ledger::Reach::kIndirect) | kind_bit(ledger::Reach::kPossible);
inline constexpr KindSet kKnownKinds = kLostKinds | kind_bit(ledger::Reach::kReachable);
inline constexpr KindSet kAllKinds = kKnownKinds | kind_bit(ledger::Reach::kUnknown);

// In which order a report has them: what is worst comes first.
inline constexpr ledger::Reach kKindOrder[] = {ledger::Reach::kDefinite, ledger::Reach::kIndirect,
                                               ledger::Reach::kPossible, ledger::Reach::kReachable,
                                               ledger::Reach::kUnknown};

// What a block is called by its kind: "definitely lost", "not known".
std::string_view kind_name(ledger::Reach reach);

// "definite,possible" as --show-leak-kinds has it: some of definite, indirect, possible and reachable, or `all`, or
// `none`. Nothing: it is no such list.
std::optional<KindSet> parse_kinds(std::string_view list);

// "definite,possible"; of all `all`, of none `none`.
std::string words_of(KindSet kinds);

// Whether somebody looked: each block has its kind, but for those of which who looked could not tell.
bool knows_kinds(const Snapshot& snapshot);

// Whether there is a block that a report lists if it is not told otherwise: where there is none, no kind is missing.
bool has_listable(const Snapshot& snapshot);

// Why nobody looked, or why some blocks have no kind, as the end of a sentence; empty: there is nothing to explain.
std::string why_no_kinds(const Snapshot& snapshot);

// The whole sentence, where no kind is known.
std::string kinds_not_known(const Snapshot& snapshot);

}  // namespace leakdir::tool
