// SPDX-License-Identifier: BSL-1.0
#include "bypass.hh"

#include <algorithm>
#include <atomic>
#include <iterator>

#include "shared/text.hh"
#include "stack/modules.hh"
#include "system/base.hh"
#include "system/dynamic_section.hh"
#include "system/loader.hh"

namespace leakdir {
namespace {

std::atomic<bool> bypass_was_seen{false};

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
  bool found;
};

int see_imports(dl_phdr_info* info, std::size_t, void* context) {
  Search& search = *static_cast<Search*>(context);
  DynamicSection section;
  if (!read_dynamic_section(*info, &section)) return 0;
  const std::uint32_t module = known_module_of(reinterpret_cast<std::uintptr_t>(section.names));
  if (module == search.own_module) return 0;
  for_each_import(section, [&](const char* name, std::uintptr_t address) {
    if (!is_source(name)) return;
    // In the module itself: not bound yet. In the program: a jump of its to the one and only malloc.
    const std::uint32_t leads_to = known_module_of(address);
    search.found |=
        leads_to != 0 && leads_to != module && leads_to != search.own_module && leads_to != program_module();
  });
  return search.found ? 1 : 0;
}

}  // namespace

LEAKDIR_SLOW bool hooks_are_bypassed(const ReentryGuard& guard) {
  if (bypass_was_seen.load(std::memory_order_relaxed)) return bypass_was_seen;
  refresh_modules(guard);
  Search search = {known_module_of(reinterpret_cast<std::uintptr_t>(&bypass_was_seen)), false};
  for_each_module(see_imports, &search);
  if (search.found) bypass_was_seen.store(true, std::memory_order_relaxed);
  return search.found;
}

}  // namespace leakdir
