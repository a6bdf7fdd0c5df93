// SPDX-License-Identifier: BSL-1.0
//
// The parts that threads share without a lock - index, records, ledger, memory of frees - used by several threads at
// once, with blocks that one makes and another frees, and a writer that marks them meanwhile. Built with
// ThreadSanitizer, and with AddressSanitizer and UndefinedBehaviorSanitizer; without hooks, which neither could stand.
// Ends with 1 when what is left is not what was made and not freed.

#include <atomic>
#include <cstdio>
#include <cstdlib>
#include <thread>
#include <vector>

#include "ledger/free_rows.hh"
#include "ledger/ledger_file.hh"
#include "ledger/live_table.hh"
#include "ledger/recent_frees.hh"
#include "system/process.hh"
#include "system/sys.hh"

namespace {

using namespace leakdir;

constexpr unsigned kThreads = 3;
constexpr std::uint64_t kFirst = 0x555555550000, kStep = 64;

std::atomic<std::uint64_t> handed_over[64];  // addresses that another thread is to free
std::atomic<std::uint64_t> made{0}, freed{0};
std::atomic<bool> is_over{false};

void check(bool holds, const char* what) {
  if (holds) return;
  std::fprintf(stderr, "shared_parts: %s\n", what);
  std::exit(1);
}

void let_go(std::uint64_t address, FreeRows* free_rows) {
  const TakenBlock block = take_live_block(address);
  check(block.row != 0, "a live block was not found");
  check(ledger::block_size_in_row(block.was.word[2]) == address % 4096, "a block has another's size");
  remember_free(address, address, block.was.word[1]);
  reuse_row(block.row, free_rows);
  freed.fetch_add(1);
}

void work(unsigned thread, unsigned rounds) {
  FreeRows free_rows = {};
  std::uint32_t random = thread + 1;
  for (unsigned i = 0; i < rounds; ++i) {
    random = random * 1664525 + 1013904223;
    const std::uint64_t address = kFirst + (std::uint64_t{thread} * rounds + i) * kStep;
    const NewBlock block = {address, 0, ledger::block_word1(0, 0, 0), ledger::block_word2(i, 0, address % 4096)};
    check(add_live_block(block, &free_rows).row != 0, "no room");
    forget_free(address);
    made.fetch_add(1);
    const std::uint64_t others = handed_over[random >> 26].exchange(address);
    if (others != 0) let_go(others, &free_rows);
    FreedBlock unused;
    was_freed(others, &unused);
  }
}

// As the writer's look does: marks live blocks, and settles with whoever frees them.
void mark() {
  while (!is_over.load()) {
    for_each_row(all_block_rows(), [](std::uint32_t i) {
      const std::uint64_t word0 = __atomic_load_n(&ledger_file.block(i)->word[0], __ATOMIC_ACQUIRE);
      if (ledger::block_state(word0) != ledger::BlockState::kLive) return;
      if (set_block_flags(i, word0, ledger::kFlagLibc, 0)) set_block_flags(i, word0, 0, ledger::kFlagLibc);
      take_page_mark(i / ledger::kPageWords);
    });
    order_all_hooks();
    find_block_around(kFirst + 1);
  }
}

}  // namespace

int main(int argc, char** argv) {
  const unsigned rounds = argc > 1 ? static_cast<unsigned>(std::atoi(argv[1])) : 20000;
  check(ledger_file.create_private() == 0, "no memory");
  open_live_table();
  open_recent_frees();
  std::thread marker(mark);
  std::vector<std::thread> threads;
  for (unsigned i = 0; i < kThreads; ++i) threads.emplace_back(work, i, rounds);
  for (std::thread& thread : threads) thread.join();
  is_over.store(true);
  marker.join();
  std::uint64_t live = 0;
  for_each_row(all_block_rows(), [&](std::uint32_t i) {
    live += ledger::block_state(ledger_file.block(i)->word[0]) == ledger::BlockState::kLive;
  });
  check(live == made.load() - freed.load(), "what is live is not what was made and not freed");
  std::printf("%llu made, %llu live\n", static_cast<unsigned long long>(made.load()),
              static_cast<unsigned long long>(live));
  return 0;
}
