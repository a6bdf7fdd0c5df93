/* SPDX-License-Identifier: BSL-1.0
 *
 * leakdir: the macro hook. Calls of the malloc family leave the place where they stand, so that the record of the block
 * has a line `location: FILE:LINE`: for stripped programs, and for compilers that make no unwind tables. Included after
 * the system's headers, or by `-include leakdir/trace.h`. C89 and C++11 or later, gcc (8) or clang (12) or later; with
 * older ones it does nothing.
 *
 * With leakdir.o, leakdir-static.o or libleakdir.so the block is recorded as ever, and this adds the place. In a
 * program with none of them it costs a test of a pointer. (Under the library a program that is linked with -no-pie has
 * no places: its linker has settled that there is no leakdir.) With -DLEAKDIR_ALONE, and leakdir_trace.c among the
 * sources, no object is needed, on any libc: the functions that are called from sources with this header, in whatever
 * form, are then those of leakdir_trace.c. See there. (By clang++ -O2 calls of getline, and with _FORTIFY_SOURCE those
 * of vasprintf and asprintf, stay glibc's where stdio.h was included before; the second in any order.)
 *
 * Each macro keeps the name of the function and touches one argument, so what stands before the name may be anything:
 * std::malloc(n), ::malloc(n), pool.malloc(n), pool->malloc(). Without a parenthesis behind it the name is the
 * function: &malloc, a function pointer, (malloc)(n) and `void *(*malloc)(size_t)` are as ever, and have no place.
 * There is no macro of `free`. What cannot be had: after this header, a declaration or definition of a function or
 * member function whose name is in the list below needs it in parentheses, `void *(malloc)(size_t);`, or stands before
 * this header, or after #include <leakdir/untrace.h>, which takes the macros away.
 *
 * With LEAKDIR_TRACE_NEW defined, `new` is a macro too (C++, with the object only). Then `operator new` cannot be
 * declared or called by its name after this header, and `*new T` and `delete new T` need parentheses: `*(new T)`.
 *
 * By -include this comes before a source's own #define _GNU_SOURCE and the like, so where the command line has none of
 * them this header asks for all that the C library has, as g++ does.
 */
#if !defined LEAKDIR_TRACE_H && !defined __ASSEMBLER__ /* -include in CFLAGS comes to x.S too */
#define LEAKDIR_TRACE_H

#pragma GCC system_header

#if !defined _GNU_SOURCE && !defined _POSIX_C_SOURCE && !defined _XOPEN_SOURCE && !defined _DEFAULT_SOURCE && \
    !defined _POSIX_SOURCE && !defined _BSD_SOURCE && !defined _SVID_SOURCE
#define _GNU_SOURCE 1
#define LEAKDIR_HAS_ASKED
#endif

#if defined LEAKDIR_ALONE && defined __clang__ && defined __cplusplus && !defined _STDIO_H && defined __has_include
#if __has_include(<features.h>)
#include <features.h>
#undef __USE_EXTERN_INLINES /* or glibc's getline is __getdelim, which clang++ does not let us rename any more */
#endif
#endif

#ifdef __KLIBC__
#error "leakdir/trace.h is not for klibc, which has no wide characters"
#endif

/* All that declares one of the names below, so that it is not declared again. (musl's sched.h has calloc.) */
#include <stdarg.h>
#include <stddef.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <wchar.h>
#ifdef __has_include
#if __has_include(<malloc.h>)
#include <malloc.h>
#endif
#if __has_include(<sched.h>)
#include <sched.h>
#endif
#endif
#ifdef __cplusplus
#include <cstdio>
#include <cstdlib>
#include <cstring>
#include <cwchar>
#include <memory>
#include <new>
#include <string>
#include <type_traits>
#endif

#ifdef LEAKDIR_HAS_ASKED
#undef LEAKDIR_HAS_ASKED
#undef _GNU_SOURCE
/* With all of it strerror_r is another function than POSIX's, of the same name and arguments. Each use means the one
 * that is meant without this header: the GNU one after the source's own #define _GNU_SOURCE (1, or empty). */
#if defined __GLIBC__ && !defined __cplusplus
extern int __xpg_strerror_r(int, char *, size_t) __attribute__((nothrow));
#define LEAKDIR_STRERROR_R_ strerror_r
#define LEAKDIR_STRERROR_R_1 strerror_r
#define LEAKDIR_STRERROR_R__GNU_SOURCE __xpg_strerror_r
#define LEAKDIR_STRERROR_R_OF_(asked) LEAKDIR_STRERROR_R_##asked
#define LEAKDIR_STRERROR_R_IF_(asked) LEAKDIR_STRERROR_R_OF_(asked)
#define strerror_r LEAKDIR_STRERROR_R_IF_(_GNU_SOURCE)
#endif
#endif

