// SPDX-License-Identifier: BSL-1.0
//
// Whether blocks come from the allocator without our seeing it, where all should be seen, so that "nothing is live" is
// no truth: another malloc than ours was linked into the program; the program keeps ours to itself (a version script),
// so that its libraries find libc's; a library that was loaded with RTLD_DEEPBIND calls the malloc that it finds beside
// itself; with one that a static program loads, or that comes by dlmopen(), comes a libc. A block that such a library
// got may be freed by another one, through us. What is found is said in the header of the ledger (PassedBy).

#pragma once

#include "shared/ledger.hh"
#include "system/guard.hh"

namespace leakdir {

// At start, of what is so from then on: kProgram or kLibraries.
void hooks_are_bypassed_by(ledger::PassedBy);

// At start: the name spaces that are there already are those of auditors (LD_AUDIT), which are no part of the program.
void remember_namespaces();

// Looks where each module's calls of malloc and its kin lead to; a module whose calls have not been bound yet has made
// none. Once true, it stays so. Takes long: to be asked before something is called a bad free, and at exit.
bool hooks_are_bypassed(const ReentryGuard&);

// A block of the allocator's is freed or resized that was never seen, though nothing is known that would explain it; or
// one is handed out again that was not freed as far as anybody saw.
void note_unseen_block();

// Of a forked child: its parent's findings go on, as its libraries do.
void inherit_bypass(const ledger::Header& parent);

// Says on stderr what was found, if anything was.
void say_if_bypassed();

}  // namespace leakdir
