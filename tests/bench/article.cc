// SPDX-License-Identifier: BSL-1.0
//
// The strategy that leakdir began with, as something to compare with: every malloc makes a file named by the address,
// with the caller and the size in it, and every free removes it. One frame, nothing kept in memory. Linked like
// leakdir.o; the directory is $ARTICLE_DIR. A measuring stick: it does not do more than the benchmarks need.

#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <unistd.h>

extern "C" {
void* __libc_malloc(std::size_t);
void* __libc_calloc(std::size_t, std::size_t);
void* __libc_realloc(void*, std::size_t);
void __libc_free(void*);
}

namespace {

__thread bool busy;
const char* directory;

__attribute__((constructor)) void start() { directory = getenv("ARTICLE_DIR"); }

void name_of(void* block, char* into, std::size_t bytes) { snprintf(into, bytes, "%s/%p.mem", directory, block); }

void* record(void* block, std::size_t size, void* caller) {
  if (busy || directory == nullptr || block == nullptr) return block;
  busy = true;
  char name[256], text[128];
  name_of(block, name, sizeof name);
  const int length = snprintf(text, sizeof text, "[%p] --> addr:%p, size:%zu\n", caller, block, size);
  const int file = open(name, O_WRONLY | O_CREAT | O_TRUNC, 0600);
  if (file >= 0) {
    if (write(file, text, static_cast<std::size_t>(length)) != length) abort();
    close(file);
  }
  busy = false;
  return block;
}

void forget(void* block) {
  if (busy || directory == nullptr || block == nullptr) return;
  busy = true;
  char name[256];
  name_of(block, name, sizeof name);
  const int saved = errno;
  unlink(name);
  errno = saved;
  busy = false;
}

}  // namespace

extern "C" {

void* malloc(std::size_t size) { return record(__libc_malloc(size), size, __builtin_return_address(0)); }

void* calloc(std::size_t count, std::size_t size) {
  return record(__libc_calloc(count, size), count * size, __builtin_return_address(0));
}

void* realloc(void* block, std::size_t size) {
  forget(block);
  return record(__libc_realloc(block, size), size, __builtin_return_address(0));
}

void free(void* block) {
  forget(block);
  __libc_free(block);
}

}  // extern "C"
