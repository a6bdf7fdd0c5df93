// SPDX-License-Identifier: BSL-1.0
//
// The rights that the program has and its caller has not: set-uid and set-gid programs, and those with file
// capabilities. What is known here was true at start. Everything is asked of the kernel, nothing is allocated.

#pragma once

#include <cstdint>

namespace leakdir {

// Whether the environment and what lies in the working directory are to be listened to.
bool caller_is_trusted();

// Whether files that are made now would belong to a caller who has fewer rights than the program: he could change what
// is in them.
bool files_would_be_callers();

// The caller's own rights (his real user and group), not the program's.
bool caller_may_write_to(int directory, const char* path);

// Root, or the user that the program runs as.
bool is_ours_or_roots(std::uint32_t user);

// Whether nobody but root and us can replace `folder`, or a directory above it, by another.
bool is_firmly_there(int folder);

// Whether the calling thread and the program's first one have the same users, groups and capabilities, and are confined
// in the same way.
bool has_rights_of_first_thread();

// Whether a filter of system calls is upon the program's first thread, as far as /proc tells. Both by the helper alone.
bool first_thread_is_filtered();

}  // namespace leakdir
