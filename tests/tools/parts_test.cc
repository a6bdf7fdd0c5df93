// SPDX-License-Identifier: BSL-1.0
//
// Blocks by function, caller, file and module, and who called: all add up to the whole.

#include "analyse/parts.hh"

#include <gmock/gmock-matchers.h>
#include <gtest/gtest.h>

#include "emit/emit.hh"
#include "load_from_memory.hh"

namespace leakdir::tool {
namespace {

using testing::ElementsAre;
using testing::HasSubstr;

class PartsOf : public testing::Test {
 protected:
  PartsOf() {
    ledger.program("/home/you/app", 0x400000);
    library_ = ledger.module("/usr/lib/libglib-2.0.so.0", 0x7f0000000000);
    ledger.thread(4711, "app", 10, 0);
    block(100, {0x401000, 0x402000, 0x403000, 0x409000});  // xmalloc, make, run, main
    block(50, {0x401000, 0x402010, 0x403000, 0x409000});   // on another line of make
    block(30, {0x401000, 0x402000, 0x404000, 0x409000});   // called by walk
    block(20, {0x405000, 0x409000});                       // load, in another file
    block(7, {0x402000});                                  // make, whose callers were not kept
    const std::uint32_t in_app = ledger.stack({0x405000, 0x409000});
    ledger.block({0x9000, 5, ledger.node(0x7f0000000123, library_, in_app)});
    ledger.block({0x9100, 3, ledger.node(ledger.text("/src/hooked.c"), ledger::kPlaceModule, 0, 12)});
    ledger.block({0x9200, 1, 0});
    snapshot = load_built(ledger);
    grouped = group(snapshot, {});
    lines.resize(snapshot.frames.size());
    for (std::size_t i = 0; i < snapshot.frames.size(); ++i) {
      const std::uint64_t pc = snapshot.frames[i].pc;
      const auto line = static_cast<unsigned>(pc & 0xff);
      if (pc == 0x401000) lines[i] = {{"xmalloc", "/src/memory.c", line, false}};
      if (pc == 0x402000 || pc == 0x402010) lines[i] = {{"make", "/src/make.c", line, false}};
      if (pc == 0x403000) lines[i] = {{"run", "/src/main.c", line, false}};
      if (pc == 0x404000) lines[i] = {{"walk", "/src/main.c", line, false}};
      if (pc == 0x405000) lines[i] = {{"load", "/src/load.c", line, false}};
      if (pc == 0x409000) lines[i] = {{"main", "/src/main.c", line, false}};
      if (pc == 0x7f0000000123) lines[i] = {{"g_strdup", "", 0, false}};
    }
  }

  void block(std::uint64_t size, const std::vector<std::uint64_t>& pcs) {
    ledger.block({next_ += 0x100, size, ledger.stack(pcs)});
  }

  // "name: bytes in blocks, stacks", largest first.
  std::vector<std::string> by(By what, Sort sort = Sort::kBytes) {
    grouped = group(snapshot, {false, 0, sort});
    const Parts parts = parts_of(what, snapshot, lines, Wrappers(), grouped);
    std::vector<std::string> all;
    std::uint64_t bytes = 0, blocks = 0;
    std::size_t next = 0;
    for (const auto& part : parts.parts) {
      all.push_back(part.name + ": " + std::to_string(part.bytes) + " in " + std::to_string(part.blocks) + ", " +
                    std::to_string(part.groups.size()));
      bytes += part.bytes;
      blocks += part.blocks;
      std::uint64_t of_groups = 0;
      for (std::size_t index : part.groups) {
        EXPECT_EQ(index, next++) << "groups are in the order of their parts";
        of_groups += grouped.groups[index].bytes;
      }
      EXPECT_EQ(of_groups, part.bytes);
    }
    EXPECT_EQ(bytes, 216u);
    EXPECT_EQ(blocks, 8u);
    EXPECT_EQ(next, grouped.groups.size());
    return all;
  }

  std::string text(By what, bool is_bottom_up, std::size_t top = 99) {
    grouped = group(snapshot, {});
    Parts parts = parts_of(what, snapshot, lines, Wrappers(), grouped);
    parts.is_bottom_up = is_bottom_up;
    parts.shown = std::min(top, parts.parts.size());
    Report report{snapshot, grouped, lines, grouped.groups.size(), false, {}};
    report.parts = &parts;
    std::string all;
    emit_text(report, {}, [&all](std::string_view piece) { all += piece; });
    const std::size_t start = all.find("\nby ") + 1;
    return all.substr(start, all.find("\nhint: ") - start);
  }

