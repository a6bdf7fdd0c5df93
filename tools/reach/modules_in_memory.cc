// SPDX-License-Identifier: BSL-1.0
#include "modules_in_memory.hh"

#include <elf.h>

#include <algorithm>
#include <cstring>
#include <string_view>

#include "mark.h"

namespace leakdir::tool {

namespace {

// Nothing that a program or a library really has is larger.
constexpr std::uint64_t kMostNotes = 64 << 10;
constexpr unsigned kMostSegments = 256, kMostModules = 4096, kMostEntries = 1024;
constexpr std::uint64_t kNearEnd = 1024;  // of a stack: where a hook that is under way shows
constexpr std::uint32_t kMostSymbols = 1 << 22;

struct Elf32 {
  using Header = Elf32_Ehdr;
  using Segment = Elf32_Phdr;
  using Symbol = Elf32_Sym;
};
struct Elf64 {
  using Header = Elf64_Ehdr;
  using Segment = Elf64_Phdr;
  using Symbol = Elf64_Sym;
};

template <class Segment>
void put_in_order(const Memory& memory, Segment& segment) {
  for (auto* number : {&segment.p_type, &segment.p_flags}) *number = memory.in_order(*number);
  for (auto* number : {&segment.p_vaddr, &segment.p_offset}) *number = memory.in_order(*number);
  for (auto* number : {&segment.p_filesz, &segment.p_memsz, &segment.p_align}) *number = memory.in_order(*number);
}

// visit(segment, address in the process, what was added to it) for each segment of the file whose header lies at
// `start`.
template <class Format, class Visit>
void for_each_segment_of(Memory& memory, std::uint64_t start, Visit visit) {
  typename Format::Header header;
  if (!memory.read_all(start, &header, sizeof header)) return;
  std::vector<typename Format::Segment> segments(std::min<unsigned>(memory.in_order(header.e_phnum), kMostSegments));
  if (!memory.read_all(start + memory.in_order(header.e_phoff), segments.data(), segments.size() * sizeof segments[0]))
    return;
  for (auto& segment : segments) put_in_order(memory, segment);
  const auto first =
      std::find_if(segments.begin(), segments.end(), [](const auto& one) { return one.p_type == PT_LOAD; });
  if (first == segments.end()) return;
  const std::uint64_t bias = start - (first->p_vaddr - first->p_offset);
  for (const auto& segment : segments) visit(segment, bias + segment.p_vaddr, bias);
}

template <class Visit>
void for_each_segment(Memory& memory, std::uint64_t start, unsigned pointer_bytes, Visit visit) {
  char magic[EI_NIDENT];
  if (!memory.read_all(start, magic, sizeof magic) || std::memcmp(magic, ELFMAG, SELFMAG) != 0) return;
  if (magic[EI_CLASS] != (pointer_bytes == 8 ? ELFCLASS64 : ELFCLASS32)) return;
  if (pointer_bytes == 8) {
    for_each_segment_of<Elf64>(memory, start, visit);
  } else {
    for_each_segment_of<Elf32>(memory, start, visit);
  }
}

// Whether they are the library's.
bool add_marks(Memory& memory, std::uint64_t address, std::uint64_t bytes, HookCode& hooks) {
  bool is_library = false;
  if (bytes > kMostNotes) return is_library;
  std::string notes(bytes, '\0');
  if (!memory.read_all(address, notes.data(), bytes)) return is_library;
  const auto padded = [](std::uint64_t size) { return (size + 3) & ~std::uint64_t{3}; };
  for (std::size_t at = 0; at + 12 <= bytes;) {
    std::uint32_t words[3];
    std::memcpy(words, notes.data() + at, sizeof words);
    for (std::uint32_t& word : words) word = memory.in_order(word);
    const std::uint64_t name = at + 12, content = name + padded(words[0]);
    if (content > bytes || words[1] > bytes - content) return is_library;
    Mark mark;
    if (std::string_view(notes.data() + name, std::max(words[0], 1u) - 1) == LEAKDIR_MARK_OWNER &&
        words[2] == kMarkType && words[1] >= sizeof mark) {
      std::memcpy(&mark, notes.data() + content, sizeof mark);
      mark.kind = memory.in_order(mark.kind);
      mark.begin = memory.in_order(mark.begin), mark.end = memory.in_order(mark.end);
      const std::uint64_t there = address + content;
      is_library |= mark.kind == kMarkOfLibrary;
      hooks.is_musl |= mark.kind == kMarkOfMusl;
      if (mark.begin != 0 && mark.kind != kMarkOfTrace)
        hooks.code.push_back({there + offsetof(Mark, begin) + static_cast<std::uint64_t>(std::int64_t{mark.begin}),
                              there + offsetof(Mark, end) + static_cast<std::uint64_t>(std::int64_t{mark.end})});
    }
    at = content + padded(words[1]);
  }
  return is_library;
}

// The dynamic section, as far as it is asked for.
struct Dynamic {
  std::uint64_t debug = 0, symbols = 0, strings = 0, hash = 0, gnu_hash = 0;
};

Dynamic read_dynamic(Memory& memory, std::uint64_t address, std::uint64_t bias, unsigned pointer_bytes) {
  Dynamic dynamic;
  for (unsigned i = 0; i < kMostEntries; ++i, address += 2 * pointer_bytes) {
    const std::uint64_t tag = memory.word(address, pointer_bytes);
    const std::uint64_t value = memory.word(address + pointer_bytes, pointer_bytes);
    // glibc has made addresses of what it uses itself; not of all, and not on every machine.
    const std::uint64_t there = value < bias ? value + bias : value;
    if (tag == DT_NULL) break;
    if (tag == DT_DEBUG) dynamic.debug = value;
    if (tag == DT_SYMTAB) dynamic.symbols = there;
    if (tag == DT_STRTAB) dynamic.strings = there;
    if (tag == DT_HASH) dynamic.hash = there;
    if (tag == DT_GNU_HASH) dynamic.gnu_hash = there;
  }
  return dynamic;
}

std::uint32_t word32(Memory& memory, std::uint64_t address) {
  return static_cast<std::uint32_t>(memory.word(address, 4));
}

template <class Format>
bool is_export(Memory& memory, const Dynamic& dynamic, std::uint32_t index, std::string_view name) {
  typename Format::Symbol symbol;
  if (!memory.read_all(dynamic.symbols + index * sizeof symbol, &symbol, sizeof symbol)) return false;
  return symbol.st_shndx != SHN_UNDEF &&
         memory.text(dynamic.strings + memory.in_order(symbol.st_name), name.size() + 1) == name;
}

bool exports(Memory& memory, const Dynamic& dynamic, std::string_view name, unsigned pointer_bytes) {
  if (dynamic.symbols == 0 || dynamic.strings == 0) return false;
  const auto is_it = [&](std::uint32_t index) {
    return pointer_bytes == 8 ? is_export<Elf64>(memory, dynamic, index, name)
                              : is_export<Elf32>(memory, dynamic, index, name);
  };
  if (dynamic.gnu_hash != 0) {
    std::uint32_t hash = 5381;
    for (const char c : name) hash = hash * 33 + static_cast<unsigned char>(c);
    const std::uint32_t buckets = word32(memory, dynamic.gnu_hash), first = word32(memory, dynamic.gnu_hash + 4);
    const std::uint32_t filters = word32(memory, dynamic.gnu_hash + 8);
    if (buckets == 0 || buckets > kMostSymbols || filters > kMostSymbols) return false;
    const std::uint64_t bucket = dynamic.gnu_hash + 16 + std::uint64_t{filters} * pointer_bytes;
    const std::uint64_t chain = bucket + std::uint64_t{buckets} * 4;
    std::uint32_t index = word32(memory, bucket + std::uint64_t{hash % buckets} * 4);
    for (unsigned i = 0; index >= first && index < kMostSymbols && i < kMostEntries; ++index, ++i) {
      const std::uint32_t found = word32(memory, chain + std::uint64_t{index - first} * 4);
      if ((found | 1) == (hash | 1) && is_it(index)) return true;
      if ((found & 1) != 0) return false;
    }
    return false;
  }
  const std::uint32_t count = dynamic.hash != 0 ? std::min(word32(memory, dynamic.hash + 4), kMostSymbols) : 0;
  for (std::uint32_t i = 1; i < count; ++i)
    if (is_it(i)) return true;
  return false;
}

std::string file_name(const std::string& path) { return path.substr(path.rfind('/') + 1); }

bool is_libc(const std::string& name) {
  return name.compare(0, 6, "libc.s") == 0 || name.compare(0, 5, "libc-") == 0 || name.compare(0, 3, "ld-") == 0 ||
         name.compare(0, 3, "ld.") == 0 || name.compare(0, 4, "ld64") == 0;
}

}  // namespace

HookCode hook_code_of(const std::vector<reach::Mapping>& mappings, Memory& memory, unsigned pointer_bytes) {
  HookCode hooks;
  for (const auto& mapping : mappings) {
    if (!mapping.has(reach::Mapping::kFile) || mapping.has(reach::Mapping::kDevice | reach::Mapping::kShared)) continue;
    std::vector<reach::Stretch> loaded;
    bool is_library = false;
    for_each_segment(memory, mapping.start, pointer_bytes,
                     [&](const auto& segment, std::uint64_t address, std::uint64_t) {
                       if (segment.p_type == PT_NOTE) is_library |= add_marks(memory, address, segment.p_memsz, hooks);
                       if (segment.p_type == PT_LOAD) loaded.push_back({address, address + segment.p_memsz});
                     });
    // Of the library all is leakdir's, and its mark does not say where that is.
    if (is_library) hooks.code.insert(hooks.code.end(), loaded.begin(), loaded.end());
    hooks.is_library |= is_library;
  }
  return hooks;
}

bool is_inside_hook(const Registers& registers, const HookCode& hooks, Memory& memory, unsigned pointer_bytes) {
  if (hooks.covers(registers.code)) return true;
  char bytes[kNearEnd];
  const reach::Piece piece = {registers.stack & ~(std::uint64_t{pointer_bytes} - 1), sizeof bytes};
  const std::size_t got = memory.read(&piece, 1, bytes);
  for (std::size_t at = 0; at + pointer_bytes <= got; at += pointer_bytes) {
    std::uint64_t word = 0;
    std::uint32_t narrow = 0;
    std::memcpy(pointer_bytes == 8 ? static_cast<void*>(&word) : &narrow, bytes + at, pointer_bytes);
    if (hooks.covers(pointer_bytes == 8 ? memory.in_order(word) : memory.in_order(narrow))) return true;
  }
  return false;
}

std::vector<LoadedModule> loaded_modules(const std::vector<Module>& modules, Memory& memory, unsigned pointer_bytes) {
  std::uint64_t list = 0;
  for (const auto& module : modules) {
    if (!module.is_program) continue;
    for_each_segment(memory, module.start, pointer_bytes,
                     [&](const auto& segment, std::uint64_t address, std::uint64_t bias) {
                       if (segment.p_type != PT_DYNAMIC) return;
                       const std::uint64_t debug = read_dynamic(memory, address, bias, pointer_bytes).debug;
                       if (debug != 0) list = memory.word(debug + pointer_bytes, pointer_bytes);  // r_debug::r_map
                     });
  }
  std::vector<LoadedModule> loaded;
  for (; list != 0 && loaded.size() < kMostModules; list = memory.word(list + 3 * pointer_bytes, pointer_bytes)) {
    loaded.push_back({list, memory.word(list, pointer_bytes), memory.word(list + 2 * pointer_bytes, pointer_bytes),
                      memory.text(memory.word(list + pointer_bytes, pointer_bytes))});
  }
  return loaded;
}

ThreadLocalSegment thread_local_segment(Memory& memory, std::uint64_t start, unsigned pointer_bytes) {
  ThreadLocalSegment found;
  for_each_segment(memory, start, pointer_bytes, [&](const auto& segment, std::uint64_t address, std::uint64_t) {
    if (segment.p_type == PT_TLS) found = {address, segment.p_filesz, segment.p_memsz, segment.p_align};
  });
  return found;
}

// The loader's list is in the order in which names are searched for.
std::string other_allocator(const std::vector<Module>& modules, Memory& memory, unsigned pointer_bytes) {
  for (const auto& module : loaded_modules(modules, memory, pointer_bytes)) {
    const Dynamic dynamic = read_dynamic(memory, module.dynamic, module.bias, pointer_bytes);
    if (is_libc(file_name(module.path))) return {};
    const bool is_leakdir = exports(memory, dynamic, "leakdir_mark", pointer_bytes);
    if (!is_leakdir && exports(memory, dynamic, "malloc", pointer_bytes))
      return module.path.empty() ? "the program" : module.path;
  }
  return {};
}

}  // namespace leakdir::tool
