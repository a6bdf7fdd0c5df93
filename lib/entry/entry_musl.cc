// SPDX-License-Identifier: BSL-1.0
//
// When the objects for musl start and end. musl runs no .preinit_array, and hands nothing to what it runs at start: so
// they begin with the first call of a hook, or with the first entry of .init_array, which in a program comes before all
// its constructors. The libraries of a dynamic program have had theirs by then; what they allocate is a first call.
//
// musl runs the destructors of .fini_array after all that was registered with atexit, from the last entry to the first:
// so ours is the first one. The destructors of a dynamic program's libraries run even later.

#include "exit.hh"
#include "start.hh"
#include "system/base.hh"
#include "system/process.hh"
#include "track/other_phases.hh"
#include "whose_malloc.hh"

extern "C" char** __environ;

namespace leakdir {
namespace {

ExchangedBool has_begun{0};

bool begin() {
  if (has_begun.exchange(1) != 0) return false;
  start(__environ);
  return true;
}

void end_of_program() { end_of_process(); }

void begin_program() {
  begin();
  if (phase() == Phase::kOff) return;
  see_whose_malloc_is_called();
  hear_of_quick_exit();
}

__attribute__((section(".init_array.00000"), used)) void (*const init)() = begin_program;
__attribute__((section(".fini_array.00000"), used)) void (*const fini)() = end_of_program;

}  // namespace

bool start_at_first_call(Caller) { return begin(); }

}  // namespace leakdir
