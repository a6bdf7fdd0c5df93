// SPDX-License-Identifier: BSL-1.0
//
// stat and statfs, as the kernel tells them. Where a word has 64 bits libc's struct is the kernel's; elsewhere libc has
// several, by the width of its files and times, and the kernel's own must be known here.

#include <errno.h>
#include <fcntl.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <sys/vfs.h>
#include <unistd.h>

// musl has struct statx from 1.2.5 on, and glibc from 2.28; then the kernel's header cannot stand beside it.
#ifndef STATX_BASIC_STATS
#include <linux/stat.h>
#endif

#include "sys.hh"

namespace leakdir::sys {
namespace {

long address(const volatile void* p) { return reinterpret_cast<long>(p); }

#if __SIZEOF_LONG__ == 8

using DiskStatus = struct statfs;
long ask_disk(int descriptor, DiskStatus* into) { return call(SYS_fstatfs, descriptor, address(into)); }

int ask(int directory, const char* path, FileStatus* into, int flags) {
  struct stat status;
  const long error = call(SYS_newfstatat, directory, address(path), address(&status), flags);
  if (error != 0) return static_cast<int>(error);
  *into = {status.st_dev,         status.st_ino,
           status.st_mode,        static_cast<std::uint32_t>(status.st_nlink),
           status.st_uid,         static_cast<std::uint64_t>(status.st_size),
           status.st_mtim.tv_sec, status.st_mtim.tv_nsec};
  return 0;
}

#else

// Before Linux 4.11: the struct stat64 of the kernel for ARM and for x86, which differ in their gaps only.
#if defined(__arm__) || defined(__i386__)
struct KernelStatus {
  std::uint64_t device;
  std::uint32_t gap, short_inode, mode, links, user, group;
  std::uint64_t special_device;
  std::uint32_t other_gap;
  std::int64_t bytes;
  std::uint32_t block_bytes;
  std::uint64_t blocks;
  std::uint32_t read, read_ns, modified, modified_ns, changed, changed_ns;
  std::uint64_t inode;
};

int ask_old_kernel(int directory, const char* path, FileStatus* into, int flags) {
  KernelStatus status = {};
  const long error = call(SYS_fstatat64, directory, address(path), address(&status), flags);
  if (error != 0) return static_cast<int>(error);
  *into = {status.device,   status.inode,      status.mode,
           status.links,    status.user,       static_cast<std::uint64_t>(status.bytes),
           status.modified, status.modified_ns};
  return 0;
}
#else
int ask_old_kernel(int, const char*, FileStatus*, int) { return -ENOSYS; }
#endif

using DiskStatus = struct statfs64;
long ask_disk(int descriptor, DiskStatus* into) { return call(SYS_fstatfs64, descriptor, sizeof *into, address(into)); }

int ask(int directory, const char* path, FileStatus* into, int flags) {
#if defined(SYS_statx)
  struct statx status = {};
  const long error = call(SYS_statx, directory, address(path), flags, STATX_BASIC_STATS, address(&status));
  if (error == 0) {
    *into = {std::uint64_t{status.stx_dev_major} << 32 | status.stx_dev_minor,
             status.stx_ino,
             status.stx_mode,
             status.stx_nlink,
             status.stx_uid,
             status.stx_size,
             status.stx_mtime.tv_sec,
             status.stx_mtime.tv_nsec};
  }
  if (error != -ENOSYS && error != -EPERM) return static_cast<int>(error);  // -EPERM: a filter that does not know it
#endif
  return ask_old_kernel(directory, path, into, flags);
}

#endif

}  // namespace

int stat_at(int directory, const char* path, FileStatus* into, int flags) { return ask(directory, path, into, flags); }

int stat_descriptor(int descriptor, FileStatus* into) { return ask(descriptor, "", into, AT_EMPTY_PATH); }

int disk_space(int descriptor, DiskSpace* into) {
  DiskStatus status = {};
  const long error = ask_disk(descriptor, &status);
  if (error != 0) return static_cast<int>(error);
  const auto block_bytes = static_cast<std::uint64_t>(status.f_frsize != 0 ? status.f_frsize : status.f_bsize);
  *into = {status.f_blocks * block_bytes, status.f_bavail * block_bytes, block_bytes, status.f_files, status.f_ffree};
  return 0;
}

}  // namespace leakdir::sys
