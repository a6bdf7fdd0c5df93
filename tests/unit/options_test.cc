// SPDX-License-Identifier: BSL-1.0
// The settings table: what each source may say, and what is said back when it is wrong.
#include "shared/options.hh"

#include <gtest/gtest.h>

#include <sstream>
#include <string>
#include <vector>

namespace leakdir {
namespace {

struct Complaint {
  std::string source, key, value;
  unsigned line;
  bool unknown;
  bool operator==(const Complaint& o) const {
    return source == o.source && key == o.key && value == o.value && line == o.line && unknown == o.unknown;
  }
};
std::ostream& operator<<(std::ostream& out, const Complaint& c) {
  return out << c.source << ":" << c.line << " " << c.key << "=" << c.value << (c.unknown ? " unknown" : " bad");
}

std::vector<Complaint> complaints;
std::string help;

void complain(const OptionError& e) {
  complaints.push_back({e.source, {e.key, e.key_bytes}, {e.value, e.value_bytes}, e.line, e.unknown_key});
}

Options parsed_list(const char* text) {
  complaints.clear();
  Options options;
  parse_option_list(text, "LIST", options, complain);
  return options;
}

Options parsed_file(const char* text) {
  complaints.clear();
  Options options;
  parse_option_file(text, "FILE", options, complain);
  return options;
}

// What a test has gathered goes with it: one that leaks fails.
// Of the words of a choice, "first|second|…".
std::string word_number(const std::string& words, unsigned number) {
  std::istringstream list(words);
  std::string word;
  for (unsigned i = 0; i <= number; ++i) std::getline(list, word, '|');
  return word;
}

class OptionsTest : public testing::Test {
 protected:
  void TearDown() override {
    complaints = std::vector<Complaint>();
    std::string().swap(help);
  }
};

TEST_F(OptionsTest, DefaultsAreThoseOfTheTable) {
  const Options o;
#define OPTION_NUMBER(name, type, default_value, lowest, highest, meaning) \
  EXPECT_EQ(o.name, static_cast<type>(default_value)) << #name;
#define OPTION_CHOICE(name, type, default_value, words, meaning) \
  EXPECT_EQ(word_number(words, static_cast<unsigned>(o.name)), default_value) << #name;
#define OPTION_TEXT(name, bytes, default_value, meaning) EXPECT_STREQ(o.name, default_value) << #name;
#include "shared/options.inc"
#undef OPTION_NUMBER
#undef OPTION_CHOICE
#undef OPTION_TEXT
}

TEST_F(OptionsTest, AListSetsEachKeyItNames) {
  const Options o = parsed_list("dir=/tmp/x:write=sync:depth=7:unwind=boost:on_bad_free=abort:exitcode=23:libc=1");
  EXPECT_STREQ(o.dir, "/tmp/x");
  EXPECT_EQ(o.write, ledger::WriteMode::kSync);
  EXPECT_EQ(o.depth, 7u);
  EXPECT_EQ(o.unwind, Unwind::kBoost);
  EXPECT_EQ(o.on_bad_free, OnBadFree::kAbort);
  EXPECT_EQ(o.exitcode, 23u);
  EXPECT_TRUE(o.libc);
  EXPECT_TRUE(complaints.empty());
}

TEST_F(OptionsTest, EachWordOfAChoiceIsItsNumber) {
#define OPTION_NUMBER(name, type, default_value, lowest, highest, meaning)
#define OPTION_CHOICE(name, type, default_value, words, meaning)                                           \
  {                                                                                                        \
    std::istringstream list(words);                                                                        \
    unsigned number = 0;                                                                                   \
    for (std::string word; std::getline(list, word, '|'); ++number)                                        \
      EXPECT_EQ(parsed_list((#name "=" + word).c_str()).name, static_cast<type>(number)) << #name << word; \
  }
#define OPTION_TEXT(name, bytes, default_value, meaning)
#include "shared/options.inc"
#undef OPTION_NUMBER
#undef OPTION_CHOICE
#undef OPTION_TEXT
  EXPECT_TRUE(complaints.empty());
}

TEST_F(OptionsTest, AValueWithAColonStandsInQuotes) {
  EXPECT_STREQ(parsed_list("dir='/a:b':depth=3").dir, "/a:b");
  EXPECT_EQ(parsed_list("dir=\"/a:b\":depth=3").depth, 3u);
  EXPECT_TRUE(complaints.empty());
}

TEST_F(OptionsTest, AnUnknownKeyIsNamedWithItsSource) {
  parsed_list("depht=3:depth=4");
  EXPECT_EQ(complaints, (std::vector<Complaint>{{"LIST", "depht", "3", 0, true}}));
}

TEST_F(OptionsTest, ABadValueLeavesTheDefault) {
  for (const char* bad :
       {"depth=0", "depth=129", "depth=", "depth", "depth=x", "depth=1x", "depth=-1", "depth=99999999999999999999"}) {
    EXPECT_EQ(parsed_list(bad).depth, 32u) << bad;
    ASSERT_EQ(complaints.size(), 1u) << bad;
    EXPECT_EQ(complaints[0].key, "depth");
    EXPECT_FALSE(complaints[0].unknown);
  }
  EXPECT_EQ(parsed_list("write=soon").write, ledger::WriteMode::kBehind);
  EXPECT_EQ(parsed_list("write=syn").write, ledger::WriteMode::kBehind);
  EXPECT_EQ(complaints.size(), 1u);
}

TEST_F(OptionsTest, ATextThatIsTooLongIsRefusedWhole) {
  const std::string list = "dir=/" + std::string(5000, 'x');
  EXPECT_STREQ(parsed_list(list.c_str()).dir, "./mem");
  EXPECT_EQ(complaints.size(), 1u);
}

TEST_F(OptionsTest, AFileHasOneSettingALineAndComments) {
  const Options o = parsed_file("# all of it\n\n  depth = 5  # frames\r\nwrite=exit\n\tdir = /var/x y\n");
  EXPECT_EQ(o.depth, 5u);
  EXPECT_EQ(o.write, ledger::WriteMode::kExit);
  EXPECT_STREQ(o.dir, "/var/x y");
  EXPECT_TRUE(complaints.empty());
}

TEST_F(OptionsTest, AFaultInAFileNamesItsLine) {
  parsed_file("depth = 5\nnonsense\ndepth = many\n");
  EXPECT_EQ(complaints,
            (std::vector<Complaint>{{"FILE", "nonsense", "", 2, true}, {"FILE", "depth", "many", 3, false}}));
}

TEST_F(OptionsTest, HelpHasALineForEveryKey) {
  print_option_help([](const char* line) { help += line; });
#define OPTION_NUMBER(name, type, default_value, lowest, highest, meaning) \
  EXPECT_NE(help.find("\n  " #name " "), std::string::npos) << #name;
#define OPTION_CHOICE(name, type, default_value, words, meaning) \
  EXPECT_NE(help.find("\n  " #name " "), std::string::npos) << #name;
#define OPTION_TEXT(name, bytes, default_value, meaning) \
  EXPECT_NE(help.find("\n  " #name " "), std::string::npos) << #name;
#include "shared/options.inc"
#undef OPTION_NUMBER
#undef OPTION_CHOICE
#undef OPTION_TEXT
}

}  // namespace
}  // namespace leakdir
