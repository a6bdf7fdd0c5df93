// SPDX-License-Identifier: BSL-1.0
//
// leakdir/gtest.h with --leakdir_lost, upon leakdir itself. The tests named Loses leave words that lead to the block
// they lost in stack and registers that nobody uses any more; those named Holds have theirs where the program goes on
// to use it. gtest_test.cc compiles it in several ways.

#include <alloca.h>
#include <leakdir/gtest.h>

#include <cstdint>
#include <memory>
#include <stdexcept>

namespace {

using Word = std::uintptr_t;

struct Keeper {
  void *first = nullptr;
};

// main's, which no other word leads to.
Word hidden_keeper = 0;
constexpr Word kHidden = ~static_cast<Word>(0);
Keeper *in_main = nullptr;

__attribute__((noinline)) void *make(std::size_t size) {
  void *const block = std::malloc(size);
  std::memset(block, 0, size);
  return block;
}

// What is below here on the stack, far further down than the listener comes, is full of words that lead to the block.
__attribute__((noinline)) unsigned fill_stack(void *block, unsigned depth) {
  void *volatile words[61];
  for (void *volatile &word : words) word = block;
  const unsigned below = depth == 0 ? 0 : fill_stack(block, depth - 1);
  return below + (words[depth % 61] != nullptr ? 1u : 0u);
}

__attribute__((noinline)) unsigned fill_by_alloca(void *block, std::size_t count) {
  auto *const words = static_cast<void *volatile *>(alloca(count * sizeof(void *)));
  for (std::size_t i = 0; i < count; ++i) words[i] = block;
  return words[count / 2] != nullptr ? 1 : 0;
}

// Puts aside all registers that it has to give back.
__attribute__((noinline)) void use_all_registers() {
#if defined(__x86_64__)
  __asm__ volatile("" : : : "rbx", "r12", "r13", "r14", "r15", "memory");
#elif defined(__aarch64__)
  __asm__ volatile("" : : : "x19", "x20", "x21", "x22", "x23", "x24", "x25", "x26", "x27", "x28", "memory");
#endif
}
__attribute__((noinline)) Word fill_registers(void *block) {
  Word one = reinterpret_cast<Word>(block), two = one, three = one, four = one, five = one;
  __asm__ volatile("" : "+r"(one), "+r"(two), "+r"(three), "+r"(four), "+r"(five));
  use_all_registers();
  __asm__ volatile("" : "+r"(one), "+r"(two), "+r"(three), "+r"(four), "+r"(five));
  return one ^ two ^ three ^ four ^ five;
}

__attribute__((noinline)) void throw_with(void *block) {
  void *volatile words[97];
  for (void *volatile &word : words) word = block;
  if (words[7] != nullptr) throw std::runtime_error("on purpose");
}

__attribute__((noinline)) void lose_deep(std::size_t size) { EXPECT_NE(fill_stack(make(size), 20), 0u); }

// ---- Tests
// -----------------------------------------------------------------------------------------------------------

TEST(Loses, WhatDeepRecursionHasLeft) { EXPECT_EQ(fill_stack(make(3001), 40), 41u); }
TEST(Loses, WhatTheBodyHasLeft) {
  void *volatile words[1009];
  void *const block = make(3003);
  for (void *volatile &word : words) word = block;
  EXPECT_NE(words[500], nullptr);
}
TEST(Loses, WhatAllocaHasLeft) { EXPECT_EQ(fill_by_alloca(make(3005), 1500), 1u); }
TEST(Loses, WhatRegistersHaveLeft) {
  void *const block = make(3007);
  for (int i = 0; i < 3; ++i) EXPECT_EQ(fill_registers(block), reinterpret_cast<Word>(block));
}
TEST(Loses, WhatAnExceptionHasLeft) { EXPECT_THROW(throw_with(make(3009)), std::runtime_error); }
// Without the listener, between what was left and the question.
TEST(Loses, WhatTheProgramAsksFor) {
  const unsigned long mark = leakdir_mark();
  std::size_t blocks = 0, bytes = 0;
  lose_deep(3017);
  const int is_told = leakdir_lost_since(mark, &blocks, &bytes);
  std::printf("asked: %d, %zu block, %zu bytes\n", is_told, blocks, bytes);
}
TEST(Loses, InAPart) { EXPECT_NO_LEAKS(lose_deep(3011)); }

class LosesInAFixture : public testing::Test {
 protected:
  LosesInAFixture() : first_(make(3013)) { fill_stack(first_, 9); }
  void SetUp() override { fill_stack(second_ = make(3015), 9); }
  void *first_, *second_ = nullptr;
};
TEST_F(LosesInAFixture, WhatItHad) { EXPECT_NE(first_, second_); }

TEST(Holds, OnTheStackOfMain) { fill_stack(in_main->first = make(3101), 9); }
TEST(Holds, InARegisterOfMain) {
  auto *const keeper = reinterpret_cast<Keeper *>(hidden_keeper ^ kHidden);
  fill_stack(keeper->first = make(3103), 9);
}
TEST(Holds, InAStatic) {
  static void *volatile kept;
  fill_stack(kept = make(3105), 9);
}
TEST(Holds, InAThreadLocal) {
  static thread_local void *volatile kept;
  fill_stack(kept = make(3107), 9);
}
TEST(Holds, InItsOwnFrame) {
  void *volatile kept = nullptr;
  EXPECT_NO_LEAKS(kept = make(3109));
  std::free(kept);
}
TEST(Holds, InAFrameFurtherOut) {
  Keeper keeper;
  Keeper *volatile hidden = &keeper;
  const auto within = [&] { EXPECT_NO_LEAKS(hidden->first = make(3111)); };
  within();
  std::free(keeper.first);
}

class HoldsForAllTests : public testing::Test {
 protected:
  static void SetUpTestSuite() { all_ = new Keeper; }
  static void TearDownTestSuite() {
    std::free(all_->first);
    delete all_;
  }
  static Keeper *all_;
};
Keeper *HoldsForAllTests::all_ = nullptr;
TEST_F(HoldsForAllTests, InTheSuite) { fill_stack(all_->first = make(3113), 9); }

class Environment : public testing::Environment {
 public:
  static Environment *made;
  void TearDown() override { std::free(kept.first); }
  Keeper kept;
};
Environment *Environment::made = nullptr;
TEST(Holds, InTheEnvironment) { fill_stack(Environment::made->kept.first = make(3115), 9); }

}  // namespace

int main(int argc, char **argv) {
  testing::InitGoogleTest(&argc, argv);
  leakdir::install_gtest_listener(&argc, argv);
  Environment::made = new Environment;
  testing::AddGlobalTestEnvironment(Environment::made);
  Keeper keeper;
  in_main = &keeper;
  auto *own = static_cast<Keeper *>(make(sizeof(Keeper)));
  hidden_keeper = reinterpret_cast<Word>(own) ^ kHidden;
  __asm__ volatile("" : "+r"(own));
  const int result = RUN_ALL_TESTS();
  __asm__ volatile("" : "+r"(own));
  std::free(keeper.first);
  std::free(own->first);
  std::free(own);
  return result;
}
