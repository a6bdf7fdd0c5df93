// SPDX-License-Identifier: BSL-1.0
#include "free_rows.hh"

#include "ledger_file.hh"
#include "row.hh"
#include "system/own_memory.hh"
#include "system/process.hh"
#include "system/sys.hh"

namespace leakdir {

std::atomic<std::uint32_t> free_rows_epoch{1};

namespace {

// A list of what is named by numbers: count << 32 | the first, 0: none. The count changes with every exchange, so that
// a list that went and came back meanwhile is noticed.
using Head = std::atomic<std::uint64_t>;

constexpr std::uint64_t next_head(std::uint64_t head, std::uint32_t first) { return ((head >> 32) + 1) << 32 | first; }

// set_next(n): what comes behind `last`.
template <typename SetNext>
void put_in_front(Head& list, std::uint32_t first, SetNext set_next) {
  std::uint64_t head = list.load(std::memory_order_relaxed);
  do {
    set_next(static_cast<std::uint32_t>(head));
  } while (!list.compare_exchange_weak(head, next_head(head, first), std::memory_order_release));
}

std::uint32_t take_all(Head& list) {
  std::uint64_t head = list.load(std::memory_order_relaxed);
  while (!list.compare_exchange_weak(head, next_head(head, 0), std::memory_order_acquire)) {
  }
  return static_cast<std::uint32_t>(head);
}

// ---- Single rows, in a chain ----

Head shared_list{0};

void share(std::uint32_t first, std::uint32_t last) {
  put_in_front(shared_list, first, [=](std::uint32_t next) { chain_row(last, next); });
}

void share_all(const std::uint32_t* rows, unsigned count) {
  for (unsigned i = 0; i + 1 < count; ++i) chain_row(rows[i], rows[i + 1]);
  share(rows[0], rows[count - 1]);
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
    while (own != nullptr && count < FreeRows::kBatch && next != 0 && next < rows) {
      own->kept[count++] = next;
      next = next_row(next);
    }
    if (!shared_list.compare_exchange_weak(head, next_head(head, next), std::memory_order_acquire)) continue;
    if (own != nullptr) own->count = count;
    return first;
  }
}

// ---- Batches ----

// In private memory that is never given back: which, the table below says.
struct Batch {
  std::atomic<std::uint32_t> next;
  alignas(16) std::uint32_t rows[FreeRows::kBatch];
};

// Batch n is the n-th of all chunks, of which each is twice as long as the one before.
constexpr unsigned kFirstChunkBits = 8, kChunks = 20;
std::atomic<Batch*> chunks[kChunks];
std::atomic<std::uint32_t> batches_made{0};
Head full_batches{0}, empty_batches{0};

struct BatchPlace {
  unsigned chunk;
  std::uint32_t in_chunk;
};
BatchPlace place_of(std::uint32_t batch) {
  const std::uint32_t counted = batch + (1u << kFirstChunkBits);
  const unsigned bits = 31 - static_cast<unsigned>(__builtin_clz(counted));
  return {bits - kFirstChunkBits, counted - (1u << bits)};
}

Batch& batch_at(std::uint32_t batch) {
  const BatchPlace place = place_of(batch);
  return chunks[place.chunk].load(std::memory_order_acquire)[place.in_chunk];
}

void put_batch(Head& list, std::uint32_t batch) {
  Batch& it = batch_at(batch);
  put_in_front(list, batch, [&](std::uint32_t next) { it.next.store(next, std::memory_order_relaxed); });
}

// 0: there is none.
std::uint32_t take_batch_of(Head& list) {
  std::uint64_t head = list.load(std::memory_order_acquire);
  for (;;) {
    const auto first = static_cast<std::uint32_t>(head);
    if (first == 0) return 0;
    // Somebody else may take it meanwhile: then this is not what follows, and the exchange fails.
    const std::uint32_t next = batch_at(first).next.load(std::memory_order_relaxed);
    if (list.compare_exchange_weak(head, next_head(head, next), std::memory_order_acquire)) return first;
  }
}

// 0: there is no memory for it.
LEAKDIR_SLOW std::uint32_t make_batch() {
  std::uint32_t made = batches_made.load(std::memory_order_relaxed);
  do {
    const BatchPlace place = place_of(made + 1);
    if (place.chunk >= kChunks) return 0;
    Batch* there = chunks[place.chunk].load(std::memory_order_acquire);
    if (there == nullptr) {
      const std::size_t bytes = sizeof(Batch) << (kFirstChunkBits + place.chunk);
      auto* const chunk = static_cast<Batch*>(sys::map_private(bytes));
      if (chunk == nullptr) return 0;
      if (chunks[place.chunk].compare_exchange_strong(there, chunk, std::memory_order_acq_rel)) {
        memory_is_own(chunk, bytes);
      } else {
        sys::unmap(chunk, bytes);
      }
    }
  } while (!batches_made.compare_exchange_weak(made, made + 1, std::memory_order_relaxed));
  return made + 1;
}

void copy_rows(std::uint32_t* into, const std::uint32_t* from) {
  using Four = std::uint32_t __attribute__((vector_size(16), may_alias));
  static_assert(FreeRows::kBatch % 4 == 0);
  for (unsigned i = 0; i < FreeRows::kBatch / 4; ++i) {
    reinterpret_cast<Four*>(into)[i] = reinterpret_cast<const Four*>(from)[i];
  }
}

// As take_shared().
std::uint32_t take_full_batch(FreeRows* own) {
  const std::uint32_t batch = take_batch_of(full_batches);
  if (batch == 0) return 0;
  const std::uint32_t* const rows = batch_at(batch).rows;
  const std::uint32_t row = rows[FreeRows::kBatch - 1];
  if (own != nullptr) {
    copy_rows(own->kept, rows);
    signal_fence();
    own->count = FreeRows::kBatch - 1;
  } else {
    share_all(rows, FreeRows::kBatch - 1);
  }
  put_batch(empty_batches, batch);
  return row;
}

// The half that was freed first.
void share_half(FreeRows& own) {
  own.count = 0;  // half done, all of them are lost rather than in two places
  signal_fence();
  std::uint32_t batch = take_batch_of(empty_batches);
  if (batch == 0) batch = make_batch();
  if (LEAKDIR_LIKELY(batch != 0)) {
    copy_rows(batch_at(batch).rows, own.kept);
    put_batch(full_batches, batch);
  } else {
    share_all(own.kept, FreeRows::kBatch);
  }
  copy_rows(own.kept, own.kept + FreeRows::kBatch);
  signal_fence();
  own.count = FreeRows::kBatch;
}

std::uint32_t take_new_page(FreeRows* own) {
  const std::uint32_t first = ledger_file.take(ledger::Kind::kBlocks, ledger::kPageWords);
  if (first == 0) return 0;
  const std::uint32_t page = first - ledger::kPageHeadWords;
  store_word(*ledger_file.block(page), 0, ledger::kPageSign, __ATOMIC_RELEASE);
  __atomic_fetch_add(&ledger_file.header()->block_pages, 1, __ATOMIC_RELEASE);
  const std::uint32_t second = first + ledger::kBlockWords, end = page + ledger::kPageWords;
  if (own != nullptr) {
    own->fresh = second;
    own->end_of_fresh = end;
    return first;
  }
  const std::uint32_t last = end - ledger::kBlockWords;
  for (std::uint32_t row = second; row != last; row += ledger::kBlockWords) chain_row(row, row + ledger::kBlockWords);
  share(second, last);
  return first;
}

}  // namespace

