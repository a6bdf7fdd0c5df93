// SPDX-License-Identifier: BSL-1.0
#include "elf_file.hh"

#include <fcntl.h>
#include <fmt/format.h>
#include <sys/stat.h>
#include <unistd.h>

#include <algorithm>
#include <cerrno>
#include <cstring>
#include <map>

#include "base/error.hh"

namespace leakdir::tool {
namespace {

constexpr unsigned kLoongarch = 258;  // EM_LOONGARCH: glibc 2.31's <elf.h> does not know it

}  // namespace

ElfProgram::ElfProgram(const std::string& path) {
  struct stat status;
  if (stat(path.c_str(), &status) != 0) throw Error(fmt::format("{}: {}", path, std::strerror(errno)));
  if (!S_ISREG(status.st_mode)) throw Error(fmt::format("{} is not a file", path));
  file_ = open(path.c_str(), O_RDONLY | O_CLOEXEC);
  if (file_ < 0) throw Error(fmt::format("cannot read {}: {}", path, std::strerror(errno)));
  elf_version(EV_CURRENT);
  elf_ = elf_begin(file_, ELF_C_READ, nullptr);
  if (elf_ == nullptr || elf_kind(elf_) != ELF_K_ELF || gelf_getehdr(elf_, &header_) == nullptr) {
    if (elf_ != nullptr) elf_end(elf_);
    close(file_);
    throw Error(fmt::format("{} is not an ELF file", path));
  }
  std::size_t count = 0;
  if (elf_getphdrnum(elf_, &count) != 0) count = 0;
  for (std::size_t i = 0; i < count; ++i) {
    GElf_Phdr segment;
    if (gelf_getphdr(elf_, static_cast<int>(i), &segment) != nullptr) segments_.push_back(segment);
  }
}

ElfProgram::~ElfProgram() {
  elf_end(elf_);
  close(file_);
}

std::string ElfProgram::machine() const {
  static const std::map<unsigned, const char*> kNames = {
      {EM_X86_64, "x86-64"}, {EM_386, "i386"},    {EM_AARCH64, "aarch64"},
      {EM_ARM, "arm"},       {EM_RISCV, "riscv"}, {EM_MIPS, "mips"},
      {EM_PPC64, "ppc64"},   {EM_S390, "s390"},   {kLoongarch, "loongarch"}};
  const auto known = kNames.find(header_.e_machine);
  std::string name = known == kNames.end() ? fmt::format("machine {}", header_.e_machine) : known->second;
  const bool is_64_bit = header_.e_ident[EI_CLASS] == ELFCLASS64;
  if (header_.e_machine == EM_RISCV) name += is_64_bit ? "64" : "32";
  if (header_.e_machine == EM_S390 && is_64_bit) name += "x";
  if (header_.e_machine == EM_PPC64 && header_.e_ident[EI_DATA] == ELFDATA2LSB) name += "le";
  return name;
}

bool ElfProgram::has_segment(std::uint32_t type) const {
  return std::any_of(segments_.begin(), segments_.end(),
                     [type](const auto& segment) { return segment.p_type == type; });
}

bool ElfProgram::is_for_musl() const {
  constexpr std::string_view kLoader = "/ld-musl-";
  return std::any_of(segments_.begin(), segments_.end(), [&](const auto& segment) {
    if (segment.p_type != PT_INTERP) return false;
    Elf_Data* data =
        elf_getdata_rawchunk(elf_, static_cast<std::int64_t>(segment.p_offset), segment.p_filesz, ELF_T_BYTE);
    return data != nullptr && std::string_view(static_cast<const char*>(data->d_buf), data->d_size).find(kLoader) !=
                                  std::string_view::npos;
  });
}

std::optional<GElf_Shdr> ElfProgram::section(const std::string& name) const {
  std::size_t names = 0;
  if (elf_getshdrstrndx(elf_, &names) != 0) return std::nullopt;
  for (Elf_Scn* section = nullptr; (section = elf_nextscn(elf_, section)) != nullptr;) {
    GElf_Shdr header;
    if (gelf_getshdr(section, &header) == nullptr) continue;
    const char* own = elf_strptr(elf_, names, header.sh_name);
    if (own == nullptr || name != own) continue;
    if (header.sh_type != SHT_NOBITS && header.sh_size > 0) return header;
    break;
  }
  return std::nullopt;
}

std::vector<ElfSymbol> ElfProgram::symbols(std::uint32_t section_type) const {
  std::vector<ElfSymbol> symbols;
  for (Elf_Scn* section = nullptr; (section = elf_nextscn(elf_, section)) != nullptr;) {
    GElf_Shdr header;
    if (gelf_getshdr(section, &header) == nullptr || header.sh_type != section_type || header.sh_entsize == 0) continue;
    Elf_Data* data = elf_getdata(section, nullptr);
    if (data == nullptr) continue;
    for (std::size_t i = 0; i < data->d_size / header.sh_entsize; ++i) {
      GElf_Sym symbol;
      if (gelf_getsym(data, static_cast<int>(i), &symbol) == nullptr) break;
      const char* name = elf_strptr(elf_, header.sh_link, symbol.st_name);
      if (name == nullptr || *name == '\0') continue;
      const unsigned type = GELF_ST_TYPE(symbol.st_info);
      symbols.push_back({name, symbol.st_value, symbol.st_size, type == STT_FUNC || type == STT_GNU_IFUNC,
                         symbol.st_shndx != SHN_UNDEF, GELF_ST_BIND(symbol.st_info) == STB_LOCAL});
    }
  }
  return symbols;
}

template <class Visit>
void ElfProgram::each_dynamic(Visit visit) const {
  for (Elf_Scn* section = nullptr; (section = elf_nextscn(elf_, section)) != nullptr;) {
    GElf_Shdr header;
    if (gelf_getshdr(section, &header) == nullptr || header.sh_type != SHT_DYNAMIC || header.sh_entsize == 0) continue;
    Elf_Data* data = elf_getdata(section, nullptr);
    for (std::size_t i = 0; data != nullptr && i < data->d_size / header.sh_entsize; ++i) {
      GElf_Dyn entry;
      if (gelf_getdyn(data, static_cast<int>(i), &entry) == nullptr || entry.d_tag == DT_NULL) break;
      visit(entry, header.sh_link);
    }
  }
}

std::vector<std::string> ElfProgram::needed() const {
  std::vector<std::string> libraries;
  each_dynamic([&](const GElf_Dyn& entry, std::size_t texts) {
    const char* name = entry.d_tag == DT_NEEDED ? elf_strptr(elf_, texts, entry.d_un.d_val) : nullptr;
    if (name != nullptr) libraries.emplace_back(name);
  });
  return libraries;
}

std::optional<std::uint64_t> ElfProgram::dynamic_value(std::int64_t tag) const {
  std::optional<std::uint64_t> value;
  each_dynamic([&](const GElf_Dyn& entry, std::size_t) {
    if (entry.d_tag == tag) value = entry.d_un.d_val;
  });
  return value;
}

// Not by dwelf_elf_gnu_build_id(), which takes one of less than three bytes, --build-id=0xabcd, for none.
std::string ElfProgram::build_id() const {
  const auto id_in = [](Elf_Data* data) -> std::string {
    GElf_Nhdr note;
    std::size_t name = 0, bits = 0;
    for (std::size_t at = 0; data != nullptr && (at = gelf_getnote(data, at, &note, &name, &bits)) > 0;) {
      const auto* const text = static_cast<const char*>(data->d_buf);
      if (note.n_type == NT_GNU_BUILD_ID && note.n_namesz == sizeof "GNU" &&
          std::memcmp(text + name, "GNU", sizeof "GNU") == 0)
        return {text + bits, note.n_descsz};
    }
    return {};
  };
  for (const GElf_Phdr& segment : segments_) {
    if (segment.p_type != PT_NOTE) continue;
    const Elf_Type type = segment.p_align == 8 ? ELF_T_NHDR8 : ELF_T_NHDR;
    std::string id =
        id_in(elf_getdata_rawchunk(elf_, static_cast<std::int64_t>(segment.p_offset), segment.p_filesz, type));
    if (!id.empty()) return id;
  }
  // A debug file's segments lead nowhere.
  for (Elf_Scn* section = nullptr; (section = elf_nextscn(elf_, section)) != nullptr;) {
    GElf_Shdr header;
    if (gelf_getshdr(section, &header) == nullptr || header.sh_type != SHT_NOTE) continue;
    std::string id = id_in(elf_getdata(section, nullptr));
    if (!id.empty()) return id;
  }
  return {};
}

bool ElfProgram::is_code(std::uint64_t address) const {
  return std::any_of(segments_.begin(), segments_.end(), [address](const auto& segment) {
    return segment.p_type == PT_LOAD && (segment.p_flags & PF_X) != 0 && address >= segment.p_vaddr &&
           address - segment.p_vaddr < segment.p_memsz;
  });
}

std::string_view ElfProgram::code_at(std::uint64_t address, std::size_t bytes) const {
  for (const auto& segment : segments_) {
    if (segment.p_type != PT_LOAD || address < segment.p_vaddr || address - segment.p_vaddr >= segment.p_filesz)
      continue;
    const std::uint64_t before = address - segment.p_vaddr;
    if (segment.p_filesz - before < bytes) return {};
    Elf_Data* data =
        elf_getdata_rawchunk(elf_, static_cast<std::int64_t>(segment.p_offset + before), bytes, ELF_T_BYTE);
    if (data == nullptr || data->d_size < bytes) return {};
    return {static_cast<const char*>(data->d_buf), bytes};
  }
  return {};
}

}  // namespace leakdir::tool