#ifdef __clang__
#define LEAKDIR_CAN_TRACE (__clang_major__ >= 12)
#elif defined __GNUC__
#define LEAKDIR_CAN_TRACE (__GNUC__ >= 8)
#else
#define LEAKDIR_CAN_TRACE 0
#endif

#ifdef __cplusplus
extern "C" {
#endif

/* The next allocation of this thread stands there. `call` tells what is called, as in the table of calls below; the
 * size asked for is a multiple of `factor`, 0: not known. Whatever else allocates in between is not meant. */
void leakdir_place(const char *file, int line, int call, size_t factor) __attribute__((weak));

static __inline__ __attribute__((always_inline, unused)) void leakdir_tell_(const char *file, int line, int call,
                                                                            size_t factor) {
  if (leakdir_place) leakdir_place(file, line, call, factor);
}

#ifdef LEAKDIR_ALONE
/* The same functions under other names: a program that takes the address of free gets the one that knows of blocks. */
#if !defined __cplusplus || !defined __GLIBC__
#define LEAKDIR_THROW_
#elif __cplusplus >= 201103L
#define LEAKDIR_THROW_ noexcept
#else
#define LEAKDIR_THROW_ throw()
#endif
void *malloc(size_t) LEAKDIR_THROW_ __asm__("leakdir_trace_malloc");
void free(void *) LEAKDIR_THROW_ __asm__("leakdir_trace_free");
void *calloc(size_t, size_t) LEAKDIR_THROW_ __asm__("leakdir_trace_calloc");
void *realloc(void *, size_t) LEAKDIR_THROW_ __asm__("leakdir_trace_realloc");
void *reallocarray(void *, size_t, size_t) LEAKDIR_THROW_ __asm__("leakdir_trace_reallocarray");
void *aligned_alloc(size_t, size_t) LEAKDIR_THROW_ __asm__("leakdir_trace_aligned_alloc");
void *memalign(size_t, size_t) LEAKDIR_THROW_ __asm__("leakdir_trace_memalign");
int posix_memalign(void **, size_t, size_t) LEAKDIR_THROW_ __asm__("leakdir_trace_posix_memalign");
void *valloc(size_t) LEAKDIR_THROW_ __asm__("leakdir_trace_valloc");
void *pvalloc(size_t) LEAKDIR_THROW_ __asm__("leakdir_trace_pvalloc");
char *strdup(const char *) LEAKDIR_THROW_ __asm__("leakdir_trace_strdup");
char *strndup(const char *, size_t) LEAKDIR_THROW_ __asm__("leakdir_trace_strndup");
wchar_t *wcsdup(const wchar_t *) LEAKDIR_THROW_ __asm__("leakdir_trace_wcsdup");
#if defined __clang__ && defined __GLIBC__ && defined asprintf
#undef asprintf /* _FORTIFY_SOURCE */
#endif
ssize_t getdelim(char **, size_t *, int, FILE *) __asm__("leakdir_trace_getdelim");
/* With optimisation glibc has inline functions of these names, which call others. gcc renames the others; to clang, for
 * which it is too late then, ours is the better one of two functions. */
#if defined __clang__ && defined __GLIBC__ && !defined __cplusplus
#define LEAKDIR_BETTER_ __attribute__((overloadable, enable_if(1, "leakdir")))
#else
#define LEAKDIR_BETTER_
#endif
int asprintf(char **, const char *, ...) LEAKDIR_THROW_ __asm__("leakdir_trace_asprintf") LEAKDIR_BETTER_;
int vasprintf(char **, const char *, va_list) LEAKDIR_THROW_ __asm__("leakdir_trace_vasprintf") LEAKDIR_BETTER_;
ssize_t getline(char **, size_t *, FILE *) __asm__("leakdir_trace_getline") LEAKDIR_BETTER_;
#if defined __GLIBC__ && !defined __clang__
ssize_t __getdelim(char **, size_t *, int, FILE *) __asm__("leakdir_trace_getdelim");
int __asprintf_chk(char **, int, const char *, ...) LEAKDIR_THROW_ __asm__("leakdir_trace_asprintf_chk");
int __vasprintf_chk(char **, int, const char *, va_list) LEAKDIR_THROW_ __asm__("leakdir_trace_vasprintf_chk");
#endif
#undef LEAKDIR_BETTER_
#undef LEAKDIR_THROW_
#endif

#ifdef __cplusplus
} /* extern "C" */
#endif

/* The compiler's own (behind immintrin.h), which declares and uses some of them: with the other names known. */
#ifdef __has_include
#if __has_include(<mm_malloc.h>)
#include <mm_malloc.h>
#endif
#endif

#if LEAKDIR_CAN_TRACE

