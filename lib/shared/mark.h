/* SPDX-License-Identifier: BSL-1.0
 *
 * The mark: how the tool, and the other hooks, know that leakdir is in a program or a library. This is its
 * specification. It is an ELF note, section .note.leakdir, in a PT_NOTE segment: every linker keeps it (with
 * --gc-sections too), no `strip` takes it, it is found without section headers, in the file and in memory, and it is
 * no symbol, so nothing of the program's can have its name.
 *
 * Owner "leakdir", type kMarkType, and words of 32 bits in the byte order of the file (Mark). A distance counts from
 * the first byte of the word that it stands in: so the linker alone can fill it in, in position-independent code too.
 * Later versions add words at the end and leave these as they are.
 *
 * A file may have several: leakdir.o has one for each of its sections of code, leakdir-static.o one of its own beside
 * those. C99 and C++17 alike: leakdir_trace.c has it too.
 */

#pragma once

#include <stddef.h>
#include <stdint.h>

#ifdef __cplusplus
namespace leakdir {
#endif

enum MarkKind {
  kMarkOfObject = 1,       /* leakdir.o */
  kMarkOfStaticObject = 2, /* what leakdir-static.o has beside it: libc's own malloc under another name */
  kMarkOfLibrary = 3,      /* libleakdir.so */
  kMarkOfTrace = 4,        /* leakdir_trace.c, alone */
  kMarkOfMusl = 5          /* what the objects for musl have beside the others */
};

#define LEAKDIR_MARK_OWNER "leakdir"
enum { kMarkType = 1, kMarkVersion = 1 };

struct Mark {
  uint32_t version;
  uint32_t kind; /* MarkKind */
  /* Where leakdir's own code begins and ends. Of leakdir_trace.c both lead to one place in it: the compilation unit
   * with this place is leakdir's. Both 0: not said. */
  int32_t begin, end;
  int32_t hooks; /* to a HooksOnBehalf; 0: there is none */
};

/* What leakdir_trace.c calls where the object or the library is in the process too: the hooks again, for a caller that
 * it names, by its return address and the frame of the function that it called. `call` is a ledger::Call; `first` is
 * the alignment, or calloc's count. The functions behind them are those of leakdir/leakdir.h and leakdir/trace.h. */
struct HooksOnBehalf {
  int (*do_record)(void); /* 0: off in this process, or passed by. NOLINT(modernize-redundant-void-arg): C */
  void *(*allocate)(int call, size_t first, size_t size, uintptr_t caller, uintptr_t frame);
  void *(*resize)(void *block, size_t size, int call, uintptr_t caller, uintptr_t frame);
  void (*release)(void *block, uintptr_t caller);
  void (*place)(const char *file, int line, int call, size_t factor, uintptr_t frame);
  void (*switch_recording)(int on);
  int (*is_recording)(void); /* NOLINT(modernize-redundant-void-arg): C */
  const char *(*dir)(void);  /* NOLINT(modernize-redundant-void-arg): C */
};

#ifdef __cplusplus
static_assert(sizeof(Mark) == 20 && offsetof(Mark, begin) == 8 && offsetof(Mark, hooks) == 16);

} /* namespace leakdir */
#endif

/* The note itself, as assembly at the top of a source or in a function. `kind`: the number; the others: labels, or `.`
 * for a distance of 0. (In C++ alone the distance of two labels is no constant.) */
#define LEAKDIR_MARK(kind, begin, end, hooks)                                                                  \
  __asm__(                                                                                                     \
      ".pushsection .note.leakdir,\"a\",%note\n.balign 4\n.4byte 8\n.4byte 20\n.4byte 1\n.asciz \"leakdir\"\n" \
      ".4byte 1\n.4byte " #kind "\n.4byte " begin " - .\n.4byte " end " - .\n.4byte " hooks " - .\n.popsection")