  LedgerBuilder ledger;
  std::uint32_t library_ = 0;
  Snapshot snapshot;
  Grouped grouped;
  FrameLines lines;
  std::uint64_t next_ = 0x1000;
};

TEST_F(PartsOf, AFunctionIsThatOfTheOwnFrame) {
  EXPECT_THAT(by(By::kFunction), ElementsAre("make: 187 in 4, 4", "load: 25 in 2, 2", "/src/hooked.c:12: 3 in 1, 1",
                                             "[no stack]: 1 in 1, 1"));
}

TEST_F(PartsOf, ACallerIsTheInnermostFrameWithItsLine) {
  EXPECT_THAT(by(By::kCaller), ElementsAre("xmalloc /src/memory.c:0: 180 in 3, 3", "load /src/load.c:0: 20 in 1, 1",
                                           "make /src/make.c:0: 7 in 1, 1", "g_strdup (libglib-2.0.so.0): 5 in 1, 1",
                                           "/src/hooked.c:12: 3 in 1, 1", "[no stack]: 1 in 1, 1"));
}

TEST_F(PartsOf, AFileIsThatOfTheOwnFrame) {
  EXPECT_THAT(by(By::kFile), ElementsAre("/src/make.c: 187 in 4, 4", "/src/load.c: 25 in 2, 2",
                                         "/src/hooked.c: 3 in 1, 1", "[no file]: 1 in 1, 1"));
}

TEST_F(PartsOf, AModuleIsTheOneThatAsked) {
  EXPECT_THAT(by(By::kModule), ElementsAre("/home/you/app: 212 in 6, 6", "[no module]: 4 in 2, 2"))
      << "libglib only has the wrapper";
  for (auto& of_frame : lines)
    if (!of_frame.empty() && of_frame[0].function == "g_strdup") of_frame[0].function = "g_list_append";
  EXPECT_THAT(by(By::kModule), ElementsAre("/home/you/app: 207 in 5, 5", "/usr/lib/libglib-2.0.so.0: 5 in 1, 1",
                                           "[no module]: 4 in 2, 2"));
}

TEST_F(PartsOf, TheirOrderIsThatOfTheReport) {
  block(1, {0x405000, 0x409000});
  block(1, {0x405000, 0x409000});
  block(1, {0x405000, 0x409000});
  snapshot = load_built(ledger);
  grouped = group(snapshot, {false, 0, Sort::kBlocks});
  EXPECT_EQ(parts_of(By::kFunction, snapshot, lines, Wrappers(), grouped).parts.at(0).name, "load");
}

TEST_F(PartsOf, TextHasALineForEachAndARest) {
  EXPECT_EQ(text(By::kFunction, false, 1),
            "by function:\n"
            "187 bytes in 4 blocks, 86.6 %, 4 stacks, oldest 1 min 40 s: make\n"
            "29 bytes in 4 blocks, from 3 more functions not shown\n");
}

TEST_F(PartsOf, BottomUpItShowsWhoCalledAndAddsUp) {
  EXPECT_EQ(text(By::kFunction, true, 2),
            "by function:\n"
            "187 bytes in 4 blocks, 86.6 %, 4 stacks, oldest 1 min 40 s: make\n"
            "    150 bytes in 2 blocks from run\n"
            "        150 bytes in 2 blocks from main\n"
            "    30 bytes in 1 block from walk\n"
            "        30 bytes in 1 block from main\n"
            "    7 bytes in 1 block from [outermost frame]\n"
            "25 bytes in 2 blocks, 11.6 %, 2 stacks, oldest 1 min 40 s: load\n"
            "    25 bytes in 2 blocks from main\n"
            "4 bytes in 2 blocks, from 2 more functions not shown\n");
  EXPECT_THAT(text(By::kCaller, true), HasSubstr("%, 3 stacks, oldest 1 min 40 s: xmalloc /src/memory.c:0\n"
                                                 "    180 bytes in 3 blocks from make\n"
                                                 "        150 bytes in 2 blocks from run\n"));
  EXPECT_THAT(text(By::kFile, true), HasSubstr("oldest 1 min 40 s: /src/make.c\n"
                                               "    187 bytes in 4 blocks from make\n"
                                               "        150 bytes in 2 blocks from run\n"));
}

}  // namespace
}  // namespace leakdir::tool
