// SPDX-License-Identifier: BSL-1.0
//
// The main function of the unit tests: under leakdir's own listener, where they are linked with its object.

#include "../../lib/include/leakdir/gtest.h"

int main(int argc, char** argv) {
  testing::InitGoogleTest(&argc, argv);
  leakdir::install_gtest_listener(&argc, argv);
  return RUN_ALL_TESTS();
}
