// SPDX-License-Identifier: BSL-1.0
//
// Loads two builds of plugin.cc in turn, at one address, and allocates below their frames. Run under compare_preload
// (programs.sh), which sees dlclose no more than the object does.

#include <dlfcn.h>
#include <stdio.h>
#include <stdlib.h>

static void allocate() {
  void* const block = malloc(100);
  asm volatile("" ::"r"(block) : "memory");  // or nothing is allocated
  free(block);
}

int main(int argc, char** argv) {
  if (argc != 3) return 2;
  void* at[2] = {};
  for (int round = 0; round < 20; ++round) {
    void* const plugin = dlopen(argv[1 + round % 2], RTLD_NOW);
    if (plugin == nullptr) return 3;
    at[round % 2] = dlsym(plugin, "plugin_call");
    const auto call = reinterpret_cast<int (*)(void (*)(), int)>(at[round % 2]);
    for (int depth = 0; depth < 6; ++depth) call(allocate, depth);
    dlclose(plugin);
  }
  if (at[0] != at[1]) fprintf(stderr, "reload: not loaded at one address: a weaker test\n");
  return 0;
}
