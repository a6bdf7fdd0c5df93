// SPDX-License-Identifier: BSL-1.0
//
// What a person at the terminal may want, whichever key says so.

#pragma once

namespace leakdir::tool {

enum class Key { kUp, kDown, kPageUp, kPageDown, kFirst, kLast, kOpen, kBack, kSort, kGroup, kReset, kHelp, kQuit };

}  // namespace leakdir::tool
