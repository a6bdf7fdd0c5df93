// SPDX-License-Identifier: BSL-1.0
//
// Code that comes and goes with dlopen and dlclose. PLUGIN_A and PLUGIN_B in the environment name two builds of
// plugin.cc; without them (in a static program) there is nothing to do.

#include <dlfcn.h>
#include <stdlib.h>

#include <cstdint>
#include <cstdio>
#include <initializer_list>

#include "both_walks.hh"
#include "scenarios.hh"

namespace differential {

#ifdef WITHOUT_DLOPEN
void plugins() {}
#else

void plugins() {
  const char* const names[] = {getenv("PLUGIN_A"), getenv("PLUGIN_B")};
  if (names[0] == nullptr || names[1] == nullptr) return;
  std::uintptr_t at[2] = {};
  for (int round = 0; round < 8; ++round) {
    void* const plugin = dlopen(names[round % 2], RTLD_NOW);
    if (plugin == nullptr) {
      std::fprintf(stderr, "differential: %s\n", dlerror());
      abort();
    }
    const auto call = reinterpret_cast<int (*)(void (*)(), int)>(dlsym(plugin, "plugin_call"));
    at[round % 2] = reinterpret_cast<std::uintptr_t>(call);
    for (int depth : {0, 1, 5, 5}) call(compare_here, depth);
    dlclose(plugin);
    leakdir::fast_walk_forget(at[round % 2] & ~std::uintptr_t{0xffff}, at[round % 2] + 0x10000);
  }
  if (at[0] != at[1]) std::fprintf(stderr, "differential: the plugins were not loaded at one address: a weaker test\n");
}

#endif

}  // namespace differential
