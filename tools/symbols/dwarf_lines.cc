// SPDX-License-Identifier: BSL-1.0
//
// Per unit a sorted list of functions; then the innermost inlined function by going down from the outer one.

#include "dwarf_lines.hh"

#include <dwarf.h>

#include <algorithm>
#include <cstring>
#include <filesystem>
#include <string_view>
#include <utility>

#include "base/demangle.hh"

namespace leakdir::tool {

namespace {

constexpr int kMaxNesting = 64;

void add_ranges(Dwarf_Die* die, std::vector<Dwarf_Die>& dies, std::vector<std::pair<Dwarf_Addr, Dwarf_Addr>>& ranges) {
  Dwarf_Addr base = 0, low = 0, high = 0;
  for (ptrdiff_t at = 0; (at = dwarf_ranges(die, at, &base, &low, &high)) > 0;) {
    if (low == high) continue;
    dies.push_back(*die);
    ranges.emplace_back(low, high);
  }
}

template <class Range>
void sort_ranges(std::vector<Range>& ranges) {
  std::stable_sort(ranges.begin(), ranges.end(), [](const Range& a, const Range& b) { return a.low < b.low; });
}

// The range that holds the address, sought among the ranges that begin closest before it. Ranges of one list do not
// overlap in sound files.
template <class Range>
Range* find_range(std::vector<Range>& ranges, Dwarf_Addr address) {
  auto after = std::upper_bound(ranges.begin(), ranges.end(), address,
                                [](Dwarf_Addr wanted, const Range& range) { return wanted < range.low; });
  if (after == ranges.begin()) return nullptr;
  --after;
  return address < after->high ? &*after : nullptr;
}

// Functions with code, also those inside namespaces and classes. Those inside functions only where that is asked for:
// what was put inline is found by going down from the outer one, and few languages have functions in functions whose
// code lies elsewhere (Ada, Fortran, D, Pascal, GNU C).
void collect_functions(Dwarf_Die* parent, int nesting, bool with_nested, std::vector<Dwarf_Die>& dies,
                       std::vector<std::pair<Dwarf_Addr, Dwarf_Addr>>& ranges) {
  Dwarf_Die child;
  if (nesting > kMaxNesting || dwarf_child(parent, &child) != 0) return;
  do {
    switch (dwarf_tag(&child)) {
      case DW_TAG_subprogram:
        add_ranges(&child, dies, ranges);
        if (with_nested) collect_functions(&child, nesting + 1, with_nested, dies, ranges);
        break;
      case DW_TAG_lexical_block:
      case DW_TAG_namespace:
      case DW_TAG_module:
      case DW_TAG_class_type:
      case DW_TAG_structure_type:
      case DW_TAG_union_type:
        collect_functions(&child, nesting + 1, with_nested, dies, ranges);
        break;
      default:
        break;
    }
  } while (dwarf_siblingof(&child, &child) == 0);
}

// Below `die`, the functions whose code, put inline or nested, holds the address: outermost first.
void descend(Dwarf_Die* die, Dwarf_Addr address, int nesting, std::vector<Dwarf_Die>& chain) {
  Dwarf_Die child;
  if (nesting > kMaxNesting || dwarf_child(die, &child) != 0) return;
  do {
    const int tag = dwarf_tag(&child);
    const bool is_function = tag == DW_TAG_inlined_subroutine || tag == DW_TAG_subprogram;
    const bool is_scope = is_function || tag == DW_TAG_lexical_block || tag == DW_TAG_try_block ||
                          tag == DW_TAG_catch_block || tag == DW_TAG_with_stmt;
    if (!is_scope || dwarf_haspc(&child, address) <= 0) continue;
    // A nested function is called, not put inline: what is around it is not on the stack.
    if (tag == DW_TAG_subprogram) chain.clear();
    if (is_function) chain.push_back(child);
    return descend(&child, address, nesting + 1, chain);
  } while (dwarf_siblingof(&child, &child) == 0);
}

// The names of what has no debug information.
void name_by_symbol(SourceLine& line, std::string symbol) {
  line.function = demangled(symbol);
  line.linkage = std::move(symbol);
}

bool is_ada(Dwarf_Die* unit) {
  const int language = dwarf_srclang(unit);
  constexpr int kAda2005 = 0x2e, kAda2012 = 0x2f;  // of DWARF 6, which not every libdw has a name for
  return language == DW_LANG_Ada83 || language == DW_LANG_Ada95 || language == kAda2005 || language == kAda2012;
}

const char* linkage_name(Dwarf_Die* die) {
  Dwarf_Attribute attribute;
  if (dwarf_attr_integrate(die, DW_AT_linkage_name, &attribute) == nullptr &&
      dwarf_attr_integrate(die, DW_AT_MIPS_linkage_name, &attribute) == nullptr)
    return nullptr;
  return dwarf_formstring(&attribute);
}

std::string name_of_split(Dwarf_Die* unit) {
  for (unsigned name : {DW_AT_dwo_name, DW_AT_GNU_dwo_name}) {
    Dwarf_Attribute attribute;
    if (dwarf_attr(unit, name, &attribute) == nullptr) continue;
    if (const char* text = dwarf_formstring(&attribute)) return text;
  }
  return "a .dwo file";
}

unsigned number_of(Dwarf_Die* die, unsigned name) {
  Dwarf_Attribute attribute;
  Dwarf_Word value = 0;
  if (dwarf_attr(die, name, &attribute) == nullptr || dwarf_formudata(&attribute, &value) != 0) return 0;
  return static_cast<unsigned>(value);
}

// A path as a reader would write it: absolute if the unit says where it was compiled, and without "build/../".
std::string readable_path(const char* path, Dwarf_Die* unit) {
  if (path == nullptr) return {};
  std::filesystem::path whole = path;
  Dwarf_Attribute attribute;
  if (whole.is_relative() && dwarf_attr(unit, DW_AT_comp_dir, &attribute) != nullptr) {
    const char* directory = dwarf_formstring(&attribute);
    if (directory != nullptr) whole = std::filesystem::path(directory) / whole;
  }
  return whole.lexically_normal().string();
}

}  // namespace

std::vector<SourceLine> DwarfLines::lookup(std::uint64_t address) {
  GElf_Addr elf_bias = 0;
  if (dwfl_module_getelf(module_, &elf_bias) == nullptr) return {};
  const Dwarf_Addr here = address + elf_bias;
  SourceLine inner;
  Dwarf_Addr bias = 0;
  Dwarf_Die* unit = find_unit(here, bias);
  if (unit == nullptr) {
    name_by_symbol(inner, symbol_at(here));
    return inner.function.empty() ? std::vector<SourceLine>() : std::vector<SourceLine>{inner};
  }
  const Dwarf_Addr in_unit = here - bias;
  if (Dwarf_Line* line = dwarf_getsrc_die(unit, in_unit)) {
    int number = 0;
    dwarf_lineno(line, &number);
    inner.line = static_cast<unsigned>(number);
    inner.file = readable_path(dwarf_linesrc(line, nullptr, nullptr), unit);
  }

  // With split DWARF (-gsplit-dwarf) the functions are in another file, that the unit names.
  Dwarf_Die split;
  std::uint8_t unit_type = 0;
  Dwarf_Die* with_functions = unit;
  if (dwarf_cu_info(unit->cu, nullptr, &unit_type, nullptr, &split, nullptr, nullptr, nullptr) == 0 &&
      unit_type == DW_UT_skeleton) {
    if (split.addr != nullptr)
      with_functions = &split;
    else if (missing_split_.empty())
      missing_split_ = name_of_split(unit);
  }

  std::vector<Dwarf_Die> chain;
  Range* function = find_range(functions_of(with_functions, false), in_unit);
  if (function == nullptr) function = find_range(functions_of(with_functions, true), in_unit);
  if (function != nullptr) {
    Dwarf_Die outermost = function->die;
    descend(&outermost, in_unit, 0, chain);
    if (chain.empty() || dwarf_tag(&chain.front()) != DW_TAG_subprogram) chain.insert(chain.begin(), outermost);
  }
  if (chain.empty()) {
    name_by_symbol(inner, symbol_at(here));
    return inner.function.empty() && inner.file.empty() ? std::vector<SourceLine>() : std::vector<SourceLine>{inner};
  }

  // From the inside out: each function stands where the one inside it was put inline.
  const bool is_adas = is_ada(with_functions);
  std::vector<SourceLine> lines;
  SourceLine line = inner;
  for (auto die = chain.rbegin(); die != chain.rend(); ++die) {
    const bool is_outermost = std::next(die) == chain.rend();
    const char* name = linkage_name(&*die);
    const char* plain = dwarf_diename(&*die);
    // gcc gives a linkage name only to functions that other units can see; that of the others, which says more than
    // their plain name, may be in the symbol table.
    const std::string symbol = name == nullptr && is_outermost ? symbol_at(here) : std::string();
    line.linkage = name != nullptr ? name : symbol;
    if (plain != nullptr && is_adas) {
      line.function = demangle_ada(plain);
      if (line.function.empty()) line.function = plain;
    } else if (name != nullptr || plain == nullptr || is_mangled(symbol)) {
      line.function = demangled(line.linkage);
    } else {
      line.function = plain;
    }
    line.inlined = !is_outermost;
    lines.push_back(line);

    line = SourceLine();
    line.line = number_of(&*die, DW_AT_call_line);
    Dwarf_Files* files = nullptr;
    std::size_t count = 0;
    const unsigned file = number_of(&*die, DW_AT_call_file);
    if (!is_outermost && dwarf_getsrcfiles(with_functions, &files, &count) == 0 && file < count)
      line.file = readable_path(dwarf_filesrc(files, file, nullptr, nullptr), unit);
  }
  return lines;
}

Dwarf_Die* DwarfLines::find_unit(Dwarf_Addr address, Dwarf_Addr& bias) {
  // This uses .debug_aranges, which clang does not write. Where only some units have them, as in a program of clang's
  // with an object of gcc's, it gives the nearest of those units, whether it holds the address or not.
  Dwarf_Die* nearest = dwfl_module_addrdie(module_, address, &bias);
  if (nearest != nullptr && dwarf_haspc(nearest, address - bias) > 0) return nearest;
  if (dwfl_module_getdwarf(module_, &bias) == nullptr) return nullptr;
  list_units();
  Range* range = find_range(units_, address - bias);
  return range == nullptr ? nullptr : &range->die;
}

void DwarfLines::list_units() {
  if (has_listed_units_) return;
  has_listed_units_ = true;
  std::vector<Dwarf_Die> dies;
  std::vector<std::pair<Dwarf_Addr, Dwarf_Addr>> ranges;
  Dwarf_Addr bias = 0;
  for (Dwarf_Die* unit = nullptr; (unit = dwfl_module_nextcu(module_, unit, &bias)) != nullptr;)
    add_ranges(unit, dies, ranges);
  for (std::size_t i = 0; i < dies.size(); ++i) units_.push_back({ranges[i].first, ranges[i].second, dies[i]});
  sort_ranges(units_);
}

std::vector<DwarfLines::Range>& DwarfLines::functions_of(Dwarf_Die* unit, bool with_nested) {
  // A split unit has its offset in a file of its own, so two units may have the same offset. They never have the same
  // address in memory.
  auto [known, is_new] = functions_.try_emplace({reinterpret_cast<std::uintptr_t>(unit->addr), with_nested});
  if (is_new) {
    std::vector<Dwarf_Die> dies;
    std::vector<std::pair<Dwarf_Addr, Dwarf_Addr>> ranges;
    collect_functions(unit, 0, with_nested, dies, ranges);
    for (std::size_t i = 0; i < dies.size(); ++i) known->second.push_back({ranges[i].first, ranges[i].second, dies[i]});
    sort_ranges(known->second);
  }
  return known->second;
}

std::string DwarfLines::symbol_at(Dwarf_Addr address) {
  if (!symbols_) symbols_.emplace(module_);
  const char* name = symbols_->name_at(address);
  if (name == nullptr) return {};
  // Without the version that a library's symbol may have: "__libc_start_main@@GLIBC_2.34".
  return {name, std::strcspn(name, "@")};
}

}  // namespace leakdir::tool
