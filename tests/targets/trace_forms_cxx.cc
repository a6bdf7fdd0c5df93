// SPDX-License-Identifier: BSL-1.0
//
// The same for C++: what stands in front of the name, member functions of the same names, `new` where it is a macro.

#ifndef BY_INCLUDE
#include <leakdir/trace.h>
#endif

#include <cstdlib>
#include <cstring>
#include <string>

#include "expect.h"

template <typename First, typename Second>
struct Sizes {
  static const std::size_t kBoth = 1409;
};

// A pool as libraries have it. Declarations after the header have their names in parentheses.
struct Pool {
  char room[4096];
  void *(malloc)(std::size_t size) { return size < sizeof room ? room : nullptr; }
  void *(malloc)() { return room; }
  void *(realloc)(const std::string &name, int) { return name.empty() ? nullptr : room; }
  void *(realloc)(std::string &name, long) { return &name; }
  static void *(calloc)(std::size_t, std::string) { return nullptr; }
  void free(void *) {}
  void use() { free(malloc(3)); }
};
namespace own {
using std::malloc;
}
struct Header {
  unsigned length : 24;
};
enum Size { kSize = 1423 };

static void *before_main = malloc(1429);

int main() {
  MUST(before_main != nullptr);
  LEAK(malloc, 1401, std::malloc(1401));
  LEAK(malloc, 1403, ::malloc(1403));
  LEAK(malloc, 1405, own::malloc(1405));
  LEAK(calloc, 1407, std::calloc(3, 469));
  LEAK(malloc, 1409, malloc(Sizes<int, long>::kBoth));
  LEAK(realloc, 1411, std::realloc(nullptr, 1411));
  LEAK(realloc, 1413, realloc(NULL, 1413));
  LEAK(realloc, 1415, realloc(0, 1415));
  const Header header = {1417};
  LEAK(malloc, 1417, malloc(header.length));
  LEAK(malloc, 1423, malloc(kSize));
  const std::string text(1420, 'x');
  LEAK_AS("malloc of strdup", 1421, strdup(text.c_str()));
  LEAK(malloc, 1431, [](std::size_t n) { return std::malloc(n); }(1431));
#ifdef LEAKDIR_TRACE_NEW
  LEAK_AS("operator new", 1433, new char[1433]);
  LEAK_AS("operator new", 1435, ::new char[1435]);
  char room[64];
  MUST(new (room) int(3) == static_cast<void *>(room));
  delete (new std::string("gone"));
#endif

  static Pool pool;
  std::string name("name");
  pool.free(pool.malloc());
  pool.free((&pool)->malloc(1439));
  pool.use();
  MUST(pool.realloc(std::string("other"), 1) == pool.room);
  MUST(pool.realloc(name, 1L) == &name);
  MUST(Pool::calloc(3, "text") == nullptr);
  void *(*pointer)(std::size_t) = std::malloc;
  void (*release)(void *) = std::free;
  release(hidden(pointer(1441)));
  sink = pointer(1439);  // the pool was asked for as much, and had no need to allocate
  say("no place: 1439\n");
  return 0;
}
