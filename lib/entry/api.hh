// SPDX-License-Identifier: BSL-1.0
//
// What the functions of leakdir/leakdir.h and leakdir/trace.h do that have another way in (on_behalf.cc). They are not
// called by their public names there: a program may have functions of these names, and they would come first.

#pragma once

#include <cstddef>

namespace leakdir {

void switch_recording(bool on);
int is_recording_now();
const char* dir_now();
// `frame`: of the function that the program called.
void place_is(const char* file, int line, int call, std::size_t factor, const void* frame);

}  // namespace leakdir
