// SPDX-License-Identifier: BSL-1.0
//
// ELF files with debug sections that zstd has compressed, and with build-ids: the copy has what the file has, and
// sections that libelf can read in place of the compressed ones.

#include <gelf.h>
#include <sys/mman.h>
#include <unistd.h>
#include <zstd.h>

#include <cstring>

#include "base/error.hh"
#include "fuzz.hh"
#include "symbols/elf_file.hh"
#include "symbols/unpacked_elf.hh"

namespace {

constexpr std::size_t kNames = 1, kPacked = 2, kNote = 3, kSections = 4;

// A file of three sections, as a 64-bit linker of this machine writes it.
std::string file_with(const std::string& content, std::uint64_t claimed) {
  const std::string names("\0.shstrtab\0.debug_info\0.note.gnu.build-id\0", 42);
  std::string packed(ZSTD_compressBound(content.size()), '\0');
  packed.resize(ZSTD_compress(packed.data(), packed.size(), content.data(), content.size(), 3));
  Elf64_Chdr how{};
  how.ch_type = 2;
  how.ch_size = claimed;
  how.ch_addralign = 1;
  packed.insert(0, reinterpret_cast<const char*>(&how), sizeof how);
  const std::string note("\4\0\0\0\2\0\0\0\3\0\0\0GNU\0\xab\xcd\0\0", 20);

  Elf64_Shdr sections[kSections] = {};
  Elf64_Ehdr head{};
  std::memcpy(head.e_ident, ELFMAG, SELFMAG);
  head.e_ident[EI_CLASS] = ELFCLASS64;
  head.e_ident[EI_DATA] = ELFDATA2LSB;
  head.e_ident[EI_VERSION] = EV_CURRENT;
  head.e_type = ET_DYN;
  head.e_machine = EM_X86_64;
  head.e_version = EV_CURRENT;
  head.e_ehsize = sizeof head;
  head.e_shentsize = sizeof sections[0];
  head.e_shnum = kSections;
  head.e_shstrndx = kNames;
  std::string file(sizeof head, '\0');
  const auto add = [&](std::size_t section, std::uint32_t type, std::uint64_t flags, std::uint32_t name,
                       const std::string& text) {
    file.resize((file.size() + 7) / 8 * 8);
    sections[section].sh_type = type;
    sections[section].sh_flags = flags;
    sections[section].sh_name = name;
    sections[section].sh_offset = file.size();
    sections[section].sh_size = text.size();
    sections[section].sh_addralign = 4;
    file += text;
  };
  add(kNames, SHT_STRTAB, 0, 1, names);
  add(kPacked, SHT_PROGBITS, SHF_COMPRESSED, 11, packed);
  add(kNote, SHT_NOTE, 0, 23, note);
  file.resize((file.size() + 7) / 8 * 8);
  head.e_shoff = file.size();
  file.append(reinterpret_cast<const char*>(sections), sizeof sections);
  return file.replace(0, sizeof head, reinterpret_cast<const char*>(&head), sizeof head);
}

int in_memory(const std::uint8_t* data, std::size_t size) {
  const int file = memfd_create("input", MFD_CLOEXEC);
  MUST_HOLD(file >= 0 && write(file, data, size) == static_cast<ssize_t>(size));
  return file;
}

}  // namespace

std::vector<std::string> fuzz_seeds() {
  const std::string content = "what was compressed, and again: what was compressed" + std::string(5000, 'x');
  return {file_with(content, content.size()), file_with(content, content.size() + 1), file_with("", 0)};
}

std::vector<std::string> fuzz_words() {
  return {std::string("\x28\xb5\x2f\xfd", 4),
          std::string("\2\0\0\0\0\0\0\0", 8),
          std::string(8, '\xff'),
          ".debug_info",
          std::string("GNU\0", 4),
          std::string("\0\10\0\0\0\0\0\0", 8)};
}

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  using namespace leakdir::tool;
  const int file = in_memory(data, size);
  try {
    const std::string id = ElfProgram("/proc/self/fd/" + std::to_string(file)).build_id();
    MUST_HOLD(id.size() <= size);
  } catch (const Error&) {
  }
  const int copy = with_zstd_unpacked(file);
  fuzz_was_taken = copy != file;
  if (fuzz_was_taken) {
    MUST_HOLD(lseek(copy, 0, SEEK_END) >= static_cast<off_t>(size));
    const int again = in_memory(data, size);
    Elf* const before = elf_begin(again, ELF_C_READ, nullptr);
    Elf* const after = elf_begin(copy, ELF_C_READ, nullptr);
    MUST_HOLD(before != nullptr && after != nullptr);
    std::size_t unpacked = 0;
    Elf_Scn* section = nullptr;
    for (Elf_Scn* old = nullptr; (old = elf_nextscn(before, old)) != nullptr;) {
      section = elf_nextscn(after, section);
      MUST_HOLD(section != nullptr);
      GElf_Shdr old_header, header;
      if (gelf_getshdr(old, &old_header) == nullptr || gelf_getshdr(section, &header) == nullptr) continue;
      if (std::memcmp(&old_header, &header, sizeof header) == 0) continue;
      MUST_HOLD((old_header.sh_flags & SHF_COMPRESSED) != 0 && (header.sh_flags & SHF_COMPRESSED) == 0);
      const Elf_Data* const text = elf_rawdata(section, nullptr);
      MUST_HOLD(text != nullptr && text->d_size == header.sh_size);
      ++unpacked;
    }
    MUST_HOLD(unpacked > 0);
    elf_end(before);
    elf_end(after);
    close(again);
  }
  close(copy);
  return 0;
}
