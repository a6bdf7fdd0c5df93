// SPDX-License-Identifier: BSL-1.0
//
// When the linked objects start and end. Start is a function in .preinit_array: before any constructor, with the
// environment in its arguments.
//
// Exit must come after everything that frees. A dynamic program: the first function that is registered with
// __cxa_atexit is the last that runs, after the destructors of every library. A static one: libc registers its run
// through .fini_array before ours could be, so ours is the first entry of .fini_array, which is the last that runs.
//
// In a shared library nothing of this starts: the loader runs the .preinit_array of the program alone. GNU ld refuses
// to make such a library; gold, lld and mold make it without a word. So a word is said when it is loaded.

#include "exit.hh"
#include "stack/stack.hh"
#include "start.hh"
#include "system/find_export.hh"
#include "system/loader.hh"
#include "system/messages.hh"
#include "system/process.hh"
#include "track/other_phases.hh"
#include "whose_malloc.hh"

extern "C" {
int __cxa_atexit(void (*)(void*), void*, void*);
}

namespace leakdir {
namespace {

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

// Of a library, unless the program has leakdir in it as well, or above it.
void say_that_nothing_starts() {
  if (phase() != Phase::kEarly) return;
  set_phase(Phase::kOff);
  const Export used = find_export("malloc");
  if (!is_in_this_module(used) && !used.module.has(reinterpret_cast<const void*>(&__cxa_atexit))) return;
  messages::remember_stderr();
  messages::object_is_in_a_library();
}

__attribute__((section(".preinit_array"), used)) void (*const preinit)(int, char**, char**) = begin;
__attribute__((section(".init_array"), used)) void (*const init)() = say_that_nothing_starts;
__attribute__((section(".fini_array.00000"), used)) void (*const fini)() = end_of_static_program;

}  // namespace

// Nothing that could be recorded with its stack is allocated before .preinit_array.
bool start_at_first_call(Caller) { return false; }

}  // namespace leakdir
