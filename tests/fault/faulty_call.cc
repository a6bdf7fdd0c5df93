// SPDX-License-Identifier: BSL-1.0
//
// Stands where lib/system/sys_call.cc does in the object that tests/fault/ links: the system call that LEAKDIR_FAULT
// names fails. Everything that the object asks of the kernel comes through here, but for clone().
//
//   LEAKDIR_FAULT="NUMBER ERRNO once|on REPORT"     the NUMBERth call of the process that can fail at all, from 1 on;
//                                                   `on`: and all after it. REPORT is a file that is made then, with
//                                                   the number of the call (asm/unistd.h) in it.

#include <fcntl.h>
#include <sys/syscall.h>
#include <unistd.h>

#include <atomic>

#include "system/sys.hh"

namespace leakdir::sys {

// lib/system/sys_call.cc, compiled with another name.
long bare_call(long number, long a, long b, long c, long d, long e, long f);

namespace {

struct Fault {
  long number = 0;  // 0: none
  long error = 0;
  bool goes_on = false;
  const char* report = nullptr;
};

// The value of LEAKDIR_FAULT. libc does not know the environment yet when the first calls are made.
const char* setting() {
  constexpr char kName[] = "LEAKDIR_FAULT=";
  static char text[64 << 10];
  const long file = bare_call(SYS_openat, AT_FDCWD, reinterpret_cast<long>("/proc/self/environ"), O_RDONLY, 0, 0, 0);
  const long bytes = bare_call(SYS_read, file, reinterpret_cast<long>(text), sizeof text - 1, 0, 0, 0);
  bare_call(SYS_close, file, 0, 0, 0, 0, 0);
  for (long at = 0; at < bytes; ++at) {
    if (at != 0 && text[at - 1] != '\0') continue;
    unsigned i = 0;
    while (kName[i] != '\0' && text[at + i] == kName[i]) ++i;
    if (kName[i] == '\0') return text + at + i;
  }
  return nullptr;
}

long number_in(const char*& text) {
  long value = 0;
  for (; *text >= '0' && *text <= '9'; ++text) value = value * 10 + (*text - '0');
  while (*text == ' ') ++text;
  return value;
}

Fault read_fault() {
  const char* text = setting();
  if (text == nullptr) return {};
  Fault fault;
  fault.number = number_in(text);
  fault.error = number_in(text);
  fault.goes_on = text[1] == 'n' && text[2] == ' ';
  while (*text != ' ' && *text != '\0') ++text;
  fault.report = *text == ' ' ? text + 1 : nullptr;
  return fault;
}

// These answer always.
bool can_fail(long number) {
  switch (number) {
    case SYS_exit:
    case SYS_exit_group:
    case SYS_getpid:
    case SYS_gettid:
    case SYS_geteuid:
    case SYS_sched_yield:
    case SYS_umask:
      return false;
    default:
      return true;
  }
}

void report(const Fault& fault, long number) {
  if (fault.report == nullptr) return;
  const long file =
      bare_call(SYS_openat, AT_FDCWD, reinterpret_cast<long>(fault.report), O_WRONLY | O_CREAT | O_EXCL, 0600, 0, 0);
  if (file < 0) return;
  char digits[8];
  unsigned n = sizeof digits;
  do {
    digits[--n] = static_cast<char>('0' + number % 10);
    number /= 10;
  } while (number != 0);
  bare_call(SYS_write, file, reinterpret_cast<long>(digits + n), sizeof digits - n, 0, 0, 0);
  bare_call(SYS_close, file, 0, 0, 0, 0, 0);
}

std::atomic<long> calls{0};

}  // namespace

long call(long number, long a, long b, long c, long d, long e, long f) {
  if (can_fail(number)) {
    static const Fault fault = read_fault();
    const long count = calls.fetch_add(1) + 1;
    if (fault.number != 0 && (count == fault.number || (fault.goes_on && count > fault.number))) {
      if (count == fault.number) report(fault, number);
      if (number == SYS_close) bare_call(number, a, b, c, d, e, f);  // as Linux does: closed all the same
      return -fault.error;
    }
  }
  return bare_call(number, a, b, c, d, e, f);
}

}  // namespace leakdir::sys
