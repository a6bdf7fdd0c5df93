// SPDX-License-Identifier: BSL-1.0
#include "dwarf_variables.hh"

#include <dwarf.h>
#include <elfutils/libdw.h>

#include <algorithm>

#include "base/demangle.hh"

namespace leakdir::tool {

namespace {

constexpr int kMaxNesting = 64;

Variable find_in(const std::map<std::uint64_t, Variable>& variables, std::uint64_t address) {
  auto after = variables.upper_bound(address);
  if (after == variables.begin()) return {};
  const Variable& found = std::prev(after)->second;
  return address - found.start < std::max<std::uint64_t>(found.bytes, 1) ? found : Variable();
}

void add(std::map<std::uint64_t, Variable>& variables, Variable variable) {
  Variable& there = variables[variable.start];
  variable.bytes = std::max(variable.bytes, there.bytes);
  if (there.name.empty() || there.file.empty()) there = std::move(variable);
}

}  // namespace

Variable DwarfVariables::at(std::uint64_t address) {
  list();
  return find_in(variables_, address);
}

Variable DwarfVariables::thread_local_at(std::uint64_t offset) {
  list();
  return find_in(thread_locals_, offset);
}

Variable DwarfVariables::thread_local_before_end(std::uint64_t before_end) {
  list();
  return before_end > thread_local_bytes_ ? Variable() : find_in(thread_locals_, thread_local_bytes_ - before_end);
}

void DwarfVariables::list() {
  if (is_listed_) return;
  is_listed_ = true;
  list_symbols();
  Dwarf_Addr bias = 0;
  for (Dwarf_Die* unit = nullptr; (unit = dwfl_module_nextcu(module_, unit, &bias)) != nullptr;)
    list_dwarf(unit, 0, bias);
}

void DwarfVariables::list_symbols() {
  GElf_Addr bias = 0;
  Elf* const elf = dwfl_module_getelf(module_, &bias);
  std::size_t segments = 0;
  if (elf != nullptr) elf_getphdrnum(elf, &segments);
  for (std::size_t i = 0; i < segments; ++i) {
    GElf_Phdr header;
    if (gelf_getphdr(elf, static_cast<int>(i), &header) == nullptr || header.p_type != PT_TLS) continue;
    const std::uint64_t align = std::max<std::uint64_t>(header.p_align, 1);
    thread_local_bytes_ = (header.p_memsz + align - 1) / align * align;
  }
  const int count = dwfl_module_getsymtab(module_);
  for (int i = 1; i < count; ++i) {
    GElf_Sym symbol;
    GElf_Addr address = 0;
    GElf_Word section = 0;
    const char* const name = dwfl_module_getsym_info(module_, i, &symbol, &address, &section, nullptr, nullptr);
    const auto type = GELF_ST_TYPE(symbol.st_info);
    if (name == nullptr || *name == '\0' || section == SHN_UNDEF) continue;
    if (type == STT_OBJECT) add(variables_, {demangled(name), {}, 0, address, symbol.st_size});
    if (type == STT_TLS) add(thread_locals_, {demangled(name), {}, 0, symbol.st_value, symbol.st_size});
  }
}

void DwarfVariables::list_dwarf(Dwarf_Die* parent, int nesting, Dwarf_Addr bias) {
  Dwarf_Die child;
  if (nesting > kMaxNesting || dwarf_child(parent, &child) != 0) return;
  do {
    const int tag = dwarf_tag(&child);
    if (tag == DW_TAG_subprogram || tag == DW_TAG_lexical_block || tag == DW_TAG_namespace)
      list_dwarf(&child, nesting + 1, bias);
    if (tag != DW_TAG_variable) continue;
    Dwarf_Attribute attribute, address_attribute;
    Dwarf_Op* operations = nullptr;
    std::size_t count = 0;
    if (dwarf_attr(&child, DW_AT_location, &attribute) == nullptr ||
        dwarf_getlocation(&attribute, &operations, &count) != 0 || count == 0)
      continue;
    Variable variable;
    const bool is_thread_local = count == 2 && (operations[1].atom == DW_OP_GNU_push_tls_address ||
                                                operations[1].atom == DW_OP_form_tls_address);
    if (!is_thread_local && count != 1) continue;
    variable.start = operations[0].number;
    if (operations[0].atom == DW_OP_addrx || operations[0].atom == DW_OP_GNU_addr_index) {
      if (dwarf_getlocation_attr(&attribute, operations, &address_attribute) != 0 ||
          dwarf_formaddr(&address_attribute, &variable.start) != 0)
        continue;
    } else if (!is_thread_local && operations[0].atom != DW_OP_addr) {
      continue;
    }
    if (!is_thread_local) variable.start += bias;
    Dwarf_Attribute name;
    const char* const text = dwarf_formstring(dwarf_attr_integrate(&child, DW_AT_name, &name));
    if (text == nullptr) continue;
    variable.name = text;
    // What is declared elsewhere, in a class say, has its line there.
    Dwarf_Attribute specification;
    Dwarf_Die declared, *told = &child;
    int line = 0;
    if (dwarf_decl_line(&child, &line) != 0 && dwarf_attr(&child, DW_AT_specification, &specification) != nullptr &&
        dwarf_formref_die(&specification, &declared) != nullptr) {
      told = &declared;
      if (dwarf_decl_line(told, &line) != 0) line = 0;
    }
    if (const char* const file = dwarf_decl_file(told); file != nullptr) variable.file = file;
    variable.line = static_cast<unsigned>(line);
    Dwarf_Attribute type;
    Dwarf_Die type_die;
    Dwarf_Word bytes = 0;
    if (dwarf_formref_die(dwarf_attr_integrate(&child, DW_AT_type, &type), &type_die) != nullptr &&
        dwarf_aggregate_size(&type_die, &bytes) == 0)
      variable.bytes = bytes;
    add(is_thread_local ? thread_locals_ : variables_, std::move(variable));
  } while (dwarf_siblingof(&child, &child) == 0);
}

}  // namespace leakdir::tool
