// SPDX-License-Identifier: BSL-1.0
//
// Each form of operator new, leaked once. The functions are extern "C" so that their names need no demangling.

#include <cstdint>
#include <new>

#include "expect.h"

namespace {

template <int Bytes>
struct Odd {
  char bytes[Bytes];
};
template <int Bytes>
struct alignas(64) Aligned {
  char bytes[Bytes];
};

}  // namespace

extern "C" {

NOINLINE void leak_new() { LEAK_AS("operator new", 1301, new Odd<1301>); }
NOINLINE void leak_new_array() { LEAK_AS("operator new", 1303, new char[1303]); }
NOINLINE void leak_new_nothrow() { LEAK_AS("operator new", 1307, new (std::nothrow) Odd<1307>); }
NOINLINE void leak_new_array_nothrow() { LEAK_AS("operator new", 1319, new (std::nothrow) char[1319]); }
NOINLINE void leak_new_aligned() { LEAK_AS("operator new", 1344, new Aligned<1344>); }
NOINLINE void leak_new_array_aligned() { LEAK_AS("operator new", 1472, new Aligned<64>[23]); }
NOINLINE void leak_new_aligned_nothrow() { LEAK_AS("operator new", 1600, new (std::nothrow) Aligned<1600>); }
NOINLINE void leak_new_array_aligned_nothrow() { LEAK_AS("operator new", 1728, new (std::nothrow) Aligned<64>[27]); }
NOINLINE void leak_operator_new_called() { LEAK_AS("operator new", 1321, ::operator new(1321)); }
NOINLINE void leak_operator_new_array_called() { LEAK_AS("operator new", 1327, ::operator new[](1327)); }
}

// Aligned as it is asked for, also where there are no bytes.
NOINLINE static void make_nothing() {
  constexpr std::align_val_t kPage{4096};
  void* const nothing = hidden(::operator new(0, kPage));
  MUST(reinterpret_cast<std::uintptr_t>(nothing) % 4096 == 0);
  ::operator delete(nothing, kPage);
}

int main() {
  make_nothing();
  leak_new();
  leak_new_array();
  leak_new_nothrow();
  leak_new_array_nothrow();
  leak_new_aligned();
  leak_new_array_aligned();
  leak_new_aligned_nothrow();
  leak_new_array_aligned_nothrow();
  leak_operator_new_called();
  leak_operator_new_array_called();
}
