// SPDX-License-Identifier: BSL-1.0
#include "periods.hh"

#include <atomic>

#include "ledger_file.hh"
#include "system/process.hh"

namespace leakdir {
namespace {

using ledger::Kind;
using ledger::Period;

// What is left until the bits are used up is for batches of numbers that threads have already.
constexpr std::uint64_t kLongest = ledger::kMostTime / 4 * 3;
constexpr std::uint64_t kClocksApart = std::uint64_t{1} << 20;  // a second at least
constexpr unsigned kPatientTries = TryLock::kTriesAtOnce + 100;

// In ordinary memory: a child finds it as it was at the fork.
std::atomic<std::uint64_t> highest{0};

void note_taken(std::uint64_t last) {
  std::uint64_t known = highest.load(std::memory_order_relaxed);
  while (known < last && !highest.compare_exchange_weak(known, last, std::memory_order_relaxed)) {
  }
}

std::uint64_t& numbers() { return ledger_file.header()->sequence; }

Period period(std::uint32_t index) { return index == 0 ? Period{0, 0} : *ledger_file.period(index); }

bool is_over(std::uint64_t start, std::uint64_t now) { return now - start > kLongest && start - now > kClocksApart; }

// The row behind the current one's, made if need be. Null: there is no room.
Period* following_row(std::uint32_t current) {
  if (current + 1 >= 1u << ledger::kPeriodBits) return nullptr;
  if (current + 1 >= ledger_file.used(Kind::kPeriods) && ledger_file.take(Kind::kPeriods, 1) == 0) return nullptr;
  return ledger_file.period(current + 1);
}

LEAKDIR_SLOW void begin_period(std::uint64_t now) {
  const TryLock lock(process->period_lock, kPatientTries);
  if (!lock.taken()) return;
  std::uint64_t seen = __atomic_load_n(&numbers(), __ATOMIC_RELAXED);
  const std::uint32_t current = ledger::current_period(seen);
  if (!is_over(period(current).start, now)) return;
  Period* const next = following_row(current);
  if (next == nullptr) return;
  next->start = now;
  // Others take numbers meanwhile.
  do {
    next->after = ledger::last_sequence(seen);
  } while (!__atomic_compare_exchange_n(&numbers(), &seen, seen + 1, false, __ATOMIC_ACQ_REL, __ATOMIC_RELAXED));
}

}  // namespace

Numbers take_numbers(unsigned count, std::uint64_t now) {
  const std::uint32_t current = ledger::current_period(__atomic_load_n(&numbers(), __ATOMIC_ACQUIRE));
  if (LEAKDIR_UNLIKELY(is_over(period(current).start, now))) begin_period(now);
  const std::uint64_t taken =
      __atomic_fetch_add(&numbers(), std::uint64_t{count} << ledger::kPeriodBits, __ATOMIC_ACQ_REL);
  note_taken(ledger::last_sequence(taken) + count);
  return {ledger::last_sequence(taken), period(ledger::current_period(taken)).start};
}

std::uint64_t last_number() { return ledger::last_sequence(__atomic_load_n(&numbers(), __ATOMIC_SEQ_CST)); }

std::uint64_t highest_taken() { return highest.load(std::memory_order_relaxed); }

void NumbersAtFork::leave_out(const NumberBatch& batch) {
  const std::uint64_t used = ledger::block_sequence(batch.number_word);
  const std::uint64_t end = ledger::block_sequence(batch.end_number_word);
  if (used < end && unused_count < kMostUnused) unused[unused_count++] = {used, end};
}

bool NumbersAtFork::has(std::uint64_t number) const {
  if (number > last) return false;
  for (unsigned i = 0; i < unused_count; ++i) {
    if (number > unused[i].after && number <= unused[i].last) return false;
  }
  return true;
}

std::uint64_t ticks_of(const ledger::Block& block) {
  const std::uint64_t sequence = ledger::block_sequence(block.word[2]);
  std::uint32_t first = 0, end = ledger::current_period(__atomic_load_n(&numbers(), __ATOMIC_ACQUIRE)) + 1;
  while (end - first > 1) {
    const std::uint32_t middle = first + (end - first) / 2;
    (period(middle).after < sequence ? first : end) = middle;
  }
  return period(first).start + ledger::block_time(block.word[1]);
}

void continue_numbers(const ledger::Header& parent) {
  const std::uint64_t seen = __atomic_load_n(&parent.sequence, __ATOMIC_ACQUIRE);
  const std::uint32_t rows = ledger_file.used(Kind::kPeriods), current = ledger::current_period(seen);
  // The parent may have begun another since.
  const std::uint32_t copied = current == 0 || current < rows ? current : rows == 0 ? 0 : rows - 1;
  numbers() = seen - current + copied;
}

}  // namespace leakdir
