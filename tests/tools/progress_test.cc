// SPDX-License-Identifier: BSL-1.0
//
// The bar that says how far a long piece of work is.

#include "command/progress.hh"

#include <fcntl.h>
#include <gtest/gtest.h>
#include <pty.h>
#include <unistd.h>

#include <cstdio>
#include <functional>
#include <string>

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

// Reads to the end, which comes when nobody can write to the other side any more: a terminal may hand over in several
// pieces, and later, what was written at once.
std::string read_all(int descriptor) {
  std::string all;
  char text[500];
  for (ssize_t got; (got = read(descriptor, text, sizeof text)) > 0;) all.append(text, static_cast<std::size_t>(got));
  close(descriptor);
  return all;
}

std::string what_a_terminal_gets(std::chrono::milliseconds patience) {
  winsize size = {24, 37, 0, 0};
  int terminal = -1, other_side = -1;
  if (openpty(&terminal, &other_side, nullptr, nullptr, &size) != 0) return "no terminal";
  with_standard_error(other_side, [&] { work_for(patience); });
  close(other_side);
  return read_all(terminal);
}

TEST(Progress, ComesOnATerminalAndIsGoneAfterwards) {
  EXPECT_EQ(what_a_terminal_gets(std::chrono::milliseconds(0)), "\r\x1b[Kreading  25 % [#####               ]\r\x1b[K");
}

TEST(Progress, IsNothingForShortWork) { EXPECT_EQ(what_a_terminal_gets(std::chrono::hours(1)), ""); }

TEST(Progress, IsNothingWhereThereIsNoTerminal) {
  int ends[2];
  ASSERT_EQ(pipe2(ends, O_CLOEXEC), 0);
  with_standard_error(ends[1], [] { work_for(std::chrono::milliseconds(0)); });
  close(ends[1]);
  EXPECT_EQ(read_all(ends[0]), "");
}

}  // namespace
}  // namespace leakdir::tool
