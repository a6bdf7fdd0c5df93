// SPDX-License-Identifier: BSL-1.0
//
// The one door to the kernel. Everything that the object asks of the system goes through here.
//
// Each function is the bare system call: it returns what the kernel returned, a negative errno on failure, and never
// touches errno (which is the program's; and the helper thread has none of its own). No function here allocates, takes
// a lock, is a cancellation point or retries, unless it says so. All are safe in signal handlers and after fork.

#pragma once

#include <sys/uio.h>
#include <time.h>

#include <cstddef>
#include <cstdint>

#include "shared/disk_reserve.h"

namespace leakdir::sys {

// False where this processor has no system call of ours: then `call` goes through libc's syscall() with errno saved,
// and there is no helper thread (it must not touch errno at all).
#if defined(__x86_64__) || defined(__aarch64__) || defined(__arm__) || defined(__i386__) || \
    (defined(__riscv) && __riscv_xlen == 64) || defined(__s390x__) || defined(__powerpc64__)
inline constexpr bool kBareCalls = true;
#else
inline constexpr bool kBareCalls = false;
#endif

// The arguments are those of the kernel, word by word: see sys.cc for numbers that are wider than a word.
long call(long number, long a = 0, long b = 0, long c = 0, long d = 0, long e = 0, long f = 0);

// The part of what stat tells that we need, in the same widths everywhere.
struct FileStatus {
  std::uint64_t device, inode;
  std::uint32_t mode, links, user;
  std::uint64_t bytes;
  std::int64_t modified_seconds, modified_nanoseconds;
};

// Files. Paths are relative to `directory` (a descriptor or AT_FDCWD). Every descriptor is opened close-on-exec.
int open_at(int directory, const char* path, int flags, unsigned mode = 0);
// The same, and no component of `path` may be a symbolic link, where the kernel can say so (Linux 5.6); else only the
// last one may not.
int open_no_links(const char* path, int flags, unsigned mode);
void close(int descriptor);
// Writes all or returns a negative errno (-ENOSPC for a short write). Retries EINTR: a record is not the program's
// output, nobody waits for it to be interrupted. For a new file: -EFBIG, and nothing written, where RLIMIT_FSIZE is
// lower, because the kernel would send SIGXFSZ.
int write_all(int descriptor, const char* bytes, std::size_t count);
// Writes a message to a descriptor that may be a pipe that nobody reads, or a file at its limit. The signal that comes
// of it does not reach the program, nor is the program stopped for writing to a terminal from the background.
long write_message(int descriptor, const iovec* pieces, int count);
long read_at(int descriptor, void* into, std::size_t count, std::int64_t offset);
// -EFBIG beyond RLIMIT_FSIZE, where the kernel would send SIGXFSZ.
long write_at(int descriptor, const void* bytes, std::size_t count, std::uint64_t offset);
// A whole small file (of /proc, say) into `into`, zero-terminated; returns its length or a negative errno.
long read_file(const char* path, char* into, std::size_t count);
int unlink_at(int directory, const char* name, int flags = 0);
int make_dir_at(int directory, const char* path, unsigned mode);
int link_at(int from_directory, const char* from, int to_directory, const char* to);  // a second name of the file
int rename_at(int from_directory, const char* from, int to_directory, const char* to);
int stat_at(int directory, const char* path, FileStatus* into, int flags);  // sys_status.cc
int stat_descriptor(int descriptor, FileStatus* into);
int disk_space(int descriptor, DiskSpace* into);  // sys_status.cc
int change_mode(int descriptor, unsigned mode);
int status_flags(int descriptor);  // F_GETFL
// `path` seen from the working directory, zero-terminated; as it is if it is absolute. 0 or a negative errno. (Without
// the "./" in front; ".." stays.)
int make_absolute(const char* path, char* into, std::size_t room);
long read_link_at(int directory, const char* path, char* into, std::size_t count);  // zero-terminated
// Reserves the space, so that no SIGBUS comes later: by fallocate, or, where the file system has none, by zeros that
// are written. -EFBIG beyond RLIMIT_FSIZE, where the kernel would send SIGXFSZ.
int allocate(int descriptor, std::uint64_t offset, std::uint64_t bytes);
int punch_hole(int descriptor, std::uint64_t offset, std::uint64_t bytes);
int lock(int descriptor, int operation);                   // flock
long list(int descriptor, void* into, std::size_t count);  // getdents64
unsigned set_umask(unsigned mask);

// Memory. `map` returns null on failure.
void* map(void* at, std::size_t bytes, int protection, int flags, int descriptor, std::uint64_t offset);
// Zero-filled, not reserved. A single page is there at once, as it is about to be used; more come when they are
// touched.
void* map_private(std::size_t bytes);
void unmap(void* at, std::size_t bytes);
int advise(void* at, std::size_t bytes, int advice);
// The pages there, which are about to be written to, are made at once; from Linux 5.14 on.
void make_pages(void* at, std::size_t bytes);
// Of this process, through the kernel: what cannot be read is no fault. Returns the bytes that come before it, or a
// negative errno.
long read_memory(const iovec* from, unsigned count, void* into, std::size_t bytes);
// Whether a filter of system calls (seccomp) is on, as /proc/self/status tells, for which there is `room`; true where
// that cannot be read, which a filter may be the cause of.
bool is_filtered(char* buffer, std::size_t room);

// The process.
int pid();
int tid();
unsigned effective_user();
void thread_name(char name[16]);
int signal_process(int pid, int signal);
bool thread_is_alive(int pid, int tid);
void set_signal_mask(const std::uint64_t* set, std::uint64_t* old);
void yield();
// Makes each running thread of the process pass a full memory barrier (membarrier, Linux 4.14); false when it cannot be
// had. Must have been asked for once in the process.
bool can_order_all_threads();
bool order_all_threads();
int wait_on(const volatile std::uint32_t* word, std::uint32_t while_equal, std::uint64_t timeout_ns);  // futex
void wake(const volatile std::uint32_t* word);
void sleep_for(std::uint64_t ns);  // futex, which leakdir needs anyway
std::uint64_t realtime_ns();
std::uint64_t monotonic_ns();
std::uint64_t since_boot_ns();  // with the time that the machine slept
// Processor time that the calling thread has used; 0 where the kernel does not say. A system call.
std::uint64_t thread_cpu_ns();

}  // namespace leakdir::sys
