// SPDX-License-Identifier: BSL-1.0
//
// A thread that does not run: its registers, as ptrace and core files give them (NT_PRSTATUS and its kin). A pure
// function makes them from the bytes; what the machine is called decides which is which.

#pragma once

#include <cstdint>
#include <string>
#include <string_view>
#include <vector>

namespace leakdir::tool {

struct Register {
  const char* name;
  std::uint64_t value;
};

struct Registers {
  std::vector<Register> general;            // all that can hold a pointer of the program's
  std::vector<std::uint64_t> vector_words;  // of the wide ones, word by word
  std::uint64_t stack = 0, code = 0;        // stack pointer and instruction pointer
  std::uint64_t thread = 0;                 // thread pointer, at which thread-local data lies; 0: not known
  bool in_system_call = false;
  unsigned red_zone = 0;  // bytes below the stack pointer that are in use
};

// What of a thread lies in a core's note, or is asked of ptrace, beside the general registers.
struct RegisterSets {
  // All words of which are in this machine's byte order.
  std::string general;  // NT_PRSTATUS's pr_reg
  std::string wide;     // NT_X86_XSTATE, NT_FPREGSET and the like; may be empty
  std::string local;    // NT_386_TLS, NT_ARM_TLS; may be empty
};

// False: this machine's registers are not known here. `machine` is the program's e_machine.
bool parse_registers(unsigned machine, const RegisterSets& sets, Registers& into);

}  // namespace leakdir::tool
