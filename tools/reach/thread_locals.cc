// SPDX-License-Identifier: BSL-1.0
//
// The facts (glibc 2.4 to 2.43): the thread pointer leads to a block of the thread's own, in which stands the address
// of its table (dtv), as its first word or its second. An entry has two words, of which the first is where the data of
// a module begin, or -1 while the thread has not asked for them; the entry before the table's first says how many there
// are. Which entry is a module's is in the loader's description of it (struct link_map), behind four words that the
// module's own header tells: where its initial data lie, how many bytes of them there are, how many in all, and the
// alignment; then two others, then the number. The words before these differ from release to release, so they are
// searched for.

#include "thread_locals.hh"

#include <elf.h>

#include <algorithm>
#include <cstring>

#include "modules_in_memory.hh"
#include "roots.hh"

namespace leakdir::tool {

namespace {

constexpr std::uint64_t kMostOfDescription = 4096;  // (1.2 KB)
constexpr std::uint64_t kMostEntries = 65536;

struct Numbered {
  Module module;
  std::uint64_t number, bytes;
};

// Which word of the thread's block has the table's address; -1: not known.
int table_word(unsigned machine) {
  switch (machine) {
    case EM_X86_64:
    case EM_386:
    case EM_S390:
      return 1;
    case EM_AARCH64:
    case EM_ARM:
      return 0;
    default:
      return -1;
  }
}

// The number that the loader has given to the module; 0: it is not found.
std::uint64_t number_of(Memory& memory, const LoadedModule& loaded, const ThreadLocalSegment& segment, unsigned word) {
  std::string description(kMostOfDescription, '\0');
  const reach::Piece piece = {loaded.description, description.size()};
  description.resize(memory.read(&piece, 1, description.data()));
  const auto word_at = [&](std::size_t index) {
    std::uint64_t value = 0;
    std::memcpy(&value, description.data() + index * word, word);
    return value;
  };
  for (std::size_t i = 0; (i + 7) * word <= description.size(); ++i) {
    if (word_at(i) == segment.start && word_at(i + 1) == segment.initial_bytes && word_at(i + 2) == segment.bytes &&
        word_at(i + 3) == segment.align)
      return word_at(i + 6);
  }
  return 0;
}

std::vector<Numbered> numbered_modules(const StillProcess& process, const std::vector<Module>& modules, unsigned word) {
  std::vector<Numbered> numbered;
  for (const auto& loaded : loaded_modules(modules, process.memory, word)) {
    const auto known = std::find_if(modules.begin(), modules.end(), [&](const Module& module) {
      return module.bias == loaded.bias && (module.is_program || !loaded.path.empty());
    });
    Module module;
    if (known != modules.end()) module = *known;
    if (known == modules.end()) {
      module.path = loaded.path;
      module.start = module.bias = loaded.bias;
    }
    const ThreadLocalSegment segment = thread_local_segment(process.memory, module.start, word);
    if (segment.bytes == 0) continue;
    const std::uint64_t number = number_of(process.memory, loaded, segment, word);
    if (number != 0 && number < kMostEntries) numbered.push_back({std::move(module), number, segment.bytes});
  }
  return numbered;
}

}  // namespace

std::vector<ThreadLocals> thread_locals_of(const StillProcess& process, const std::vector<Module>& modules) {
  std::vector<ThreadLocals> all;
  const auto& header = process.header;
  const unsigned word = header.pointer_bytes;
  const int table_at = process.is_musl ? -1 : table_word(header.machine);
  if (table_at < 0) return all;
  const std::vector<Numbered> numbered = numbered_modules(process, modules, word);
  if (numbered.empty()) return all;
  const std::vector<reach::Stretch> own = own_memory_of(process);
  for (const auto& thread : process.threads) {
    // A thread of leakdir's has the thread pointer of the thread that made it.
    if (thread.registers.thread == 0 || is_in(own, thread.registers.stack)) continue;
    const std::uint64_t table =
        process.memory.word(thread.registers.thread + static_cast<unsigned>(table_at) * word, word);
    if (table < 2 * word) continue;
    const std::uint64_t entries = process.memory.word(table - 2 * word, word);
    for (const auto& one : numbered) {
      if (one.number > entries) continue;
      const std::uint64_t start = process.memory.word(table + 2 * word * one.number, word);
      if (start == 0 || start % word != 0 || start + one.bytes < start) continue;  // -1: not asked for yet
      all.push_back({{start, start + one.bytes}, thread.tid, one.module});
    }
  }
  std::sort(all.begin(), all.end(), [](const auto& a, const auto& b) { return a.at.start < b.at.start; });
  return all;
}

const ThreadLocals* find_thread_locals(const std::vector<ThreadLocals>& sorted, std::uint64_t address) {
  auto after = std::upper_bound(sorted.begin(), sorted.end(), address,
                                [](std::uint64_t value, const ThreadLocals& one) { return value < one.at.start; });
  if (after == sorted.begin()) return nullptr;
  const ThreadLocals& one = *std::prev(after);
  return address < one.at.end ? &one : nullptr;
}

}  // namespace leakdir::tool