#ifdef __cplusplus

extern "C++" {
namespace leakdir {
namespace trace {

/* `Told<call>(file, line) = first, second, …` is the list of arguments as it was: assignment binds less tightly than
 * anything else in an argument. It tells the place after the first argument was computed. */
template <typename Type, bool is_number>
struct Factor {
  static std::size_t of(const Type &) { return 0; }
};
template <typename Type>
struct Factor<Type, true> {
  static std::size_t of(Type number) { return static_cast<std::size_t>(number); }
};

/* A number where a pointer may be wanted: realloc(0, n), realloc(NULL, n). */
template <typename Type>
struct Number {
  Type number;
  operator Type() const { return number; }
  template <typename Target>
  operator Target *() const {
    return reinterpret_cast<Target *>(static_cast<std::size_t>(number));
  }
};

/* What becomes of an argument. A size is handed on as one, or 3 would be an int that changes its sign. */
enum Kind { kSize, kFactor, kPointer };
template <typename Type, bool is_number, Kind kind>
struct Passed {
  typedef Type As;
  static As on(Type value) { return value; }
};
template <typename Type, Kind kind>
struct Passed<Type, true, kind> {
  typedef std::size_t As;
  static As on(Type value) { return static_cast<std::size_t>(value); }
};
template <typename Type>
struct Passed<Type, true, kPointer> {
  typedef Number<Type> As;
  static As on(Type value) {
    const As number = {value};
    return number;
  }
};

template <int call, Kind kind>
struct Told {
  const char *file;
  int line;

  template <typename Type>
  __attribute__((always_inline)) inline
      typename std::enable_if<std::is_scalar<Type>::value,
                              typename Passed<Type, std::is_integral<Type>::value, kind>::As>::type
      operator=(Type value) const {
    leakdir_tell_(file, line, call, Factor < Type, kind == kFactor && std::is_integral<Type>::value > ::of(value));
    return Passed<Type, std::is_integral<Type>::value, kind>::on(value);
  }
  template <typename Type>
  __attribute__((always_inline)) inline
      typename std::enable_if<!std::is_scalar<typename std::decay<Type>::type>::value, Type &&>::type
      operator=(Type &&value) const {
    leakdir_tell_(file, line, call, 0);
    return static_cast<Type &&>(value);
  }
};

} /* namespace trace */
} /* namespace leakdir */
} /* extern "C++" */

#define LEAKDIR_TOLD_(call, kind, ...) \
  __VA_OPT__((::leakdir::trace::Told<call, ::leakdir::trace::kind>{__FILE__, __LINE__}) =) __VA_ARGS__
#define LEAKDIR_SIZE_(call, ...) LEAKDIR_TOLD_(call, kFactor, __VA_ARGS__)
#define LEAKDIR_OTHER_(call, ...) LEAKDIR_TOLD_(call, kSize, __VA_ARGS__)
#define LEAKDIR_POINTER_(call, ...) LEAKDIR_TOLD_(call, kPointer, __VA_ARGS__)

#else /* C */

/* The last argument, whatever it is, told of after it was computed. (Not the first: realloc(0, n) means a pointer.) A
 * number is handed on as a size, or 3 would be an int that changes its sign. */
#define LEAKDIR_VALUE_(call, value)                                                                             \
  __extension__({                                                                                               \
    __auto_type leakdir_value_ = ((void)0, (value));                                                            \
    leakdir_tell_(__FILE__, __LINE__, (call)&0xff, (call) < 0x100 ? LEAKDIR_IF_NUMBER_(leakdir_value_, 0) : 0); \
    LEAKDIR_IF_NUMBER_(leakdir_value_, leakdir_value_);                                                         \
  })
#define LEAKDIR_IF_NUMBER_(value, otherwise)                 \
  __builtin_choose_expr(__builtin_classify_type(value) == 1, \
                        (size_t) __builtin_choose_expr(__builtin_classify_type(value) == 1, value, 0), otherwise)
