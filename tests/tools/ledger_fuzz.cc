// SPDX-License-Identifier: BSL-1.0
//
// The reader of ledgers against damaged ones. LLVMFuzzerTestOneInput serves libFuzzer (clang++ -fsanitize=fuzzer
// -DLEAKDIR_LIBFUZZER); the main below, for any compiler, changes good ledgers in a fixed order of ways, the same at
// each run, and is a test that takes seconds. It passes when nothing crashes; sanitizers make it look closer.

#include <cstddef>
#include <cstdint>
#include <cstdio>
#include <cstdlib>
#include <cstring>
#include <random>
#include <string>
#include <vector>

#ifdef LEAKDIR_LIBFUZZER
#include "fuzz.hh"
#endif
#include "analyse/growth.hh"
#include "base/error.hh"
#include "big_endian.hh"
#include "emit/emit.hh"
#include "ledger_builder.hh"
#include "load/load_ledger.hh"
#include "load/recover.hh"

namespace leakdir::tool {

namespace {

class NoSymbols : public Symbols {
 public:
  std::vector<SourceLine> lookup(const Module&, std::uint64_t) override { return {}; }
};

bool has_html() {
  try {
    require_html();
    return true;
  } catch (const Error&) {
    return false;
  }
}

// Loads, groups and prints in every format; says whether the bytes were taken for a ledger.
bool try_bytes(std::string_view bytes, bool is_running) {
  LedgerSurroundings surroundings;
  surroundings.is_running = [is_running](const ledger::Header&) { return is_running; };
  surroundings.now_ns = LedgerBuilder::kStart;
  try {
    MemoryBytes memory(bytes);
    const Snapshot snapshot = load_ledger(memory, "fuzzed", surroundings);
    GroupOptions options;
    options.lists_libc = true;
    const Grouped grouped = group(snapshot, options);
    NoSymbols none;
    const FrameLines lines = symbolise(snapshot, shown_stacks(snapshot, grouped, grouped.groups.size()), none);
    Report report{snapshot, grouped, lines, grouped.groups.size(), false, snapshot.warnings};
    const Growth growth = GrowthMeter().measure(snapshot, grouped);
    report.growth = &growth;
    std::size_t total = 0;
    const Sink count = [&total](std::string_view piece) { total += piece.size(); };
    emit_text(report, {true, 40}, count);
    emit_text(report, {false, 20, 2}, count);
    emit_json(report, count);
    emit_folded(report, count);
    emit_pprof(report, count);
    if (has_html()) emit_html(report, count);
    for (const auto& block : snapshot.blocks) total += record_text(snapshot, block).size();
    for (const auto& bad_free : snapshot.bad_frees) total += bad_free_text(snapshot, bad_free).size();
    return total != 0;
  } catch (const Error&) {
    return false;
  }
}

}  // namespace

}  // namespace leakdir::tool

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  std::string_view bytes(reinterpret_cast<const char*>(data), size);
  leakdir::tool::try_bytes(bytes, false);
  leakdir::tool::try_bytes(bytes, true);
  return 0;
}

namespace {

leakdir::tool::LedgerBuilder good_ledger() {
  leakdir::tool::LedgerBuilder ledger;
  ledger.program("/home/you/app", 0x400000, "0123456789abcdefghij");
  ledger.module("/lib/libfoo.so", 0x7f0000000000);
  ledger.thread(4711, "app", 12, 3);
  std::uint32_t inner = ledger.stack({0x401234, 0x401200, 0x401100});
  std::uint32_t place = ledger.node(ledger.text("app.c"), leakdir::ledger::kPlaceModule, inner, 69);
  for (unsigned i = 0; i < 9; ++i)
    ledger.block({0x10000 + 64 * i, i == 8 ? 1000000 : 20 + i, i % 2 ? inner : place, leakdir::ledger::Call{},
                  i % 2 ? 0u : 64u, i * 100'000'000ull, 0});
  ledger.double_free(0x10000, inner).first_free_stack = inner;
  return ledger;
}

std::vector<std::string> good_files() {
  leakdir::tool::LedgerBuilder old = good_ledger();
  old.is_of_old_version = true;
  return {good_ledger().build(4), leakdir::tool::build_of_other_order(good_ledger(), 4), old.build(4)};
}

}  // namespace

#ifdef LEAKDIR_LIBFUZZER

std::vector<std::string> fuzz_seeds() { return good_files(); }

#else

namespace {

// Where the interesting bytes are: the header, the used part of the directory, the records.
std::size_t pick_offset(std::mt19937_64& random, std::size_t size) {
  switch (random() % 4) {
    case 0:
      return random() % sizeof(leakdir::ledger::Header);
    case 1:
      return leakdir::ledger::kDirectoryOffset + random() % (64 * sizeof(leakdir::ledger::Extent));
    default:
      return leakdir::ledger::kHeaderBytes + random() % (size - leakdir::ledger::kHeaderBytes);
  }
}

void change(std::string& bytes, std::mt19937_64& random) {
  static constexpr std::uint64_t kTelling[] = {0, 1, 2, 0x7f, 0xff, 0xffff, 0x10000, 0x7fffffff, 0xffffffff, ~0ull};
  const std::size_t at = pick_offset(random, bytes.size());
  std::uint64_t value = random() % 3 ? kTelling[random() % std::size(kTelling)] : random();
  const std::size_t width = std::size_t{1} << random() % 4;
  if (random() % 4 == 0)
    bytes[at] = static_cast<char>(bytes[at] ^ (1 << random() % 8));
  else
    std::memcpy(bytes.data() + at, &value, std::min(width, bytes.size() - at));
}

}  // namespace

int main(int argc, char** argv) {
  const unsigned long rounds = argc > 1 ? std::strtoul(argv[1], nullptr, 10) : 4000;
  const std::vector<std::string> goods = good_files();
  bool tells = !leakdir::tool::try_bytes("no ledger", false);
  for (const std::string& good : goods) tells = tells && leakdir::tool::try_bytes(good, false);
  if (!tells) {
    std::puts("the reader does not tell a good ledger from a bad one");
    return 1;
  }
  std::mt19937_64 random(20261123);
  unsigned long taken = 0;
  for (unsigned long i = 0; i < rounds; ++i) {
    std::string bytes = goods[i / 2 % goods.size()];
    for (std::size_t changes = 1 + random() % 6; changes > 0; --changes) change(bytes, random);
    if (random() % 8 == 0) bytes.resize(random() % bytes.size());
    taken += leakdir::tool::try_bytes(bytes, i % 2 == 0);
  }
  std::printf("%lu changed ledgers, %lu of them readable in part, no crash\n", rounds, taken);
  return taken != 0 && taken != rounds ? 0 : 1;
}

#endif
