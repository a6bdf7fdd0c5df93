// SPDX-License-Identifier: BSL-1.0
//
// The allocator that we forward to. Each function behaves as the standard function of its name, errno included, and
// none of them calls our hooks. The build decides which allocator that is: in the objects it is glibc's, by the names
// that only glibc has, or musl's; in libleakdir.so it is whichever comes next in the search order of the dynamic
// loader.

#pragma once

#ifdef LEAKDIR_LIBRARY
#include "allocator_next.hh"
#elif defined(LEAKDIR_MUSL)
#include "allocator_musl.hh"
#else
#include "allocator_glibc.hh"
#endif
