/* SPDX-License-Identifier: BSL-1.0
 *
 * What a system call's error means, in words: for the messages of the object (lib/system/messages.cc) and of the hook
 * without the object (../trace/). C99 and C++17 alike. libc's strerror may allocate, and takes a lock.
 */

#pragma once

#include <errno.h>

#include "text.h"

#ifdef __cplusplus
namespace leakdir {
#endif

/* `error` is an errno. The words are those of glibc's strerror, in lower case. */
LEAKDIR_TEXT const char* error_text(int error) {
  switch (error) {
    case EPERM:
      return "operation not permitted";
    case ENOENT:
      return "no such file or directory";
    case EINTR:
      return "interrupted system call";
    case EIO:
      return "input/output error";
    case ENXIO:
      return "no such device or address";
    case EBADF:
      return "bad file descriptor";
    case EAGAIN:
      return "resource temporarily unavailable";
    case ENOMEM:
      return "cannot allocate memory";
    case EACCES:
      return "permission denied";
    case EBUSY:
      return "device or resource busy";
    case EEXIST:
      return "file exists";
    case ENODEV:
      return "no such device";
    case ENOTDIR:
      return "not a directory";
    case EISDIR:
      return "is a directory";
    case EINVAL:
      return "invalid argument";
    case ENFILE:
      return "too many open files in system";
    case EMFILE:
      return "too many open files";
    case ETXTBSY:
      return "text file busy";
    case EFBIG:
      return "file too large";
    case ENOSPC:
      return "no space left on device";
    case EROFS:
      return "read-only file system";
    case EMLINK:
      return "too many links";
    case ENAMETOOLONG:
      return "file name too long";
    case ENOSYS:
      return "function not implemented";
    case ELOOP:
      return "too many levels of symbolic links";
    case EOVERFLOW:
      return "value too large for defined data type";
    case EOPNOTSUPP:
      return "operation not supported";
    case ETIMEDOUT:
      return "connection timed out";
    case ENOTCONN:
      return "transport endpoint is not connected";
    case ESTALE:
      return "stale file handle";
    case EDQUOT:
      return "disk quota exceeded";
    default:
      return "unknown error";
  }
}

#ifdef __cplusplus
} /* namespace leakdir */
#endif
