// SPDX-License-Identifier: BSL-1.0
//
// strdup and strndup, for libleakdir.so. mimalloc 3 has its own, which do not call malloc. libc's are jumped to, so
// that no frame of ours is in their stacks; in the place of an allocator's own its malloc is called, as in
// hooks_new.cc.

#include "hooks_strdup.hh"

#include <errno.h>

#include <cstring>

#include "hooks.hh"
#include "system/find_export.hh"
#include "system/sanitizer.hh"

using leakdir::Caller;
namespace allocator = leakdir::allocator;

namespace {

// Null: not known yet, or not to be called.
char* (*next_strdup)(const char*);
char* (*next_strndup)(const char*, std::size_t);
bool are_known = false;

template <typename Function>
void find(Function& into, const char* name) {
  const void* const found = leakdir::find_next_export(name).address;
  const bool is_to_be_called = allocator::is_glibc() || !allocator::is_the_allocators(found);
  into = is_to_be_called ? reinterpret_cast<Function>(const_cast<void*>(found)) : nullptr;
}

// `caller`: of strdup.
char* copy(const char* text, std::size_t bytes, Caller caller) {
  void* block = allocator::malloc(bytes + 1);
  if (block == nullptr) return nullptr;
  if (LEAKDIR_LIKELY(!allocator::is_the_allocators(reinterpret_cast<void*>(caller.pc())))) {
    block = leakdir::told(block, bytes + 1, leakdir::ledger::Call::kMalloc, caller);
  }
  auto* const copied = static_cast<char*>(block);
  std::memcpy(copied, text, bytes);
  copied[bytes] = '\0';
  return copied;
}

}  // namespace

void leakdir::find_strdup() {
  if (are_known) return;
  const int saved = errno;
  allocator::find_next();
  if (!has_sanitizer()) {  // else nothing can be searched for
    find(next_strndup, "strndup");
    find(next_strdup, "strdup");
  }
  are_known = true;
  errno = saved;
}

LEAKDIR_EXPORT char* strdup(const char* s) {
  if (LEAKDIR_UNLIKELY(!are_known)) leakdir::find_strdup();
  if (LEAKDIR_LIKELY(next_strdup != nullptr)) return next_strdup(s);
  return copy(s, std::strlen(s), LEAKDIR_CALLER);
}

LEAKDIR_EXPORT char* strndup(const char* string, std::size_t n) {
  if (LEAKDIR_UNLIKELY(!are_known)) leakdir::find_strdup();
  if (LEAKDIR_LIKELY(next_strndup != nullptr)) return next_strndup(string, n);
  return copy(string, ::strnlen(string, n), LEAKDIR_CALLER);
}
