// SPDX-License-Identifier: BSL-1.0
//
// The formats that profilers read: folded stacks, and pprof's, which protoc decodes by pprof's own specification.
// Argument: the directory where its profile.proto is.

#include <gmock/gmock-matchers.h>
#include <gtest/gtest.h>
#include <sys/wait.h>

#include <cstdlib>
#include <string>

#include "emit_fixture.hh"
#include "scratch_directory.hh"

namespace leakdir::tool {
namespace {

using leakdir_test::read_file;
using leakdir_test::Scratch;
using leakdir_test::write_file;
using testing::HasSubstr;
using testing::Not;

std::string proto_directory;

using Folded = EmitFixture;

TEST_F(Folded, EachStackIsALineFromTheOutsideInWithItsBytes) {
  two_stacks();
  EXPECT_EQ(emit(emit_folded),
            "main;build;make_buffer 60\n"
            "no_debug_info;0x999 20\n");
}

TEST_F(Folded, WhatIsNotShownIsThereToAddUp) {
  two_stacks();
  EXPECT_EQ(emit(emit_folded, 1),
            "main;build;make_buffer 60\n"
            "[not shown] 20\n");
}

TEST_F(Folded, UnknownFramesHaveModuleAndOffset) {
  ledger.block({0x1000, 1, ledger.stack({0x405555, 0x401b2a})});
  EXPECT_EQ(emit(emit_folded), "main;app+0x5555 1\n");
}

TEST_F(Folded, ABlockWithoutStackHasALineToo) {
  ledger.block({0x1000, 1, 0});
  EXPECT_EQ(emit(emit_folded), "[no stack] 1\n");
}

TEST_F(Folded, ThePlaceOfTheMacroHookIsTheInnermost) {
  ledger.block({0x1000, 1, ledger.node(ledger.text("src/app.c"), ledger::kPlaceModule, ledger.stack({0x401b2a}), 69)});
  EXPECT_EQ(emit(emit_folded), "main;src/app.c:69 1\n");
}

TEST_F(Folded, NamesCannotBreakTheLine) {
  symbols.lines[0x9f6] = {{"f<';'>\n 7", "a.c", 1, false}};
  symbols.lines[0x1b29] = {{"std::pair<int, int> make pair()", "a.c", 1, false}};
  ledger.block({0x1000, 5, ledger.stack({0x4009f7, 0x401b2a})});
  EXPECT_EQ(emit(emit_folded), "std::pair<int, int> make pair();f<':'>\\x0a 7 5\n");
}

// flamegraph.pl draws the outermost frame at the bottom: a tower for each kind.
TEST_F(Folded, AKindIsTheOutermostFrame) {
  four_kinds();
  ledger.block({0x7000, 5, 0});
  EXPECT_EQ(emit(emit_folded, 4),
            "[definitely lost];main;build;make_buffer 41\n"
            "[indirectly lost];no_debug_info 7\n"
            "[possibly lost];no_debug_info 30\n"
            "[still reachable];main;build;make_buffer 1000\n"
            "[not shown] 305\n");
  EXPECT_THAT(emit(emit_folded), HasSubstr("\n[not known];[no stack] 5\n"));
}

TEST_F(Folded, OfASampleHasWhatIsEstimated) {
  a_sample();
  EXPECT_EQ(emit(emit_folded), "main;build;make_buffer 5790\nno_debug_info 926\n");
  EXPECT_EQ(emit(emit_folded, 1), "main;build;make_buffer 5790\n[not shown] 926\n");
}

TEST_F(Folded, OfNothingIsEmpty) { EXPECT_EQ(emit(emit_folded), ""); }

class Pprof : public EmitFixture {
 protected:
  std::string decoded(std::size_t top = ~std::size_t{0}) {
    write_file(directory / "profile", emit(emit_pprof, top));
    const std::string file = directory / "profile";
    const std::string command = "gzip -dc <" + file + " | protoc --decode=perftools.profiles.Profile -I " +
                                proto_directory + " profile.proto >" + file + ".text 2>" + file + ".errors";
    const int status = std::system(command.c_str());
    EXPECT_TRUE(WIFEXITED(status) && WEXITSTATUS(status) == 0) << read_file(directory / "profile.errors");
    return read_file(directory / "profile.text");
  }

