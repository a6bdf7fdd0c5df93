// SPDX-License-Identifier: BSL-1.0
//
// libgcc's look-up of the unwind table entry of a function (unwind-dw2-fde.h): declared in no installed header, part of
// its stable interface since GCC 3.0. In a plain static program it takes a lock, and its first call allocates.

#pragma once

extern "C" {
struct dwarf_eh_bases {
  void* text;
  void* data;
  void* function;
};
const void* _Unwind_Find_FDE(void* pc, dwarf_eh_bases* bases);
}
