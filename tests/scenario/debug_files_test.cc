// SPDX-License-Identifier: BSL-1.0
//
// Debug information wherever it is: compressed, split, apart from the program, in the program's MiniDebugInfo, and of
// programs with short build-ids. What cannot be read is named with what helps, and is never called missing.

#include <gmock/gmock-matchers.h>
#include <gtest/gtest.h>

#include "paths.hh"
#include "report_json.hh"
#include "target.hh"

namespace leakdir_test {
namespace {

using testing::ElementsAre;
using testing::HasSubstr;
using testing::Not;

using Lines = std::vector<std::string>;

class DebugFiles : public testing::Test {
 protected:
  DebugFiles() {
    write_file(scratch_ / "app.c", R"(#include <stdlib.h>
void *volatile kept;
static inline __attribute__((always_inline)) void keep(int n) { kept = malloc(n); }
__attribute__((noinline)) void make(int n) { keep(n + 1); __asm__ volatile("" ::: "memory"); }
int main(void) { make(1236); __asm__ volatile("" ::: "memory"); return 0; }
)");
  }

  Outcome shell(const std::string& command) const {
    return run({{"bash", "-e", "-u", "-o", "pipefail", "-c", command}, scratch_.path(), {}, "", 120});
  }
  void must(const std::string& command) const {
    const Outcome outcome = shell(command);
    ASSERT_TRUE(outcome.exited_with(0)) << command << "\n" << outcome.describe();
  }
  bool is_there(const std::string& command) const { return shell("command -v " + command).exited_with(0); }

  // The program `app`, which leaves its one block.
  void compile(const std::string& flags) { must("gcc -g -O2 app.c '" + std::string(kObject) + "' -o app " + flags); }
  void leave_a_block() { must("rm -rf mem; ./app"); }

  Outcome text(const std::vector<std::string>& more = {}) const {
    std::vector<std::string> arguments = {"report", "--kinds", "all", scratch_ / "mem"};
    arguments.insert(arguments.end(), more.begin(), more.end());
    const Outcome outcome = run_tool(arguments);
    EXPECT_TRUE(outcome.exited_with(0) && outcome.err.empty()) << outcome.describe();
    return outcome;
  }

  // The frames of the block up to main, as "function:line"; line 0: none is known.
  Lines frames(const std::vector<std::string>& more = {}) const {
    const nlohmann::json found = report(scratch_ / "mem", more);
    Lines lines;
    for (const auto& frame : found.at("stacks").at(0).at("frames")) {
      lines.push_back(frame.value("function", "?") + ":" + std::to_string(frame.value("line", 0)));
      if (frame.value("function", "") == "main") break;
    }
    return lines;
  }

  nlohmann::json finding(const std::string& check) const {
    const Outcome outcome = run_tool({"doctor", "--format", "json", scratch_ / "app"});
    EXPECT_TRUE(outcome.exited_with(0)) << outcome.describe();
    const nlohmann::json diagnosis = nlohmann::json::parse(outcome.out);
    for (const auto& found : diagnosis.at("findings"))
      if (found.at("check") == check) return found;
    return {};
  }

