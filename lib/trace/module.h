/* SPDX-License-Identifier: BSL-1.0
 *
 * Which file an address lies in, and the program's own path and build-id.
 */
#pragma once

#include "system.h"

static char program[kPath];
static uint8_t build_id[64];
static size_t build_id_bytes; /* 0: none */

struct module {
  uintptr_t address;
  char path[kPath]; /* empty: in none that is known */
  uintptr_t bias;
  int seen; /* modules, so far */
};

#ifdef __linux__
static int find_module(struct dl_phdr_info *info, size_t bytes, void *context) {
  struct module *module = context;
  int i;
  (void)bytes;
  ++module->seen;
  for (i = 0; i < info->dlpi_phnum; ++i) {
    const uintptr_t start = info->dlpi_addr + info->dlpi_phdr[i].p_vaddr;
    if (info->dlpi_phdr[i].p_type != PT_LOAD) continue;
    if (module->address < start || module->address - start >= info->dlpi_phdr[i].p_memsz) continue;
    module->bias = info->dlpi_addr;
    /* The program comes first. Its name is empty upon glibc, and upon musl that of a link, or what it was called by. */
    snprintf(module->path, sizeof module->path, "%s",
             module->seen == 1 || info->dlpi_name == NULL || info->dlpi_name[0] == '\0' ? program : info->dlpi_name);
    return 1;
  }
  return 0;
}

/* The program's own, which comes first. */
static int find_build_id(struct dl_phdr_info *info, size_t bytes, void *context) {
  int i;
  (void)bytes;
  (void)context;
  for (i = 0; i < info->dlpi_phnum; ++i) {
    const char *at = (const char *)(info->dlpi_addr + info->dlpi_phdr[i].p_vaddr);
    const char *end = at + info->dlpi_phdr[i].p_memsz;
    if (info->dlpi_phdr[i].p_type != PT_NOTE) continue;
    while (end - at > (ptrdiff_t)sizeof(ElfW(Nhdr))) {
      ElfW(Nhdr) note;
      const unsigned char *id;
      memcpy(&note, at, sizeof note);
      id = (const unsigned char *)at + sizeof note + ((note.n_namesz + 3) & ~3u);
      if (note.n_type == NT_GNU_BUILD_ID && note.n_namesz == 4 && memcmp(at + sizeof note, "GNU", 4) == 0) {
        build_id_bytes = note.n_descsz < sizeof build_id ? note.n_descsz : sizeof build_id;
        memcpy(build_id, id, build_id_bytes);
        return 1;
      }
      at = (const char *)id + ((note.n_descsz + 3) & ~3u);
    }
  }
  return 1;
}

struct visit {
  int (*see)(struct dl_phdr_info *, size_t, void *);
  void *context;
  int count;
};

static int visit_module(struct dl_phdr_info *info, size_t bytes, void *context) {
  struct visit *visit = context;
  ++visit->count;
  return visit->see(info, bytes, visit->context);
}

/* As dl_iterate_phdr. In a static program dietlibc knows of no module: then by what the kernel says of the program. */
static void for_each_module(int (*see)(struct dl_phdr_info *, size_t, void *), void *context) {
  struct visit visit;
  struct dl_phdr_info program_info;
  int i;
  visit.see = see;
  visit.context = context;
  visit.count = 0;
  dl_iterate_phdr(visit_module, &visit);
  if (visit.count != 0) return;
  memset(&program_info, 0, sizeof program_info);
  program_info.dlpi_phdr = (const ElfW(Phdr) *)getauxval(AT_PHDR);
  if (program_info.dlpi_phdr == NULL) return;
  program_info.dlpi_phnum = (uint16_t)getauxval(AT_PHNUM);
  for (i = 0; i < program_info.dlpi_phnum; ++i) {
    const ElfW(Phdr) *header = &program_info.dlpi_phdr[i];
    if (header->p_type == PT_PHDR) program_info.dlpi_addr = (uintptr_t)program_info.dlpi_phdr - header->p_vaddr;
  }
  see(&program_info, sizeof program_info, context);
}
#endif

static void find_program(void) {
  ssize_t got = -1;
#ifdef __linux__
  got = readlink("/proc/self/exe", program, sizeof program - 1);
  for_each_module(find_build_id, NULL);
#endif
  snprintf(program + (got > 0 ? got : 0), 2, "%s", got > 0 ? "" : "?");
}

/* What was found stays for the next question about the same address. */
static void locate(struct module *module, uintptr_t address) {
  if (module->address == address) return;
  module->address = address;
  module->path[0] = '\0';
  module->bias = 0;
  module->seen = 0;
#ifdef __linux__
  for_each_module(find_module, module);
#endif
}
