// SPDX-License-Identifier: BSL-1.0
#include "bypass.hh"

#include <algorithm>
#include <array>
#include <atomic>

#include "ledger/ledger_file.hh"
#include "ledger/live_table.hh"
#include "ledger/row.hh"
#include "shared/text.hh"
#include "stack/modules.hh"
#include "system/base.hh"
#include "system/dynamic_section.hh"
#include "system/find_export.hh"
#include "system/loader.hh"
#include "system/messages.hh"

namespace leakdir {
namespace {

using ledger::PassedBy;

std::atomic<bool> bypass_was_seen{false};
unsigned namespaces_at_start = 1;

// The second half are names that other allocators have beside those, and whose blocks free() takes.
constexpr const char* kSources[] = {
    "malloc",         "calloc",    "realloc",    "reallocarray",      "aligned_alloc", "memalign",
    "posix_memalign", "valloc",    "pvalloc",    "mallocx",           "rallocx",       "smallocx",
    "mi_malloc",      "mi_calloc", "mi_zalloc",  "mi_malloc_aligned", "mi_realloc",    "mi_new",
    "tc_malloc",      "tc_calloc", "tc_realloc", "tc_memalign",       "tc_new"};

bool is_source(const char* name) {
  return std::any_of(std::begin(kSources), std::end(kSources),
                     [name](const char* source) { return is_same_text(source, name); });
}

struct Search {
  std::uint32_t own_module;
  std::uint32_t first_module;  // whose malloc comes first: ours, or one that was put in front of it and hands on to it
  std::uint32_t found;         // the module whose calls lead elsewhere
};

void say_in_ledger(PassedBy who, std::uint32_t module) {
  ledger::Header& header = *ledger_file.header();
  if (header.passed_by != 0) return;
  header.passing_module = module;
  __atomic_store_n(&header.passed_by, static_cast<std::uint32_t>(who), __ATOMIC_RELEASE);
}

// Of a static program, where the loader's own blocks come from our hooks too: libc may have loaded the module for
// itself (NSS), and what that allocates is libc's. The module's name is a block of its own.
bool is_loaded_for_program(const dl_phdr_info& info) {
  const std::uint32_t row = find_live_block(reinterpret_cast<std::uintptr_t>(info.dlpi_name));
  return row != 0 && (ledger::block_flags(state_word(row)) & ledger::kFlagLibc) == 0;
}

int see_imports(dl_phdr_info* info, std::size_t, void* context) {
  Search& search = *static_cast<Search*>(context);
  DynamicSection section;
  if (!read_dynamic_section(*info, &section)) return 0;
  if (is_static_program() && !is_loaded_for_program(*info)) return 0;
  const std::uint32_t module = known_module_of(reinterpret_cast<std::uintptr_t>(section.names));
  if (module == search.own_module) return 0;
  for_each_import(section, [&](const char* name, std::uintptr_t address) {
    if (!is_source(name)) return;
    // In the module itself: not bound yet. In the program: a jump of its to the one and only malloc.
    const std::uint32_t leads_to = known_module_of(address);
    if (leads_to != 0 && leads_to != module && leads_to != search.own_module && leads_to != search.first_module &&
        leads_to != program_module()) {
      search.found = module;
    }
  });
  return search.found != 0 ? 1 : 0;
}

}  // namespace

void hooks_are_bypassed_by(PassedBy who) {
  bypass_was_seen.store(true, std::memory_order_relaxed);
  say_in_ledger(who, 0);
}

void remember_namespaces() { namespaces_at_start = count_namespaces(); }

LEAKDIR_SLOW bool hooks_are_bypassed(const ReentryGuard& guard) {
  if (bypass_was_seen.load(std::memory_order_relaxed)) return true;
  if (count_namespaces() > namespaces_at_start) {
    hooks_are_bypassed_by(PassedBy::kNamespace);
    return true;
  }
  refresh_modules(guard);
  // (A static program exports none. What its libraries call is that of the libc that came with them.)
  const void* const first = is_static_program() ? nullptr : exported_anywhere("malloc");
  Search search = {known_module_of(reinterpret_cast<std::uintptr_t>(&bypass_was_seen)),
                   known_module_of(reinterpret_cast<std::uintptr_t>(first)), 0};
  for_each_module(see_imports, &search);
  if (search.found == 0) return false;
  bypass_was_seen.store(true, std::memory_order_relaxed);
  say_in_ledger(PassedBy::kModule, search.found);
  return true;
}

LEAKDIR_SLOW void note_unseen_block() { __atomic_fetch_add(&ledger_file.header()->unseen_blocks, 1, __ATOMIC_RELAXED); }

void inherit_bypass(const ledger::Header& parent) {
  ledger::Header& header = *ledger_file.header();
  header.passed_by = parent.passed_by;
  header.passing_module = parent.passing_module;
}

LEAKDIR_SLOW void say_if_bypassed() {
  const ledger::Header& header = *ledger_file.header();
  switch (static_cast<PassedBy>(header.passed_by)) {
    case PassedBy::kProgram:
      return messages::program_has_another_malloc();
    case PassedBy::kLibraries:
      return messages::libraries_have_another_malloc();
    case PassedBy::kModule:
      return messages::module_has_another_malloc(ledger_file.text(ledger_file.module(header.passing_module)->path));
    case PassedBy::kNamespace:
      return messages::namespace_has_another_malloc();
    case PassedBy::kNobody:
      if (header.unseen_blocks != 0) messages::blocks_were_not_seen(header.unseen_blocks);
  }
}

}  // namespace leakdir
