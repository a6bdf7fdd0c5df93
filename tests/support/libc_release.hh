// SPDX-License-Identifier: BSL-1.0
//
// Which glibc the tests run upon.

#pragma once

#include <gnu/libc-version.h>

#include <cstdlib>

namespace leakdir_test {

// The N of 2.N.
inline int glibc_minor() { return std::atoi(gnu_get_libc_version() + 2); }

}  // namespace leakdir_test
