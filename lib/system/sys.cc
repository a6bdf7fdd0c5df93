// SPDX-License-Identifier: BSL-1.0
#include "sys.hh"

#include <errno.h>
#include <fcntl.h>
#include <linux/futex.h>
#include <linux/openat2.h>
#include <sched.h>
#include <signal.h>
#include <sys/mman.h>
#include <sys/prctl.h>
#include <sys/resource.h>
#include <unistd.h>

#include <type_traits>

#include "call_numbers.hh"
#include "shared/text.hh"

namespace leakdir::sys {

namespace {

// A call that is always interrupted is no reason to hang.
constexpr unsigned kMostInterruptions = 1000;

long address(const volatile void* p) { return reinterpret_cast<long>(p); }

// A number of 64 bits is one argument, or two where a word has 32 bits. Some processors then want the first of the two
// at an even position: LEAKDIR_EVEN fills an odd one before it.
#if __SIZEOF_LONG__ == 8
#define LEAKDIR_WIDE(number) static_cast<long>(number)
#define LEAKDIR_EVEN
#else
#if __BYTE_ORDER__ == __ORDER_LITTLE_ENDIAN__
#define LEAKDIR_WIDE(number) static_cast<long>(number), static_cast<long>((number) >> 32)
#else
#define LEAKDIR_WIDE(number) static_cast<long>((number) >> 32), static_cast<long>(number)
#endif
#if defined(__arm__) || defined(__mips__) || defined(__powerpc__)
#define LEAKDIR_EVEN 0,
#else
#define LEAKDIR_EVEN
#endif
#endif

// The time of these calls, whatever libc's timespec is.
#if defined(SYS_futex)
struct KernelTime {
  long seconds, nanoseconds;
};
constexpr long kFutex = SYS_futex, kSignalWait = SYS_rt_sigtimedwait, kClockTime = SYS_clock_gettime;
#else
struct KernelTime {
  std::int64_t seconds, nanoseconds;
};
constexpr long kFutex = SYS_futex_time64, kSignalWait = SYS_rt_sigtimedwait_time64, kClockTime = SYS_clock_gettime64;
#endif

bool is_over_file_limit(std::uint64_t bytes) {
  std::uint64_t limit[2] = {};
  return call(SYS_prlimit64, 0, RLIMIT_FSIZE, 0, address(limit)) == 0 && bytes > limit[0];
}

constexpr std::uint64_t signal_bit(int signal) { return std::uint64_t{1} << (signal - 1); }

int write_zeros(int descriptor, std::uint64_t offset, std::uint64_t bytes) {
  static const char zeros[4096] = {};
  unsigned tries = 0;
  while (bytes > 0) {
    const std::uint64_t some = bytes < sizeof zeros ? bytes : sizeof zeros;
    const long written =
        call(SYS_pwrite64, descriptor, address(zeros), static_cast<long>(some), LEAKDIR_EVEN LEAKDIR_WIDE(offset));
    if (written == -EINTR && ++tries < kMostInterruptions) continue;
    if (written < 0) return static_cast<int>(written);
    if (written == 0) return -ENOSPC;
    offset += static_cast<std::uint64_t>(written);
    bytes -= static_cast<std::uint64_t>(written);
  }
  return 0;
}

}  // namespace

int open_at(int directory, const char* path, int flags, unsigned mode) {
  return static_cast<int>(call(SYS_openat, directory, address(path), flags | O_CLOEXEC, mode));
}

int open_no_links(const char* path, int flags, unsigned mode) {
  open_how how = {};
  how.flags = static_cast<unsigned>(flags | O_CLOEXEC);
  how.mode = mode;
  how.resolve = RESOLVE_NO_SYMLINKS;
  const int result = static_cast<int>(call(SYS_openat2, AT_FDCWD, address(path), address(&how), sizeof how));
  // An old kernel, or a filter that does not know the call.
  if (result == -ENOSYS || result == -EPERM) return open_at(AT_FDCWD, path, flags | O_NOFOLLOW, mode);
  return result;
}

// Never retried: after EINTR Linux has closed the descriptor already, and its number may be the program's by now.
void close(int descriptor) { call(SYS_close, descriptor); }

int write_all(int descriptor, const char* bytes, std::size_t count) {
  if (is_over_file_limit(count)) return -EFBIG;
  unsigned tries = 0;
  while (count > 0) {
    const long written = call(SYS_write, descriptor, address(bytes), static_cast<long>(count));
    if (written == -EINTR && ++tries < kMostInterruptions) continue;
    if (written < 0) return static_cast<int>(written);
    if (written == 0) return -ENOSPC;
    bytes += written;
    count -= static_cast<std::size_t>(written);
  }
  return 0;
}

long write_message(int descriptor, const iovec* pieces, int count) {
  // Others may come: a message to a full pipe waits, and the program can be ended there.
  std::uint64_t held = signal_bit(SIGPIPE) | signal_bit(SIGXFSZ);
  std::uint64_t old = 0, pending = 0;
  call(SYS_rt_sigprocmask, SIG_BLOCK, address(&held), address(&old), sizeof old);
  call(SYS_rt_sigpending, address(&pending), sizeof pending);
  const long written = call(SYS_writev, descriptor, address(pieces), count);
  // The signal that came of it waits for this thread. One that waited before is the program's.
  const std::uint64_t own = written == -EPIPE ? signal_bit(SIGPIPE) : written == -EFBIG ? signal_bit(SIGXFSZ) : 0;
  if ((own & ~pending) != 0) {
    const KernelTime now = {};
    call(kSignalWait, address(&own), 0, address(&now), sizeof own);
  }
  set_signal_mask(&old, nullptr);
  return written;
}

long write_at(int descriptor, const void* bytes, std::size_t count, std::uint64_t offset) {
  if (is_over_file_limit(offset + count)) return -EFBIG;
  return call(SYS_pwrite64, descriptor, address(bytes), static_cast<long>(count), LEAKDIR_EVEN LEAKDIR_WIDE(offset));
}

long read_at(int descriptor, void* into, std::size_t count, std::int64_t offset) {
  return call(SYS_pread64, descriptor, address(into), static_cast<long>(count), LEAKDIR_EVEN LEAKDIR_WIDE(offset));
}

long read_file(const char* path, char* into, std::size_t count) {
  const int file = open_at(AT_FDCWD, path, O_RDONLY | O_NOCTTY);
  if (file < 0) return file;
  long total = 0;
  unsigned tries = 0;
  while (total < static_cast<long>(count) - 1) {
    const long got = call(SYS_read, file, address(into + total), static_cast<long>(count) - 1 - total);
    if (got == -EINTR && ++tries < kMostInterruptions) continue;
    if (got < 0 && total == 0) total = got;
    if (got <= 0) break;
    total += got;
  }
  close(file);
  into[total < 0 ? 0 : total] = '\0';
  return total;
}

int unlink_at(int directory, const char* name, int flags) {
  return static_cast<int>(call(SYS_unlinkat, directory, address(name), flags));
}

int make_dir_at(int directory, const char* path, unsigned mode) {
  return static_cast<int>(call(SYS_mkdirat, directory, address(path), mode));
}

int link_at(int from_directory, const char* from, int to_directory, const char* to) {
  return static_cast<int>(call(SYS_linkat, from_directory, address(from), to_directory, address(to), 0));
}

int rename_at(int from_directory, const char* from, int to_directory, const char* to) {
  return static_cast<int>(call(SYS_renameat2, from_directory, address(from), to_directory, address(to), 0));
}

int change_mode(int descriptor, unsigned mode) { return static_cast<int>(call(SYS_fchmod, descriptor, mode)); }

int status_flags(int descriptor) { return static_cast<int>(call(SYS_fcntl, descriptor, F_GETFL)); }

int make_absolute(const char* path, char* into, std::size_t room) {
  Text text(into, room);
  if (path[0] != '/') {
    if (call(SYS_getcwd, reinterpret_cast<long>(into), static_cast<long>(room)) < 0) return -ENOENT;
    std::size_t bytes = 0;
    while (into[bytes] != '\0') ++bytes;
    text = Text(into + bytes, room - bytes);
    if (bytes > 1) text.put('/');
    while (path[0] == '.' && path[1] == '/') path += 2;
  }
  text.put(path);
  if (text.full()) return -ENAMETOOLONG;
  text.c_str();
  return 0;
}

long read_link_at(int directory, const char* path, char* into, std::size_t count) {
  const long length = call(SYS_readlinkat, directory, address(path), address(into), static_cast<long>(count) - 1);
  into[length < 0 ? 0 : length] = '\0';
  return length;
}

int allocate(int descriptor, std::uint64_t offset, std::uint64_t bytes) {
  if (is_over_file_limit(offset + bytes)) return -EFBIG;
  int error = 0;
  for (unsigned tries = 0; tries < kMostInterruptions; ++tries) {  // some file systems give up at any signal
    error = static_cast<int>(call(SYS_fallocate, descriptor, 0, LEAKDIR_WIDE(offset), LEAKDIR_WIDE(bytes)));
    if (error != -EINTR) break;
  }
  return error == -EOPNOTSUPP || error == -ENOSYS ? write_zeros(descriptor, offset, bytes) : error;
}

int punch_hole(int descriptor, std::uint64_t offset, std::uint64_t bytes) {
  return static_cast<int>(call(SYS_fallocate, descriptor, FALLOC_FL_PUNCH_HOLE | FALLOC_FL_KEEP_SIZE,
                               LEAKDIR_WIDE(offset), LEAKDIR_WIDE(bytes)));
}

int lock(int descriptor, int operation) { return static_cast<int>(call(SYS_flock, descriptor, operation)); }

long list(int descriptor, void* into, std::size_t count) {
  return call(SYS_getdents64, descriptor, address(into), static_cast<long>(count));
}

unsigned set_umask(unsigned mask) { return static_cast<unsigned>(call(SYS_umask, mask)); }

void* map(void* at, std::size_t bytes, int protection, int flags, int descriptor, std::uint64_t offset) {
#if defined(SYS_mmap2)  // where there are both, SYS_mmap takes its arguments in memory
  const long result = call(SYS_mmap2, address(at), static_cast<long>(bytes), protection, flags, descriptor,
                           static_cast<long>(offset / 4096));
#elif defined(__s390x__)  // it takes them in memory
  const long arguments[] = {address(at), static_cast<long>(bytes), protection, flags,
                            descriptor,  static_cast<long>(offset)};
  const long result = call(SYS_mmap, address(arguments));
#else
  const long result =
      call(SYS_mmap, address(at), static_cast<long>(bytes), protection, flags, descriptor, static_cast<long>(offset));
#endif
  return result < 0 && result > -4096 ? nullptr : reinterpret_cast<void*>(result);
}

void* map_private(std::size_t bytes) {
  constexpr std::size_t kPage = 4096;
  const int at_once = bytes <= kPage ? MAP_POPULATE : 0;
  return map(nullptr, bytes, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS | MAP_NORESERVE | at_once, -1, 0);
}

void unmap(void* at, std::size_t bytes) { call(SYS_munmap, address(at), static_cast<long>(bytes)); }

int advise(void* at, std::size_t bytes, int advice) {
  return static_cast<int>(call(SYS_madvise, address(at), static_cast<long>(bytes), advice));
}

void make_pages(void* at, std::size_t bytes) {
  constexpr int kPopulateWrite = 23;  // MADV_POPULATE_WRITE, which older headers do not have
  advise(at, bytes, kPopulateWrite);
}

long read_memory(const iovec* from, unsigned count, void* into, std::size_t bytes) {
  const iovec local = {into, bytes};
  // By the thread's number: by the process's there is no memory once its first thread has ended (pthread_exit in main).
  return call(SYS_process_vm_readv, tid(), address(&local), 1, address(from), count, 0);
}

bool is_filtered(char* buffer, std::size_t room) {
  static constexpr char kKey[] = "\nSeccomp:\t";
  long bytes = read_file("/proc/thread-self/status", buffer, room);  // Linux 3.17; each thread has filters of its own
  if (bytes <= 0) bytes = read_file("/proc/self/status", buffer, room);
  if (bytes <= 0) return true;
  for (long i = 0; i + static_cast<long>(sizeof kKey) <= bytes; ++i) {
    unsigned match = 0;
    while (match < sizeof kKey - 1 && buffer[i + match] == kKey[match]) ++match;
    if (match == sizeof kKey - 1) return buffer[i + match] != '0';
  }
  return false;
}

int pid() { return static_cast<int>(call(SYS_getpid)); }

int tid() { return static_cast<int>(call(SYS_gettid)); }

// Where there are both, the call without 32 gives 16 bits.
#if defined(SYS_geteuid32)
unsigned effective_user() { return static_cast<unsigned>(call(SYS_geteuid32)); }
#else
unsigned effective_user() { return static_cast<unsigned>(call(SYS_geteuid)); }
#endif

void thread_name(char name[16]) {
  if (call(SYS_prctl, PR_GET_NAME, address(name)) != 0) name[0] = '\0';
}

int signal_process(int pid, int signal) { return static_cast<int>(call(SYS_kill, pid, signal)); }

bool thread_is_alive(int pid, int tid) { return call(SYS_tgkill, pid, tid, 0) != -ESRCH; }

void set_signal_mask(const std::uint64_t* set, std::uint64_t* old) {
  call(SYS_rt_sigprocmask, SIG_SETMASK, address(set), address(old), sizeof *set);
}

void yield() { call(SYS_sched_yield); }

// linux/membarrier.h, which older systems lack.
constexpr long kPrivateExpedited = 1 << 3;
constexpr long kRegisterPrivateExpedited = 1 << 4;

bool can_order_all_threads() {
#ifdef SYS_membarrier
  return call(SYS_membarrier, kRegisterPrivateExpedited, 0) == 0;
#else
  return false;
#endif
}

bool order_all_threads() {
#ifdef SYS_membarrier
  return call(SYS_membarrier, kPrivateExpedited, 0) == 0;
#else
  return false;
#endif
}

int wait_on(const volatile std::uint32_t* word, std::uint32_t while_equal, std::uint64_t timeout_ns) {
  KernelTime timeout = {};
  timeout.seconds = static_cast<decltype(timeout.seconds)>(timeout_ns / 1000000000);
  timeout.nanoseconds = static_cast<decltype(timeout.nanoseconds)>(timeout_ns % 1000000000);
  return static_cast<int>(
      call(kFutex, address(word), FUTEX_WAIT, static_cast<long>(while_equal), timeout_ns == 0 ? 0 : address(&timeout)));
}

void sleep_for(std::uint64_t ns) {
  const std::uint32_t never = 0;
  wait_on(&never, 0, ns);
}

void wake(const volatile std::uint32_t* word) { call(kFutex, address(word), FUTEX_WAKE, 1 << 30); }

namespace {

// By a system call; 0 where there is no such clock.
std::uint64_t ask_clock(clockid_t clock) {
  KernelTime now = {};
  call(kClockTime, clock, address(&now));
  using Unsigned = std::make_unsigned_t<decltype(now.seconds)>;  // 32 bits last until 2106 then
  return static_cast<Unsigned>(now.seconds) * std::uint64_t{1000000000} + static_cast<Unsigned>(now.nanoseconds);
}

// From the kernel's vDSO: no system call, no errno unless the clock does not exist. Not for 32-bit x86, whose libc asks
// the thread's own data for a stack protector there, and the helper has none.
std::uint64_t now_ns(clockid_t clock) {
#if defined(__i386__)
  return ask_clock(clock);
#else
  timespec now = {};
  ::clock_gettime(clock, &now);
  return static_cast<std::uint64_t>(now.tv_sec) * 1000000000 + static_cast<std::uint64_t>(now.tv_nsec);
#endif
}

}  // namespace

std::uint64_t realtime_ns() { return now_ns(CLOCK_REALTIME); }

std::uint64_t monotonic_ns() { return now_ns(CLOCK_MONOTONIC); }

std::uint64_t since_boot_ns() { return now_ns(CLOCK_BOOTTIME); }

std::uint64_t thread_cpu_ns() { return ask_clock(CLOCK_THREAD_CPUTIME_ID); }

}  // namespace leakdir::sys
