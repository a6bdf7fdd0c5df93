// SPDX-License-Identifier: BSL-1.0
//
// leakdir/leakdir.h: what the program asks of us.

#include "api.hh"

#include "exit.hh"
#include "files/config_watch.hh"
#include "files/live_list.hh"
#include "files/record_dir.hh"
#include "files/writer.hh"
#include "ledger/ledger_file.hh"
#include "ledger/live_table.hh"
#include "ledger/row.hh"
#include "reach/reachability.hh"
#include "system/base.hh"
#include "system/process.hh"
#include "track/inherited.hh"
#include "track/next_block.hh"
#include "track/other_phases.hh"
#include "track/threads.hh"

namespace {

// Whether there is a ledger of this process to speak of.
bool has_ledger() {
  const leakdir::Phase now = leakdir::phase();
  return leakdir::is_recording(now) || now == leakdir::Phase::kPaused;
}

}  // namespace

namespace leakdir {

// A child that has not allocated yet has no ledger of its own to say it in.
void switch_recording(bool on) {
  if (phase() == Phase::kForked) start_in_child();
  set_recording(on);
}

int is_recording_now() {
  const Phase now = phase();
  const auto* parents = ledger_file.header();
  if (now == Phase::kForked) return parents != nullptr && parents->recording != 0 ? 1 : 0;
  return is_recording(now) ? 1 : 0;
}

const char* dir_now() { return has_ledger() ? record_dir() : ""; }

// `call` is a ledger::Call, by the numbers that stand in leakdir/trace.h.
static_assert(static_cast<int>(ledger::Call::kPvalloc) == 8 && ledger::kCalls == 10);
void place_is(const char* file, int line, int call, std::size_t factor, const void* frame) {
  if (!is_recording(phase())) return;
  place_of_next_block(file, {0, frame, factor, static_cast<std::uint32_t>(line), static_cast<std::uint32_t>(call)});
}

int lost_since(const ThreadAtExit& thread, unsigned long mark, std::size_t* blocks, std::size_t* bytes) {
  const bool is_told = has_ledger() && is_only_thread(1) && find_lost(thread, true).outcome == ledger::ReachLook::kDone;
  const LiveTotals totals = is_told ? count_live(mark) : LiveTotals{};
  if (blocks != nullptr) *blocks = totals.lost_blocks;
  if (bytes != nullptr) *bytes = totals.lost_bytes;
  return is_told ? 1 : 0;
}

}  // namespace leakdir

LEAKDIR_EXPORT void leakdir_start(void) { leakdir::switch_recording(true); }

LEAKDIR_EXPORT void leakdir_stop(void) { leakdir::switch_recording(false); }

LEAKDIR_EXPORT void leakdir_flush(void) {
  if (has_ledger()) leakdir::write_all_records();
}

LEAKDIR_EXPORT unsigned long leakdir_mark(void) { return has_ledger() ? leakdir::mark_sequence() : 0; }

LEAKDIR_EXPORT void leakdir_live_since(unsigned long mark, std::size_t* blocks, std::size_t* bytes) {
  const leakdir::LiveTotals totals = has_ledger() ? leakdir::count_live(mark) : leakdir::LiveTotals{};
  if (blocks != nullptr) *blocks = totals.blocks;
  if (bytes != nullptr) *bytes = totals.bytes;
}

LEAKDIR_EXPORT int leakdir_lost_since(unsigned long mark, std::size_t* blocks, std::size_t* bytes) {
  return leakdir::lost_since(leakdir::find_thread_here(0), mark, blocks, bytes);
}

// Called by leakdir/gtest.h.
LEAKDIR_EXPORT int leakdir_lost_since_frame(unsigned long mark, const void* below, std::size_t* blocks,
                                            std::size_t* bytes) {
  const leakdir::ThreadAtExit thread = leakdir::find_thread_here(reinterpret_cast<std::uintptr_t>(below));
  return leakdir::lost_since(thread, mark, blocks, bytes);
}

LEAKDIR_EXPORT void leakdir_ignore(const void* block) {
  if (!has_ledger()) return;
  const auto address = reinterpret_cast<std::uintptr_t>(block);
  if (leakdir::find_live_block(address) == 0) leakdir::settle_inherited_blocks();
  const std::uint32_t row = leakdir::find_live_block(address);
  if (row == 0) return;
  const std::uint64_t word0 = leakdir::state_word(row);
  if (!leakdir::set_block_flags(row, word0, leakdir::ledger::kFlagIgnored, 0)) return;
  if ((leakdir::ledger::block_flags(word0) & leakdir::ledger::kFlagFiled) != 0) leakdir::write_all_records();
}

LEAKDIR_EXPORT void leakdir_ignore_begin(void) { leakdir::ignore_from_now_on(); }

LEAKDIR_EXPORT void leakdir_ignore_end(void) { leakdir::end_ignoring(); }

LEAKDIR_EXPORT int leakdir_is_recording(void) { return leakdir::is_recording_now(); }

LEAKDIR_EXPORT void leakdir_each_since(unsigned long mark, leakdir::VisitLive* visit, void* context) {
  if (has_ledger()) leakdir::for_each_live(mark, leakdir::mark_sequence(), visit, context);
}

// Called by the macros of leakdir/trace.h.
LEAKDIR_EXPORT void leakdir_place(const char* file, int line, int call, std::size_t factor) {
  leakdir::place_is(file, line, call, factor, LEAKDIR_OWN_FRAME);
}

LEAKDIR_EXPORT const char* leakdir_dir(void) { return leakdir::dir_now(); }
