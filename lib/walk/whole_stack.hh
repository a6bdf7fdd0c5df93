// SPDX-License-Identifier: BSL-1.0
//
// The walk that most hooks need: of a stack that is one run, from the hook's caller to its outermost frame. To be
// inlined into the hooks' own path; what it does not know, fast_walk() finds.

#pragma once

#include <cstdint>

#include "fast_walk.hh"
#include "system/base.hh"
#if defined(__x86_64__)
#include <emmintrin.h>
#endif
#if defined(__x86_64__) || defined(LEAKDIR_HAS_LINK_REGISTER)
#include "step.hh"
#endif

namespace leakdir {

#if defined(__x86_64__)

// Two words of the stack side by side.
inline __m128i two_words_at(std::uintptr_t first, std::uintptr_t second) {
  const __m128i low = _mm_loadl_epi64(reinterpret_cast<const __m128i*>(first));
  return _mm_castpd_si128(_mm_loadh_pd(_mm_castsi128_pd(low), reinterpret_cast<const double*>(second)));
}

// Whether each return address of the run is where it is to be.
[[gnu::always_inline]] inline bool addresses_hold(const Run& run, std::uintptr_t base) {
  static_assert(Run::kChecksAtOnce == 4);
  const auto* pcs = reinterpret_cast<const __m128i*>(run.pcs());
  const std::uint32_t* place = run.places();
  __m128i differences = _mm_setzero_si128();
  for (const std::uint32_t* const last = place + run.checks; place != last; place += Run::kChecksAtOnce) {
    const __m128i first = _mm_xor_si128(two_words_at(base + place[0], base + place[1]), pcs[0]);
    const __m128i second = _mm_xor_si128(two_words_at(base + place[2], base + place[3]), pcs[1]);
    differences = _mm_or_si128(differences, _mm_or_si128(first, second));
    pcs += 2;
  }
  return _mm_movemask_epi8(_mm_cmpeq_epi32(differences, _mm_setzero_si128())) == 0xffff;
}

#elif defined(LEAKDIR_HAS_LINK_REGISTER)

// Whether each return address of the run is where it is to be.
[[gnu::always_inline]] inline bool addresses_hold(const Run& run, std::uintptr_t base) {
  static_assert(Run::kChecksAtOnce == 4);
  // (No word_at: two neighbours are loaded at once here.)
  using Word [[gnu::may_alias]] = std::uintptr_t;
  const auto at = [base](std::uint32_t place) { return *reinterpret_cast<const Word*>(base + place); };
  const std::uintptr_t* pcs = run.pcs();
  const std::uint32_t* place = run.places();
  std::uintptr_t differences = 0;
  for (const std::uint32_t* const last = place + run.checks; place != last; place += Run::kChecksAtOnce) {
    const std::uintptr_t first = (at(place[0]) ^ pcs[0]) | (at(place[1]) ^ pcs[1]);
    const std::uintptr_t second = (at(place[2]) ^ pcs[2]) | (at(place[3]) ^ pcs[3]);
    differences |= first | second;
    pcs += Run::kChecksAtOnce;
  }
  return differences << run.signature_bits == 0;
}

#endif

#if defined(__x86_64__) || defined(LEAKDIR_HAS_LINK_REGISTER)

// What the user of the walk has said of the stack that begins at `pc` and `sp` (Run::whole_stack); 0: nothing, or it is
// another stack.
[[gnu::always_inline]] inline std::uint64_t known_whole_stack(FastWalkState& state, std::uintptr_t pc,
                                                              std::uintptr_t sp) noexcept {
  const Run* const run = state.store.find(pc);
  if (LEAKDIR_UNLIKELY(run == nullptr) || LEAKDIR_UNLIKELY(run->whole_stack == 0)) return 0;
  if (LEAKDIR_UNLIKELY(state.generation != g_walk_generation.load(std::memory_order_acquire))) return 0;
  const std::uintptr_t base = sp + static_cast<std::uintptr_t>(std::intptr_t{run->first});
  if (LEAKDIR_UNLIKELY(!is_known_to_be_own_stack(state.reach, sp)) || LEAKDIR_UNLIKELY(sp % kWord != 0) ||
      LEAKDIR_UNLIKELY(base + run->sp_after() > state.reach.hi) || LEAKDIR_UNLIKELY(!addresses_hold(*run, base))) {
    return 0;
  }
  return run->whole_stack;
}

// What the last walk, which did not decline, has found; not 0. Kept if it found one run that needs nothing but to be
// compared.
inline void whole_stack_is(FastWalkState& state, std::uint64_t known) noexcept {
  Run& run = *state.runs[0];
  if (state.run_count == 1 && run.is_plain && run.ends && state.used[0] == run.frames) run.whole_stack = known;
}

#else

inline std::uint64_t known_whole_stack(FastWalkState&, std::uintptr_t, std::uintptr_t) noexcept { return 0; }
inline void whole_stack_is(FastWalkState&, std::uint64_t) noexcept {}

#endif

}  // namespace leakdir
