// SPDX-License-Identifier: BSL-1.0
//
// The parts of the fast walk that the comparison with Boost does not show: what it reads, what it leaves alone, what it
// has to look up again, when it declines.

#include "walk/fast_walk.hh"

#include <errno.h>
#include <gtest/gtest.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <unistd.h>

#include <fstream>
#include <string>
#include <thread>

#include "assembly.hh"
#include "walk/fast_walk_reach.hh"
#include "walk/fast_walk_rule.hh"
#include "walk/processor.hh"
#include "walk/whole_stack.hh"

namespace leakdir {
namespace {

constexpr std::size_t kPage = 4096;

// Pages with one that cannot be read behind them.
class GuardedPages {
 public:
  explicit GuardedPages(std::size_t pages)
      : bytes_((pages + 1) * kPage),
        base_(static_cast<char*>(mmap(nullptr, bytes_, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0))) {
    mprotect(base_ + pages * kPage, kPage, PROT_NONE);
  }
  ~GuardedPages() { munmap(base_, bytes_); }
  GuardedPages(const GuardedPages&) = delete;
  GuardedPages& operator=(const GuardedPages&) = delete;
  char* begin() const { return base_; }
  char* end() const { return base_ + bytes_ - kPage; }

 private:
  std::size_t bytes_;
  char* base_;
};

std::uintptr_t number(const void* p) { return reinterpret_cast<std::uintptr_t>(p); }

// The result of one walk. The tests call through plain function pointers, so it is a global.
struct Walk {
  int frames;
  unsigned followed;  // found by their rules; the others were known to be there
  bool truncated;
  int errno_after;
  std::uint64_t known;  // of the whole stack, before it was walked
  std::uintptr_t out[kFastWalkMaxFrames];
};
FastWalkState g_state;
unsigned g_max = kFastWalkMaxFrames;
Walk g_walk;
std::uint64_t g_name;  // what is said of each whole stack; 0: nothing

[[gnu::noinline]] void walk_here() {
  errno = 1234;
  const unsigned followed_before = g_state.followed;
  const WalkStart start = walk_start_here();
  g_walk.known = known_whole_stack(g_state, start);
  g_walk.frames = fast_walk(g_state, start, g_max);
  if (g_name != 0 && g_walk.frames != kCannot) whole_stack_is(g_state, start, g_max, g_name);
  g_walk.errno_after = errno;
  g_walk.followed = g_state.followed - followed_before;
  g_walk.truncated = g_state.truncated;
  if (g_walk.frames != kCannot) {
    EXPECT_EQ(frames_of_walk(g_state, g_walk.out, kFastWalkMaxFrames), static_cast<unsigned>(g_walk.frames));
  }
}

[[gnu::noinline]] int walk_at(int depth) {
  if (depth == 0) {
    walk_here();
    return 1;
  }
  int below = walk_at(depth - 1);
  asm volatile("" : "+r"(below));  // or the compiler makes a loop of this
  return below + 1;
}

class FastWalk : public testing::Test {
 protected:
  FastWalk() {
    g_max = kFastWalkMaxFrames;
    g_name = 0;
    fast_walk_forget_runs(g_state);
  }
};

TEST(RuleCacheTest, FindsWhatWasAdded) {
  static RuleCache cache;
  const Rule rule(RuleKind::kFromSp, 77, 3);
  cache.add(0x5555deadbee0, rule);
  EXPECT_EQ(cache.find(0x5555deadbee0).bits(), rule.bits());
  EXPECT_EQ(cache.find(0x5555deadbee4).kind(), RuleKind::kNone);
  EXPECT_EQ(cache.find(0).kind(), RuleKind::kNone);
  cache.clear();
  EXPECT_EQ(cache.find(0x5555deadbee0).kind(), RuleKind::kNone);
}

TEST(RuleCacheTest, NeverAnswersForAnotherAddressWhenItOverflows) {
  static RuleCache cache;
  const auto rule_of = [](std::uint64_t pc) { return Rule(RuleKind::kFromBp, pc % 1000, pc % 7); };
  const auto address = [](std::uint64_t i) { return 0x400000 + (i << Rule::kAddressZeros); };
  unsigned found = 0;
  for (std::uint64_t i = 0; i < 200000; ++i) cache.add(address(i * 13), rule_of(address(i * 13)));
  for (std::uint64_t i = 0; i < 200000 * 13; ++i) {
    const Rule rule = cache.find(address(i));
    if (rule.kind() == RuleKind::kNone) continue;
    ASSERT_EQ(i % 13, 0u);
    ASSERT_EQ(rule.bits(), rule_of(address(i)).bits());
    ++found;
  }
  EXPECT_GT(found, 20000u);
}

#if !defined(__x86_64__)

TEST(RuleTest, KeepsItsParts) {
  constexpr auto kFar = std::int64_t{Rule::kMaxAddressWords} * 8;
  constexpr auto kLarge = std::int64_t{Rule::kMaxOffsetUnits} * 16;
  struct {
    std::int64_t offset, address_offset, bp_offset;
  } static constexpr kFrames[] = {
      {0, 8, 16},
      {16, 8, 16},
      {16, 16, 0},
      {32, 24, 32},
      {32, 8, 32},
      {1024, kFar, kFar - 8},
      {kLarge, 8, 16},
      {kLarge, kFar, 0},
      {kLarge, kLarge, 0},
      {kLarge, kLarge - 8, kLarge},
      {kLarge, kLarge - kFar, kLarge - kFar + 8},
  };
  for (const auto& frame : kFrames) {
    for (const bool is_signed : {false, true}) {
      const Rule rule = Rule::of(RuleKind::kFromBp, frame.offset, frame.address_offset, frame.bp_offset, is_signed);
      EXPECT_EQ(rule.kind(), RuleKind::kFromBp) << frame.offset << " " << frame.address_offset;
      EXPECT_EQ(rule.offset(), static_cast<std::uintptr_t>(frame.offset));
      EXPECT_EQ(rule.address_offset(), static_cast<std::uintptr_t>(frame.address_offset));
      EXPECT_EQ(rule.bp_offset(), static_cast<std::uintptr_t>(frame.bp_offset));
      EXPECT_EQ(rule.is_signed(), is_signed);
      EXPECT_EQ(rule.bits() >> Rule::kBits, 0u);
    }
  }
}

TEST(RuleTest, IsNoneOfAFrameThatItCannotHold) {
  constexpr auto kFar = std::int64_t{Rule::kMaxAddressWords} * 8;
  constexpr auto kLarge = std::int64_t{Rule::kMaxOffsetUnits} * 16;
  const auto kind = [](std::int64_t offset, std::int64_t address_offset, std::int64_t bp_offset) {
    return Rule::of(RuleKind::kFromSp, offset, address_offset, bp_offset, false).kind();
  };
  EXPECT_EQ(kind(24, 8, 16), RuleKind::kNone);
  EXPECT_EQ(kind(-16, 8, 16), RuleKind::kNone);
  EXPECT_EQ(kind(kLarge + 16, 8, 16), RuleKind::kNone);
  EXPECT_EQ(kind(32, 0, 0), RuleKind::kNone);
  EXPECT_EQ(kind(32, -8, 0), RuleKind::kNone);
  EXPECT_EQ(kind(32, 12, 0), RuleKind::kNone);
  EXPECT_EQ(kind(32, 8, 8), RuleKind::kNone);
  EXPECT_EQ(kind(32, 8, -8), RuleKind::kNone);
  EXPECT_EQ(kind(64, 8, 40), RuleKind::kNone);
  EXPECT_EQ(kind(kLarge, kFar + 8, 0), RuleKind::kNone);
  EXPECT_EQ(kind(32, kFar + 8, 0), RuleKind::kNone);
}

#else

TEST(RuleTest, KeepsItsParts) {
  const Rule rule(RuleKind::kFromBp, Rule::kMaxOffsetWords, Rule::kMaxBpWords);
  EXPECT_EQ(rule.kind(), RuleKind::kFromBp);
  EXPECT_EQ(rule.offset(), Rule::kMaxOffsetWords * 8u);
  EXPECT_EQ(rule.bp_offset(), Rule::kMaxBpWords * 8u);
  EXPECT_LT(rule.bits(), 1u << Rule::kBits);
}

#endif

TEST(ReachTest, TellsWhatCanBeRead) {
  const GuardedPages pages(1);
  errno = 1234;
  EXPECT_TRUE(can_ask());
  EXPECT_TRUE(can_read(number(pages.begin())));
  EXPECT_TRUE(can_read(number(pages.end() - 1)));
  EXPECT_FALSE(can_read(number(pages.end())));
  EXPECT_FALSE(can_read(8));
  EXPECT_FALSE(can_read(~std::uintptr_t{0} - 7));
  EXPECT_EQ(errno, 1234);
}

TEST(ReachTest, ExtendsUpToWhatCannotBeRead) {
  const GuardedPages pages(3);
  std::uintptr_t end = number(pages.begin()) + kPage;
  EXPECT_TRUE(extend_readable(&end, number(pages.end()) - 100));
  EXPECT_EQ(end, number(pages.end()));
  EXPECT_FALSE(extend_readable(&end, number(pages.end()) + 1));
  EXPECT_EQ(end, number(pages.end()));
}

TEST(ReachTest, KnowsTheStackOfEachThread) {
  const auto check = [] {
    const int local = 0;
    const std::uintptr_t thread = own_thread();
    StackReach reach = {};
    EXPECT_TRUE(is_own_stack(reach, number(&local), thread));
    EXPECT_LE(reach.lo, number(&local));
    EXPECT_GT(reach.hi, number(&local));
    const GuardedPages pages(2);
    EXPECT_FALSE(is_own_stack(reach, number(pages.begin()) + 64, thread));
    EXPECT_TRUE(is_own_stack(reach, number(&local), thread));
  };
  check();
  std::thread(check).join();
}

TEST(ReachTest, TrustsNothingThatAnEndedThreadProved) {
  StackReach reach = {};
  std::uintptr_t there = 0;
  std::thread([&] {
    const int local = 0;
    there = number(&local);
    const std::uintptr_t thread = own_thread();
    EXPECT_TRUE(is_own_stack(reach, there, thread));
  }).join();
  const int local = 0;
  const std::uintptr_t thread = own_thread();
  EXPECT_FALSE(is_own_stack(reach, there, thread));
  EXPECT_TRUE(is_own_stack(reach, number(&local), thread));
}

std::string stack_size_line() {
  std::ifstream status("/proc/self/status");
  for (std::string line; std::getline(status, line);) {
    if (line.rfind("VmStk", 0) == 0) return line;
  }
  return "";
}

TEST_F(FastWalk, OnACoroutineLeavesTheSizeOfTheMainStackAlone) {
  const GuardedPages pages(16);
  const std::string before = stack_size_line();
  start_on_stack([] { walk_at(3); }, pages.end());
  EXPECT_GE(g_walk.frames, 5);
  EXPECT_FALSE(g_walk.truncated);
  EXPECT_EQ(stack_size_line(), before);
}

TEST_F(FastWalk, KeepsErrno) {
  fast_walk_forget(1, 2);
  walk_at(3);
  EXPECT_EQ(g_walk.errno_after, 1234);
  const GuardedPages pages(4);
  start_on_stack([] { walk_at(3); }, pages.end());
  EXPECT_EQ(g_walk.errno_after, 1234);
}

TEST_F(FastWalk, KnowsTheWholeOfAnUnchangedStack) {
  Walk walks[2];
  for (volatile int i = 0; i < 2; i = i + 1) {  // volatile: one call, not two
    walk_at(5);
    walks[i] = g_walk;
  }
  const Walk& first = walks[0];
  EXPECT_GT(first.frames, 6);
  EXPECT_GT(first.followed, 6u);
  EXPECT_EQ(g_walk.frames, first.frames);
  EXPECT_EQ(g_walk.followed, 0u);
}

// What is known of a stack of so many frames, when it has been walked often, `name` was said of it each time,
// and then `change` came.
std::uint64_t known_after(unsigned frames, std::uint64_t name, void (*change)()) {
  g_name = name;
  for (int i = 0; i < 20000; ++i) call_from_outermost(walk_here, frames);
  g_name = 0;
  change();
  call_from_outermost(walk_here, frames);
  EXPECT_EQ(g_walk.frames, static_cast<int>(frames) + 2);
  return g_walk.known;
}
void change_nothing() {}

TEST_F(FastWalk, KnowsOfAWholeStackWhatWasSaidOfIt) {
  EXPECT_EQ(known_after(20, 17, change_nothing), 17u);
  EXPECT_EQ(known_after(0, 18, change_nothing), 18u);
}

TEST_F(FastWalk, KnowsNothingOfAWholeStackOfWhichNothingWasSaid) { EXPECT_EQ(known_after(20, 0, change_nothing), 0u); }

// Frames of the same size each: a stack by other ways is as deep, and has other return addresses in the same places.
unsigned g_inner_way, g_depth;
template <unsigned kWay>
[[gnu::noinline]] void by_inner_way() {
  walk_at(static_cast<int>(g_depth));
  asm volatile("" : : "i"(kWay));
}
constexpr unsigned kWays = 5;
void (*const g_inner_ways[kWays])() = {by_inner_way<0>, by_inner_way<1>, by_inner_way<2>, by_inner_way<3>,
                                       by_inner_way<4>};
template <unsigned kWay>
[[gnu::noinline]] void by_outer_way() {
  g_inner_ways[g_inner_way]();
  asm volatile("" : : "i"(kWay));
}
void (*const g_outer_ways[kWays])() = {by_outer_way<0>, by_outer_way<1>, by_outer_way<2>, by_outer_way<3>,
                                       by_outer_way<4>};

// What is known of the stack by these ways before it is said that it is `name`, which may be 0.
[[gnu::noinline]] std::uint64_t known_by(unsigned outer, unsigned inner, std::uint64_t name) {
  g_inner_way = inner;
  g_name = name;
  call_from_outermost(g_outer_ways[outer], 1);
  return g_walk.known;
}
std::uint64_t name_of_ways(unsigned outer, unsigned inner) { return 100 + outer * kWays + inner; }

TEST_F(FastWalk, TellsStacksApartThatStartAlikeAndAreAsDeep) {
  g_depth = 3;
  for (unsigned round = 0; round < 4; ++round) {
    for (unsigned way = 0; way < kWays * kWays; ++way) {
      const unsigned outer = way / kWays, inner = way % kWays;
      if (outer == 4 && inner == 4) continue;
      const std::uint64_t known = known_by(outer, inner, name_of_ways(outer, inner));
      if (known == 0 && round < 3) continue;
      EXPECT_EQ(known, name_of_ways(outer, inner)) << "in round " << round;
    }
  }
  EXPECT_EQ(known_by(4, 4, 0), 0u);
}

TEST_F(FastWalk, KnowsOfAWholeStackWhatWasSaidLast) {
  g_depth = 3;
  for (int i = 0; i < 3; ++i) known_by(0, 0, 17);
  EXPECT_EQ(known_by(0, 0, 18), 17u);
  known_by(0, 0, 18);
  EXPECT_EQ(known_by(0, 0, 0), 18u);
}

// A frame of a megabyte, as of a function with a large array.
[[gnu::noinline]] void walk_beneath_a_large_frame(unsigned depth) {
  char room[1 << 20];
  asm volatile("" : : "r"(room) : "memory");
  walk_at(static_cast<int>(depth));
  asm volatile("" : : "r"(room) : "memory");
}

TEST_F(FastWalk, KnowsAWholeStackHoweverLargeItsFramesAre) {
  g_name = 17;
  for (volatile int i = 0; i < 4; i = i + 1) walk_beneath_a_large_frame(3);
  EXPECT_EQ(g_walk.known, 17u);
}

// Each frame is found by rbp, and saves it.
[[gnu::noinline]] int walk_at_by_bp(int depth) {
  volatile std::size_t bytes = 16;
  asm volatile("" : : "r"(__builtin_alloca(bytes)) : "memory");
  if (depth == 0) {
    walk_here();
    return 1;
  }
  int below = walk_at_by_bp(depth - 1);
  asm volatile("" : "+r"(below));
  return below + 1;
}

TEST_F(FastWalk, KnowsAWholeStackOfTheMostFramesThatAreAllFoundByBp) {
  g_name = 17;
  for (volatile int i = 0; i < 4; i = i + 1) walk_at_by_bp(2 * static_cast<int>(kFastWalkMaxFrames));
  EXPECT_EQ(g_walk.frames, static_cast<int>(kFastWalkMaxFrames));
  EXPECT_EQ(g_walk.known, 17u);
}

// More than can be kept, over and over.
TEST_F(FastWalk, KnowsNoOtherStackWhenItsMemoryIsFull) {
  unsigned long known_at_all = 0, not_known = 0;
  for (unsigned round = 0; round < 40; ++round) {
    for (unsigned way = 0; way < kWays * kWays * 60; ++way) {
      g_depth = way % 60;
      const unsigned outer = way / 60 / kWays, inner = way / 60 % kWays;
      const std::uint64_t name = name_of_ways(outer, inner) * 100 + g_depth;
      const std::uint64_t known = known_by(outer, inner, name);
      if (known != 0) {
        ASSERT_EQ(known, name);
      }
      (known != 0 ? known_at_all : not_known) += round > 20 ? 1 : 0;
    }
  }
  EXPECT_GT(known_at_all, 0u);
  EXPECT_GT(not_known, 0u);
}

// A frame that is found by rbp.
[[gnu::noinline]] void walk_from_bp() {
  volatile std::size_t bytes = 64;
  asm volatile("" : : "r"(__builtin_alloca(bytes)) : "memory");
  walk_here();
  asm volatile("");
}

// The same stack as low as before beneath what is taken for its top, and in another place. Its frame pointers are
// others then, and might lead anywhere.
std::uint64_t known_elsewhere(void (*target)()) {
  const auto is_there = [](void (*call)()) {
    call_from_outermost(call, 5);
    return g_walk.known;
  };
  g_name = 17;
  for (int i = 0; i < 20; ++i) is_there(target);
  EXPECT_EQ(is_there(target), 17u);
  g_name = 0;
  const std::uintptr_t hi = g_state.reach.hi;
  volatile std::size_t bytes = 4096;
  asm volatile("" : : "r"(__builtin_alloca(bytes)) : "memory");
  std::uint64_t known = 0;
  // However much of the stack that took.
  for (std::uintptr_t room = 4096; room < 4096 + 256; room += sizeof(void*)) {
    g_state.reach.hi = hi - room;
    if (is_there(target) != 0) known = g_walk.known;
    g_state.reach.hi = hi;
  }
  return known;
}

TEST_F(FastWalk, KnowsAWholeStackElsewhereUnlessItHasFramePointers) {
  EXPECT_EQ(known_elsewhere(walk_here), 17u);
  EXPECT_EQ(known_elsewhere(walk_from_bp), 0u);
}

TEST_F(FastWalk, KnowsNothingOfAWholeStackAfterForget) {
  EXPECT_EQ(known_after(20, 17, [] { fast_walk_forget(0, UINTPTR_MAX); }), 0u);
  EXPECT_EQ(known_after(20, 17, [] { fast_walk_forget_runs(g_state); }), 0u);
}

TEST_F(FastWalk, KnowsNothingOfAWholeStackThatMayNotBeReadable) {
  EXPECT_EQ(known_after(20, 17, [] { g_state.reach = {}; }), 0u);
}

// A frame that lies between the others' and is of another size each time.
template <unsigned kBytes>
[[gnu::noinline]] void walk_from_room() {
  char room[kBytes];
  asm volatile("" : : "r"(room) : "memory");
  walk_at(6);
  asm volatile("" : : "r"(room) : "memory");
}

TEST_F(FastWalk, KnowsTheInnerFramesWhereverTheyLie) {
  void (*volatile const ways[])() = {walk_from_room<64>, walk_from_room<208>, walk_from_room<4096>};
  for (int round = 0; round < 3; ++round) {
    for (const auto way : ways) way();
  }
  EXPECT_GT(g_walk.frames, 8);
  EXPECT_EQ(g_walk.followed, 0u);
}

TEST_F(FastWalk, FollowsNoMoreThanWhatChanges) {
  for (volatile int depth = 3; depth < 40; depth = depth + 1) walk_at(depth);
  const unsigned deepest = static_cast<unsigned>(g_walk.frames);
  EXPECT_GT(deepest, 40u);
  volatile int depth = 41;
  walk_at(depth);
  EXPECT_LT(g_walk.followed, deepest / 2);
}

TEST_F(FastWalk, MakesOneRunOfThoseThatFollowEachOther) {
  for (volatile int i = 0; i < 3; i = i + 1) walk_at(i);
  for (volatile int i = 0; i < 20000; i = i + 1) walk_at(12);
  EXPECT_LE(g_state.run_count, 2u);
  EXPECT_EQ(g_walk.followed, 0u);
}

TEST_F(FastWalk, BeginsAnewWhenItsMemoryIsFull) {
  unsigned times_full = 0;
  for (volatile int i = 0; i < 3000; i = i + 1) {
    Walk walks[2];
    for (volatile int j = 0; j < 2; j = j + 1) {
      walk_at(i % 50);
      walks[j] = g_walk;
      times_full += g_state.store_is_full ? 1 : 0;
      for (unsigned run = 0; run < g_state.run_count; ++run) {
        g_state.runs[run]->wanted = g_state.used[run];
        g_state.runs[run]->is_plain = false;
      }
    }
    ASSERT_EQ(walks[0].frames, walks[1].frames);
    ASSERT_EQ(memcmp(walks[0].out, walks[1].out, static_cast<unsigned>(walks[0].frames) * sizeof walks[0].out[0]), 0);
  }
  EXPECT_GT(times_full, 1u);
}

TEST_F(FastWalk, KnowsNothingAfterForget) {
  unsigned followed[3];
  for (volatile int i = 0; i < 3; i = i + 1) {
    walk_at(5);
    followed[i] = g_walk.followed;
    if (i == 1) fast_walk_forget(0, ~std::uintptr_t{0});
  }
  EXPECT_GT(followed[0], 6u);
  EXPECT_EQ(followed[1], 0u);
  EXPECT_EQ(followed[2], followed[0]);
}

TEST_F(FastWalk, StopsAtTheLimit) {
  for (unsigned max : {1u, 3u, 128u, 1000u}) {
    g_max = max;
    walk_at(200);
    EXPECT_EQ(g_walk.frames, static_cast<int>(max < kFastWalkMaxFrames ? max : kFastWalkMaxFrames));
    EXPECT_TRUE(g_walk.truncated);
  }
  g_max = 0;
  walk_at(1);
  EXPECT_EQ(g_walk.frames, 0);
}

TEST_F(FastWalk, EndsWhereATableLeadsToMemoryThatCannotBeRead) {
  // Boost would crash.
  call_with_wrong_table(walk_here);
  EXPECT_EQ(g_walk.frames, 1);
  EXPECT_TRUE(g_walk.truncated);
}

TEST_F(FastWalk, EndsAtTheTopOfAStackThatHasNoOutermostFrame) {
  // The first frame seems to return into this program, beyond the last page.
  const GuardedPages pages(2);
  static std::uintptr_t into_this_program;
  into_this_program = 0;
  walk_here();
  into_this_program = g_walk.out[0];
  static std::uintptr_t* return_slot;
  return_slot = reinterpret_cast<std::uintptr_t*>(pages.end() - 24);
  start_on_stack(
      [] {
        *return_slot = into_this_program;
        walk_here();
        *return_slot = 0;
      },
      pages.end());
  EXPECT_TRUE(g_walk.truncated || g_walk.frames == kCannot);
}

TEST_F(FastWalk, DeclinesWhatARuleCannotHold) {
  call_with_frame_in_another(walk_here);
  EXPECT_EQ(g_walk.frames, kCannot);
  call_with_fp_in_another(walk_here);
  EXPECT_EQ(g_walk.frames, kCannot);
#if !defined(__x86_64__)
  call_with_address_below(walk_here);
  EXPECT_EQ(g_walk.frames, kCannot);
  call_with_address_apart(walk_here);
  EXPECT_EQ(g_walk.frames, kCannot);
#endif
  walk_here();
  EXPECT_GT(g_walk.frames, 1);
}

TEST_F(FastWalk, DeclinesNewAddressesOnceTheTablesAreGone) {
  walk_at(3);
  EXPECT_GT(g_walk.frames, 3);
  EXPECT_EXIT(
      {
        fast_walk_tables_gone();
        fast_walk_forget(1, 2);
        walk_at(3);
        _exit(g_walk.frames == kCannot ? 7 : 1);
      },
      testing::ExitedWithCode(7), "");
}

TEST_F(FastWalk, NeedsLittleStack) {
#ifdef __SANITIZE_ADDRESS__
  GTEST_SKIP() << "AddressSanitizer puts its own between what lies on the stack";
#endif
  // On a painted stack, what is not painted any more was used: by the walk, and by a few words of the functions around
  // it.
  const GuardedPages pages(16);
  const auto used = [&pages] {
    memset(pages.begin(), 0x5a, kPage * 16);
    start_on_stack(walk_here, pages.end());
    const char* lowest = pages.begin();
    while (*lowest == 0x5a) ++lowest;
    return pages.end() - lowest;
  };
  used();  // what is called for the first time here the loader looks up, on this stack; in a program that is at its
           // start
  fast_walk_forget(1, 2);
  const auto cold = used();
  const auto hot = used();
  EXPECT_LT(hot, 1024);
  EXPECT_LT(cold, 2048);
  RecordProperty("cold_bytes", static_cast<int>(cold));
  RecordProperty("hot_bytes", static_cast<int>(hot));
  printf("stack used: %ld bytes with nothing to learn, %ld with tables to search\n", static_cast<long>(hot),
         static_cast<long>(cold));
}

}  // namespace
}  // namespace leakdir
