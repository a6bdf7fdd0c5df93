// SPDX-License-Identifier: BSL-1.0
#include "thread_frames.hh"

#include <elf.h>
#include <elfutils/libdwfl.h>
#include <elfutils/version.h>

#include <memory>

namespace leakdir::tool {

#if _ELFUTILS_PREREQ(0, 188)

namespace {

constexpr std::size_t kMostFrames = 1000;

// The registers by their DWARF numbers, and which of them is the stack pointer.
struct Numbering {
  std::vector<const char*> names;
  unsigned stack;
  const char* code;
};

const Numbering* numbering_of(unsigned machine) {
  static const Numbering kX86_64 = {{"rax", "rdx", "rcx", "rbx", "rsi", "rdi", "rbp", "rsp", "r8", "r9", "r10", "r11",
                                     "r12", "r13", "r14", "r15", "rip"},
                                    7,
                                    "rip"};
  static const Numbering kI386 = {{"eax", "ecx", "edx", "ebx", "esp", "ebp", "esi", "edi", "eip"}, 4, "eip"};
  static const Numbering kArm64 = {
      {"x0",  "x1",  "x2",  "x3",  "x4",  "x5",  "x6",  "x7",  "x8",  "x9",  "x10", "x11", "x12", "x13", "x14", "x15",
       "x16", "x17", "x18", "x19", "x20", "x21", "x22", "x23", "x24", "x25", "x26", "x27", "x28", "x29", "x30", "sp"},
      31,
      "pc"};
  switch (machine) {
    case EM_X86_64:
      return &kX86_64;
    case EM_386:
      return &kI386;
    case EM_AARCH64:
      return &kArm64;
    default:
      return nullptr;
  }
}

struct Unwinding {
  const ThreadState& thread;
  const Numbering& numbering;
  std::vector<ThreadFrame> frames;
};

pid_t next_thread(Dwfl*, void* unwinding, void** argument) {
  if (*argument != nullptr) return 0;
  *argument = unwinding;
  return 1;  // any number: there is one thread
}

bool read_word(Dwfl*, Dwarf_Addr address, Dwarf_Word* word, void* unwinding) {
  return static_cast<Unwinding*>(unwinding)->thread.read_word(address, word);
}

bool set_registers(Dwfl_Thread* thread, void* argument) {
  const Unwinding& unwinding = *static_cast<Unwinding*>(argument);
  const auto& values = unwinding.thread.registers;
  const auto& names = unwinding.numbering.names;
  for (std::size_t i = 0; i < names.size(); ++i) {
    const auto found = values.find(names[i]);
    const Dwarf_Word value = found == values.end() ? 0 : found->second;
    if (!dwfl_thread_state_registers(thread, static_cast<int>(i), 1, &value)) return false;
  }
  const auto code = values.find(unwinding.numbering.code);
  if (code == values.end()) return false;
  dwfl_thread_state_register_pc(thread, code->second);
  return true;
}

int add_frame(Dwfl_Frame* frame, void* argument) {
  Unwinding& unwinding = *static_cast<Unwinding*>(argument);
  ThreadFrame here;
  bool is_activation = false;
  Dwarf_Word stack = 0;
  if (!dwfl_frame_pc(frame, &here.code, &is_activation) ||
      dwfl_frame_reg(frame, unwinding.numbering.stack, &stack) != 0) {
    return DWARF_CB_ABORT;
  }
  here.stack = stack;
  here.is_called = !is_activation;
  auto& frames = unwinding.frames;
  if (!frames.empty() && here.stack <= frames.back().stack) return DWARF_CB_ABORT;
  frames.push_back(here);
  return frames.size() < kMostFrames ? DWARF_CB_OK : DWARF_CB_ABORT;
}

}  // namespace

std::vector<ThreadFrame> frames_of(const std::vector<Module>& modules, Symbols& symbols, const ThreadState& thread) {
  const Numbering* const numbering = numbering_of(thread.machine);
  if (numbering == nullptr) return {};
  Dwfl_Callbacks callbacks = {};
  callbacks.find_elf = dwfl_build_id_find_elf;
  callbacks.find_debuginfo = [](Dwfl_Module*, void**, const char*, Dwarf_Addr, const char*, const char*, GElf_Word,
                                char**) { return -1; };
  callbacks.section_address = dwfl_offline_section_address;
  const std::unique_ptr<Dwfl, decltype(&dwfl_end)> session(dwfl_begin(&callbacks), &dwfl_end);
  if (session == nullptr) return {};
  dwfl_report_begin(session.get());
  for (const Module& module : modules) {
    const std::string file = symbols.file_of(module);
    if (!file.empty()) dwfl_report_elf(session.get(), module.path.c_str(), file.c_str(), -1, module.bias, true);
  }
  dwfl_report_end(session.get(), nullptr, nullptr);

  Unwinding unwinding = {thread, *numbering, {}};
  static const Dwfl_Thread_Callbacks kThread = {next_thread, nullptr, read_word, set_registers, nullptr, nullptr};
  if (!dwfl_attach_state(session.get(), nullptr, 1, &kThread, &unwinding)) return {};
  dwfl_getthread_frames(session.get(), 1, add_frame, &unwinding);
  return std::move(unwinding.frames);
}

#else

std::vector<ThreadFrame> frames_of(const std::vector<Module>&, Symbols&, const ThreadState&) { return {}; }

#endif

}  // namespace leakdir::tool
