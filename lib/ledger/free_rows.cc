// SPDX-License-Identifier: BSL-1.0
#include "free_rows.hh"

#include "ledger_file.hh"
#include "row.hh"

namespace leakdir {

std::atomic<std::uint32_t> free_rows_epoch{1};

namespace {

// Count << 32 | first row, 0: none. The count changes with every exchange, so that a list that went and came back
// meanwhile is noticed.
std::atomic<std::uint64_t> shared_list{0};

constexpr std::uint64_t next_head(std::uint64_t head, std::uint32_t first) { return ((head >> 32) + 1) << 32 | first; }

void share(std::uint32_t first, std::uint32_t last) {
  std::uint64_t head = shared_list.load(std::memory_order_relaxed);
  do {
    chain_row(last, static_cast<std::uint32_t>(head));
  } while (!shared_list.compare_exchange_weak(head, next_head(head, first), std::memory_order_release));
}

void empty_shared_list() {
  std::uint64_t head = shared_list.load(std::memory_order_relaxed);
  while (!shared_list.compare_exchange_weak(head, next_head(head, 0), std::memory_order_relaxed)) {
  }
}

// One row for now, and some to keep.
std::uint32_t take_shared(FreeRows* own) {
  const std::uint32_t rows = ledger_file.used(ledger::Kind::kBlocks);
  std::uint64_t head = shared_list.load(std::memory_order_acquire);
  for (;;) {
    const auto first = static_cast<std::uint32_t>(head);
    if (first == 0) return 0;
    // Somebody else may take them meanwhile: then these are no links, and the exchange fails.
    std::uint32_t count = 0;
    std::uint32_t next = next_row(first);
    while (own != nullptr && count < FreeRows::kMost / 2 && next != 0 && next < rows) {
      own->kept[count++] = next;
      next = next_row(next);
    }
    if (!shared_list.compare_exchange_weak(head, next_head(head, next), std::memory_order_acquire)) continue;
    if (own != nullptr) own->count = count;
    return first;
  }
}

std::uint32_t take_new_page(FreeRows* own) {
  const std::uint32_t first = ledger_file.take(ledger::Kind::kBlocks, ledger::kBlocksPerPage);
  if (first == 0) return 0;
  store_word(*ledger_file.block(first - 1), 2, ledger::kPageSign, __ATOMIC_RELEASE);
  __atomic_fetch_add(&ledger_file.header()->block_pages, 1, __ATOMIC_RELEASE);
  const std::uint32_t end = first + ledger::kBlocksPerPage - 1;  // the page's mark is before `first`
  if (own != nullptr) {
    own->fresh = first + 1;
    own->end_of_fresh = end;
    return first;
  }
  for (std::uint32_t i = first + 1; i + 1 < end; ++i) chain_row(i, i + 1);
  share(first + 1, end - 1);
  return first;
}

LEAKDIR_SLOW void begin_to_keep(FreeRows& own) { own = {free_rows_epoch.load(std::memory_order_relaxed), 0, 0, 0, {}}; }

// The half that was freed first.
__attribute__((noinline)) void share_half(FreeRows& own) {
  constexpr std::uint32_t kHalf = FreeRows::kMost / 2;
  own.count = 0;  // half done, all of them are lost rather than in two places
  signal_fence();
  for (std::uint32_t i = 0; i + 1 < kHalf; ++i) chain_row(own.kept[i], own.kept[i + 1]);
  share(own.kept[0], own.kept[kHalf - 1]);
  for (std::uint32_t i = kHalf; i < FreeRows::kMost; ++i) own.kept[i - kHalf] = own.kept[i];
  signal_fence();
  own.count = kHalf;
}

}  // namespace

__attribute__((noinline)) std::uint32_t take_row_slow(FreeRows* own) {
  if (own != nullptr && !is_current(*own)) begin_to_keep(*own);
  const std::uint32_t row = take_shared(own);
  return row != 0 ? row : take_new_page(own);
}

__attribute__((noinline)) void reuse_row_slow(std::uint32_t row, FreeRows* own) {
  if (own == nullptr) return share(row, row);
  if (!is_current(*own)) begin_to_keep(*own);
  if (own->count == FreeRows::kMost) share_half(*own);
  reuse_row(row, own);
}

void forget_free_rows() {
  empty_shared_list();
  free_rows_epoch.fetch_add(1, std::memory_order_seq_cst);
}

}  // namespace leakdir
