/* SPDX-License-Identifier: BSL-1.0
 *
 * leakdir: what a program may ask of the object that it is linked with. C89 and C++98 or later.
 *
 * Every function does nothing in a program that was linked without leakdir: they are weak references, and the macros of
 * the same names ask whether the function is there. So they are called by the plain name, not as ::leakdir_start(). In
 * a program that is linked with -no-pie they do nothing under libleakdir.so: its linker has settled that there is none.
 * All are safe in any thread. Those marked "signal-safe" may be called in a signal handler. None changes errno.
 */
#ifndef LEAKDIR_LEAKDIR_H
#define LEAKDIR_LEAKDIR_H

#include <stddef.h>

#if defined(__GNUC__)
#define LEAKDIR_WEAK __attribute__((weak))
#else
#error "leakdir needs gcc or clang"
#endif

#ifdef __cplusplus
extern "C" {
#endif

/* A program may define this to set options without an environment: "key=value:key=value". Called once, before main and
 * before any constructor; it must not allocate. */
const char *leakdir_default_options(void);

/* Starts or resumes recording. Signal-safe. */
void leakdir_start(void) LEAKDIR_WEAK;
#define leakdir_start() (leakdir_start ? leakdir_start() : (void)0)

/* Pauses recording: what is allocated from now on is not recorded; to free a recorded block still removes its record.
 * Signal-safe. */
void leakdir_stop(void) LEAKDIR_WEAK;
#define leakdir_stop() (leakdir_stop ? leakdir_stop() : (void)0)

/* Makes the record files be what is live now, whatever the write mode. Takes as long as writing them does. */
void leakdir_flush(void) LEAKDIR_WEAK;
#define leakdir_flush() (leakdir_flush ? leakdir_flush() : (void)0)

/* A sequence number: blocks allocated later have higher ones. 0 without leakdir. Signal-safe. */
unsigned long leakdir_mark(void) LEAKDIR_WEAK;
#define leakdir_mark() (leakdir_mark ? leakdir_mark() : 0ul)

/* How many blocks allocated after `mark` are live, and their bytes as they were asked for. Either pointer may be null.
 * libc's own and ignored blocks do not count, nor those that are not in the sample (option sample). Walks over all
 * records.
 * Without leakdir nothing is stored: set them to 0 first. */
void leakdir_live_since(unsigned long mark, size_t *blocks, size_t *bytes) LEAKDIR_WEAK;
#define leakdir_live_since(mark, blocks, bytes) (leakdir_live_since ? leakdir_live_since(mark, blocks, bytes) : (void)0)

/* How many blocks allocated after `mark` are lost, and their bytes as they were asked for: nothing that the program can
 * still reach leads to them, or only to their middle. Either pointer may be null. libc's own and ignored blocks do not
 * count. 1 when it could be told; 0 when not, and then both numbers are 0.
 * Looks through all memory of the program. What other threads may still hold is not lost; a stale pointer in the
 * caller's own frames may keep a block from being lost, but no block is lost that the program can still use.
 * leakdir_each_since shows the kind of each block then. Without leakdir nothing is stored: set them to 0 first. */
int leakdir_lost_since(unsigned long mark, size_t *blocks, size_t *bytes) LEAKDIR_WEAK;
#define leakdir_lost_since(mark, blocks, bytes) (leakdir_lost_since ? leakdir_lost_since(mark, blocks, bytes) : 0)

/* The block (null or the start of a live block) is meant to stay: it has no record file and counts nowhere. */
void leakdir_ignore(const void *block) LEAKDIR_WEAK;
#define leakdir_ignore(block) (leakdir_ignore ? leakdir_ignore(block) : (void)0)

/* What the calling thread allocates between the two is meant to stay, like leakdir_ignore. They nest. Signal-safe. */
void leakdir_ignore_begin(void) LEAKDIR_WEAK;
#define leakdir_ignore_begin() (leakdir_ignore_begin ? leakdir_ignore_begin() : (void)0)
void leakdir_ignore_end(void) LEAKDIR_WEAK;
#define leakdir_ignore_end() (leakdir_ignore_end ? leakdir_ignore_end() : (void)0)

/* 1 while allocations are recorded; 0 when not: paused, off, or without leakdir. Signal-safe. */
int leakdir_is_recording(void) LEAKDIR_WEAK;
#define leakdir_is_recording() (leakdir_is_recording ? leakdir_is_recording() : 0)

/* A live block as leakdir_each_since shows it. What it points to is there during the call only. */
struct leakdir_block {
  const void *address;
  size_t size;
  unsigned long sequence;
  long thread;               /* the system's id of the thread that allocated it */
  const char *record;        /* the text of its record file, zero-terminated */
  const void *const *frames; /* return addresses, innermost first */
  unsigned frame_count;
  /* "definitely lost", "indirectly lost", "possibly lost" or "still reachable", by the last leakdir_lost_since that saw
   * it; null: not known. An object without leakdir_lost_since does not have this member. */
  const char *reach;
};

/* Calls `visit` for each block that leakdir_live_since would count, in no order. It may allocate: blocks that are
 * younger than the call of leakdir_each_since are passed over. Nothing happens without leakdir. */
void leakdir_each_since(unsigned long mark, void (*visit)(const struct leakdir_block *block, void *context),
                        void *context) LEAKDIR_WEAK;
#define leakdir_each_since(mark, visit, context) \
  (leakdir_each_since ? leakdir_each_since(mark, visit, context) : (void)0)

/* The record directory as an absolute path; "" without leakdir or when nothing is recorded. Signal-safe. */
const char *leakdir_dir(void) LEAKDIR_WEAK;
#define leakdir_dir() (leakdir_dir ? leakdir_dir() : "")

#ifdef __cplusplus
}

namespace leakdir {

/* What this thread allocates while the object is there is meant to stay. In the thread that made it. */
class Ignore {
 public:
  Ignore() { leakdir_ignore_begin(); }
  ~Ignore() { leakdir_ignore_end(); }

 private:
  Ignore(const Ignore &);
  Ignore &operator=(const Ignore &);
};

/* Recording is on while any Scope is there, in whatever thread; after the last one it is what it was before the first.
 */
class Scope {
 public:
  Scope() {
    const Locked locked;
    if (state().count++ != 0) return;
    state().was_recording = leakdir_is_recording() != 0;
    leakdir_start();
  }
  ~Scope() {
    const Locked locked;
    if (--state().count == 0 && !state().was_recording) leakdir_stop();
  }

 private:
  struct State {
    unsigned count;
    bool was_recording;
    bool lock;
  };
  static State &state() {
    static State all; /* zero */
    return all;
  }
  struct Locked {
    Locked() {
      while (__atomic_test_and_set(&state().lock, __ATOMIC_ACQUIRE)) {
      }
    }
    ~Locked() { __atomic_clear(&state().lock, __ATOMIC_RELEASE); }
  };
  Scope(const Scope &);
  Scope &operator=(const Scope &);
};

} /* namespace leakdir */
#endif

#endif
