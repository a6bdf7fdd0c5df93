// SPDX-License-Identifier: BSL-1.0
//
// Cores of other processors, of either byte order, made by hand as their kernels write them, and what is lost in them.

#include <elf.h>
#include <gmock/gmock-more-matchers.h>
#include <gtest/gtest.h>

#include <algorithm>
#include <map>

#include "big_endian.hh"
#include "ledger_builder.hh"
#include "load/load.hh"
#include "reach/core_process.hh"
#include "reach/words_in_order.hh"
#include "scratch_directory.hh"

namespace leakdir::tool {
namespace {

using leakdir_test::Scratch;
using leakdir_test::write_file;
using ledger::Reach;
using testing::ElementsAre;
using testing::HasSubstr;
using testing::IsEmpty;

constexpr unsigned kPid = 5000000;  // higher than any process has
constexpr std::uint64_t kData = 0x10000000, kHeap = 0x20000000, kStack = 0x30000000, kBytes = 0x10000;
constexpr std::uint64_t kMissing = 0x40000000;
constexpr std::uint64_t kStackPointer = kStack + 0x8000, kRandom = kStack + 0xf000;

struct Machine {
  const char* name;
  unsigned number;
  bool is_big_endian;
  std::size_t registers, stack_pointer;  // of NT_PRSTATUS: how many words, and which is the stack pointer
};

void PrintTo(const Machine& machine, std::ostream* out) { *out << machine.name; }

// Numbers and memory of that machine.
class Core {
 public:
  explicit Core(const Machine& machine) : machine_(machine) {
    for (const std::uint64_t start : {kData, kHeap, kStack}) memory_[start] = std::string(kBytes, '\0');
    std::memcpy(&memory_[kStack][kRandom - kStack], "sixteen at random", 16);
  }

  template <class Number>
  std::string number(Number value) const {
    std::string bytes(sizeof value, '\0');
    std::memcpy(bytes.data(), &value, sizeof value);
    if (machine_.is_big_endian) std::reverse(bytes.begin(), bytes.end());
    return bytes;
  }
  void put(std::uint64_t address, std::uint64_t word) {
    auto& [start, bytes] = *std::prev(memory_.upper_bound(address));
    bytes.replace(address - start, 8, number(word));
  }

  // Memory that is not in the core, as of madvise(MADV_DONTDUMP).
  void leave_out(std::uint64_t bytes) { missing_ = bytes; }

  std::string file(std::uint64_t in_register, std::uint64_t in_wide_register) const {
    std::string status(112, '\0');
    status.replace(12, 2, number(std::uint16_t{11}));  // SIGSEGV
    status.replace(32, 4, number(std::uint32_t{kPid}));
    for (std::size_t i = 0; i < machine_.registers; ++i)
      status += number(i == machine_.stack_pointer ? kStackPointer : i == 8 ? in_register : 0);
    std::string process(136, '\0');
    process.replace(24, 4, number(std::uint32_t{kPid}));
    std::string notes = note(NT_PRSTATUS, status) + note(NT_PRPSINFO, process) +
                        note(NT_AUXV, number(std::uint64_t{AT_RANDOM}) + number(kRandom));
    const std::size_t table = sizeof(Elf64_Ehdr), segments = memory_.size() + (missing_ != 0 ? 2 : 1);
    if (in_wide_register != 0)
      notes += note(NT_FPREGSET, std::string(64, '\0') + number(in_wide_register) + std::string(64, '\0'));

    std::uint64_t offset = table + segments * sizeof(Elf64_Phdr);
    std::string headers = segment(PT_NOTE, 0, offset, 0, notes.size()), content = notes;
    for (const auto& [start, bytes] : memory_) {
      headers += segment(PT_LOAD, PF_R | PF_W, offset + content.size(), start, bytes.size());
      content += bytes;
    }
    if (missing_ != 0) headers += segment(PT_LOAD, PF_R | PF_W, offset + content.size(), kMissing, 0, missing_);
    std::string ident = {ELFMAG0, ELFMAG1, ELFMAG2, ELFMAG3, ELFCLASS64};
    ident += static_cast<char>(machine_.is_big_endian ? ELFDATA2MSB : ELFDATA2LSB);
    ident.resize(EI_NIDENT, '\0');
    return ident + number(std::uint16_t{ET_CORE}) + number(static_cast<std::uint16_t>(machine_.number)) +
           number(std::uint32_t{1}) + number(std::uint64_t{0}) + number(std::uint64_t{table}) +
           number(std::uint64_t{0}) + number(std::uint32_t{0}) + number(std::uint16_t{sizeof(Elf64_Ehdr)}) +
           number(std::uint16_t{sizeof(Elf64_Phdr)}) + number(static_cast<std::uint16_t>(segments)) +
           std::string(6, '\0') + headers + content;
  }

