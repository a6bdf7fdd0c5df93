// SPDX-License-Identifier: BSL-1.0
#include "modules.hh"

#include <elf.h>
#include <fcntl.h>
#include <link.h>

#include "functions.hh"
#include "ledger/ledger_file.hh"
#include "ledger/periods.hh"
#include "shared/text.hh"
#include "system/base.hh"
#include "system/libc.hh"
#include "system/loader.hh"
#include "system/process.hh"
#include "system/sys.hh"

namespace leakdir {
namespace {

constexpr unsigned kLockTries = 2000;
constexpr std::size_t kPathBytes = 1024;

LoaderCounts seen_counts = {};
std::uint32_t program_index = 0;
bool table_header = true;

struct Refresh {
  std::uint64_t still_there[64];  // a bit for each module of the ledger
  bool is_program;                // the first entry of the list
};

void mark(Refresh& refresh, std::uint32_t module) {
  if (module / 64 < 64) refresh.still_there[module / 64] |= std::uint64_t{1} << module % 64;
}

bool is_marked(const Refresh& refresh, std::uint32_t module) {
  return module / 64 >= 64 || (refresh.still_there[module / 64] >> module % 64 & 1) != 0;
}

std::uint32_t modules_used() {
  const std::uint32_t used = ledger_file.used(ledger::Kind::kModules);
  return used == 0 ? 1 : used;
}

void read_build_id(const dl_phdr_info& info, const ElfW(Phdr) & header, ledger::Module& into) {
  const char* at = reinterpret_cast<const char*>(info.dlpi_addr + header.p_vaddr);
  const char* end = at + header.p_memsz;
  while (end - at >= static_cast<std::ptrdiff_t>(sizeof(ElfW(Nhdr)))) {
    const auto* note = reinterpret_cast<const ElfW(Nhdr)*>(at);
    const char* name = at + sizeof *note;
    const char* data = name + ((note->n_namesz + 3) & ~3u);
    const char* next = data + ((note->n_descsz + 3) & ~3u);
    if (next > end || next <= at) return;
    if (note->n_type == NT_GNU_BUILD_ID && note->n_namesz == 4 && name[0] == 'G' && name[1] == 'N' && name[2] == 'U' &&
        note->n_descsz <= sizeof into.build_id) {
      into.build_id_bytes = note->n_descsz;
      for (std::uint32_t i = 0; i < note->n_descsz; ++i) into.build_id[i] = static_cast<std::uint8_t>(data[i]);
      return;
    }
    at = next;
  }
}

// Libraries come and go: a path is kept once.
std::uint32_t keep_path(const char* path) {
  for (std::uint32_t i = modules_used() - 1; i > 0; --i) {
    const std::uint32_t known = ledger_file.module(i)->path;
    if (known != 0 && is_same_text(ledger_file.text(known), path)) return known;
  }
  return ledger_file.add_text(path);
}

std::uint32_t module_path(const dl_phdr_info& info, bool is_program) {
  if (is_program) return ledger_file.header()->program;
  const char* name = info.dlpi_name;
  if (name == nullptr || name[0] == '\0') return 0;
  if (name[0] == '/') return keep_path(name);
  bool has_slash = false;
  for (const char* c = name; *c != '\0'; ++c) has_slash = has_slash || *c == '/';
  if (!has_slash) {  // the vDSO: a name and no file
    char bracketed[64];
    return keep_path(Text(bracketed, sizeof bracketed).put('[').put(name).put(']').c_str());
  }
  char path[kPathBytes];
  return keep_path(sys::make_absolute(name, path, sizeof path) == 0 ? path : name);
}

bool has_same_build_id(const ledger::Module& a, const ledger::Module& b) {
  bool same = a.build_id_bytes == b.build_id_bytes;
  for (std::uint32_t i = 0; same && i < a.build_id_bytes; ++i) same = a.build_id[i] == b.build_id[i];
  return same;
}

bool is_same_file(const ledger::Module& a, const ledger::Module& b) {
  return a.path == b.path && a.build_id_bytes != 0 && has_same_build_id(a, b);
}

void read_build_id(const dl_phdr_info& info, ledger::Module& into) {
  for (unsigned i = 0; i < info.dlpi_phnum; ++i) {
    if (info.dlpi_phdr[i].p_type == PT_NOTE && into.build_id_bytes == 0) read_build_id(info, info.dlpi_phdr[i], into);
  }
}

// Of a known module where this one is. Another of the same layout may lie there by now, loaded while nobody looked. The
// name counts where it is a whole path: another would depend on the working directory.
bool is_still(const ledger::Module& known, const dl_phdr_info& info, bool is_program) {
  const char* name = info.dlpi_name;
  if (!is_program && known.path != 0 && name != nullptr && name[0] == '/' &&
      !is_same_text(ledger_file.text(known.path), name)) {
    return false;
  }
  ledger::Module seen = {};
  read_build_id(info, seen);
  return has_same_build_id(known, seen);
}

// A library that was unloaded is back at the same addresses: all that was known of it is true again.
std::uint32_t find_again(const ledger::Module& seen) {
  for (std::uint32_t i = 1; i < modules_used(); ++i) {
    ledger::Module& module = *ledger_file.module(i);
    if (module.unload_sequence == 0 || module.start != seen.start || module.end != seen.end ||
        module.bias != seen.bias || !is_same_file(module, seen)) {
      continue;
    }
    module.unload_sequence = 0;
    return i;
  }
  return 0;
}

void add_module(const dl_phdr_info& info, std::uintptr_t start, std::uintptr_t end, Refresh& refresh) {
  ledger::Module seen = {};
  seen.start = start;
  seen.end = end;
  seen.bias = info.dlpi_addr;
  read_build_id(info, seen);
  seen.path = module_path(info, refresh.is_program);
  std::uint32_t index = find_again(seen);
  if (index == 0) {
    index = ledger_file.take(ledger::Kind::kModules, 1);
    if (index == 0) return;
    *ledger_file.module(index) = seen;
  }
  learn_functions(info);
  mark(refresh, index);
  if (refresh.is_program) {
    program_index = index;
    ledger_file.header()->program_module = index;
  }
}

int see_module(dl_phdr_info* info, std::size_t bytes, void* context) {
  Refresh& refresh = *static_cast<Refresh*>(context);
  std::uintptr_t start = UINTPTR_MAX;
  std::uintptr_t end = 0;
  bool has_header = false;
  for (unsigned i = 0; i < info->dlpi_phnum; ++i) {
    const ElfW(Phdr)& header = info->dlpi_phdr[i];
    if (header.p_type == PT_GNU_EH_FRAME) has_header = true;
    if (header.p_type != PT_LOAD) continue;
    const std::uintptr_t from = info->dlpi_addr + header.p_vaddr;
    if (from < start) start = from;
    if (from + header.p_memsz > end) end = from + header.p_memsz;
  }
  static_cast<void>(read_loader_counts(*info, bytes, &seen_counts));
  if (refresh.is_program) table_header = has_header;
  if (start < end) {
    bool known = false;
    for (std::uint32_t i = 1; i < modules_used(); ++i) {
      const ledger::Module& module = *ledger_file.module(i);
      if (module.unload_sequence == 0 && module.start == start && module.end == end && module.bias == info->dlpi_addr &&
          is_still(module, *info, refresh.is_program || i == program_index)) {
        mark(refresh, i);
        known = true;
      }
    }
    if (!known) add_module(*info, start, end, refresh);
  }
  refresh.is_program = false;
  return 0;
}

// Where the loader is not asked, its list may be incomplete: a module that may still be there is taken to be there.
void mark_without_loader(Refresh& refresh) {
  for (std::uint32_t i = 1; i < modules_used(); ++i) {
    const ledger::Module& module = *ledger_file.module(i);
    const bool has_file = module.path != 0 && ledger_file.text(module.path)[0] == '/';
    if (i == program_index || !has_file || may_be_in_module(module.start)) mark(refresh, i);
  }
}

}  // namespace

std::uint32_t known_module_of(std::uintptr_t address) {
  // Backwards: where an address was used twice, the later module is the one that is there.
  for (std::uint32_t i = modules_used() - 1; i > 0; --i) {
    const ledger::Module& module = *ledger_file.module(i);
    if (module.unload_sequence == 0 && address >= module.start && address < module.end) return i;
  }
  return 0;
}

bool some_are_unloaded = false;

LEAKDIR_SLOW bool is_unloaded_slow(std::uint32_t module) {
  return module != 0 && __atomic_load_n(&ledger_file.module(module)->unload_sequence, __ATOMIC_RELAXED) != 0;
}

bool is_of_loader(std::uint32_t module) {
  if (libc::kIsMusl) return false;  // it is libc, too, and allocates for itself without asking us
  static std::uintptr_t loader = 0;
  if (loader == 0) loader = loader_base();
  return module != 0 && loader != 0 && ledger_file.module(module)->bias == loader;
}

bool modules_were_unloaded(const ReentryGuard&) { return loader_counts().removed != seen_counts.removed; }

bool refresh_modules(const ReentryGuard&) {
  const TryLock lock(process->modules_lock, kLockTries);
  if (!lock.taken()) return false;
  Refresh refresh = {};
  refresh.is_program = loader_is_asked();
  if (!loader_is_asked()) {
    seen_counts = loader_counts();
    mark_without_loader(refresh);
  }
  for_each_module(see_module, &refresh);
  bool gone = false;
  for (std::uint32_t i = 1; i < modules_used(); ++i) {
    ledger::Module& module = *ledger_file.module(i);
    if (module.unload_sequence != 0 || is_marked(refresh, i)) continue;
    module.unload_sequence = last_number() + 1;
    some_are_unloaded = true;
    gone = true;
  }
  return gone;
}

std::uint32_t module_of(std::uintptr_t pc, const ReentryGuard& guard) {
  const std::uint32_t known = known_module_of(pc);
  if (LEAKDIR_LIKELY(known != 0)) return known;
  // Code outside every module (a JIT's) asks here each time it is in a new stack; so only when the list has changed.
  const LoaderCounts counts = loader_counts();
  if (counts.added == seen_counts.added && counts.removed == seen_counts.removed) return 0;
  refresh_modules(guard);
  return known_module_of(pc);
}

std::uint32_t program_module() { return program_index; }

bool program_has_table_header() { return table_header; }

}  // namespace leakdir