  const Lines whole_ = {"keep:3", "make:4", "main:5"};
  Scratch scratch_;
};

class Zstd : public DebugFiles {
 protected:
  void SetUp() override {
    if (!shell("gcc -g app.c '" + std::string(kObject) + "' -o app -Wl,--compress-debug-sections=zstd").exited_with(0))
      GTEST_SKIP() << "ld cannot compress by zstd";
    compile("-Wl,--build-id -Wl,--compress-debug-sections=zstd");
    must("readelf --section-details app | grep -A4 -F .debug_info | grep -q ZSTD");
  }
};

TEST_F(Zstd, SectionsAreReadInTheProgram) {
  leave_a_block();
  EXPECT_EQ(frames(), whole_);
  EXPECT_THAT(text().out, Not(HasSubstr("warning: ")));
  EXPECT_EQ(finding("lines").at("text"), "of 1 source file");
}

TEST_F(Zstd, SectionsAreReadInADebugFile) {
  must("objcopy --only-keep-debug app app.debug; strip app");
  leave_a_block();
  EXPECT_EQ(frames(), whole_) << "beside the program, by its name";
  must("mkdir away; mv app.debug away/other");
  EXPECT_EQ(frames().at(0), ":0");
  EXPECT_EQ(frames({"--debug-path", scratch_ / "away/other"}), whole_);
  EXPECT_EQ(frames({"--debug-path", scratch_ / "away"}), whole_);
  must("mv away/other linked; objcopy --add-gnu-debuglink=linked app; mkdir .debug; mv linked .debug");
  EXPECT_EQ(frames(), whole_);
}

TEST_F(Zstd, SectionsAreReadInADebugFileThatHasNoBuildId) {
  compile("-Wl,--build-id=none -Wl,--compress-debug-sections=zstd");
  must("objcopy --only-keep-debug app linked; strip app; objcopy --add-gnu-debuglink=linked app");
  leave_a_block();
  EXPECT_EQ(frames(), whole_);
  must("echo >>linked");
  EXPECT_NE(frames(), whole_) << "its checksum is another one";
}

// A section that is cut short, or says that it is longer than it is, is passed over; all else is read.
TEST_F(Zstd, DamagedSectionsAreNamedAndDoNoHarm) {
  leave_a_block();
  const std::string good = read_file(scratch_ / "app");
  for (const char* damage : {"file[at + 8] ^= 1",                         // ch_size
                             "file[at + 15] = 0x7f",                      // … of exabytes
                             "file[at + 24:at + 28] = bytes(4)",          // zstd's magic number
                             "file[at + 28:at + 60] = b'\\xff' * 32"}) {  // what is packed
    SCOPED_TRACE(damage);
    write_file(scratch_ / "app", good);
    write_file(scratch_ / "damage.py", std::string("import struct, sys\nfile = bytearray(open('app', 'rb').read())\n"
                                                   "at = int(sys.argv[1], 16)\n") +
                                           damage + "\nopen('app', 'wb').write(file)\n");
    must(
        "python3 damage.py $(readelf -SW app | sed -n 's/.* \\.debug_info *PROGBITS *[0-9a-f]* \\([0-9a-f]*\\) "
        ".*/\\1/p')");
    EXPECT_THAT(frames(), ElementsAre("make:0", "main:0"));
    const std::string said = text().out;
    EXPECT_THAT(said, HasSubstr("warning: " + scratch_.path() + "/app has debug information that libdw "));
    EXPECT_THAT(said, HasSubstr("objcopy --decompress-debug-sections"));
    EXPECT_THAT(said, Not(HasSubstr("compile it with -g")));
    EXPECT_THAT(finding("lines").at("text"), HasSubstr("not known: there is debug information that libdw "));
  }
}

// Of a kind that is yet to come.
TEST_F(DebugFiles, WhatIsNotUnderstoodIsNamedWithWhatHelps) {
  compile("-Wl,--build-id -gz=zlib");
  leave_a_block();
  EXPECT_EQ(frames(), whole_);
  write_file(scratch_ / "change.py",
             "import sys\nfile = bytearray(open('app', 'rb').read())\nfile[int(sys.argv[1], 16)] = 99\n"
             "open('app', 'wb').write(file)\n");
  must(
      "python3 change.py $(readelf -SW app | sed -n 's/.* \\.debug_info *PROGBITS *[0-9a-f]* \\([0-9a-f]*\\) "
      ".*/\\1/p')");
  EXPECT_THAT(frames(), ElementsAre("make:0", "main:0"));
  const std::string said = text().out;
  EXPECT_THAT(said, HasSubstr("has debug information that libdw "));
  EXPECT_THAT(said, HasSubstr("or build leakdir with a newer elfutils"));
  EXPECT_THAT(said, Not(HasSubstr("compile it with -g")));
  EXPECT_EQ(finding("lines").at("health"), "missing");
  EXPECT_THAT(finding("lines").at("text"), HasSubstr("does not understand"));
}

TEST_F(DebugFiles, MiniDebugInfoHasTheNames) {
  if (!is_there("xz")) GTEST_SKIP() << "there is no xz";
  compile("-Wl,--build-id");
  // As gdb's documentation makes it.
  must(
      "nm -D app --format=posix --defined-only | awk '{ print $1 }' | sort >dynamic;"
      "nm app --format=posix --defined-only | awk '$2 == \"T\" || $2 == \"t\" || $2 == \"D\" { print $1 }' | sort >all;"
      "comm -13 dynamic all >names; objcopy --only-keep-debug app debug;"
      "objcopy -S --remove-section .comment --keep-symbols=names debug mini; strip --strip-all app; xz mini;"
      "objcopy --add-section .gnu_debugdata=mini.xz app");
  leave_a_block();
  EXPECT_THAT(frames(), ElementsAre("make:0", "main:0"));
  const nlohmann::json symbols = finding("symbols");
  EXPECT_EQ(symbols.at("health"), "good");
  EXPECT_THAT(symbols.at("text"), testing::EndsWith(" by name, in .gnu_debugdata (MiniDebugInfo)"));
  EXPECT_EQ(finding("lines").at("health"), "missing");
  EXPECT_EQ(frames({"--debug-path", scratch_ / "debug"}), whole_);
}

class ShortBuildId : public DebugFiles, public testing::WithParamInterface<std::string> {};

TEST_P(ShortBuildId, IsOneLikeAnother) {
  compile("-Wl,--build-id=0x" + GetParam());
  leave_a_block();
  EXPECT_EQ(frames(), whole_);
  EXPECT_THAT(text().out, Not(HasSubstr("warning: ")));
  EXPECT_EQ(finding("build-id").at("text"), GetParam());
  must("objcopy --only-keep-debug app kept; strip app");
  EXPECT_EQ(frames({"--debug-path", scratch_ / "kept"}), whole_);
  if (GetParam().size() >= 4) {
    const std::string folder = "files/.build-id/" + GetParam().substr(0, 2);
    must("mkdir -p " + folder + "; mv kept " + folder + "/" + GetParam().substr(2) + ".debug");
    EXPECT_EQ(frames({"--debug-path", scratch_ / "files"}), whole_);
  }
}

TEST_P(ShortBuildId, OfAnotherBuildIsRefused) {
  compile("-Wl,--build-id=0x" + GetParam());
  leave_a_block();
  compile("-Wl,--build-id=0x" + GetParam() + "01");
  EXPECT_THAT(text().out, HasSubstr("has build-id " + GetParam() + "01, and the process ran " + GetParam() +
                                    ": it is another build and was refused"));
}

INSTANTIATE_TEST_SUITE_P(Of, ShortBuildId, testing::Values("ab", "abcd", "abcdef", "0123456789abcdef"));

// What was put inline is told in the .dwo files alone.
TEST_F(DebugFiles, SplitOnesAreReadOrNamed) {
  compile("-gsplit-dwarf");
  leave_a_block();
  EXPECT_EQ(frames(), whole_);
  must("mkdir away; mv *.dwo away");
  EXPECT_THAT(frames(), ElementsAre("make:3", "main:5"));
  EXPECT_THAT(text().out, testing::ContainsRegex("warning: which functions of [^\n]*/app were put inline is in "
                                                 "[^\n]*app.dwo and others, which are not where they were made"));
}

TEST_F(DebugFiles, PackagesOfSplitOnesAreReadOrNamed) {
  if (!is_there("llvm-dwp")) GTEST_SKIP() << "there is no llvm-dwp";
  compile("-gsplit-dwarf");
  leave_a_block();
  must("llvm-dwp -e app -o app.dwp; rm *.dwo");
  if (frames() == whole_) return;  // elfutils 0.191 and later
  EXPECT_THAT(frames(), ElementsAre("make:3", "main:5"));
  EXPECT_THAT(text().out, testing::ContainsRegex("/app.dwp, which libdw [0-9.]*, which is here, does not read"));
}

}  // namespace
}  // namespace leakdir_test
