// SPDX-License-Identifier: BSL-1.0

#include "roots.hh"

#include <algorithm>
#include <unordered_set>

#include "reach_roots.hh"

namespace leakdir::tool {

namespace {

// The stack that the words from `from` on tell of, in which both the stack pointer and the thread pointer lie.
reach::Stretch stack_told_at(const StillProcess& process, std::uint64_t from, const Registers& registers) {
  std::vector<char> room(reach::kMostOfThread);
  return reach::stack_told_at(process.memory, process.header.pointer_bytes, room.data(), from, registers.stack,
                              registers.thread);
}

}  // namespace

std::vector<reach::Stretch> own_memory_of(const StillProcess& process) {
  std::vector<reach::Stretch> own;
  std::vector<char> room(reach::kOwnMemoryRoom);
  reach::for_each_own_memory(process.memory, process.header.own_memory, room.data(),
                             [&](reach::Stretch stretch) { own.push_back(stretch); });
  std::sort(own.begin(), own.end(), [](const auto& a, const auto& b) { return a.start < b.start; });
  return own;
}

bool is_in(const std::vector<reach::Stretch>& sorted, std::uint64_t address) {
  auto after =
      std::upper_bound(sorted.begin(), sorted.end(), address,
                       [](std::uint64_t value, const reach::Stretch& stretch) { return value < stretch.start; });
  return after != sorted.begin() && address < std::prev(after)->end;
}

reach::Stretch stack_of(const StillProcess& process, const Registers& registers) {
  const reach::Mappings mappings = {process.mappings.data(), process.mappings.size()};
  const reach::Mapping* mapping = mappings.find(registers.stack);
  if (mapping == nullptr) return {0, 0};
  if (mapping->has(reach::Mapping::kStack)) return {mapping->start, mapping->end};
  const std::uint64_t thread = registers.thread;
  if (thread <= reach::kMostOfThread) return {0, 0};
  const reach::Stretch stack = stack_told_at(process, thread, registers);
  return stack.start != 0 ? stack : stack_told_at(process, thread - reach::kMostOfThread, registers);
}

std::vector<reach::Stretch> unused_parts_of_stacks(const StillProcess& process,
                                                   const std::vector<StillThread>& threads) {
  struct OnStack {
    reach::Stretch stack;
    std::uint64_t pointer, unused_end;
    bool is_on_part = false;
  };
  std::vector<OnStack> all;
  for (const auto& thread : threads) {
    const reach::Stretch stack = stack_of(process, thread.registers);
    const std::uint64_t end = thread.registers.stack - thread.registers.red_zone;
    if (stack.start != 0 && end > stack.start) all.push_back({stack, thread.registers.stack, end});
  }
  std::vector<reach::Stretch> unused;
  if (all.empty()) return unused;
  std::sort(all.begin(), all.end(), [](const auto& a, const auto& b) { return a.stack.start < b.stack.start; });
  const auto look = [&](reach::Stretch told) {
    auto after = std::upper_bound(all.begin(), all.end(), told.start,
                                  [](std::uint64_t start, const OnStack& one) { return start < one.stack.start; });
    if (after == all.begin()) return;
    OnStack& one = *std::prev(after);
    one.is_on_part |= reach::is_on_part(told, one.stack, one.pointer);
  };
  std::vector<char> room(reach::kMostOfThread);
  const reach::Mappings mappings = {process.mappings.data(), process.mappings.size()};
  const ledger::Header& header = process.header;
  reach::ContextSearch<Memory> contexts = {process.memory, mappings, header.pointer_bytes,
                                           reach::context_layout(header.machine), room.data()};
  for (const OnStack& one : all) contexts.look(one.stack, one.stack, look);
  contexts.look_in_data({all.front().stack.start, all.back().stack.end}, look);
  for (const OnStack& one : all)
    if (!one.is_on_part) unused.push_back({one.stack.start, one.unused_end});
  return unused;
}

std::vector<reach::EndedThread> ended_threads(const StillProcess& process) {
  std::vector<reach::EndedThread> ended;
  const unsigned bytes = process.header.pointer_bytes;
  std::unordered_set<std::uint64_t> in_use;
  const std::vector<reach::Stretch> own = own_memory_of(process);
  for (const auto& thread : process.threads) {
    // A thread of leakdir's has the thread pointer of the thread that made it, which may have ended.
    if (is_in(own, thread.registers.stack)) continue;
    if (thread.registers.thread == 0) return ended;  // who knows whose they are
    in_use.insert(thread.registers.thread);
  }
  std::vector<char> room(reach::kMostOfThread);
  const auto is_in_use = [&](std::uint64_t thread) { return in_use.count(thread) != 0; };
  for (const auto& mapping : process.mappings) {
    reach::for_each_ended_thread_on(process.memory, bytes, room.data(), mapping, is_in_use,
                                    [&](const reach::EndedThread& one) { ended.push_back(one); });
  }
  return ended;
}

}  // namespace leakdir::tool
