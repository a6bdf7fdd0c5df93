// SPDX-License-Identifier: BSL-1.0
#include "inheritance.hh"

#include "address_map.hh"
#include "ledger_file.hh"
#include "row.hh"
#include "system/sys.hh"

namespace leakdir {
namespace {

using ledger::Block;
using ledger::BlockState;
using ledger::Kind;

struct Generation {
  LedgerFile ledger;
  NumbersAtFork numbers;
  // What its nodes, from its first on, and behind them its threads are called in our own ledger. Made when it is
  // needed.
  std::uint32_t* own_numbers = nullptr;

  bool has(Kind kind, std::uint32_t row) const { return row >= ledger.first(kind) && row < ledger.used(kind); }
  std::uint32_t nodes() const { return ledger.used(Kind::kNodes) - ledger.first(Kind::kNodes); }
  std::uint64_t bytes_of_numbers() const {
    return (std::uint64_t{nodes()} + ledger.used(Kind::kThreads)) * sizeof *own_numbers;
  }
  // Null: there is no memory for it.
  std::uint32_t* own_number(std::uint32_t at) {
    if (own_numbers == nullptr) own_numbers = static_cast<std::uint32_t*>(sys::map_private(bytes_of_numbers()));
    return own_numbers == nullptr ? nullptr : own_numbers + at;
  }
};
constexpr unsigned kMostGenerations = 4;
Generation generations[kMostGenerations];
unsigned generation_count = 0;

void copy_bytes(char* to, const char* from, std::uint64_t bytes) {
  for (std::uint64_t i = 0; i < bytes; ++i) to[i] = from[i];
}

char* start_of(const LedgerFile& file, Kind kind) {
  if (kind == Kind::kModules) return reinterpret_cast<char*>(file.module(0));
  return kind == Kind::kPeriods ? reinterpret_cast<char*>(file.period(0)) : const_cast<char*>(file.text(0));
}

Generation* generation_with(Kind kind, std::uint32_t row) {
  for (unsigned i = 0; row != 0 && i < generation_count; ++i) {
    if (generations[i].has(kind, row)) return &generations[i];
  }
  return nullptr;
}

// What our own are called is our own: it is forgotten when a child of ours goes on with other numbers.
void forget_translations(Generation& generation) {
  if (generation.own_numbers != nullptr) sys::unmap(generation.own_numbers, generation.bytes_of_numbers());
  generation.own_numbers = nullptr;
}

void move_down() {
  forget_translations(generations[0]);
  generations[0].ledger.leave();
  for (unsigned i = 1; i < kMostGenerations; ++i) {
    generations[i].ledger.move_to(generations[i - 1].ledger);
    generations[i - 1].numbers = generations[i].numbers;
  }
  --generation_count;
}

}  // namespace

void keep_parents_ledger(const NumbersAtFork& numbers) {
  for (unsigned i = 0; i < generation_count; ++i) forget_translations(generations[i]);
  if (generation_count == kMostGenerations) move_down();
  Generation& parent = generations[generation_count++];
  parent.numbers = numbers;
  ledger_file.hand_over_to(parent.ledger);
}

ledger::Header* parents_header() { return generations[generation_count - 1].ledger.header(); }

bool settle_tables() {
  const LedgerFile& parents = generations[generation_count - 1].ledger;
  constexpr Kind kCopied[] = {Kind::kModules, Kind::kText, Kind::kPeriods};
  for (const Kind kind : kCopied) {
    const std::uint32_t rows = parents.used(kind);
    if (rows <= 1) continue;  // the first one is never taken
    if (ledger_file.take(kind, rows - 1) != 1) return false;
    copy_bytes(start_of(ledger_file, kind), start_of(parents, kind),
               std::uint64_t{rows} * ledger::kRowBytes[static_cast<std::uint32_t>(kind)]);
  }
  return true;
}

bool find_inherited_block(std::uint64_t near, std::uint32_t row, Block* into) {
  const Generation* const generation = generation_with(Kind::kBlocks, row);
  if (generation == nullptr) return false;
  const Block& shared = *generation->ledger.block(row);
  *into = copy_row(shared);
  const std::uint32_t thread = ledger::block_thread(*into);
  const std::uint32_t stack = ledger::block_stack(into->word[1]);
  return generation->numbers.has(ledger::block_sequence(into->word[2])) &&
         AddressMap::share(ledger::block_address(into->word[0]), near) &&
         load_word(shared, 0, __ATOMIC_ACQUIRE) == into->word[0] &&
         ledger::block_state(into->word[0]) != BlockState::kReserved &&
         (thread == 0 || thread < generation->ledger.used(Kind::kThreads)) &&
         (stack == 0 || generation->has(Kind::kNodes, stack));
}

std::uint64_t bytes_of_inherited_rows() {
  std::uint64_t bytes = 0;
  for (unsigned i = 0; i < generation_count; ++i) {
    const LedgerFile& file = generations[i].ledger;
    bytes += std::uint64_t{file.used(Kind::kBlocks) - file.first(Kind::kBlocks)} * sizeof(Block::word[0]);
  }
  return bytes;
}

void for_each_inherited_row(void (*visit)(std::uint64_t address, std::uint32_t row)) {
  for (unsigned i = 0; i < generation_count; ++i) {
    const LedgerFile& file = generations[i].ledger;
    for_each_row({file.first(Kind::kBlocks) + ledger::kPageHeadWords, file.used(Kind::kBlocks)},
                 [&](std::uint32_t row) {
                   visit(ledger::block_address(load_word(*file.block(row), 0, __ATOMIC_ACQUIRE)), row);
                 });
  }
}

const ledger::Node* inherited_node(std::uint32_t node) {
  const Generation* const generation = generation_with(Kind::kNodes, node);
  return generation == nullptr ? nullptr : generation->ledger.node(node);
}

std::uint32_t* own_node_of(std::uint32_t node) {
  Generation* const generation = generation_with(Kind::kNodes, node);
  if (generation == nullptr) return nullptr;
  return generation->own_number(node - generation->ledger.first(Kind::kNodes));
}

std::uint16_t own_thread_of(std::uint32_t block_row, std::uint32_t thread) {
  Generation* const generation = generation_with(Kind::kBlocks, block_row);
  if (generation == nullptr || thread == 0 || thread >= generation->ledger.used(Kind::kThreads)) return 0;
  std::uint32_t* const own = generation->own_number(generation->nodes() + thread);
  if (own == nullptr) return 0;
  if (*own != 0) return static_cast<std::uint16_t>(*own);
  const std::uint32_t index = ledger_file.take(Kind::kThreads, 1);
  if (index == 0 || index >= 1u << ledger::kThreadBits) return 0;
  ledger::Thread& row = *ledger_file.thread(index);
  const ledger::Thread& was = *generation->ledger.thread(thread);
  row.tid = was.tid;
  for (unsigned i = 0; i < sizeof row.name; ++i) row.name[i] = was.name[i];
  row.after = was.after;
  *own = index;
  return static_cast<std::uint16_t>(index);
}

}  // namespace leakdir
