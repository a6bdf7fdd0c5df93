// SPDX-License-Identifier: BSL-1.0
//
// What each fuzz target gives, and what they share. A target is one file <reader>_fuzz.cc: LLVMFuzzerTestOneInput takes
// any bytes and must come back; what must hold of the result is said by must(). driver.cc is a test that takes seconds;
// run.sh runs the same targets under libFuzzer and the sanitizers, for as long as one likes.

#pragma once

#include <cstddef>
#include <cstdint>
#include <string>
#include <vector>

// How the last input was taken: the driver wants to see both.
extern bool fuzz_was_taken;

// Inputs to start from besides those of corpus/, and words that are worth putting in.
std::vector<std::string> fuzz_seeds();
std::vector<std::string> fuzz_words();

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size);

// Ends the program, with a reason, when something does not hold.
void must_hold(bool holds, const char* condition, const char* file, int line);
#define MUST_HOLD(condition) must_hold((condition), #condition, __FILE__, __LINE__)
