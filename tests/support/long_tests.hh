// SPDX-License-Identifier: BSL-1.0
//
// Whether this is the long form of the tests: -Dlong_tests=true.

#pragma once

namespace leakdir_test {

#ifdef LONG_TESTS
inline constexpr bool kLongTests = true;
#else
inline constexpr bool kLongTests = false;
#endif

}  // namespace leakdir_test