 private:
  std::string note(std::uint32_t type, std::string content) const {
    const auto bytes = static_cast<std::uint32_t>(content.size());
    content.resize((content.size() + 3) / 4 * 4, '\0');
    return number(std::uint32_t{5}) + number(bytes) + number(type) + std::string("CORE\0\0\0\0", 8) + content;
  }
  std::string segment(std::uint32_t type, std::uint32_t flags, std::uint64_t offset, std::uint64_t start,
                      std::uint64_t bytes, std::uint64_t left_out = 0) const {
    return number(type) + number(flags) + number(offset) + number(start) + number(std::uint64_t{0}) + number(bytes) +
           number(bytes + left_out) + number(std::uint64_t{8});
  }

  const Machine& machine_;
  std::map<std::uint64_t, std::string> memory_;
  std::uint64_t missing_ = 0;
};

class OtherCore : public testing::TestWithParam<Machine> {
 protected:
  // Blocks of 40 bytes, one behind the other; the rest of the heap was never handed out.
  static constexpr std::uint64_t block(std::uint64_t number) { return kHeap + 16 + 48 * number; }
  static constexpr std::uint64_t kBlocks = 8;

  Snapshot look(bool has_wide_registers, std::uint64_t missing = 0) {
    const Machine& machine = GetParam();
    LedgerBuilder ledger;
    ledger.header.state = static_cast<std::uint32_t>(ledger::ProcessState::kRunning);
    ledger.header.machine = machine.number;
    ledger.header.pid = kPid;
    std::memcpy(ledger.header.image_id, "sixteen at random", 16);
    ledger.program("/home/you/app", 0x400000);
    ledger.thread(kPid, "app", kBlocks, 0);
    Core core(machine);
    core.leave_out(missing);
    for (std::uint64_t i = 0; i < kBlocks; ++i) {
      ledger.block({block(i), 40, ledger.stack({0x400000 + i})});
      core.put(block(i) - 8, 48 | 1);
    }
    core.put(block(kBlocks) - 8, (kBytes - 48 * kBlocks) | 1);
    core.put(kData + 0x100, block(0));
    core.put(block(0) + 8, block(1));
    core.put(block(2) + 16, block(3));        // lost, both
    core.put(kStackPointer - 512, block(2));  // beyond the end of the stack
    core.put(kStackPointer + 64, block(4));
    core.put(kData + 0x200, block(7) + 8);
    write_file(scratch_ / "mem/.ledger", machine.is_big_endian ? build_of_other_order(ledger) : ledger.build());
    write_file(scratch_ / "core", core.file(block(5), has_wide_registers ? block(6) : 0));
    Snapshot snapshot = load(scratch_ / "mem");
    look_at_core(snapshot, scratch_ / "core");
    return snapshot;
  }

  static std::vector<Reach> kinds_of(const Snapshot& snapshot) {
    std::vector<Reach> kinds;
    for (const Block& one : snapshot.blocks) kinds.push_back(one.reach);
    return kinds;
  }

