/* SPDX-License-Identifier: BSL-1.0
 *
 * leakdir.o or libleakdir.so in the same process (`leakdir run`): it sees what we see, with the whole stack, and all
 * else. So the hooks hand their calls on to it, and record nothing. It is found by its mark (../shared/mark.h).
 */
#pragma once

#include "shared/mark.h"
#include "system.h"

#ifdef __linux__
static int lies_in(const struct dl_phdr_info *info, uintptr_t from, uintptr_t to) {
  int i;
  for (i = 0; i < info->dlpi_phnum; ++i) {
    const uintptr_t start = info->dlpi_addr + info->dlpi_phdr[i].p_vaddr;
    if (info->dlpi_phdr[i].p_type == PT_LOAD && start <= from && to <= start + info->dlpi_phdr[i].p_memsz) return 1;
  }
  return 0;
}

static int find_hooks(struct dl_phdr_info *info, size_t bytes, void *context) {
  struct {
    ElfW(Nhdr) head;
    char owner[sizeof LEAKDIR_MARK_OWNER];
    struct Mark mark;
  } note;
  int i;
  (void)bytes;
  for (i = 0; i < info->dlpi_phnum; ++i) {
    uintptr_t at = info->dlpi_addr + info->dlpi_phdr[i].p_vaddr;
    const uintptr_t end = at + info->dlpi_phdr[i].p_memsz;
    if (info->dlpi_phdr[i].p_type != PT_NOTE || !lies_in(info, at, end)) continue;
    /* Each word: notes of several alignments may lie in one segment. */
    for (; end - at >= sizeof note && end > at; at += 4) {
      memcpy(&note, (const void *)at, sizeof note);
      if (note.head.n_namesz != sizeof note.owner || note.head.n_descsz < sizeof note.mark) continue;
      if (note.head.n_type != kMarkType || memcmp(note.owner, LEAKDIR_MARK_OWNER, sizeof note.owner) != 0) continue;
      if (note.mark.hooks == 0) continue;
      at += offsetof(__typeof__(note), mark) + offsetof(struct Mark, hooks) + (uintptr_t)(intptr_t)note.mark.hooks;
      *(const struct HooksOnBehalf **)context = (const struct HooksOnBehalf *)at;
      return 1;
    }
  }
  return 0;
}
#endif

/* Looked for once: the library is there from the start. NULL: there is none. */
static const struct HooksOnBehalf *object_beside(void) {
  static const struct HooksOnBehalf *hooks;
  static int has_looked;
  if (!__atomic_load_n(&has_looked, __ATOMIC_ACQUIRE)) {
    const struct HooksOnBehalf *found = NULL;
#ifdef __linux__
    dl_iterate_phdr(find_hooks, &found);
#endif
    if (found != NULL && !found->do_record()) found = NULL;
    __atomic_store_n(&hooks, found, __ATOMIC_RELAXED);
    __atomic_store_n(&has_looked, 1, __ATOMIC_RELEASE);
  }
  return __atomic_load_n(&hooks, __ATOMIC_RELAXED);
}
