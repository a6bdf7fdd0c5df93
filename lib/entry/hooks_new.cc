// SPDX-License-Identifier: BSL-1.0
//
// operator new and delete, for libleakdir.so. jemalloc, tcmalloc and mimalloc have their own, which do not call malloc:
// without these hooks nothing that a C++ program makes upon them would be seen.
//
// Each goes on to the next one of its name: libstdc++'s, which calls malloc, or one that the program has made for
// itself. The allocator's own is not called, as nobody knows whether it calls malloc: the allocator's malloc and free
// are called instead. And there may be no next one yet, where libstdc++ comes later, by dlopen. In both cases what
// libstdc++ would do is done here, but for one thing: what a new_handler throws is not caught for the forms with
// std::nothrow.

#include "hooks_new.hh"

#include <errno.h>
#include <stdlib.h>

#include "hooks.hh"
#include "system/find_export.hh"
#include "system/sanitizer.hh"

using leakdir::Caller;
using leakdir::ledger::Call;
namespace allocator = leakdir::allocator;

namespace {

// All arguments are words: a size or a pointer first, then an alignment, a size or the address of std::nothrow. Those
// that a form does not have are handed on all the same: nobody looks at them.
using Word = std::uintptr_t;

enum class Form { kPlain, kNothrow, kAligned, kAlignedNothrow };
enum class Next { kUnknown, kThere, kNone };

struct Operator {
  Word (*call)(Word, Word, Word);
  Next next;
};

#if __SIZEOF_SIZE_T__ == 8
#define OPERATOR_NAME(beginning, end) beginning##m##end
#else
#define OPERATOR_NAME(beginning, end) beginning##j##end
#endif
#define IN_TABLE(name) next_##name
#define IN_TABLE_AS(name) IN_TABLE(name)
#define TEXT_OF(name) #name
#define TEXT_AS(name) TEXT_OF(name)
#define OPERATOR_DELETE_UNSIZED(name) OPERATOR(name)
#define OPERATOR_DELETE(beginning, end) OPERATOR(OPERATOR_NAME(beginning, end))
#define OPERATOR_NEW(beginning, end, form) OPERATOR(OPERATOR_NAME(beginning, end))

#define OPERATOR(name) Operator IN_TABLE_AS(name);
#include "operators.inc"
#undef OPERATOR

void find(Operator& into, const char* name) {
  if (leakdir::has_sanitizer()) {  // nothing can be searched for: as where there is none
    into.next = Next::kNone;
    return;
  }
  const void* const function = leakdir::find_next_export(name).address;
  into.call = reinterpret_cast<Word (*)(Word, Word, Word)>(const_cast<void*>(function));
  into.next = function == nullptr || allocator::is_the_allocators(function) ? Next::kNone : Next::kThere;
}

// ---- What libstdc++ would do ----

// Returns when the program's handler has made room; else as `form` wants it: false, or not at all.
LEAKDIR_SLOW bool make_room(Form form) {
  using Handler = void (*)();
  const auto get_handler =
      reinterpret_cast<Handler (*)()>(const_cast<void*>(leakdir::exported_anywhere("_ZSt15get_new_handlerv")));
  const Handler handler = get_handler != nullptr ? get_handler() : nullptr;
  if (handler != nullptr) {
    handler();
    return true;
  }
  if (form == Form::kNothrow || form == Form::kAlignedNothrow) return false;
  const auto fail =
      reinterpret_cast<void (*)()>(const_cast<void*>(leakdir::exported_anywhere("_ZSt17__throw_bad_allocv")));
  if (fail != nullptr) fail();
  abort();
}

void* allocate(Word size, Word alignment, Form form) {
  const Word room = size != 0 ? size : 1;  // jemalloc gives 0 bytes any alignment
  for (;;) {
    void* const block = form == Form::kAligned || form == Form::kAlignedNothrow ? allocator::memalign(alignment, room)
                                                                                : allocator::malloc(room);
    if (LEAKDIR_LIKELY(block != nullptr) || !make_room(form)) return block;
  }
}

void* make(const Operator& next, Word a, Word b, Word c, Form form, Caller caller) {
  if (LEAKDIR_UNLIKELY(next.next == Next::kUnknown)) leakdir::find_operators();
  if (next.next == Next::kThere) return reinterpret_cast<void*>(next.call(a, b, c));
  void* const block = allocate(a, b, form);
  // What the allocator makes for itself is nobody's.
  if (LEAKDIR_UNLIKELY(allocator::is_the_allocators(reinterpret_cast<void*>(caller.pc())))) return block;
  return leakdir::told(block, a, Call::kNew, caller);
}

void destroy(const Operator& next, Word a, Word b, Word c, Caller caller) {
  if (LEAKDIR_UNLIKELY(next.next == Next::kUnknown)) leakdir::find_operators();
  if (next.next == Next::kNone) return leakdir::release(reinterpret_cast<void*>(a), caller);
  next.call(a, b, c);
}

}  // namespace

namespace leakdir {

void find_operators() {
  const int saved = errno;
  allocator::find_next();
#define OPERATOR(name) find(IN_TABLE_AS(name), TEXT_AS(name));
#include "operators.inc"
#undef OPERATOR
  errno = saved;
}

}  // namespace leakdir

// libstdc++'s is jumped to, so that no frame of ours is in its stacks.
#undef OPERATOR_NEW
#define NEW_AS(name, form)                                                          \
  LEAKDIR_EXPORT Word name(Word a, Word b, Word c) {                                \
    const Operator& next = IN_TABLE_AS(name);                                       \
    if (LEAKDIR_LIKELY(next.next == Next::kThere)) return next.call(a, b, c);       \
    return reinterpret_cast<Word>(make(next, a, b, c, Form::form, LEAKDIR_CALLER)); \
  }
#define OPERATOR_NEW(beginning, end, form) NEW_AS(OPERATOR_NAME(beginning, end), form)
#define OPERATOR(name)                               \
  LEAKDIR_EXPORT void name(Word a, Word b, Word c) { \
    const Operator& next = IN_TABLE_AS(name);        \
    if (LEAKDIR_LIKELY(next.next == Next::kThere)) { \
      next.call(a, b, c);                            \
      return;                                        \
    }                                                \
    destroy(next, a, b, c, LEAKDIR_CALLER);          \
  }
#include "operators.inc"
