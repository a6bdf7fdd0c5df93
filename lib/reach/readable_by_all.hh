// SPDX-License-Identifier: BSL-1.0
//
// For as long as it lives this thread may read what a protection key withholds from it (x86: the register PKRU, which
// any program may set; Linux, pkeys(7)).

#pragma once

#if defined(__x86_64__)
#include <cpuid.h>
#endif

namespace leakdir {

class ReadableByAll {
 public:
#if defined(__x86_64__)
  // Whether all of it is known here.
  static constexpr bool kIsKnown = true;
  ReadableByAll() : has_keys_(are_there_keys()) {
    if (!has_keys_) return;
    unsigned high;
    __asm__ volatile(".byte 0x0f, 0x01, 0xee" : "=a"(before_), "=d"(high) : "c"(0));  // rdpkru
    set(0);
  }
  ~ReadableByAll() {
    if (has_keys_) set(before_);
  }
#else
  static constexpr bool kIsKnown = false;
  ReadableByAll() = default;
#endif
  ReadableByAll(const ReadableByAll&) = delete;
  ReadableByAll& operator=(const ReadableByAll&) = delete;

#if defined(__x86_64__)
 private:
  static bool are_there_keys() {
    unsigned a, b, c, d;
    constexpr unsigned kSwitchedOnBySystem = 1u << 4;  // OSPKE
    return __get_cpuid_count(7, 0, &a, &b, &c, &d) != 0 && (c & kSwitchedOnBySystem) != 0;
  }
  static void set(unsigned value) {
    __asm__ volatile(".byte 0x0f, 0x01, 0xef" : : "a"(value), "c"(0), "d"(0) : "memory");  // wrpkru
  }

  bool has_keys_;
  unsigned before_ = 0;
#endif
};

}  // namespace leakdir
