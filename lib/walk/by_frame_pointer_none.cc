// SPDX-License-Identifier: BSL-1.0
//
// For processors whose frame pointers are not followed: a stack ends at code without a table, and goes on beyond it if
// a call led there. (Upon musl, which has no tables, each stack ends so: it is not said of all of them.)

#include "call_site.hh"
#include "fast_walk.hh"
#include "system/libc.hh"

namespace leakdir {

unsigned walk_by_frame_pointer(FastWalkState&, const WalkStart& from, std::uintptr_t*, unsigned,
                               bool* truncated) noexcept {
  *truncated = !libc::kIsMusl && follows_call(from.pc);
  return 0;
}

}  // namespace leakdir
