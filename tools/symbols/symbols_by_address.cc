// SPDX-License-Identifier: BSL-1.0
//
// The rules are libdwfl's. Of the symbols with a size that hold the address, global ones (and all that are not local)
// go before local ones; of several, each in the order of the table takes the place of the one before if it begins later
// or is bound better, or begins there too and is smaller. If there is none, the address may belong to a label, which is
// a symbol without a size, if no symbol reaches beyond it; a global label at the address itself goes before local
// symbols. Where a label may be the answer libdwfl is asked, once for each label and section.

#include "symbols_by_address.hh"

#include <algorithm>
#include <limits>

namespace leakdir::tool {

namespace {

int rank_of(unsigned binding) {
  switch (binding) {
    case STB_GLOBAL:
      return 3;
    case STB_WEAK:
      return 2;
    case STB_LOCAL:
      return 1;
    default:
      return 0;
  }
}

bool is_of_no_address(unsigned type) { return type == STT_SECTION || type == STT_FILE || type == STT_TLS; }

}  // namespace

SymbolsByAddress::SymbolsByAddress(Dwfl_Module* module) : module_(module) {
  const int count = dwfl_module_getsymtab(module);
  const int first_global = dwfl_module_getsymtab_first_global(module);
  if (count < 0 || first_global < 0) return;
  for (int i = 1; i < count; ++i) {
    GElf_Sym symbol;
    Symbol ours{};
    ours.name = dwfl_module_getsym_info(module, i, &symbol, &ours.low, nullptr, nullptr, nullptr);
    if (ours.name == nullptr || *ours.name == '\0' || symbol.st_shndx == SHN_UNDEF ||
        is_of_no_address(GELF_ST_TYPE(symbol.st_info)))
      continue;
    ours.place = i;
    ours.binding = rank_of(GELF_ST_BIND(symbol.st_info));
    edges_.emplace_back(ours.low, ours.low + symbol.st_size);
    if (symbol.st_size == 0) {
      labels_.push_back(ours.low);
      continue;
    }
    ours.last = ours.low + std::min(symbol.st_size - 1, std::numeric_limits<GElf_Addr>::max() - ours.low);
    (i < first_global ? locals_ : globals_).add(ours);
  }
  globals_.sort();
  locals_.sort();
  std::sort(edges_.begin(), edges_.end());
  for (std::size_t i = 1; i < edges_.size(); ++i) edges_[i].second = std::max(edges_[i].second, edges_[i - 1].second);
  std::sort(labels_.begin(), labels_.end());
}

const char* SymbolsByAddress::name_at(GElf_Addr address) {
  if (const Symbol* best = globals_.best_at(address)) return best->name;
  if (has_label_at(address)) return ask(address);
  if (const Symbol* best = locals_.best_at(address)) return best->name;
  const auto edge = std::upper_bound(edges_.begin(), edges_.end(), address,
                                     [](GElf_Addr wanted, const auto& one) { return wanted < one.first; });
  if (edge == edges_.begin()) return nullptr;
  const GElf_Addr reached = std::prev(edge)->second;
  if (!has_label_at(reached)) return nullptr;
  // Behind a label, up to the next symbol, all of a section has one answer: none, for what follows _init in a stripped
  // library, as far as the first function that it exports.
  const std::size_t section = section_of(address);
  if (section == SHN_UNDEF) return ask(address);
  const auto [known, is_new] = answers_.try_emplace({reached, section});
  if (is_new) known->second = ask(address);
  return known->second;
}

const char* SymbolsByAddress::ask(GElf_Addr address) const {
  GElf_Off offset = 0;
  GElf_Sym symbol;
  return dwfl_module_addrinfo(module_, address, &offset, &symbol, nullptr, nullptr, nullptr);
}

std::size_t SymbolsByAddress::section_of(GElf_Addr address) const {
  GElf_Addr bias = 0;
  Elf* const elf = dwfl_module_getelf(module_, &bias);
  GElf_Shdr section;
  for (Elf_Scn* one = nullptr; (one = elf_nextscn(elf, one)) != nullptr;)
    if (gelf_getshdr(one, &section) != nullptr && address - bias >= section.sh_addr &&
        address - bias - section.sh_addr < section.sh_size)
      return elf_ndxscn(one);
  return SHN_UNDEF;
}

bool SymbolsByAddress::has_label_at(GElf_Addr address) const {
  return std::binary_search(labels_.begin(), labels_.end(), address);
}

void SymbolsByAddress::Sized::sort() {
  std::sort(symbols_.begin(), symbols_.end(), [](const Symbol& a, const Symbol& b) { return a.low < b.low; });
  furthest_.resize(symbols_.size());
  note_furthest(0, symbols_.size());
}

GElf_Addr SymbolsByAddress::Sized::note_furthest(std::size_t first, std::size_t end) {
  if (first == end) return 0;
  const std::size_t root = first + (end - first) / 2;
  furthest_[root] = std::max({symbols_[root].last, note_furthest(first, root), note_furthest(root + 1, end)});
  return furthest_[root];
}

void SymbolsByAddress::Sized::collect(GElf_Addr address, std::size_t first, std::size_t end,
                                      std::vector<const Symbol*>& found) const {
  if (first == end) return;
  const std::size_t root = first + (end - first) / 2;
  if (address > furthest_[root]) return;
  collect(address, first, root, found);
  if (address < symbols_[root].low) return;
  if (address <= symbols_[root].last) found.push_back(&symbols_[root]);
  collect(address, root + 1, end, found);
}

const SymbolsByAddress::Symbol* SymbolsByAddress::Sized::best_at(GElf_Addr address) const {
  std::vector<const Symbol*> found;
  collect(address, 0, symbols_.size(), found);
  std::sort(found.begin(), found.end(), [](const Symbol* a, const Symbol* b) { return a->place < b->place; });
  const Symbol* best = nullptr;
  for (const Symbol* one : found) {
    const bool is_better = best == nullptr || best->low < one->low || best->binding < one->binding ||
                           (best->low == one->low && best->last > one->last && best->binding <= one->binding);
    if (is_better) best = one;
  }
  return best;
}

}  // namespace leakdir::tool
