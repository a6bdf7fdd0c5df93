// SPDX-License-Identifier: BSL-1.0
//
// Names of any bytes in JSON: what is written is UTF-8, and what is read from it is the name.

#include "base/utf8.hh"

#include <gtest/gtest.h>

#include "json.hh"

namespace leakdir::tool {
namespace {

TEST(Utf8, ANameThatIsUtf8StaysAsItIs) {
  for (const char* name :
       {"", "make_buffer", "größe 日本 🦀", "C:\\dir\\xyz", "\\x", "\\x5", "\\X41", "\\xFF", "a\nb"})
    EXPECT_EQ(utf8_of(name), name);
}

TEST(Utf8, BytesThatAreNotAreEscaped) {
  EXPECT_EQ(utf8_of("caf\xe9"), "caf\\xe9");
  EXPECT_EQ(utf8_of("\xc3"), "\\xc3") << "the first half of a character";
  EXPECT_EQ(utf8_of("\xed\xa0\x80"), "\\xed\\xa0\\x80") << "half a pair";
  EXPECT_EQ(utf8_of("\xff\xc3\xa9"), "\\xff\xc3\xa9");
}

TEST(Utf8, ATextThatLooksEscapedIsToldFromOneThatIs) {
  EXPECT_EQ(utf8_of("\\xe9"), "\\x5cxe9");
  EXPECT_EQ(utf8_of("\\x5cxe9"), "\\x5cx5cxe9");
  EXPECT_EQ(bytes_of_utf8("\\x5cxe9"), "\\xe9");
  EXPECT_EQ(bytes_of_utf8("\\xe9"), "\xe9");
  EXPECT_EQ(bytes_of_utf8("\\xE9 \\x \\x9"), "\\xE9 \\x \\x9") << "only what utf8_of() writes is an escape";
}

// Every text of up to five of the bytes that matter.
TEST(Utf8, EveryNameComesBackByteByByte) {
  const std::string kBytes = "\\x5ce\xff\xc3\xa9";
  std::vector<std::string> names = {""};
  for (std::size_t first = 0, length = 1; length <= 6; ++length) {
    const std::size_t last = names.size();
    for (; first < last; ++first)
      for (char byte : kBytes) names.push_back(names[first] + byte);
  }
  ASSERT_EQ(names.size(), 299593u);
  std::size_t wrong = 0;
  for (const auto& name : names) wrong += bytes_of_utf8(utf8_of(name)) != name;
  EXPECT_EQ(wrong, 0u);
}

TEST(Utf8, EveryTextOfAJsonIsWrittenSo) {
  const nlohmann::ordered_json json = {{"name", "\xff"}, {"list", {"\xfe", 3, {{"deep", "\xfd\\xfd"}}}}};
  EXPECT_EQ(dump_json(json), R"({"name":"\\xff","list":["\\xfe",3,{"deep":"\\xfd\\x5cxfd"}]})");
}

}  // namespace
}  // namespace leakdir::tool
