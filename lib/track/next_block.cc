// SPDX-License-Identifier: BSL-1.0
#include "next_block.hh"

#include "stack/stack_table.hh"

namespace leakdir {
namespace {

using ledger::Call;

// Was it said in a call that the function with this frame is no part of?
bool is_further_in(const Place& place, std::uintptr_t frame) {
  constexpr std::uintptr_t kArguments = 128;  // that a caller may have pushed
  return frame > reinterpret_cast<std::uintptr_t>(place.frame) + kArguments;
}

// Is it this allocation that the macro hook spoke of? A function that only has the name of one of the malloc family may
// have been called meanwhile, and have allocated nothing or something else.
bool is_meant(const Place& place, std::size_t size, Call call, Caller caller) {
  // A compiler makes malloc of realloc(NULL, n), and calloc of malloc and memset; operator new calls malloc or does
  // not.
  const auto kind = [](std::uint32_t which) {
    const bool is_malloc =
        which <= static_cast<std::uint32_t>(Call::kReallocarray) || which == static_cast<std::uint32_t>(Call::kNew);
    return is_malloc ? static_cast<std::uint32_t>(Call::kMalloc) : which;
  };
  if (place.file == 0 || kind(place.call) != kind(static_cast<std::uint32_t>(call))) return false;
  if (place.factor != 0 && size % place.factor != 0) return false;
  return !is_further_in(place, caller.frame());
}

Place take_place(ThreadState& thread, std::size_t size, Call call, Caller caller) {
  Place* const last = thread.places;
  Place* const meant = is_meant(last[0], size, call, caller) ? last : last + 1;
  if (!is_meant(*meant, size, call, caller)) return {};
  const Place place = *meant;
  if (meant == last) last[0] = last[1];
  last[1].file = 0;
  if (last[0].file == 0) thread.busy &= ~ThreadState::kHasPlace;
  return place;
}

}  // namespace

void place_of_next_block(const char* file, Place place) {
  ThreadState& thread = thread_state;
  if (thread.is_nested()) return;
  const ReentryGuard guard;
  place.file = text_of_file(file);  // now: the library that has the name may be unloaded before it is wanted
  thread.places[1] = thread.places[0];
  thread.places[0] = place;
  thread.busy |= ThreadState::kHasPlace;
}

void forget_places_within(std::uintptr_t frame) {
  ThreadState& thread = thread_state;
  if (thread.is_nested() || (thread.busy & ThreadState::kHasPlace) == 0) return;
  Place* const last = thread.places;
  if (is_further_in(last[1], frame)) last[1].file = 0;
  if (!is_further_in(last[0], frame)) return;
  last[0] = last[1];
  last[1].file = 0;
  if (last[0].file == 0) thread.busy &= ~ThreadState::kHasPlace;
}

void ignore_from_now_on() {
  ThreadState& thread = thread_state;
  if (thread.ignoring++ == 0) thread.busy |= ThreadState::kIgnores;
}

void end_ignoring() {
  ThreadState& thread = thread_state;
  if (thread.ignoring != 0 && --thread.ignoring == 0) thread.busy &= ~ThreadState::kIgnores;
}

Remarks take_remarks(ThreadState& thread, std::size_t size, Call call, Caller caller) {
  const unsigned flags = (thread.busy & ThreadState::kIgnores) != 0 ? ledger::kFlagIgnored : 0u;
  return {take_place(thread, size, call, caller), flags};
}

}  // namespace leakdir
