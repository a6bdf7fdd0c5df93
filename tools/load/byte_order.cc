// SPDX-License-Identifier: BSL-1.0
//
// Where the numbers lie in each kind of row, in order.

#include "byte_order.hh"

#include <algorithm>

namespace leakdir::tool {

namespace {

// So many numbers of so many bytes each; of one byte: no numbers.
struct Stretch {
  unsigned count, bytes;
};

constexpr Stretch kHeader[] = {{8, 1}, {8, 4}, {1, 8}, {32, 1}, {3, 8}, {8, 4}, {2, 8}, {2, 4},
                               {2, 8}, {9, 8}, {2, 4}, {2, 8},  {2, 4}, {1, 8}, {2, 4}, {8, 8}};
constexpr Stretch kExtent[] = {{1, 8}, {4, 4}};
constexpr Stretch kWord[] = {{1, 8}};  // of a block, whatever the version
constexpr Stretch kPeriod[] = {{2, 8}};
constexpr Stretch kNode[] = {{1, 8}, {2, 4}};
constexpr Stretch kThread[] = {{2, 4}, {sizeof(ledger::Thread::name), 1}, {5, 8}};
constexpr Stretch kModule[] = {{4, 8}, {2, 4}, {sizeof(ledger::Module::build_id), 1}, {6, 8}};
constexpr Stretch kBadFree[] = {{4, 8}, {8, 4}};

template <std::size_t N>
constexpr std::size_t bytes_of(const Stretch (&row)[N]) {
  std::size_t bytes = 0;
  for (const Stretch& stretch : row) bytes += std::size_t{stretch.count} * stretch.bytes;
  return bytes;
}

static_assert(bytes_of(kHeader) == sizeof(ledger::Header));
static_assert(bytes_of(kExtent) == sizeof(ledger::Extent));
static_assert(sizeof(ledger::Block) % bytes_of(kWord) == 0);
static_assert(bytes_of(kPeriod) == sizeof(ledger::Period));
static_assert(bytes_of(kNode) == sizeof(ledger::Node));
static_assert(bytes_of(kThread) == sizeof(ledger::Thread));
static_assert(bytes_of(kModule) == sizeof(ledger::Module));
static_assert(bytes_of(kBadFree) == sizeof(ledger::BadFree));

template <std::size_t N>
void turn_rows(const Stretch (&row)[N], void* rows, std::size_t count) {
  auto* at = static_cast<char*>(rows);
  for (; count > 0; --count) {
    for (const Stretch& stretch : row) {
      for (unsigned i = 0; i < stretch.count; ++i, at += stretch.bytes) std::reverse(at, at + stretch.bytes);
    }
  }
}

}  // namespace

std::uint32_t turned_round(std::uint32_t number) { return __builtin_bswap32(number); }
std::uint64_t turned_round(std::uint64_t number) { return __builtin_bswap64(number); }

bool is_of_other_order(const ledger::Header& header) { return header.byte_order == turned_round(ledger::kByteOrder); }

void turn_round(ledger::Header& header) { turn_rows(kHeader, &header, 1); }

void turn_round(ledger::Extent* extents, std::size_t count) { turn_rows(kExtent, extents, count); }

void turn_round(ledger::Kind kind, void* rows, std::size_t count) {
  switch (kind) {
    case ledger::Kind::kBlocks:
      return turn_rows(kWord, rows, count);
    case ledger::Kind::kNodes:
      return turn_rows(kNode, rows, count);
    case ledger::Kind::kThreads:
      return turn_rows(kThread, rows, count);
    case ledger::Kind::kModules:
      return turn_rows(kModule, rows, count);
    case ledger::Kind::kBadFrees:
      return turn_rows(kBadFree, rows, count);
    case ledger::Kind::kPeriods:
      return turn_rows(kPeriod, rows, count);
    case ledger::Kind::kNone:
    case ledger::Kind::kText:
      break;
  }
}

}  // namespace leakdir::tool
