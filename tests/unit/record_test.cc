// SPDX-License-Identifier: BSL-1.0
// The text of a record and of a bad free, byte by byte.
#include "shared/record.hh"

#include <gtest/gtest.h>

#include <string>
#include <vector>

namespace leakdir {
namespace {

struct Frame {
  std::uint64_t pc;
  const char* path;
  std::uint64_t offset;
  unsigned module;
  bool is_entered = false, is_signal_return = false, is_without_table = false;
};

// Node n is frame n - 1; its parent is the next one.
std::uint32_t frame_of(const void* context, std::uint32_t node, FrameView* out) {
  const auto& frames = *static_cast<const std::vector<Frame>*>(context);
  const Frame& frame = frames[node - 1];
  *out = {frame.pc,
          frame.path,
          frame.offset,
          frame.module,
          frame.is_entered,
          frame.is_signal_return,
          frame.is_without_table};
  return node == frames.size() ? 0 : node + 1;
}

const std::uint8_t kBuildId[] = {0x3f, 0x00, 0xa9};

RecordView example() {
  RecordView view = {};
  view.origin = {4711, "app", 1795425266ull * 1000000000ull + 123456000, "/home/you/app", kBuildId, sizeof kBuildId};
  view.address = 0x733270;
  view.size_bytes = 20;
  view.call = "malloc";
  view.sequence = 17;
  view.stack = 1;
  return view;
}

std::string rendered(const RecordView& view, const std::vector<Frame>& frames, std::size_t room = 4096) {
  std::string buffer(room, '#');
  Text text(buffer.data(), buffer.size());
  put_record(text, view, {frame_of, &frames});
  return text.c_str();
}

TEST(Record, IsTheTextOfTheContract) {
  EXPECT_EQ(rendered(example(), {{0x4009f7, "/home/you/app", 0x4009f7, 1}, {0x401b2a, "/home/you/app", 0x401b2a, 1}}),
            "[+0x4009f7] --> addr:0x733270, size:20\n"
            "call: malloc\n"
            "thread: 4711 app\n"
            "time: 2026-11-23T09:14:26.123456Z\n"
            "sequence: 17\n"
            "program: /home/you/app\n"
            "build-id: 3f00a9\n"
            "frames: 2\n"
            "#0 0x4009f7 /home/you/app+0x4009f7\n"
            "#1 0x401b2a /home/you/app+0x401b2a\n"
            "addr2line: addr2line -Cfipe /home/you/app 0x4009f6 0x401b29\n");
}

// What a signal interrupted, and what the kernel or makecontext returns to.
TEST(Record, SaysWhichAddressesNoCallReturnsTo) {
  const std::string text = rendered(example(), {{0x1010, "/a", 0x10, 1},
                                                {0x2020, "/b", 0x20, 2, true, true},
                                                {0x1030, "/a", 0x30, 1},
                                                {0x1040, "/a", 0x40, 1},
                                                {0x1050, "/a", 0x50, 1, true}});
  EXPECT_NE(text.find("#4 0x1050 /a+0x50\n"
                      "exact: 1 2 4\n"
                      "addr2line: addr2line -Cfipe /a 0xf 0x30 0x3f 0x50\n"
                      "addr2line: addr2line -Cfipe /b 0x20\n"),
            std::string::npos)
      << text;
}

// What lies beyond code without unwind tables.
TEST(Record, SaysWhichFramesWereFoundByTheFramePointer) {
  const std::string text = rendered(example(), {{0x1010, "/a", 0x10, 1},
                                                {0x2020, nullptr, 0, 0, false, false, true},
                                                {0x2030, nullptr, 0, 0, false, false, true},
                                                {0x1040, "/a", 0x40, 1}});
  EXPECT_NE(text.find("#3 0x1040 /a+0x40\n"
                      "by-frame-pointer: 2 3\n"
                      "addr2line: addr2line -Cfipe /a 0xf 0x3f\n"),
            std::string::npos)
      << text;
}

TEST(Record, HasAnAddr2lineLineForEachModuleInTheOrderOfTheStack) {
  const std::string text = rendered(example(), {{0x7f0010, "/lib/a.so", 0x10, 2},
                                                {0x5570, "/home/you/my app", 0x570, 1},
                                                {0x7f0020, "/lib/a.so", 0x20, 2},
                                                {0x9999, nullptr, 0, 0}});
  EXPECT_NE(text.find("[+0x10] -->"), std::string::npos);
  EXPECT_NE(text.find("#3 0x9999 ?\naddr2line: addr2line -Cfipe /lib/a.so 0xf 0x1f\n"
                      "addr2line: addr2line -Cfipe '/home/you/my app' 0x56f\n"),
            std::string::npos);
}

TEST(Record, SaysWhatIsUnusualAboutABlock) {
  RecordView view = example();
  view.file = "app.c";
  view.line = 69;
  view.early = view.inherited = view.truncated = true;
  view.origin.build_id_bytes = 0;
  const std::string text = rendered(view, {{0x1, "/p", 0x1, 1}});
  EXPECT_NE(
      text.find("program: /home/you/app\nlocation: app.c:69\nearly: yes\ninherited: yes\ntruncated: yes\nframes: 1\n"),
      std::string::npos);
}

TEST(Record, OfASampleSaysHowThinItIs) {
  RecordView view = example();
  view.truncated = true;
  view.reach = "definitely lost";
  view.sample_bytes = 524288;
  view.stack = 0;
  EXPECT_NE(rendered(view, {}).find("truncated: yes\nsample: 524288\nreach: definitely lost\n"), std::string::npos);
}

TEST(Record, WithoutAStackHasNoFrames) {
  RecordView view = example();
  view.stack = 0;
  const std::string text = rendered(view, {});
  EXPECT_EQ(text.substr(0, 8), "[+0x0] -");
  EXPECT_NE(text.find("frames: 0\n"), std::string::npos);
}

TEST(Record, ThatDoesNotFitEndsAtTheEndOfALine) {
  const std::vector<Frame> frames = {{0x4009f7, "/home/you/app", 0x4009f7, 1},
                                     {0x401b2a, "/home/you/app", 0x401b2a, 1}};
  const std::string whole = rendered(example(), frames);
  const std::size_t stack = whole.find("#0");
  for (std::size_t room = stack + 1; room < whole.size() + 1; ++room) {
    const std::string part = rendered(example(), frames, room);
    EXPECT_EQ(whole.substr(0, part.size()), part);
    EXPECT_EQ(part.back(), '\n') << room;
  }
}

TEST(Record, FollowsNoMoreFramesThanThereCanBe) {
  // A chain that never ends, as a damaged ledger may have.
  const FrameChain endless = {[](const void*, std::uint32_t node, FrameView* out) {
                                *out = {0x1000, "/p", 0x1000, 1, false, false, false};
                                return node;
                              },
                              nullptr};
  std::string buffer(1 << 16, '#');
  Text text(buffer.data(), buffer.size());
  put_record(text, example(), endless);
  EXPECT_NE(std::string(text.c_str()).find("frames: 128\n"), std::string::npos);
}

TEST(Record, OfABadFreeHasTheStacksThatAreKnown) {
  BadFreeView bad = {};
  bad.origin = example().origin;
  bad.address = 0x733270;
  bad.kind = "double free";
  bad.block = 0x733270;
  bad.block_bytes = 20;
  bad.free_stack = 1;
  bad.allocation_stack = 2;
  const std::vector<Frame> frames = {{0x11, "/p", 0x11, 1}, {0x22, "/p", 0x22, 1}};
  std::string buffer(4096, '#');
  Text text(buffer.data(), buffer.size());
  put_bad_free(text, bad, {frame_of, &frames});
  EXPECT_STREQ(text.c_str(),
               "[+0x11] --> bad free:0x733270, double free\n"
               "kind: double free\n"
               "thread: 4711 app\n"
               "time: 2026-11-23T09:14:26.123456Z\n"
               "program: /home/you/app\n"
               "build-id: 3f00a9\n"
               "block: 0x733270\n"
               "block-size: 20\n"
               "stack: free\n"
               "frames: 2\n"
               "#0 0x11 /p+0x11\n"
               "#1 0x22 /p+0x22\n"
               "addr2line: addr2line -Cfipe /p 0x10 0x21\n"
               "stack: allocation\n"
               "frames: 1\n"
               "#0 0x22 /p+0x22\n"
               "addr2line: addr2line -Cfipe /p 0x21\n");
}

}  // namespace
}  // namespace leakdir
