// SPDX-License-Identifier: BSL-1.0

#include "shelf.hh"

#include <gtest/gtest.h>
#include <leakdir/gtest.h>

TEST(Shelf, KeepsWhatIsPutOnIt) {
  Shelf shelf;
  shelf.put("Middlemarch");
  EXPECT_EQ(shelf.size(), 1u);
  EXPECT_FALSE(shelf.lend("Emma"));
}

TEST(Shelf, LendsABook) {
  Shelf shelf;
  shelf.put("Emma");
  EXPECT_TRUE(shelf.lend("Emma"));
  EXPECT_EQ(shelf.size(), 0u);
}

int main(int argc, char** argv) {
  testing::InitGoogleTest(&argc, argv);
  leakdir::install_gtest_listener(&argc, argv);
  return RUN_ALL_TESTS();
}
