// SPDX-License-Identifier: BSL-1.0
//
// The memory of another process, read piece by piece: what comes is what stands there, and the kernel is not asked for
// the same again and again, in whichever direction the pieces follow each other.

#include "reach/live_memory.hh"

#include <gtest/gtest.h>
#include <signal.h>
#include <sys/mman.h>
#include <sys/wait.h>
#include <unistd.h>

#include <fstream>
#include <string>

namespace leakdir::tool {
namespace {

constexpr std::uint64_t kBytes = 32 << 20, kStep = 1056;

// Bytes that this process has read by read() and its kin: pagemap, that is, and not process_vm_readv.
std::uint64_t bytes_read() {
  std::ifstream file("/proc/self/io");
  std::string name;
  std::uint64_t bytes = 0;
  file >> name >> bytes;
  return name == "rchar:" ? bytes : 0;
}

class Live : public testing::Test {
 protected:
  void SetUp() override {
    void* const made = mmap(nullptr, kBytes, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
    ASSERT_NE(made, MAP_FAILED);
    start_ = reinterpret_cast<std::uint64_t>(made);
    for (std::uint64_t at = start_; at + 8 <= start_ + kBytes; at += 8) *reinterpret_cast<std::uint64_t*>(at) = at;
    child_ = fork();
    if (child_ == 0) {
      pause();
      _exit(0);
    }
    ASSERT_GT(child_, 0);
  }
  void TearDown() override {
    kill(child_, SIGKILL);
    waitpid(child_, nullptr, 0);
    munmap(reinterpret_cast<void*>(start_), kBytes);
  }

  // As the search does: is the page in use, and what stands there?
  static void expect_word(LiveMemory& memory, std::uint64_t at) {
    const reach::Stretch used = memory.next_used({at, at + 8});
    ASSERT_EQ(used.start, at);
    ASSERT_EQ(used.end, at + 8);
    const reach::Piece piece = {at, 8};
    std::uint64_t word = 0;
    ASSERT_EQ(memory.read(&piece, 1, &word), 8u);
    ASSERT_EQ(word, at);
  }

  std::uint64_t start_ = 0;
  pid_t child_ = -1;
};

TEST_F(Live, PagesAreAskedForOnceUpwardsAndDownwards) {
  LiveMemory memory(child_);
  memory.read_mappings();
  const std::uint64_t before = bytes_read();
  for (std::uint64_t at = start_; at + 8 <= start_ + kBytes; at += kStep) expect_word(memory, at);
  const std::uint64_t upwards = bytes_read() - before;
  for (std::uint64_t at = start_ + kBytes - 8; at >= start_ + kStep; at -= kStep) expect_word(memory, at);
  const std::uint64_t downwards = bytes_read() - before - upwards;
  constexpr std::uint64_t kOnce = kBytes / 4096 * 8;  // a word for each page
  EXPECT_LT(upwards, 8 * kOnce);
  EXPECT_LT(downwards, 8 * kOnce);
}

}  // namespace
}  // namespace leakdir::tool
