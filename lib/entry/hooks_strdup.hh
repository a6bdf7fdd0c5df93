// SPDX-License-Identifier: BSL-1.0
//
// Of libleakdir.so only: which strdup and strndup come after ours.

#pragma once

namespace leakdir {

// At start, while there is one thread.
void find_strdup();

}  // namespace leakdir
