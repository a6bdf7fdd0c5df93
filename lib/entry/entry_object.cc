// SPDX-License-Identifier: BSL-1.0
//
// When the linked objects start and end. Start is a function in .preinit_array: before any constructor, with the
// environment in its arguments.
//
// Exit must come after everything that frees. A dynamic program: the first function that is registered with
// __cxa_atexit is the last that runs, after the destructors of every library. A static one: libc registers its run
// through .fini_array before ours could be, so ours is the first entry of .fini_array, which is the last that runs.

#include <algorithm>
#include <iterator>

#include "exit.hh"
#include "stack/stack.hh"
#include "start.hh"
#include "system/dynamic_section.hh"
#include "system/loader.hh"
#include "system/process.hh"
#include "track/bypass.hh"
#include "track/other_phases.hh"

extern "C" {
int __cxa_atexit(void (*)(void*), void*, void*);
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

// With -z muldefs the first of two definitions wins, and names of the object's own lead there too.
void see_whose_malloc_is_called() {
  void* (*volatile used)(std::size_t) = malloc;
  if (reinterpret_cast<const void*>(used) != &leakdir_hook_of_malloc) {
    return hooks_are_bypassed_by(ledger::PassedBy::kProgram);
  }
  bool is_exported = true;
  if (!is_static_program()) for_each_module(see_program, &is_exported);
  if (!is_exported) hooks_are_bypassed_by(ledger::PassedBy::kLibraries);
}

void begin(int, char**, char** environment) {
  start(environment);
  if (phase() == Phase::kOff) return;
  see_whose_malloc_is_called();
  hear_of_quick_exit();
  if (is_static_program()) {
    __cxa_atexit([](void*) { capture_is_ending(); }, nullptr, nullptr);  // before the destructors of .fini_array
  } else {
    __cxa_atexit([](void*) { end_of_process(); }, nullptr, nullptr);
  }
}

void end_of_static_program() {
  if (is_static_program()) end_of_process();
}

__attribute__((section(".preinit_array"), used)) void (*const preinit)(int, char**, char**) = begin;
__attribute__((section(".fini_array.00000"), used)) void (*const fini)() = end_of_static_program;

}  // namespace

// Nothing that could be recorded with its stack is allocated before .preinit_array.
bool start_at_first_call(Caller) { return false; }

}  // namespace leakdir
