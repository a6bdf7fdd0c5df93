/* SPDX-License-Identifier: BSL-1.0
 *
 * The system's headers, and the functions of the C library that have other names here.
 */
#pragma once

#ifdef __KLIBC__
#error "leakdir_trace.c is not for klibc, which has no threads, no wide characters and no list of modules"
#endif

#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <limits.h>
#include <pthread.h>
#include <sched.h>
#include <signal.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h> /* glibc 2.43 has strchr as a macro of C11: (strchr) is the function */
#include <sys/file.h>
#include <sys/stat.h>
#include <sys/statvfs.h>
#include <time.h>
#include <unistd.h>
#include <wchar.h>
#ifdef __linux__
#include <elf.h>
#include <link.h>
#include <sys/auxv.h>
#include <sys/mman.h>
#include <sys/prctl.h>
#include <sys/syscall.h>
#ifndef NT_GNU_BUILD_ID /* dietlibc */
#define NT_GNU_BUILD_ID 3
#endif
#ifndef SYS_gettid
#define SYS_gettid __NR_gettid
#endif
#endif

/* The C library's own, whatever the names mean here: this file too may be compiled with -include leakdir/trace.h. */
extern void *libc_malloc(size_t) __asm__("malloc");
extern void *libc_calloc(size_t, size_t) __asm__("calloc");
extern void *libc_realloc(void *, size_t) __asm__("realloc");
extern int libc_posix_memalign(void **, size_t, size_t) __asm__("posix_memalign");
extern void *libc_aligned_alloc(size_t, size_t) __asm__("aligned_alloc");
extern void *libc_memalign(size_t, size_t) __asm__("memalign");
extern void libc_free(void *) __asm__("free");

#ifdef __linux__
#ifdef __dietlibc__ /* has no syscall() */
extern pid_t gettid(void);
static long thread_id(void) { return gettid(); }
#else
static long thread_id(void) { return syscall(SYS_gettid); }
#endif
#endif

enum { kPath = 1024, kTries = 100000 /* of what is waited for, before it is given up */ };

__attribute__((unused)) static size_t page_size(void) { return (size_t)sysconf(_SC_PAGESIZE); }
