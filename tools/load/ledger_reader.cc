// SPDX-License-Identifier: BSL-1.0
//
// Header and extents are checked when the file is opened, an index when a row is asked for.

#include "ledger_reader.hh"

#include <fmt/format.h>

#include <algorithm>
#include <cstring>

#include "base/error.hh"
#include "byte_order.hh"

namespace leakdir::tool {

namespace {

constexpr std::uint32_t kNodesPerPage = 256;
constexpr std::size_t kBytesPerRead = 256 << 10;
constexpr std::uint32_t kMaxIndex = 0xffffffff;

}  // namespace

LedgerReader::LedgerReader(const Bytes& bytes, std::string name) : bytes_(bytes), name_(std::move(name)) { refresh(); }

void LedgerReader::note_damage(std::string text) {
  if (std::find(damage.begin(), damage.end(), text) == damage.end()) damage.push_back(std::move(text));
}

void LedgerReader::refresh() {
  read_header();
  read_directory();
}

void LedgerReader::read_header() {
  std::size_t got = bytes_.read(0, &header_, sizeof header_);
  if (got == 0) throw NoHeader(name_, "is empty", ": the process ended before it had started to record");
  static constexpr char kZeros[sizeof header_.magic] = {};
  if (got >= sizeof header_.magic && std::memcmp(header_.magic, kZeros, sizeof kZeros) == 0)
    throw NoHeader(name_, "has no header", " yet: the process has not started to record");
  if (got < sizeof header_.magic || std::memcmp(header_.magic, ledger::kMagic, sizeof header_.magic) != 0)
    throw NoHeader(name_, "is not a leakdir ledger");
  if (got < sizeof header_)
    throw NoHeader(name_, fmt::format("is cut short inside its header, of which {} bytes are there", got));
  is_of_other_order_ = is_of_other_order(header_);
  if (is_of_other_order_) turn_round(header_);
  if (header_.byte_order != ledger::kByteOrder) throw NoHeader(name_, "is damaged: unknown byte order");
  if (!ledger::is_known_version(header_.version))
    throw Error(fmt::format(
        "{} has layout version {}, and this leakdir reads versions {}, {} and {} only: use the leakdir tool that "
        "was built with the program's leakdir object",
        name_, header_.version, ledger::kOldVersion, ledger::kOldVersionOfSample, ledger::kVersion));
  if (header_.header_bytes != ledger::kHeaderBytes)
    throw NoHeader(name_, fmt::format("is damaged: a header of {} bytes, where version {} has {}", header_.header_bytes,
                                      header_.version, ledger::kHeaderBytes));
}

void LedgerReader::read_directory() {
  std::uint32_t claimed = header_.extent_count;
  if (claimed > ledger::kMaxExtents) {
    note_damage(fmt::format("the ledger claims {} extents, more than fit: it is damaged", claimed));
    claimed = ledger::kMaxExtents;
  }
  std::vector<ledger::Extent> extents(claimed);
  std::size_t got = bytes_.read(ledger::kDirectoryOffset, extents.data(), claimed * sizeof(ledger::Extent));
  extents.resize(got / sizeof(ledger::Extent));
  if (is_of_other_order_) turn_round(extents.data(), extents.size());
  const std::uint64_t size = bytes_.size();
  bool is_short = extents.size() < claimed || size < header_.file_bytes;

  // In the file's order, so that of two extents that claim the same bytes the first is believed.
  std::stable_sort(extents.begin(), extents.end(),
                   [](const auto& a, const auto& b) { return a.file_offset < b.file_offset; });
  std::uint64_t taken = ledger::kHeaderBytes;
  for (auto& runs : runs_) runs.clear();
  for (const auto& extent : extents) {
    if (extent.kind == 0 || extent.kind >= ledger::kKinds) {
      note_damage("the ledger is damaged: an extent of an unknown kind was passed over");
      continue;
    }
    // A row of another kind that is missing is noticed when a block refers to it.
    if (extent.file_offset == ledger::kInMemory) {
      if (extent.kind == static_cast<std::uint32_t>(ledger::Kind::kBlocks) && extent.count != 0)
        note_damage("the ledger's file could not grow: blocks that the process kept in its memory alone are missing");
      continue;
    }
    const std::uint32_t record = row_bytes(static_cast<ledger::Kind>(extent.kind));
    if (extent.file_offset < taken || extent.count > kMaxIndex - extent.first) {
      note_damage("the ledger is damaged: extents that overlap were passed over");
      continue;
    }
    if (extent.file_offset >= size) {
      is_short |= extent.count != 0;
      continue;
    }
    std::uint64_t count = std::min<std::uint64_t>(extent.count, (size - extent.file_offset) / record);
    is_short |= count < extent.count;
    taken = extent.file_offset + count * record;
    if (count != 0) runs_[extent.kind].push_back({extent.file_offset, extent.first, static_cast<std::uint32_t>(count)});
  }
  for (auto& runs : runs_) {
    std::stable_sort(runs.begin(), runs.end(), [](const Run& a, const Run& b) { return a.first < b.first; });
    std::uint64_t next = 0;
    auto overlaps = [&](const Run& run) {
      if (run.first < next) return true;
      next = std::uint64_t{run.first} + run.count;
      return false;
    };
    auto end = std::remove_if(runs.begin(), runs.end(), overlaps);
    if (end != runs.end()) note_damage("the ledger is damaged: extents that overlap were passed over");
    runs.erase(end, runs.end());
  }
  if (is_short)
    note_damage(fmt::format("the ledger is cut short: {} of {} bytes are there, and blocks may be missing", size,
                            header_.file_bytes));
}

const LedgerReader::Run* LedgerReader::find(ledger::Kind kind, std::uint32_t index) const {
  const auto& runs = runs_[static_cast<std::uint32_t>(kind)];
  auto after = std::upper_bound(runs.begin(), runs.end(), index,
                                [](std::uint32_t wanted, const Run& run) { return wanted < run.first; });
  if (after == runs.begin()) return nullptr;
  const Run& run = *--after;
  return index - run.first < run.count ? &run : nullptr;
}

std::size_t LedgerReader::read_rows(ledger::Kind kind, std::uint64_t offset, void* to, std::size_t bytes) const {
  const std::size_t got = bytes_.read(offset, to, bytes);
  if (is_of_other_order_) turn_round(kind, to, got / ledger::kRowBytes[static_cast<std::uint32_t>(kind)]);
  return got;
}

bool LedgerReader::read_bytes(ledger::Kind kind, std::uint32_t index, void* to, std::size_t bytes) const {
  const Run* run = index == 0 ? nullptr : find(kind, index);
  if (run == nullptr) return false;
  const std::uint64_t row = row_bytes(kind), before = index - run->first;  // a block of today's takes several
  return (run->count - before) * row >= bytes && read_rows(kind, run->file_offset + before * row, to, bytes) == bytes;
}

std::size_t LedgerReader::read_rows(ledger::Kind kind, std::uint32_t first, std::size_t count, void* to) const {
  const std::uint64_t row = row_bytes(kind);
  const Run* run = find(kind, first);
  if (run == nullptr) return 0;
  const std::uint64_t before = first - run->first, some = std::min<std::uint64_t>(count, run->count - before);
  return read_rows(kind, run->file_offset + before * row, to, some * row) / row;
}

void LedgerReader::for_each_run(ledger::Kind kind, const Visit& visit) const {
  const std::uint64_t record = row_bytes(kind);
  // A page of blocks is read as a whole.
  const std::uint64_t page = kind == ledger::Kind::kBlocks && !is_of_old_version() ? ledger::kPageWords : 1;
  std::vector<char> buffer;
  for (const Run& run : runs_[static_cast<std::uint32_t>(kind)]) {
    for (std::uint64_t at = 0; at < run.count;) {
      std::uint64_t data = bytes_.next_data(run.file_offset + at * record);
      at = std::max(at, (data - run.file_offset) / record / page * page);
      if (at >= run.count) break;
      std::uint64_t wanted = std::min<std::uint64_t>(kBytesPerRead / record, run.count - at);
      buffer.resize(wanted * record);
      std::uint64_t got = read_rows(kind, run.file_offset + at * record, buffer.data(), wanted * record) / record;
      if (got == 0) break;  // trimmed since the directory was read
      visit(static_cast<std::uint32_t>(run.first + at), buffer.data(), got);
      at += got;
    }
  }
}

bool LedgerReader::read_node(std::uint32_t index, ledger::Node& to) {
  const Run* run = index == 0 ? nullptr : find(ledger::Kind::kNodes, index);
  if (run == nullptr) return false;
  const std::uint32_t page = index / kNodesPerPage;
  auto& nodes = node_pages_[page];
  const std::uint32_t slot = index % kNodesPerPage;
  // A page may span extents, and a running process may have filled it further since: then it is read row by row.
  if (slot >= nodes.size()) {
    const std::uint32_t page_first = std::max(page * kNodesPerPage, run->first);
    if (page_first == page * kNodesPerPage) {
      nodes.resize(std::min<std::uint64_t>(kNodesPerPage, std::uint64_t{run->first} + run->count - page_first));
      std::size_t got =
          read_rows(ledger::Kind::kNodes, run->file_offset + std::uint64_t{page_first - run->first} * sizeof to,
                    nodes.data(), nodes.size() * sizeof to);
      nodes.resize(got / sizeof to);
    }
    if (slot >= nodes.size()) return read_bytes(ledger::Kind::kNodes, index, &to, sizeof to);
  }
  to = nodes[slot];
  return true;
}

std::string LedgerReader::text(std::uint32_t offset, std::size_t limit) const {
  std::string text;
  char piece[256];
  while (offset != 0 && text.size() < limit) {
    const Run* run = find(ledger::Kind::kText, offset);
    if (run == nullptr) break;
    const std::uint32_t within = offset - run->first;
    std::size_t got =
        bytes_.read(run->file_offset + within, piece, std::min<std::size_t>(sizeof piece, run->count - within));
    std::size_t length = strnlen(piece, got);
    text.append(piece, length);
    if (length < got || got == 0) break;
    offset += static_cast<std::uint32_t>(got);
  }
  if (text.size() > limit) text.resize(limit);
  return text;
}

}  // namespace leakdir::tool
