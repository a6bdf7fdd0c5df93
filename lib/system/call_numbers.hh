// SPDX-License-Identifier: BSL-1.0
//
// The numbers of the kernel's calls by the names SYS_..., those too that the kernel's headers have and an older libc
// has no name for: glibc 2.31 knows the calls of Linux 5.4. On processors of 32 bits musl has another name for one.

#pragma once

#include <sys/syscall.h>

#ifndef SYS_close_range
#define SYS_close_range __NR_close_range
#endif
#ifndef SYS_openat2
#define SYS_openat2 __NR_openat2
#endif

#if !defined(SYS_clock_gettime) && defined(SYS_clock_gettime32)
#define SYS_clock_gettime SYS_clock_gettime32
#endif
