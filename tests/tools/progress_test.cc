// SPDX-License-Identifier: BSL-1.0
//
// The bar that says how far a long piece of work is.

#include "progress.hh"

#include <fcntl.h>
#include <gtest/gtest.h>
#include <pty.h>
#include <unistd.h>

#include <cstdio>
#include <functional>

namespace leakdir::tool {
namespace {

TEST(ProgressLine, FillsWithTheWork) {
  EXPECT_EQ(progress_line("reading", 0, 200, 36), "reading   0 % [                    ]");
  EXPECT_EQ(progress_line("reading", 50, 200, 36), "reading  25 % [#####               ]");
  EXPECT_EQ(progress_line("reading", 200, 200, 36), "reading 100 % [####################]");
}

TEST(ProgressLine, FitsIntoEachWidth) {
  for (std::size_t columns = 0; columns < 200; ++columns)
    EXPECT_LE(progress_line("reading", 1, 3, columns).size(), columns);
  EXPECT_EQ(progress_line("reading", 1, 3, 20), "reading  33 %");
}

TEST(ProgressLine, OfNoWorkIsFull) { EXPECT_EQ(progress_line("reading", 0, 0, 20), "reading 100 %"); }

// What `work` writes to standard error when that is `descriptor`.
void with_standard_error(int descriptor, const std::function<void()>& work) {
  const int kept = fcntl(STDERR_FILENO, F_DUPFD_CLOEXEC, 3);
  dup2(descriptor, STDERR_FILENO);
  work();
  std::fflush(stderr);
  dup2(kept, STDERR_FILENO);
  close(kept);
}

void work_for(std::chrono::milliseconds patience) {
  Progress progress("reading", patience);
  progress.show(1, 4);
}

std::string read_some(int descriptor) {
  fcntl(descriptor, F_SETFL, O_NONBLOCK);
  char text[500];
  const ssize_t got = read(descriptor, text, sizeof text);
  return {text, got < 0 ? 0 : static_cast<std::size_t>(got)};
}

TEST(Progress, ComesOnATerminalAndIsGoneAfterwards) {
  winsize size = {24, 37, 0, 0};
  int terminal = -1, other_side = -1;
  ASSERT_EQ(openpty(&terminal, &other_side, nullptr, nullptr, &size), 0);
  with_standard_error(other_side, [] { work_for(std::chrono::milliseconds(0)); });
  EXPECT_EQ(read_some(terminal), "\r\x1b[Kreading  25 % [#####               ]\r\x1b[K");
  with_standard_error(other_side, [] { work_for(std::chrono::hours(1)); });
  EXPECT_EQ(read_some(terminal), "") << "short work needs no bar";
  close(other_side);
  close(terminal);
}

TEST(Progress, IsNothingWhereThereIsNoTerminal) {
  int ends[2];
  ASSERT_EQ(pipe2(ends, O_CLOEXEC), 0);
  with_standard_error(ends[1], [] { work_for(std::chrono::milliseconds(0)); });
  EXPECT_EQ(read_some(ends[0]), "");
  close(ends[0]);
  close(ends[1]);
}

}  // namespace
}  // namespace leakdir::tool
