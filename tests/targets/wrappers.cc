// SPDX-License-Identifier: BSL-1.0
//
// wrappers [MORE]: blocks that functions got through wrappers: xmalloc, a template's allocate, libc's strdup and one
// whose name does not tell, get_memory. With MORE, one block more through xmalloc, of a function that had none.

#include <cstdlib>

#include "expect.h"

namespace {

NOINLINE void* xmalloc(std::size_t bytes) {
  void* block = std::malloc(bytes);
  MUST(block != nullptr);
  return block;
}

template <class T>
struct Pool {
  static NOINLINE T* allocate(std::size_t count) {
    void* block = ::operator new(count * sizeof(T));
    MUST(block != nullptr);
    return static_cast<T*>(block);
  }
};

NOINLINE void* get_memory(std::size_t bytes) {
  void* block = std::calloc(1, bytes);
  MUST(block != nullptr);
  return block;
}

NOINLINE void open_client() { sink = xmalloc(1201); }
NOINLINE void open_server() { sink = xmalloc(1203); }
NOINLINE void parse() { sink = Pool<int>::allocate(401); }
NOINLINE void keep_name() { sink = strdup("a name of 26 bytes in all"); }
NOINLINE void read_all() {
  sink = get_memory(1207);
  sink = get_memory(1207);
}
NOINLINE void late() { sink = xmalloc(1209); }

}  // namespace

int main(int argc, char**) {
  for (volatile int i = 0; i < 3; i = i + 1) {
    open_client();
    if (i == 0) open_server();
  }
  parse();
  keep_name();
  read_all();
  if (argc > 1) late();
  return 0;
}
