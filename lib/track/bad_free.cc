// SPDX-License-Identifier: BSL-1.0
#include "bad_free.hh"

#include <signal.h>
#include <stdlib.h>
#include <sys/syscall.h>

#include <atomic>

#include "bypass.hh"
#include "files/record_dir.hh"
#include "files/record_file.hh"
#include "files/render.hh"
#include "files/writer.hh"
#include "inherited.hh"
#include "ledger/clock.hh"
#include "ledger/ledger_file.hh"
#include "ledger/live_table.hh"
#include "ledger/recent_frees.hh"
#include "shared/record.hh"
#include "stack/modules.hh"
#include "stack/scratch.hh"
#include "stack/stack.hh"
#include "stack/stack_table.hh"
#include "system/allocator.hh"
#include "system/base.hh"
#include "system/messages.hh"
#include "system/process.hh"
#include "system/sys.hh"

namespace leakdir {
namespace {

using ledger::BadFree;
using ledger::BadFreeKind;

bool abort_on_bad = false;

// Two words of memory that may be anything, read by the kernel.
bool read_words(std::uint64_t address, std::uintptr_t (&into)[2]) {
  const iovec from = {reinterpret_cast<void*>(static_cast<std::uintptr_t>(address)), sizeof into};
  return sys::read_memory(&from, 1, into, sizeof into) == static_cast<long>(sizeof into);
}

constexpr std::uint64_t kAlignment = allocator::kAlignment;
constexpr std::uint64_t kGlibcAlignment = 2 * sizeof(void*);
constexpr std::uintptr_t kPreviousInUse = 1;
constexpr std::uintptr_t kOwnMapping = 2;
constexpr std::uintptr_t kSizeFlags = 7;

bool is_plausible_size(std::uintptr_t field) {
  const std::uint64_t bytes = field & ~kSizeFlags;
  return bytes >= 2 * kGlibcAlignment && bytes % kGlibcAlignment == 0 && bytes < (std::uint64_t{1} << 46);
}

// Could this be a block of the allocator that we have never seen? Tells by what glibc itself would check, or musl; for
// other allocators nobody can tell, and the answer is yes. Where the kernel does not let us read there it is no: this
// is asked only when all blocks are known.
bool may_be_a_block(std::uint64_t address) {
  if (!allocator::is_glibc()) return allocator::may_be_its_block(address);
  std::uintptr_t header[2];
  if (!read_words(address - sizeof header, header)) return false;
  if (!is_plausible_size(header[1])) return false;
  const std::uintptr_t bytes = header[1] & ~kSizeFlags;
  if ((header[1] & kOwnMapping) != 0) return ((address - sizeof header - header[0]) & 4095) == 0;
  std::uintptr_t next[2];
  if (!read_words(address - sizeof header + bytes, next)) return false;
  return (next[1] & kPreviousInUse) != 0 && (next[1] & ~kSizeFlags) != 0;
}

// What is known of the bad pointer. kind 0: it is not bad, as far as can be told.
struct Verdict {
  std::uint32_t kind;
  std::uint64_t block;
  std::uint64_t block_bytes;
  std::uint32_t allocation_stack;
  std::uint64_t freed_by;
};

Verdict judge(std::uint64_t address, bool is_realloc, const ReentryGuard& guard) {
  Verdict verdict = {};
  const auto kind = [&](BadFreeKind free, BadFreeKind realloc) {
    verdict.kind = static_cast<std::uint32_t>(is_realloc ? realloc : free);
  };
  const bool misaligned = address % kAlignment != 0;
  FreedBlock freed = {};
  bool is_remembered = was_freed(address, &freed);
  if (!is_remembered && !misaligned && !all_blocks_are_known()) return verdict;
  // An address that was freed before may have been handed out again unseen: while paused, or past the hooks.
  const bool is_bypassed = hooks_are_bypassed(guard);
  if (is_bypassed) some_blocks_are_unknown();
  is_remembered = is_remembered && !is_bypassed && phase() != Phase::kPaused;
  if (!is_remembered && !misaligned && !all_blocks_are_known()) return verdict;
  // A free too long ago to be remembered may still show in the ledger.
  const std::uint32_t row = is_remembered || all_blocks_are_known() ? find_freed_block(address) : 0;
  if (is_remembered || row != 0) {
    kind(BadFreeKind::kDoubleFree, BadFreeKind::kReallocFreed);
    verdict.block = address;
    verdict.allocation_stack = without_size(own_stack(freed.stack));
    verdict.freed_by = freed.freed_by;
    if (row != 0) {
      const ledger::Block block = copy_row(row);
      verdict.block_bytes = size_of(block);
      if (!is_remembered) verdict.allocation_stack = stack_of(block);
    }
    return verdict;
  }
  const std::uint32_t around = find_block_around(address);
  // What a forked child knows of an inherited block may have come after the fork: that is no proof.
  constexpr unsigned kInherited = ledger::kFlagInherited;
  if (around != 0 && (ledger::block_flags(ledger_file.block(around)->word[0]) & kInherited) == 0) {
    const ledger::Block block = copy_row(around);
    kind(BadFreeKind::kInsideBlock, BadFreeKind::kReallocInsideBlock);
    verdict.block = ledger::block_address(block.word[0]);
    verdict.block_bytes = size_of(block);
    verdict.allocation_stack = stack_of(block);
    return verdict;
  }
  if (misaligned || known_module_of(address) != 0 || !may_be_a_block(address)) {
    kind(BadFreeKind::kNeverReturned, BadFreeKind::kReallocNeverReturned);
  } else if (all_blocks_are_known() && phase() == Phase::kRecording) {
    note_unseen_block();
  }
  return verdict;
}

// Whether it has a file.
bool write_bad_free(const BadFree& bad, ThreadState& thread) {
  if (!may_make_bad_free_file()) return false;
  char small[1024];  // without scratch memory: the beginning of the record
  RecordText* const large = thread.scratch != nullptr ? &thread.scratch->record : nullptr;
  if (large != nullptr) large->tail_bytes = 0;
  Text text(large != nullptr ? large->text : small, large != nullptr ? sizeof large->text : sizeof small);
  render_bad_free(text, bad);
  const int error = create_record({}, bad.address, kBadFreeSuffix, text.data(), text.size());
  if (error != 0) messages::cannot_write_record(record_dir_shown(), error);
  return error == 0;
}

void record_bad_free(const Verdict& verdict, std::uint64_t address, Caller caller, ThreadState& thread,
                     const ReentryGuard& guard) {
  BadFree bad = {};
  bad.address = address;
  bad.time = now_ticks();
  bad.block = verdict.block;
  bad.block_bytes = verdict.block_bytes;
  bad.thread = thread.index;
  bad.free_stack = capture_stack(thread, caller, ledger::Call::kMalloc, guard).stack();
  if (verdict.freed_by != 0) bad.first_free_stack = bare_stack_node(0, verdict.freed_by);
  bad.allocation_stack = verdict.allocation_stack;
  const std::uint32_t index = ledger_file.take(ledger::Kind::kBadFrees, 1);
  if (index != 0) {
    BadFree& kept = *ledger_file.bad_free(index);
    kept = bad;
    __atomic_store_n(&kept.kind, verdict.kind, __ATOMIC_RELEASE);
  }
  bad.kind = verdict.kind;
  __atomic_fetch_add(&ledger_file.header()->bad_frees, 1, __ATOMIC_RELAXED);
  const bool has_file = write_bad_free(bad, thread);
  messages::bad_free(ledger::kBadFreeNames[verdict.kind], address, record_dir_shown(), has_file);
}

}  // namespace

LEAKDIR_SLOW bool is_bad_free(std::uint64_t address, bool is_realloc, Caller caller, ThreadState& thread,
                              const ReentryGuard& guard) {
  if (is_sampling()) return false;  // of most blocks nothing is known
  const Verdict verdict = judge(address, is_realloc, guard);
  if (verdict.kind == 0) return false;
  record_bad_free(verdict, address, caller, thread, guard);
  if (abort_on_bad) ::abort();
  return true;
}

void configure_bad_free(bool abort_on_bad_free) { abort_on_bad = abort_on_bad_free; }

}  // namespace leakdir
