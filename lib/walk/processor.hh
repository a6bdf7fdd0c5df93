// SPDX-License-Identifier: BSL-1.0
//
// What a walk has to know of the processor, one file for each that has a fast walk: kColumns, own_thread(),
// without_signature(), signature_bits().

#pragma once

#if defined(__x86_64__) && defined(__LP64__)
#include "processor_x86_64.hh"
#elif defined(__aarch64__) && defined(__LP64__) && defined(__AARCH64EL__)
#include "processor_aarch64.hh"
#elif defined(__riscv) && defined(__LP64__)
#include "processor_riscv64.hh"
#else
#error "there is no fast walk for this processor: it takes fast_walk_none.cc"
#endif