#define LEAKDIR_LAST_1_(call, a) LEAKDIR_VALUE_(call, a)
#define LEAKDIR_LAST_2_(call, a, b) a, LEAKDIR_VALUE_(call, b)
#define LEAKDIR_LAST_3_(call, a, b, c) a, b, LEAKDIR_VALUE_(call, c)
#define LEAKDIR_LAST_4_(call, a, b, c, d) a, b, c, LEAKDIR_VALUE_(call, d)
#define LEAKDIR_LAST_5_(call, a, b, c, d, e) a, b, c, d, LEAKDIR_VALUE_(call, e)
#define LEAKDIR_LAST_6_(call, a, b, c, d, e, f) a, b, c, d, e, LEAKDIR_VALUE_(call, f)
/* With more arguments than that it is some other function of the name: nothing is told. */
#define LEAKDIR_LAST_MANY_(call, ...) __VA_ARGS__
#define LEAKDIR_TENTH_(a, b, c, d, e, f, g, h, i, last, ...) last
#define LEAKDIR_JOIN_(call, last, ...) last(call, __VA_ARGS__)
#define LEAKDIR_LAST_(call, ...)                                                                               \
  LEAKDIR_JOIN_(                                                                                               \
      call,                                                                                                    \
      LEAKDIR_TENTH_(__VA_ARGS__, LEAKDIR_LAST_MANY_, LEAKDIR_LAST_MANY_, LEAKDIR_LAST_MANY_, LEAKDIR_LAST_6_, \
                     LEAKDIR_LAST_5_, LEAKDIR_LAST_4_, LEAKDIR_LAST_3_, LEAKDIR_LAST_2_, LEAKDIR_LAST_1_, 0),  \
      __VA_ARGS__)
#define LEAKDIR_SIZE_(call, ...) __VA_OPT__(LEAKDIR_LAST_(call, __VA_ARGS__))
#define LEAKDIR_OTHER_(call, ...) LEAKDIR_SIZE_(0x100 + call, __VA_ARGS__)
#define LEAKDIR_POINTER_(call, ...) LEAKDIR_SIZE_(call, __VA_ARGS__)

#endif

/* The table of calls (ledger::Call): 0 malloc and what calls it, 1 calloc, 2 realloc, 3 reallocarray, 4 aligned_alloc,
 * 5 memalign, 6 posix_memalign, 7 valloc, 8 pvalloc. A macro that is there already is the program's own;
 * leakdir/untrace.h takes away those that were made here. */
#ifndef malloc
#define LEAKDIR_HAS_malloc_
#define malloc(...) malloc(LEAKDIR_SIZE_(0, __VA_ARGS__))
#endif
#ifndef calloc
#define LEAKDIR_HAS_calloc_
#define calloc(...) calloc(LEAKDIR_SIZE_(1, __VA_ARGS__))
#endif
#ifndef realloc
#define LEAKDIR_HAS_realloc_
#define realloc(...) realloc(LEAKDIR_POINTER_(2, __VA_ARGS__))
#endif
#ifndef reallocarray
#define LEAKDIR_HAS_reallocarray_
#define reallocarray(...) reallocarray(LEAKDIR_POINTER_(3, __VA_ARGS__))
#endif
#ifndef aligned_alloc
#define LEAKDIR_HAS_aligned_alloc_
#define aligned_alloc(...) aligned_alloc(LEAKDIR_OTHER_(4, __VA_ARGS__))
#endif
#ifndef memalign
#define LEAKDIR_HAS_memalign_
#define memalign(...) memalign(LEAKDIR_OTHER_(5, __VA_ARGS__))
#endif
#ifndef posix_memalign
#define LEAKDIR_HAS_posix_memalign_
#define posix_memalign(...) posix_memalign(LEAKDIR_OTHER_(6, __VA_ARGS__))
#endif
#ifndef valloc
#define LEAKDIR_HAS_valloc_
#define valloc(...) valloc(LEAKDIR_SIZE_(7, __VA_ARGS__))
#endif
#ifndef pvalloc
#define LEAKDIR_HAS_pvalloc_
#define pvalloc(...) pvalloc(LEAKDIR_SIZE_(8, __VA_ARGS__))
#endif
#ifndef strdup
#define LEAKDIR_HAS_strdup_
#define strdup(...) strdup(LEAKDIR_OTHER_(0, __VA_ARGS__))
#endif
#ifndef strndup
#define LEAKDIR_HAS_strndup_
#define strndup(...) strndup(LEAKDIR_OTHER_(0, __VA_ARGS__))
#endif
#ifndef wcsdup
#define LEAKDIR_HAS_wcsdup_
#define wcsdup(...) wcsdup(LEAKDIR_OTHER_(0, __VA_ARGS__))
#endif

#if defined __cplusplus && defined LEAKDIR_TRACE_NEW && !defined LEAKDIR_ALONE && !defined new
extern "C++" {
namespace leakdir {
namespace trace {
/* `ToldNew(file, line) ->* new T(…)`: the left side is computed first. */
struct ToldNew {
  __attribute__((always_inline)) inline ToldNew(const char *file, int line) { leakdir_tell_(file, line, 0, 0); }
  template <typename Type>
  Type *operator->*(Type *made) const {
    return made;
  }
};
} /* namespace trace */
} /* namespace leakdir */
} /* extern "C++" */
#define LEAKDIR_HAS_new_
#define new leakdir::trace::ToldNew(__FILE__, __LINE__)->*new
#endif

#endif /* LEAKDIR_CAN_TRACE */

#endif
