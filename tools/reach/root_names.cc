// SPDX-License-Identifier: BSL-1.0
#include "root_names.hh"

#include <fmt/format.h>

#include <algorithm>
#include <cstring>

#include "base/words.hh"
#include "ledger.hh"
#include "thread_locals.hh"

namespace leakdir::tool {

namespace {

constexpr std::uint64_t kMostThreadLocal = 1 << 20;  // further from the thread pointer it is something else
constexpr std::uint64_t kOfThread = 4096;            // what libc keeps of the thread

}  // namespace

std::string place_of(const std::string& file, unsigned line) {
  if (file.empty()) return {};
  return fmt::format("{}:{}", file.substr(file.rfind('/') + 1), line);
}

std::string RootNames::thread(std::size_t number) const {
  const pid_t tid = holders_.threads[number].tid;
  for (const auto& known : snapshot_.threads)
    if (known.tid == static_cast<std::uint32_t>(tid) && !known.name.empty())
      return fmt::format("thread {} {}", tid, known.name);
  return fmt::format("thread {}", tid);
}

RootName RootNames::in_module(const Module& module, std::uint64_t location) const {
  const std::uint64_t address = location - module.bias;
  const Variable variable = symbols_.variable_at(module, address);
  if (variable.name.empty())
    return {fmt::format("data of {}", module.path.substr(module.path.rfind('/') + 1)), address};
  const std::string place = place_of(variable.file, variable.line);
  return {place.empty() ? variable.name : fmt::format("{} ({})", variable.name, place), address - variable.start};
}

RootName RootNames::thread_local_variable(const Variable& variable, const Module& module, std::size_t number,
                                          std::uint64_t offset) const {
  const std::string file = module.path.substr(module.path.rfind('/') + 1);
  if (variable.name.empty()) return {fmt::format("thread-local data of {} of {}", file, thread(number)), offset};
  std::string place = place_of(variable.file, variable.line);
  if (!place.empty()) place += ", ";
  const std::string in = module.is_program ? "" : fmt::format(" in {}", file);
  return {fmt::format("{} ({}thread-local{}) of {}", variable.name, place, in, thread(number)), offset};
}

const std::vector<ThreadFrame>& RootNames::frames(std::size_t thread) const {
  const auto [known, is_new] = frames_.try_emplace(thread);
  if (!is_new) return known->second;
  ThreadState state;
  state.machine = holders_.machine;
  for (const Register& one : holders_.threads[thread].registers.general) state.registers[one.name] = one.value;
  const Holders::StackCopy& copy = holders_.stack_copies[thread];
  const unsigned bytes = holders_.pointer_bytes;
  state.read_word = [&](std::uint64_t address, std::uint64_t* word) {
    if (address < copy.start || address - copy.start + bytes > copy.bytes.size()) return false;
    *word = 0;
    std::memcpy(word, copy.bytes.data() + (address - copy.start), bytes);
    return true;
  };
  return known->second = frames_of(snapshot_.modules, symbols_, state);
}

// Without the function where that is not known: above the outermost frame lie the arguments and the environment.
RootName RootNames::on_stack(std::size_t number, std::uint64_t location) const {
  const std::string stack = fmt::format("stack of {}", thread(number));
  const auto& known = frames(number);
  for (std::size_t i = 0; i + 1 < known.size(); ++i) {
    if (location >= known[i + 1].stack) continue;
    const std::uint64_t code = known[i].code - (known[i].is_called ? 1 : 0);
    const auto module = std::find_if(snapshot_.modules.begin(), snapshot_.modules.end(),
                                     [&](const Module& one) { return code >= one.start && code < one.end; });
    if (module == snapshot_.modules.end()) break;
    const std::vector<SourceLine> lines = symbols_.lookup(*module, code - module->bias);
    if (lines.empty() || lines.back().function.empty()) break;
    const std::string place = place_of(lines.back().file, lines.back().line);
    return {fmt::format("{}, in {}{}", stack, lines.back().function, place.empty() ? "" : " (" + place + ")"),
            location - std::min(location, known[i].stack)};
  }
  return {stack, location - holders_.threads[number].registers.stack};
}

RootName RootNames::of(std::uint64_t location, std::uint32_t block) const {
  if ((location & kRegisterBit) != 0) {
    const std::size_t number = (location & ~kRegisterBit) >> 8, index = location & 0xff;
    const auto& registers = holders_.threads[number].registers.general;
    const std::string name = index < registers.size() ? registers[index].name : "a vector register";
    return {fmt::format("register {} of {}", name, thread(number)), 0};
  }
  if (location == 0) {
    const unsigned flags = snapshot_.blocks[block].flags;
    if ((flags & ledger::kFlagLibc) != 0) return {"libc's and the C++ runtime's own", 0};
    if ((flags & ledger::kFlagIgnored) != 0) return {"leakdir_ignore()", 0};
    return {"a thread that runs on it as its stack", 0};
  }
  if (const ThreadLocals* const there = find_thread_locals(holders_.thread_locals, location)) {
    const auto owner = std::find_if(holders_.threads.begin(), holders_.threads.end(),
                                    [&](const StillThread& one) { return one.tid == there->tid; });
    const std::uint64_t offset = location - there->at.start;
    if (owner != holders_.threads.end()) {
      const Variable variable = symbols_.thread_local_at(there->module, offset);
      return thread_local_variable(variable, there->module, static_cast<std::size_t>(owner - holders_.threads.begin()),
                                   variable.name.empty() ? offset : offset - variable.start);
    }
  }
  for (std::size_t i = 0; i < holders_.threads.size(); ++i) {
    const Registers& registers = holders_.threads[i].registers;
    const std::uint64_t before = registers.thread - location;
    if (registers.thread != 0 && before != 0 && before < kMostThreadLocal) {
      for (const auto& module : snapshot_.modules) {
        if (!module.is_program) continue;
        const Variable variable = symbols_.thread_local_before_end(module, before);
        if (!variable.name.empty()) return thread_local_variable(variable, module, i, 0);
      }
    }
    if (registers.thread != 0 && location - registers.thread < kOfThread)
      return {fmt::format("what libc keeps of {} (pthread_setspecific, say)", thread(i)), location - registers.thread};
    if (location >= registers.stack - registers.red_zone && location < holders_.stacks[i].end)
      return on_stack(i, location);
  }
  for (const auto& module : snapshot_.modules)
    if (location >= module.start && location < module.end) return in_module(module, location);
  const reach::Mapping* mapping = reach::Mappings{holders_.mappings.data(), holders_.mappings.size()}.find(location);
  if (mapping == nullptr) return {hex_of(location), 0};
  const char* const what = mapping->has(reach::Mapping::kHeap)     ? "the heap, outside of recorded blocks"
                           : mapping->has(reach::Mapping::kShared) ? "shared memory"
                           : mapping->has(reach::Mapping::kFile)   ? "data of a library"
                                                                   : "memory of its own (mmap)";
  return {fmt::format("{} at {}", what, hex_of(mapping->start)), location - mapping->start};
}

}  // namespace leakdir::tool
