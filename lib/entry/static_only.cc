// SPDX-License-Identifier: BSL-1.0
//
// Part of leakdir-static.o only: its mark (shared/mark.h), and a reference that brings __libc_freeres out of libc.a,
// which the weak one of libc_own.cc does not.

#include "shared/mark.h"

static_assert(static_cast<int>(leakdir::kMarkOfStaticObject) == 2);
LEAKDIR_MARK(2, ".", ".", ".");

extern "C" void __libc_freeres();

namespace leakdir {
__attribute__((used)) void (*const bring_in_freeres)() = __libc_freeres;
}
