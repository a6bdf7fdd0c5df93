// SPDX-License-Identifier: BSL-1.0
//
// The one door to _dl_find_object, by which glibc tells from 2.35 on which module an address lies in, without a lock.

#pragma once

#include <dlfcn.h>

#include <cstdint>

#if defined(__GLIBC_PREREQ)
#if __GLIBC_PREREQ(2, 35)
#define LEAKDIR_HAS_DL_FIND_OBJECT 1
#endif
#endif

#if LEAKDIR_HAS_DL_FIND_OBJECT
// Weak, so that it pulls nothing into a static link: libgcc's search does where it needs it.
extern "C" {
extern decltype(_dl_find_object) _dl_find_object __attribute__((weak));
}

namespace leakdir {

inline bool has_find_object() { return _dl_find_object != nullptr; }

inline bool find_object(std::uintptr_t address, dl_find_object* found) {
  return has_find_object() && _dl_find_object(reinterpret_cast<void*>(address), found) == 0;
}

}  // namespace leakdir
#endif
