// SPDX-License-Identifier: BSL-1.0
// Text made in the caller's buffer: numbers, times, shell words, and what happens at the buffer's end.
#include "shared/text.hh"

#include <gtest/gtest.h>
#include <string.h>

#include <string>

#include "shared/disk_reserve.h"
#include "shared/error_text.h"

namespace leakdir {
namespace {

template <typename Put>
std::string made(Put put, std::size_t room = 200) {
  std::string buffer(room, '#');
  Text text(buffer.data(), buffer.size());
  put(text);
  return text.c_str();
}

TEST(Text, DecimalHasNoLeadingZerosUnlessAskedFor) {
  EXPECT_EQ(made([](Text& t) { t.dec(0); }), "0");
  EXPECT_EQ(made([](Text& t) { t.dec(18446744073709551615u); }), "18446744073709551615");
  EXPECT_EQ(made([](Text& t) { t.dec(7, 3); }), "007");
  EXPECT_EQ(made([](Text& t) { t.dec(1234, 3); }), "1234");
}

TEST(Text, HexIsLowerCaseWithItsPrefix) {
  EXPECT_EQ(made([](Text& t) { t.hex(0); }), "0x0");
  EXPECT_EQ(made([](Text& t) { t.hex(0x733270); }), "0x733270");
  EXPECT_EQ(made([](Text& t) { t.hex(0xffffffffffffffff); }), "0xffffffffffffffff");
}

TEST(Text, TimesAreUtcWithMicroseconds) {
  EXPECT_EQ(made([](Text& t) { t.utc(0); }), "1970-01-01T00:00:00.000000Z");
  EXPECT_EQ(made([](Text& t) { t.utc(951827696u * 1000000000ull + 123456789); }), "2000-02-29T12:34:56.123456Z");
  EXPECT_EQ(made([](Text& t) { t.utc(1795425266ull * 1000000000ull + 123456000); }), "2026-11-23T09:14:26.123456Z");
  EXPECT_EQ(made([](Text& t) { t.utc(4107542399ull * 1000000000ull); }), "2100-02-28T23:59:59.000000Z");
}

TEST(Text, AWordThatTheShellWouldTakeApartIsQuoted) {
  EXPECT_EQ(made([](Text& t) { t.shell_word("/home/you/app-1.0+b"); }), "/home/you/app-1.0+b");
  EXPECT_EQ(made([](Text& t) { t.shell_word("/a b"); }), "'/a b'");
  EXPECT_EQ(made([](Text& t) { t.shell_word("it's"); }), "'it'\\''s'");
  EXPECT_EQ(made([](Text& t) { t.shell_word(""); }), "''");
  EXPECT_EQ(made([](Text& t) { t.shell_word("$(rm -r x)"); }), "'$(rm -r x)'");
}

TEST(Text, ControlBytesDoNotBreakALine) {
  EXPECT_EQ(made([](Text& t) { t.one_line("a\nb\x1b[31mc"); }), "a?b?[31mc");
}

TEST(Text, WhatDoesNotFitIsCutAndSaid) {
  char buffer[6];
  Text text(buffer, sizeof buffer);
  text.put("12345");
  EXPECT_FALSE(text.full());
  text.put("6");
  EXPECT_TRUE(text.full());
  EXPECT_STREQ(text.c_str(), "12345");
  text.cut_to(2);
  EXPECT_FALSE(text.full());
  EXPECT_STREQ(text.c_str(), "12");
}

TEST(ErrorText, IsWhatTheCLibrarySays) {
  unsigned known = 0;
  for (int error = 1; error < 134; ++error) {
    std::string words = strerror(error);
    if (error_text(error) == std::string("unknown error")) continue;
    ++known;
    for (char& c : words) c = static_cast<char>(tolower(c));
    EXPECT_EQ(error_text(error), words);
  }
  EXPECT_GT(known, 25u);
  for (const int error :
       {EIO, ENOSPC, EMFILE, ENOMEM, EACCES, ENOSYS, EINTR, EROFS, EAGAIN, EPERM, ENOENT, EINVAL, EDQUOT})
    EXPECT_NE(error_text(error), std::string("unknown error")) << strerror(error);
  EXPECT_STREQ(error_text(-1), "unknown error");
}

constexpr std::uint64_t kMiB = 1 << 20, kInodes = 1000000;

DiskShortage shortage(std::uint64_t bytes, std::uint64_t left, std::uint64_t files, std::uint64_t inodes = kInodes,
                      std::uint64_t inodes_left = kInodes) {
  const DiskSpace disk = {bytes, left, 4096, inodes, inodes_left};
  return disk_shortage(&disk, files, UINT64_MAX);
}

TEST(DiskReserve, IsASixteenthWithinBounds) {
  EXPECT_EQ(shortage(1600 * kMiB, 100 * kMiB, 100000), kDiskHasRoom);
  EXPECT_EQ(shortage(1600 * kMiB, 100 * kMiB - 1, 100000), kDiskIsNearlyFull);
  EXPECT_EQ(shortage(1000000 * kMiB, 256 * kMiB, 100000), kDiskHasRoom);
  EXPECT_EQ(shortage(1000000 * kMiB, 256 * kMiB - 1, 100000), kDiskIsNearlyFull);
  EXPECT_EQ(shortage(16 * kMiB, 4 * kMiB, 100000), kDiskHasRoom);
  EXPECT_EQ(shortage(16 * kMiB, 4 * kMiB - 1, 100000), kDiskIsNearlyFull);
  EXPECT_EQ(shortage(1600 * kMiB, 800 * kMiB, 1000, 16000, 1000), kDiskHasRoom);
  EXPECT_EQ(shortage(1600 * kMiB, 800 * kMiB, 1000, 16000, 999), kDiskIsShortOfInodes);
}

// Not one of the files that may be made meanwhile takes of the reserve.
TEST(DiskReserve, IsAskedForBeforeItIsReached) {
  for (const std::uint64_t inodes : {0, 4, 5, 40, 300, 1000, 100000}) {
    for (std::uint64_t left = inodes, files = 0; files < inodes || files == 0;) {
      const DiskSpace disk = {1600 * kMiB, 800 * kMiB, 4096, inodes, left};
      const std::uint64_t more = files_until_asked(&disk, files, 64);
      ASSERT_GE(more, 1u);
      ASSERT_TRUE(inodes != 0 || more == 64u) << "it does not say";
      if (inodes == 0 || disk_shortage(&disk, files, UINT64_MAX) != kDiskHasRoom) break;
      left -= more;
      files += more;
      ASSERT_LE(left, inodes);
      ASSERT_TRUE(more == 1 || shortage(1600 * kMiB, 800 * kMiB, files, inodes, left) == kDiskHasRoom) << inodes;
    }
  }
  const DiskSpace tiny = {1 * kMiB, 20 * 4096, 4096, kInodes, kInodes}, large = {1600 * kMiB, 800 * kMiB, 4096, 0, 0};
  EXPECT_EQ(files_until_asked(&tiny, 0, 64), 4u);
  EXPECT_EQ(files_until_asked(&large, 0, 64), 64u);
}

TEST(DiskReserve, FilesHaveALimitOfTheirOwn) {
  const DiskSpace disk = {1600 * kMiB, 800 * kMiB, 4096, kInodes, kInodes};
  EXPECT_EQ(disk_shortage(&disk, 9, 40000), kDiskHasRoom);
  EXPECT_EQ(disk_shortage(&disk, 10, 40960), kDirIsAtLimit);
  EXPECT_EQ(disk_shortage(&disk, 0, 0), kDirIsAtLimit);
}

TEST(DiskReserve, OfASmallDeviceIsFourTimesWhatTheFilesTake) {
  EXPECT_EQ(shortage(1 * kMiB, 0, 0), kDiskHasRoom);
  EXPECT_EQ(shortage(1 * kMiB, 16384, 1), kDiskHasRoom);
  EXPECT_EQ(shortage(1 * kMiB, 16383, 1), kDiskIsNearlyFull);
  EXPECT_EQ(shortage(1 * kMiB, 163840, 10), kDiskHasRoom);
  EXPECT_EQ(shortage(1 * kMiB, 163839, 10), kDiskIsNearlyFull);
  EXPECT_EQ(shortage(1 * kMiB, 900000, 10, 60, 40), kDiskHasRoom);
  EXPECT_EQ(shortage(1 * kMiB, 900000, 10, 60, 39), kDiskIsShortOfInodes);
}

TEST(DiskReserve, IsNoneWhereTheFileSystemDoesNotSay) { EXPECT_EQ(shortage(0, 0, 100000, 0, 0), kDiskHasRoom); }

}  // namespace
}  // namespace leakdir
