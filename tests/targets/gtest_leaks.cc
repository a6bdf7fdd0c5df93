// SPDX-License-Identifier: BSL-1.0
//
// Tests that leak and tests that do not, under leakdir/gtest.h. gtest_test.cc compiles it and says which must fail.

#include <leakdir/gtest.h>
// First, so that it must do without what others include.
#include <gmock/gmock.h>
#include <sys/syscall.h>
#include <unistd.h>

#include <condition_variable>
#include <cstring>
#include <mutex>
#include <thread>

#include "expect.h"

namespace {

void *volatile kept[100];

TEST(Clean, FreesAll) {
  void *volatile block = malloc(2001);
  free(block);
  delete new std::string(100, 'x');
}
TEST(Clean, KeepsWhatGoogleTestKeeps) {
  RecordProperty("key", std::string(100, 'x'));
  SCOPED_TRACE(std::string(100, 'y'));
  SUCCEED() << std::string(100, 'z');
}
TEST(Clean, LeaksInTheChildOfADeathTest) {
  EXPECT_EXIT((kept[0] = malloc(2003), exit(3)), testing::ExitedWithCode(3), "");
}
TEST(Clean, MeansToKeep) {
  const leakdir::Ignore ignore;
  kept[1] = malloc(2005);
}
TEST(Clean, KeepsAfterThat) { free(hidden(malloc(2007))); }
TEST(Clean, StartsThreads) {
  std::vector<std::thread> threads;
  for (int i = 0; i < 4; ++i) threads.emplace_back([] { free(hidden(malloc(2009))); });
  for (std::thread &thread : threads) thread.join();
}
TEST(Clean, LetsAThreadFreeLater) {
  std::thread([block = std::string(2011, 'x')] { usleep(5000); }).detach();
}
TEST(Clean, NoLeaksInAPart) { EXPECT_NO_LEAKS(EXPECT_NO_LEAKS(free(hidden(malloc(2013))))); }

struct Mocked {
  virtual ~Mocked() = default;
  virtual int f(int) = 0;
};
struct Mock : Mocked {
  MOCK_METHOD(int, f, (int), (override));
};
TEST(Clean, ExpectsACall) {
  Mock mock;
  EXPECT_CALL(mock, f(1)).WillOnce(testing::Return(2));
  EXPECT_EQ(mock.f(1), 2);
}
TEST(Clean, HasMocksThatAreNice) {
  std::vector<testing::NiceMock<Mock>> many(100);
  for (testing::NiceMock<Mock> &mock : many) mock.f(1);
}
TEST(Clean, HasMocksThatAreStrict) {
  testing::StrictMock<Mock> mock;
  const testing::InSequence sequence;
  EXPECT_CALL(mock, f(testing::_)).Times(2).WillRepeatedly(testing::Return(3));
  EXPECT_EQ(mock.f(1) + mock.f(2), 6);
}

NOINLINE void leak_two() {
  for (volatile int i = 0; i < 2; i = i + 1) kept[2 + i] = malloc(2101);
}
TEST(Leaky, TwoBlocksOfOneStack) { leak_two(); }
TEST(Leaky, InAThread) {
  std::thread([] { kept[4] = malloc(2103); }).join();
}
TEST(Leaky, InAThreadThatWasThereBefore) {
  std::mutex mutex;
  std::condition_variable changed;
  int step = 0;
  std::thread worker([&] {
    for (int i = 0; i < 10; ++i) free(hidden(malloc(10)));
    std::unique_lock<std::mutex> lock(mutex);
    step = 1;
    changed.notify_all();
    changed.wait(lock, [&] { return step == 2; });
    kept[5] = malloc(2105);
  });
  std::unique_lock<std::mutex> lock(mutex);
  changed.wait(lock, [&] { return step == 1; });
  const leakdir::gtest::Mark mark;
  step = 2;
  changed.notify_all();
  lock.unlock();
  worker.join();
  mark.expect_no_leaks(__FILE__, __LINE__, "the worker ");
}
TEST(Leaky, InAPart) { EXPECT_NO_LEAKS(kept[6] = malloc(2107), (void)0); }
TEST(Leaky, OnlyTheFirstTime) {
  static void *const table = malloc(2109);
  kept[7] = table;
}
TEST(Leaky, ReplacesABlock) {
  free(kept[10]);
  kept[10] = malloc(2115);
}
TEST(Leaky, LeavesOneMoreEachTime) {
  free(kept[11]);
  for (volatile int i = 11; i < 13; i = i + 1) kept[i] = malloc(2117);
}
int leaks_and_compares(const void *a, const void *b) {
  if (kept[13] == nullptr) kept[13] = malloc(2119);
  return *static_cast<const int *>(a) - *static_cast<const int *>(b);
}
TEST(Leaky, BelowALibrary) {
  int numbers[] = {3, 2};
  kept[13] = nullptr;
  qsort(numbers, 2, sizeof numbers[0], leaks_and_compares);
}
NOINLINE int leak_at(int depth) {
  kept[20 + depth] = malloc(2121);
  const int below = depth == 0 ? 0 : leak_at(depth - 1);
  hidden(nullptr);
  return below + 1;
}
TEST(Leaky, FromManyPlaces) { leak_at(20); }
TEST(Other, FailsAndIsNotLookedAt) {
  kept[8] = malloc(2111);
  FAIL() << "on purpose";
}
TEST(Other, IsSkipped) {
  kept[9] = malloc(2113);
  GTEST_SKIP();
}

// Marks and what they show, without the listener.
TEST(Clean, EachSinceShowsWhatLiveSinceCounts) {
  if (leakdir_mark() == 0) GTEST_SKIP() << "without leakdir";
  void *before = hidden(malloc(2201));
  const unsigned long mark = leakdir_mark();
  void *first = hidden(malloc(2203)), *second = hidden(calloc(1, 2205));
  leakdir_ignore_begin();
  leakdir_ignore_begin();
  void *ignored = hidden(malloc(2207));
  leakdir_ignore_end();
  void *still_ignored = hidden(malloc(2209));
  leakdir_ignore_end();
  std::size_t blocks = 0, bytes = 0;
  leakdir_live_since(mark, &blocks, &bytes);
  EXPECT_EQ(blocks, 2u);
  EXPECT_EQ(bytes, 4408u);
  struct Seen {
    std::vector<std::string> records;
    std::size_t bytes = 0;
    unsigned frames = 0;
  } seen;
  leakdir_each_since(
      mark,
      [](const leakdir_block *block, void *context) {
        auto &into = *static_cast<Seen *>(context);
        into.records.push_back(block->record);  // allocates: younger than the call, not shown
        into.bytes += block->size;
        into.frames = block->frame_count;
        EXPECT_EQ(block->thread, syscall(SYS_gettid));
        EXPECT_NE(into.records.back().find(block->size == 2205 ? "call: calloc\n" : "call: malloc\n"),
                  std::string::npos);
        EXPECT_EQ(into.records.back().compare(0, 2, "[+"), 0);
      },
      &seen);
  EXPECT_EQ(seen.records.size(), 2u);
  EXPECT_EQ(seen.bytes, 4408u);
  EXPECT_GT(seen.frames, 3u);
  for (void *block : {before, first, second, ignored, still_ignored}) free(block);
}

TEST(Clean, ScopeRecordsWithin) {
  if (leakdir_mark() == 0) GTEST_SKIP() << "without leakdir";
  leakdir_stop();
  const unsigned long mark = leakdir_mark();
  void *unseen = hidden(malloc(2301)), *seen, *also_seen;
  {
    const leakdir::Scope outer;
    EXPECT_EQ(leakdir_is_recording(), 1);
    seen = hidden(malloc(2303));
    { const leakdir::Scope inner; }
    also_seen = hidden(malloc(2305));
  }
  EXPECT_EQ(leakdir_is_recording(), 0);
  std::size_t blocks = 0, bytes = 0;
  leakdir_live_since(mark, &blocks, &bytes);
  leakdir_start();
  EXPECT_EQ(bytes, 2303u + 2305u);
  EXPECT_EQ(blocks, 2u);
  for (void *block : {unseen, seen, also_seen}) free(block);
  const leakdir::Scope whole;
  EXPECT_EQ(leakdir_is_recording(), 1);
}

}  // namespace

int main(int argc, char **argv) {
  testing::InitGoogleTest(&argc, argv);
  leakdir::install_gtest_listener(&argc, argv);
  if (argc != 1 && std::strcmp(argv[1], "--help") != 0) return 99;
  return RUN_ALL_TESTS();
}