  Scratch scratch_;
};

TEST_P(OtherCore, TellsLostFromHeld) {
  const Snapshot snapshot = look(true);
  EXPECT_THAT(snapshot.warnings, IsEmpty());
  EXPECT_THAT(kinds_of(snapshot),
              ElementsAre(Reach::kReachable, Reach::kReachable, Reach::kDefinite, Reach::kIndirect, Reach::kReachable,
                          Reach::kReachable, Reach::kReachable, Reach::kPossible));
}

// As qemu's user mode writes them.
TEST_P(OtherCore, WithoutAllRegistersTellsWhatIsHeldAlone) {
  const Snapshot snapshot = look(false);
  EXPECT_THAT(snapshot.warnings, ElementsAre(HasSubstr("does not have the floating-point registers of each thread")));
  EXPECT_THAT(kinds_of(snapshot), ElementsAre(Reach::kReachable, Reach::kReachable, Reach::kUnknown, Reach::kUnknown,
                                              Reach::kReachable, Reach::kReachable, Reach::kUnknown, Reach::kUnknown));
}

// That is counted, not tried page by page: it would take days.
TEST_P(OtherCore, MayLackMoreMemoryThanAnybodyCouldRead) {
  constexpr std::uint64_t kMuch = std::uint64_t{1} << 60;
  const Snapshot snapshot = look(true, kMuch);
  EXPECT_EQ(snapshot.unread_bytes, kMuch);
  EXPECT_THAT(kinds_of(snapshot),
              ElementsAre(Reach::kReachable, Reach::kReachable, Reach::kUnknown, Reach::kUnknown, Reach::kReachable,
                          Reach::kReachable, Reach::kReachable, Reach::kUnknown));
}

INSTANTIATE_TEST_SUITE_P(Of, OtherCore,
                         testing::Values(Machine{"x86_64", EM_X86_64, false, 27, 19},
                                         Machine{"aarch64", EM_AARCH64, false, 34, 31},
                                         Machine{"riscv64", EM_RISCV, false, 32, 2},
                                         Machine{"ppc64le", EM_PPC64, false, 48, 1},
                                         Machine{"s390x", EM_S390, true, 27, 17}),
                         [](const auto& info) { return info.param.name; });

// Bytes by their addresses, up to 32; what lies beyond cannot be read.
class Counting : public Memory {
 public:
  std::size_t read(const reach::Piece* pieces, unsigned count, void* into) override {
    std::size_t done = 0;
    for (unsigned i = 0; i < count; ++i) {
      for (std::uint64_t at = 0; at < pieces[i].bytes; ++at, ++done) {
        if (pieces[i].address + at >= 32) return done;
        static_cast<char*>(into)[done] = static_cast<char>(pieces[i].address + at);
      }
    }
    return done;
  }
  reach::Stretch next_used(reach::Stretch within) override { return within; }
};

TEST(WordsInOrder, GivesEachByteOfWhatIsAskedForFromItsWord) {
  Counting memory;
  for (const unsigned word : {4u, 8u}) {
    WordsInOrder words(memory, word);
    for (std::uint64_t from = 0; from < 32; ++from) {
      for (std::uint64_t bytes = 0; bytes < 40; ++bytes) {
        char into[80];
        const reach::Piece pieces[] = {{from, bytes}, {word, word}};
        const std::size_t got = words.read(pieces, 2, into);
        const std::uint64_t first = std::min(bytes, 32 - from);
        ASSERT_EQ(got, first == bytes ? bytes + word : first);
        for (std::uint64_t i = 0; i < got; ++i) {
          const std::uint64_t at = i < first ? from + i : word + (i - first);
          ASSERT_EQ(static_cast<std::uint64_t>(into[i]), at / word * word + (word - 1 - at % word));
        }
      }
    }
  }
}

}  // namespace
}  // namespace leakdir::tool