  Scratch directory;
};

TEST_F(Pprof, HasSamplesLocationsFunctionsAndMappings) {
  ledger.modules.resize(1);
  ledger.module("/lib/libc.so.6", 0x7f0000000000, "\xab\x01");
  ledger.program("/home/you/app", 0x400000, "\x0f\xa1");
  auto first = ledger.stack({0x4009f7, 0x401b2a}, 2);
  ledger.block({0x733270, 20, first});
  ledger.block({0x733290, 40, first});
  ledger.block({0x7332d0, 20, ledger.stack({0x999}, 0), ledger::Call::kNew});
  EXPECT_EQ(decoded(), R"(sample_type {
  type: 1
  unit: 2
}
sample_type {
  type: 3
  unit: 4
}
sample {
  location_id: 1
  location_id: 2
  value: 2
  value: 60
  label {
    key: 9
    str: 10
  }
}
sample {
  location_id: 3
  value: 1
  value: 20
  label {
    key: 9
    str: 11
  }
}
mapping {
  id: 1
  memory_start: 4194304
  memory_limit: 5242880
  filename: 12
  build_id: 13
  has_functions: true
  has_filenames: true
  has_line_numbers: true
  has_inline_frames: true
}
mapping {
  id: 2
  memory_start: 139637976727552
  memory_limit: 139637977776128
  filename: 14
  build_id: 15
}
location {
  id: 1
  mapping_id: 1
  address: 4196854
  line {
    function_id: 1
    line: 69
  }
  line {
    function_id: 2
    line: 80
  }
}
location {
  id: 2
  mapping_id: 1
  address: 4201257
  line {
    function_id: 3
    line: 101
  }
}
location {
  id: 3
  address: 2456
}
function {
  id: 1
  name: 5
  filename: 6
}
function {
  id: 2
  name: 7
  filename: 6
}
function {
  id: 3
  name: 8
  filename: 6
}
string_table: ""
string_table: "inuse_objects"
string_table: "count"
string_table: "inuse_space"
string_table: "bytes"
string_table: "make_buffer"
string_table: "/home/you/app.c"
string_table: "build"
string_table: "main"
)"
                       R"(string_table: "call"
string_table: "malloc"
string_table: "operator new"
string_table: "/home/you/app"
string_table: "0fa1"
string_table: "/lib/libc.so.6"
string_table: "ab01"
string_table: "leakdir: /home/you/app, pid 4711, exited"
time_nanos: 1795425366000000000
duration_nanos: 100000000000
comment: 16
default_sample_type: 3
)");
}

// pprof takes the name as it is where the system name is another one, or is not there.
TEST_F(Pprof, SystemNameIsTheLinkersOrNone) {
  symbols.lines[0x9f6] = {{"S::operator()(int) const", "a.cc", 1, true, "_ZNK1SclEi"},
                          {"(anonymous namespace)::grow<int>()", "a.cc", 2, false, ""}};
  symbols.lines[0x1b29] = {{"main", "a.cc", 3, false, "main"}};
  ledger.block({0x1000, 5, ledger.stack({0x4009f7, 0x401b2a})});
  EXPECT_THAT(decoded(), HasSubstr("function {\n  id: 1\n  name: 5\n  system_name: 6\n  filename: 7\n}\n"
                                   "function {\n  id: 2\n  name: 8\n  filename: 7\n}\n"
                                   "function {\n  id: 3\n  name: 9\n  filename: 7\n}\n"));
  EXPECT_THAT(decoded(), HasSubstr("string_table: \"S::operator()(int) const\"\nstring_table: \"_ZNK1SclEi\"\n"
                                   "string_table: \"a.cc\"\n"
                                   "string_table: \"(anonymous namespace)::grow<int>()\"\nstring_table: \"main\"\n"));
}

