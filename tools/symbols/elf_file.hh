// SPDX-License-Identifier: BSL-1.0
//
// A program's file as `doctor` looks at it: of any machine, never run and never trusted.

#pragma once

#include <elfutils/libdw.h>
#include <gelf.h>

#include <cstdint>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

namespace leakdir::tool {

struct ElfSymbol {
  std::string name;
  std::uint64_t address = 0, bytes = 0;
  bool is_function = false, is_defined = false;
  bool is_local = false;  // to one source file
};

class ElfProgram {
 public:
  // Throws Error when there is no ELF file.
  explicit ElfProgram(const std::string& path);
  ~ElfProgram();
  ElfProgram(const ElfProgram&) = delete;
  ElfProgram& operator=(const ElfProgram&) = delete;

  Elf* elf() const { return elf_; }
  const GElf_Ehdr& header() const { return header_; }
  const std::vector<GElf_Phdr>& segments() const { return segments_; }

  bool has_segment(std::uint32_t type) const;
  bool has_sections() const { return header_.e_shoff != 0; }
  std::optional<GElf_Shdr> section(const std::string& name) const;  // with something in it
  bool has_section(const std::string& name) const { return section(name).has_value(); }
  std::vector<ElfSymbol> symbols(std::uint32_t section_type) const;  // SHT_SYMTAB or SHT_DYNSYM
  std::vector<std::string> needed() const;  // libraries, in the order in which they are searched
  std::optional<std::uint64_t> dynamic_value(std::int64_t tag) const;
  std::string machine() const;   // "x86-64", as far as known by name
  std::string build_id() const;  // bytes
  bool is_for_musl() const;      // by the loader that it asks for; false for a static program, of which it is not known
  bool is_code(std::uint64_t address) const;
  // What lies at an address of the loaded program; empty when the file does not have all of it.
  std::string_view code_at(std::uint64_t address, std::size_t bytes) const;

 private:
  template <class Visit>
  void each_dynamic(Visit visit) const;

  int file_ = -1;
  Elf* elf_ = nullptr;
  GElf_Ehdr header_{};
  std::vector<GElf_Phdr> segments_;
};

}  // namespace leakdir::tool
