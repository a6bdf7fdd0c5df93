// SPDX-License-Identifier: BSL-1.0
//
// How words of the stack are read, and whether they are what they were: loads and comparisons that do not wait for each
// other, two at once where the processor has that.

#pragma once

#include <cstdint>

#if defined(__x86_64__)
#include <emmintrin.h>
#endif

namespace leakdir {

inline constexpr std::uintptr_t kWord = sizeof(std::uintptr_t);

// One load, which the compiler does not join with its neighbours: to shuffle them costs more than they do.
inline std::uintptr_t word_at(std::uintptr_t address) {
  return __atomic_load_n(reinterpret_cast<const std::uintptr_t*>(address), __ATOMIC_RELAXED);
}

inline constexpr unsigned kWordsAtOnce = 4;

// A place is in bytes.
inline std::uintptr_t at_place(std::uintptr_t base, std::uint32_t place) { return base + place; }

#if defined(__x86_64__)

// Two words of the stack side by side.
inline __m128i two_words_at(std::uintptr_t first, std::uintptr_t second) {
  const __m128i low = _mm_loadl_epi64(reinterpret_cast<const __m128i*>(first));
  return _mm_castpd_si128(_mm_loadh_pd(_mm_castsi128_pd(low), reinterpret_cast<const double*>(second)));
}

// `words` begin at a multiple of 16, and `count` is one of kWordsAtOnce.
[[gnu::always_inline]] inline bool words_hold(const std::uintptr_t* words, const std::uint32_t* place, unsigned count,
                                              std::uintptr_t base) {
  static_assert(kWordsAtOnce == 4);
  const auto* pair = reinterpret_cast<const __m128i*>(words);
  __m128i differences = _mm_setzero_si128();
  for (const std::uint32_t* const last = place + count; place != last; place += kWordsAtOnce) {
    const __m128i first = two_words_at(at_place(base, place[0]), at_place(base, place[1]));
    const __m128i second = two_words_at(at_place(base, place[2]), at_place(base, place[3]));
    differences =
        _mm_or_si128(differences, _mm_or_si128(_mm_xor_si128(first, pair[0]), _mm_xor_si128(second, pair[1])));
    pair += 2;
  }
  return _mm_movemask_epi8(_mm_cmpeq_epi32(differences, _mm_setzero_si128())) == 0xffff;
}

#else

// Of each word so many of its highest bits do not count.
[[gnu::always_inline]] inline bool words_hold(const std::uintptr_t* words, const std::uint32_t* place, unsigned count,
                                              std::uintptr_t base, unsigned high_bits = 0) {
  static_assert(kWordsAtOnce == 4);
  // (No word_at: two neighbours are loaded at once here.)
  using Word [[gnu::may_alias]] = std::uintptr_t;
  const auto at = [base](std::uint32_t at) { return *reinterpret_cast<const Word*>(at_place(base, at)); };
  std::uintptr_t differences = 0;
  for (const std::uint32_t* const last = place + count; place != last; place += kWordsAtOnce) {
    const std::uintptr_t first = (at(place[0]) ^ words[0]) | (at(place[1]) ^ words[1]);
    const std::uintptr_t second = (at(place[2]) ^ words[2]) | (at(place[3]) ^ words[3]);
    differences |= first | second;
    words += kWordsAtOnce;
  }
  return differences << high_bits == 0;
}

#endif

}  // namespace leakdir
