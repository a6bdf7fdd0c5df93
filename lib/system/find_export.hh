// SPDX-License-Identifier: BSL-1.0
//
// What dlsym would answer, without dlsym. A look-up of dlsym's that fails makes an error text, on the heap, and the
// next one gives it back: through the malloc and free of whatever other library wraps them, which may be in the middle
// of its own first look-up. Also one that succeeds takes away what the program could still ask dlerror for. So the
// modules' own tables are read here: in the loader's order, default versions only. Nothing is allocated.
//
// What is found by these is to be called: for an indirect function it is what its resolver chose.

#pragma once

#include <link.h>

#include <cstdint>

namespace leakdir {

// The module's memory, from its first segment to its last.
struct ModuleRange {
  std::uintptr_t start, end;
  bool has(const void* address) const {
    return reinterpret_cast<std::uintptr_t>(address) >= start && reinterpret_cast<std::uintptr_t>(address) < end;
  }
};
ModuleRange range_of(const dl_phdr_info& module);

struct Export {
  const void* address;  // null: nobody has it
  ModuleRange module;
};
bool is_in_this_module(const Export& found);

// In the first module of all that has it, as RTLD_DEFAULT.
Export find_export(const char* name);

// In the first one behind the module that leakdir itself is in, as RTLD_NEXT. Libraries that came by dlopen after the
// first such look are not among them.
Export find_next_export(const char* name);

// In the first one of all but that module.
Export find_export_elsewhere(const char* name);

// In the module that `there` lies in.
Export find_export_beside(const void* there, const char* name);

inline const void* exported_anywhere(const char* name) { return find_export(name).address; }

}  // namespace leakdir
