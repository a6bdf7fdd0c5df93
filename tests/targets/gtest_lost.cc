// SPDX-License-Identifier: BSL-1.0
//
// leakdir/gtest.h with --leakdir_lost, upon an object that is made up here: what each test holds and loses, and whether
// that can be told, is what the test says. gtest_test.cc compiles it, without leakdir, and says which must fail.

#include <leakdir/gtest.h>

namespace {

struct MadeUp {
  std::size_t size;
  const char *reach;
  unsigned long sequence;
};
std::vector<MadeUp> &blocks() {
  static std::vector<MadeUp> all;
  return all;
}
unsigned long sequence = 1;  // 0 is no mark
bool can_tell = true, has_told = false;

void make(std::size_t size, const char *reach) { blocks().push_back({size, reach, ++sequence}); }

const char *const definite = "definitely lost", *const indirect = "indirectly lost", *const possible = "possibly lost",
                  *const reachable = "still reachable";

}  // namespace

#undef leakdir_mark
#undef leakdir_dir
#undef leakdir_is_recording
#undef leakdir_lost_since
#undef leakdir_each_since
extern "C" {
unsigned long leakdir_mark() {
  has_told = false;
  return sequence;
}
const char *leakdir_dir() { return "/made/up"; }
int leakdir_is_recording() { return 1; }
#ifndef WITHOUT_LOST
int leakdir_lost_since(unsigned long mark, size_t *count, size_t *bytes) {
  unsigned long lost = 0, size = 0;
  for (const MadeUp &block : blocks()) {
    if (block.sequence <= mark || block.reach == reachable || !can_tell) continue;
    ++lost;
    size += block.size;
  }
  if (count != nullptr) *count = lost;
  if (bytes != nullptr) *bytes = size;
  has_told = can_tell;
  return can_tell ? 1 : 0;
}
#endif
void leakdir_each_since(unsigned long mark, void (*visit)(const leakdir_block *, void *), void *context) {
  for (const MadeUp &block : blocks()) {
    const void *const frames[] = {reinterpret_cast<const void *>(block.size)};  // one stack for each size
    const std::string record = "[+0x1] --> addr:0x10, size:" + std::to_string(block.size) + "\ncall: malloc\n" +
                               (has_told ? std::string("reach: ") + block.reach + "\n" : "") + "#0 0x1 ?\n";
    const leakdir_block shown = {
        frames[0], block.size, block.sequence, 1, record.c_str(), frames, 1, has_told ? block.reach : nullptr};
    if (block.sequence > mark) visit(&shown, context);
  }
}
}

namespace {

TEST(Holds, ARegistryAndACache) {
  make(101, reachable);
  make(103, reachable);
}
TEST(Holds, Nothing) {}
TEST(Loses, ABlock) {
  make(105, reachable);
  make(107, definite);
}
TEST(Loses, BlocksOfEachKind) {
  make(109, definite);
  make(111, indirect);
  make(113, possible);
  make(115, reachable);
}
TEST(Loses, InAPart) {
  make(117, definite);
  EXPECT_NO_LEAKS(make(119, reachable));
  EXPECT_NO_LEAKS(make(121, possible));
  blocks().clear();
}
TEST(Loses, OnlyTheFirstTime) {
  static bool is_first = true;
  if (is_first) make(123, definite);
  is_first = false;
}
TEST(CannotTell, WhatItLost) {
  can_tell = false;
  make(125, definite);
}
TEST(CannotTell, StillNot) { make(127, definite); }

}  // namespace

// Each iteration begins as the first did.
class Told : public testing::EmptyTestEventListener {
 public:
  void OnTestIterationStart(const testing::UnitTest &, int) override { can_tell = true; }
};

int main(int argc, char **argv) {
  testing::InitGoogleTest(&argc, argv);
  testing::UnitTest::GetInstance()->listeners().Append(new Told);
  leakdir::install_gtest_listener(&argc, argv);
  if (argc != 1) return 99;
  return RUN_ALL_TESTS();
}
