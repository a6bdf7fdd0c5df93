// SPDX-License-Identifier: BSL-1.0
//
// Under libFuzzer, before it reads its corpus: the seeds that are in the target's own code become files of the
// directory LEAKDIR_FUZZ_SEEDS.

#include <cstdlib>
#include <fstream>

#include "fuzz.hh"

extern "C" int LLVMFuzzerInitialize(int*, char***) {
  const char* directory = std::getenv("LEAKDIR_FUZZ_SEEDS");
  if (directory == nullptr) return 0;
  unsigned number = 0;
  for (const auto& seed : fuzz_seeds())
    std::ofstream(std::string(directory) + "/seed-" + std::to_string(number++), std::ios::binary) << seed;
  return 0;
}
