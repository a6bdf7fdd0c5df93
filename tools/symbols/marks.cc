// SPDX-License-Identifier: BSL-1.0
#include "marks.hh"

#include <algorithm>
#include <cstring>

namespace leakdir::tool {

namespace {

constexpr std::size_t kWord = sizeof(std::uint32_t);

// What stands before a Mark: sizes of owner and mark, the type, the owner.
constexpr std::size_t kHeadBytes = 3 * kWord + sizeof LEAKDIR_MARK_OWNER;

std::uint32_t word_of(const ElfProgram& file, const char* at) {
  unsigned char bytes[kWord];
  std::memcpy(bytes, at, sizeof bytes);
  if (file.header().e_ident[EI_DATA] == ELFDATA2MSB) std::reverse(bytes, bytes + sizeof bytes);
  return bytes[0] | std::uint32_t{bytes[1]} << 8 | std::uint32_t{bytes[2]} << 16 | std::uint32_t{bytes[3]} << 24;
}

bool is_mark(const ElfProgram& file, const char* note) {
  return word_of(file, note) == sizeof LEAKDIR_MARK_OWNER && word_of(file, note + kWord) >= sizeof(Mark) &&
         word_of(file, note + 2 * kWord) == kMarkType &&
         std::memcmp(note + 3 * kWord, LEAKDIR_MARK_OWNER, sizeof LEAKDIR_MARK_OWNER) == 0;
}

// `address`: of the mark in the program.
FoundMark read_mark(const ElfProgram& file, const char* mark, std::uint64_t address) {
  const auto target_of = [&](std::size_t offset) -> std::uint64_t {
    const auto distance = static_cast<std::int32_t>(word_of(file, mark + offset));
    return distance == 0 ? 0 : address + offset + static_cast<std::uint64_t>(std::int64_t{distance});
  };
  return {static_cast<MarkKind>(word_of(file, mark + offsetof(Mark, kind))), target_of(offsetof(Mark, begin)),
          target_of(offsetof(Mark, end))};
}

}  // namespace

// Each word of the segment is looked at: a linker may put notes of several alignments into one segment (mold 1.10), and
// where the next one begins cannot be told then.
std::vector<FoundMark> marks_of(const ElfProgram& file) {
  std::vector<FoundMark> marks;
  for (const auto& segment : file.segments()) {
    if (segment.p_type != PT_NOTE) continue;
    Elf_Data* data =
        elf_getdata_rawchunk(file.elf(), static_cast<std::int64_t>(segment.p_offset), segment.p_filesz, ELF_T_BYTE);
    if (data == nullptr) continue;
    const char* bytes = static_cast<const char*>(data->d_buf);
    for (std::size_t at = 0; at + kHeadBytes + sizeof(Mark) <= data->d_size; at += kWord) {
      if (is_mark(file, bytes + at))
        marks.push_back(read_mark(file, bytes + at + kHeadBytes, segment.p_vaddr + at + kHeadBytes));
    }
  }
  return marks;
}

bool has_mark(const std::vector<FoundMark>& marks, MarkKind kind) {
  return std::any_of(marks.begin(), marks.end(), [kind](const FoundMark& mark) { return mark.kind == kind; });
}

}  // namespace leakdir::tool