LEAKDIR_SLOW void begin_to_keep_rows(FreeRows& own) {
  own.epoch = 0;
  own.count = own.fresh = own.end_of_fresh = 0;
  signal_fence();
  own.epoch = free_rows_epoch.load(std::memory_order_relaxed);
}

__attribute__((noinline)) std::uint32_t take_row_slow(FreeRows* own) {
  if (own != nullptr) keep_up_free_rows(*own);
  std::uint32_t row = take_full_batch(own);
  if (row == 0) row = take_shared(own);
  return row != 0 ? row : take_new_page(own);
}

__attribute__((noinline)) void reuse_row_slow(std::uint32_t row, FreeRows* own) {
  if (own == nullptr) return share(row, row);
  keep_up_free_rows(*own);
  if (own->count == FreeRows::kMost) share_half(*own);
  reuse_row(row, own);
}

void forget_free_rows() {
  take_all(shared_list);
  for (std::uint32_t batch = take_all(full_batches); batch != 0;) {
    const std::uint32_t next = batch_at(batch).next.load(std::memory_order_relaxed);
    put_batch(empty_batches, batch);
    batch = next;
  }
  free_rows_epoch.fetch_add(1, std::memory_order_seq_cst);
  hooks_are_outdated();
}

}  // namespace leakdir
