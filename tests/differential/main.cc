// SPDX-License-Identifier: BSL-1.0
//
// Runs the scenarios, all or those named, and prints what was compared. `new` compares too: so each allocation of the
// C++ library is a comparison.

#include <stdlib.h>
#include <string.h>

#include <cstdio>
#include <new>

#include "both_walks.hh"
#include "scenarios.hh"

namespace differential {
void (*volatile g_compare)() = compare_here;

namespace {
const Scenario kScenarios[] = {
    {"recursion", recursion, true},
    {"alloca_and_arrays", alloca_and_arrays, true},
    {"aligned_locals", aligned_locals, true},
    {"big_frames", big_frames, true},
    {"tail_calls", tail_calls, true},
    {"callbacks", callbacks, true},
    {"random_calls", random_calls, true},
    {"exceptions", exceptions, true},
    {"signal_handlers", signal_handlers, false},
    {"alternate_stack", alternate_stack, false},
    {"interrupted_anywhere", interrupted_anywhere, false},
    {"coroutines", coroutines, true},
    {"released_coroutine_stacks", released_coroutine_stacks, true},
    {"assembly_without_tables", assembly_without_tables, true},
    {"made_at_run_time", made_at_run_time, false},
    {"threads", threads, true},
    {"one_state_for_many_threads", one_state_for_many_threads, true},
    {"small_and_lent_stacks", small_and_lent_stacks, true},
    {"forked_children", forked_children, true},
    {"plugins", plugins, false},
};

bool is_wanted(const char* name, int argc, char** argv) {
  for (int i = 1; i < argc; ++i) {
    if (strcmp(argv[i], name) == 0) return true;
  }
  return argc == 1;
}

}  // namespace
}  // namespace differential

void* operator new(std::size_t size) {
  differential::compare_from(leakdir::walk_start_here());
  void* const block = malloc(size != 0 ? size : 1);
  if (block == nullptr) throw std::bad_alloc();
  return block;
}
void operator delete(void* block) noexcept { free(block); }
void operator delete(void* block, std::size_t) noexcept { free(block); }

int main(int argc, char** argv) {
  using namespace differential;
  const bool verbose = getenv("VERBOSE") != nullptr;
  int failed = 0;
  for (const Scenario& scenario : kScenarios) {
    if (!is_wanted(scenario.name, argc, argv)) continue;
    const Counts before = counts();
    scenario.run();
    const Counts after = counts();
    const unsigned long compared = after.compared - before.compared;
    const unsigned long declined = after.declined - before.declined;
    if (verbose) {
      std::printf("%-26s %7lu compared %7lu declined %9lu frames %9lu reused %9lu known whole\n", scenario.name,
                  compared, declined, after.frames - before.frames, after.reused_frames - before.reused_frames,
                  after.known_whole - before.known_whole);
      std::fflush(stdout);
    }
    if (scenario.is_followed && compared == declined) {
      std::fprintf(stderr, "differential: %s: no stack was followed (%lu compared)\n", scenario.name, compared);
      failed = 1;
    }
  }
  return failed;
}
