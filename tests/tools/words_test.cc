// SPDX-License-Identifier: BSL-1.0
#include "base/words.hh"

#include <gtest/gtest.h>

#include "base/nearest.hh"

namespace leakdir::tool {
namespace {

constexpr std::int64_t kSecond = 1'000'000'000;

TEST(Words, ChangesHaveASign) {
  EXPECT_EQ(change_of(20, 1), "+20 bytes, +1 block");
  EXPECT_EQ(change_of(-20480, -2), "-20480 bytes (20.0 KiB), -2 blocks");
  EXPECT_EQ(change_of(0, 0), "+0 bytes, +0 blocks");
  EXPECT_EQ(change_of(INT64_MIN, 0), "-9223372036854775808 bytes (8.0 EiB), +0 blocks");
}

TEST(Words, BuildIdsAreHexadecimal) { EXPECT_EQ(hex_of_bytes(std::string("\x00\xff\x1a", 3)), "00ff1a"); }

TEST(Words, OneThingIsSingularAndAllElseIsPlural) {
  EXPECT_EQ(count_of(0, "block"), "0 blocks");
  EXPECT_EQ(count_of(1, "block"), "1 block");
  EXPECT_EQ(count_of(2, "live block"), "2 live blocks");
}

TEST(Words, ALargeSizeIsAlsoGivenInItsUnit) {
  EXPECT_EQ(bytes_of(1), "1 byte");
  EXPECT_EQ(bytes_of(10239), "10239 bytes");
  EXPECT_EQ(bytes_of(10240), "10240 bytes (10.0 KiB)");
  EXPECT_EQ(bytes_of(104857600), "104857600 bytes (100.0 MiB)");
  EXPECT_EQ(bytes_of((1 << 20) - 1), "1048575 bytes (1.0 MiB)") << "and not 1024.0 KiB";
  EXPECT_EQ(bytes_of(~std::uint64_t{0}), "18446744073709551615 bytes (16.0 EiB)");
}

TEST(Words, AnAgeHasTheTwoUnitsThatMatter) {
  EXPECT_EQ(age_of(250'000'000), "250 ms");
  EXPECT_EQ(age_of(12'340'000'000), "12.3 s");
  EXPECT_EQ(age_of(250 * kSecond), "4 min 10 s");
  EXPECT_EQ(age_of(3600 * kSecond), "1 h 0 min");
  EXPECT_EQ(age_of(51 * 3600 * kSecond), "2 d 3 h");
  EXPECT_EQ(age_of(-5 * kSecond), "0 ms") << "the clock was set back";
}

TEST(Words, AMisspeltOneIsNearToWhatWasMeant) {
  const std::vector<std::string> words = {"check", "report", "watch", "why"};
  EXPECT_EQ(nearest_to("chek", words), "check");
  EXPECT_EQ(nearest_to("hceck", words), "check") << "two letters that changed places are one change";
  EXPECT_EQ(nearest_to("reprots", words), "report");
  EXPECT_EQ(nearest_to("rapid", words), "");
  EXPECT_EQ(nearest_to("what", words), "") << "two of four letters are others";
  EXPECT_EQ(nearest_to("", words), "");
  EXPECT_EQ(nearest_to(std::string(1 << 20, 'x'), words), "");
}

TEST(Words, ATimeIsIso8601InUtc) { EXPECT_EQ(utc_of(1795425266123456789), "2026-11-23T09:14:26.123456Z"); }

TEST(Words, ControlCharactersDoNotReachTheTerminal) {
  EXPECT_EQ(printable("a\x1b[31mb\n\x7f"), "a\\x1b[31mb\\x0a\\x7f");
  EXPECT_EQ(printable("größe"), "größe");
  EXPECT_EQ(printable("日本 🦀"), "日本 🦀");
  EXPECT_EQ(printable("\xc2\x9b"
                      "31m"),
            "\\u009b31m")
      << "CSI in one character";
  EXPECT_EQ(printable("\x9b"
                      "31m\xc3"),
            "\\x9b31m\\xc3")
      << "and in one byte: no UTF-8";
  EXPECT_EQ(printable("a\u202eb\u2067c"), "a\\u202eb\\u2067c") << "what turns the order of letters";
  EXPECT_EQ(printable("\xc0\x8a\xed\xa0\x80\xf4\x90\x80\x80"), "\\xc0\\x8a\\xed\\xa0\\x80\\xf4\\x90\\x80\\x80")
      << "too long, half a pair, too large";
}

TEST(Words, AStringIsNotSpelledOut) {
  const std::string spelled_out = "std::__cxx11::basic_string<char, std::char_traits<char>, std::allocator<char> >";
  EXPECT_EQ(readable_function("f(" + spelled_out + ", " + spelled_out + " const&)"),
            "f(std::string, std::string const&)");
  EXPECT_EQ(readable_function("main\x1b"), "main\\x1b");
}

}  // namespace
}  // namespace leakdir::tool
