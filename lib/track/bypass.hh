// SPDX-License-Identifier: BSL-1.0
//
// Whether blocks may come from the allocator without our seeing it, where all should be seen: a library that was loaded
// with RTLD_DEEPBIND calls the malloc that it finds beside itself. A block that such a library
// got may be freed by another one, through us.

#pragma once

#include "system/guard.hh"

namespace leakdir {

// Looks where each module's calls of malloc and its kin lead to; a module whose calls have not been bound yet has made
// none. Once true, it stays so. Takes long: to be asked before something is called a bad free.
bool hooks_are_bypassed(const ReentryGuard&);

}  // namespace leakdir
