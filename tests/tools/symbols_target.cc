// SPDX-License-Identifier: BSL-1.0
//
// A program that knows where it is. For each of a few calls it prints what a lookup must find: the file of the module,
// the return address in the file's own terms, the line of the call, and the functions from the inside out, ',' between
// them. symbols_test.cc runs it, built in several ways. With LIBRARY it is the shared library of the other.

#include <link.h>
#include <unistd.h>

#include <climits>
#include <cstdint>
#include <cstdio>

// Keeps a function as it is called: gcc would make a copy of it for the only value that it is called with.
#if defined(__clang__)
#define KEPT __attribute__((noinline))
#else
#define KEPT __attribute__((noinline, noclone))
#endif
#define PUT_INLINE inline __attribute__((always_inline))

struct Found {
  std::uintptr_t pc;
  std::uintptr_t bias;
  char path[PATH_MAX];
};

static int find_module(dl_phdr_info* info, std::size_t, void* context) {
  auto* found = static_cast<Found*>(context);
  for (int i = 0; i < info->dlpi_phnum; ++i) {
    const std::uintptr_t start = info->dlpi_addr + info->dlpi_phdr[i].p_vaddr;
    if (info->dlpi_phdr[i].p_type != PT_LOAD || found->pc < start || found->pc >= start + info->dlpi_phdr[i].p_memsz)
      continue;
    found->bias = info->dlpi_addr;
    std::snprintf(found->path, sizeof found->path, "%s", info->dlpi_name);
    return 1;
  }
  return 0;
}

// The caller's return address; `line` is that of the call.
static KEPT void expect(int line, const char* functions) {
  Found found = {reinterpret_cast<std::uintptr_t>(__builtin_return_address(0)), 0, ""};
  dl_iterate_phdr(find_module, &found);
  if (found.path[0] == '\0') {
    ssize_t length = readlink("/proc/self/exe", found.path, sizeof found.path - 1);
    found.path[length < 0 ? 0 : length] = '\0';
  }
  std::printf("%s %#lx %d %s\n", found.path, static_cast<unsigned long>(found.pc - found.bias), line, functions);
  __asm__ volatile("");
}

#ifdef LIBRARY

namespace shape {
KEPT int round_shape(int value) {
  expect(__LINE__, "shape::round_shape(int)");
  __asm__ volatile("" : "+r"(value));
  return value + 1;
}
}  // namespace shape

#else

namespace app {

PUT_INLINE void inner() { expect(__LINE__, "inner,middle,app::Widget::grow(int)"); }
PUT_INLINE void middle() { inner(); }

struct Widget {
  KEPT int grow(int by);
};

KEPT int Widget::grow(int by) {
  middle();
  expect(__LINE__, "app::Widget::grow(int)");
  return by;
}

namespace {
KEPT int hidden(int value) {
  expect(__LINE__, "hidden");
  __asm__ volatile("" : "+r"(value));  // so that the call before is not the last thing done, and becomes a jump
  return value;
}
}  // namespace

// The return address behind its last call is the first byte of the next function, or close to it.
[[noreturn]] KEPT void never_returns(int status) {
  expect(__LINE__, "app::never_returns(int)");
  std::fflush(stdout);
  _exit(status);
}

}  // namespace app

#ifdef WITH_LIBRARY
namespace shape {
int round_shape(int value);
}
#endif

int main() {
  app::Widget widget;
  int status = widget.grow(1) + app::hidden(2) - 3;
#ifdef WITH_LIBRARY
  status += shape::round_shape(-1);
#endif
  expect(__LINE__, "main");
  app::never_returns(status);
}

#endif
