// SPDX-License-Identifier: BSL-1.0
//
// What every command that looks at a directory does first: DIR into a Snapshot, from the ledger if there is one, else
// from the record files. A file that `leakdir save` made takes the place of DIR, and so does a ledger by itself. Throws
// Error with one sentence when there is nothing to load.

#pragma once

#include <functional>
#include <string>
#include <vector>

#include "load_ledger.hh"
#include "snapshot.hh"

namespace leakdir::tool {

Snapshot load(const std::string& directory, BlocksWanted wanted = BlocksWanted::kAll);

// Several as one (merge.hh). `with_children`: and all processes that have ledgers in DIR/<pid>/.
// `see` is called with all of them before. Whose ledger is there and cannot be read is a warning of the first's, or an
// error.
enum class Unreadable { kIsAWarning, kIsAnError };
using See = std::function<void(std::vector<Snapshot>&)>;
Snapshot load_all(const std::vector<std::string>& directories, bool with_children, const See& see,
                  BlocksWanted wanted = BlocksWanted::kAll, Unreadable unreadable = Unreadable::kIsAWarning);

}  // namespace leakdir::tool
