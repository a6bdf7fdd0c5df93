// SPDX-License-Identifier: BSL-1.0
#include "whose_malloc.hh"

#include <algorithm>
#include <array>
#include <cstddef>

#include "api.hh"
#include "system/dynamic_section.hh"
#include "system/find_export.hh"
#include "system/libc.hh"
#include "system/loader.hh"
#include "track/bypass.hh"

extern "C" {
void* malloc(std::size_t);
extern char leakdir_hook_of_malloc;  // hooks.cc
}

namespace leakdir {
namespace {

// What the program exports is what the calls of all libraries lead to.
int see_program(dl_phdr_info* info, std::size_t, void* context) {
  static constexpr const char* kNames[] = {"malloc", "calloc", "realloc", "free"};
  DynamicSection section;
  const bool is_known =
      read_dynamic_section(*info, &section) && (section.gnu_hash != nullptr || section.old_hash != nullptr);
  *static_cast<bool*>(context) = !is_known || std::all_of(std::begin(kNames), std::end(kNames), [&](const char* name) {
    return exported(section, name) != nullptr;
  });
  return 1;  // the program comes first
}

}  // namespace

// With -z muldefs the first of two definitions wins, and names of the object's own lead there too.
void see_whose_malloc_is_called() {
  void* (*volatile used)(std::size_t) = malloc;
  if (reinterpret_cast<const void*>(used) != &leakdir_hook_of_malloc) {
    switch_recording(false);  // of what some functions still allocate here, no free would be seen
    return hooks_are_bypassed_by(ledger::PassedBy::kProgram);
  }
  if (is_static_program()) return;
  bool is_exported = true;
  if (libc::kIsMusl) {
    is_exported = is_in_this_module(find_export("malloc"));  // it may have been made into a library, for LD_PRELOAD
  } else {
    for_each_module(see_program, &is_exported);
  }
  if (!is_exported) hooks_are_bypassed_by(ledger::PassedBy::kLibraries);
}

}  // namespace leakdir