TEST_F(Pprof, InstancesOfATemplateAreFunctionsOfTheirOwn) {
  symbols.lines[0x9f6] = {{"make<int>()", "a.cc", 1, false, "_Z4makeIiEvv"}};
  symbols.lines[0x1b29] = {{"make<long>()", "a.cc", 1, false, "_Z4makeIlEvv"}};
  ledger.block({0x1000, 5, ledger.stack({0x4009f7})});
  ledger.block({0x2000, 7, ledger.stack({0x401b2a})});
  EXPECT_THAT(decoded(), HasSubstr("function {\n  id: 2\n"));
}

TEST_F(Pprof, OfASampleHasItsPeriodAndValuesForAllBlocks) {
  a_sample();
  const std::string profile = decoded();
  EXPECT_THAT(profile, HasSubstr("period: 1024\n"));
  EXPECT_THAT(profile, HasSubstr("period_type {\n"));
  EXPECT_THAT(profile, HasSubstr("value: 3\n  value: 5790\n"));
  EXPECT_THAT(profile, HasSubstr("value: 103\n  value: 926\n"));
  EXPECT_THAT(profile, HasSubstr("what is here is estimated from 3 blocks, 5127 bytes"));
}

TEST_F(Pprof, AKindIsALabel) {
  ledger.block_of_kind(ledger::Reach::kDefinite, {0x733270, 20, ledger.stack({0x401b2a})});
  ledger.block({0x7332d0, 10, 0});
  const std::string profile = decoded();
  EXPECT_THAT(profile, HasSubstr("  value: 1\n  value: 20\n"
                                 "  label {\n    key: 7\n    str: 8\n  }\n"
                                 "  label {\n    key: 9\n    str: 10\n  }\n}\n"));
  EXPECT_THAT(profile, HasSubstr("  value: 1\n  value: 10\n  label {\n    key: 7\n    str: 8\n  }\n}\n"));
  EXPECT_THAT(profile, HasSubstr("string_table: \"call\"\nstring_table: \"malloc\"\n"
                                 "string_table: \"kind\"\nstring_table: \"definite\"\n"));
}

TEST_F(Pprof, EachFrameAndFunctionIsThereOnce) {
  for (unsigned i = 0; i < 10; ++i)
    ledger.block({0x1000 + 16 * i, 1, ledger.stack({0x400300 + i, 0x4009f7, 0x401b2a})});
  const std::string profile = decoded();
  EXPECT_THAT(profile, HasSubstr("location {\n  id: 12\n"));
  EXPECT_THAT(profile, Not(HasSubstr("location {\n  id: 13\n")));
  EXPECT_THAT(profile, HasSubstr("function {\n  id: 3\n"));
  EXPECT_THAT(profile, Not(HasSubstr("function {\n  id: 4\n")));
}

TEST_F(Pprof, WhatIsNoFrameAddsUpAllTheSame) {
  two_stacks();
  ledger.block({0x8000, 7, 0});
  const std::string profile = decoded(1);
  EXPECT_THAT(profile, HasSubstr("value: 2\n  value: 27\n"));
  EXPECT_THAT(profile, HasSubstr("string_table: \"[not shown]\"\n"));
  EXPECT_THAT(decoded(), HasSubstr("string_table: \"[no stack]\"\n"));
}

TEST_F(Pprof, OfNothingIsAProfileAllTheSame) {
  EXPECT_THAT(decoded(), HasSubstr("string_table: \"inuse_space\"\n"));
  EXPECT_THAT(decoded(), Not(HasSubstr("sample {")));
}

TEST_F(Pprof, TheSameReportIsTheSameFile) {
  two_stacks();
  EXPECT_EQ(emit(emit_pprof), emit(emit_pprof));
}

}  // namespace
}  // namespace leakdir::tool

int main(int argc, char** argv) {
  testing::InitGoogleTest(&argc, argv);
  if (argc != 2) return 2;
  leakdir::tool::proto_directory = argv[1];
  return RUN_ALL_TESTS();
}
