// SPDX-License-Identifier: BSL-1.0
//
// The macro hook: with the object it adds `location:` to the records of stripped programs; without, and with
// leakdir_trace.c, there are the same records on any libc. What the macros must not break compiles, without a warning.

#include <gmock/gmock-more-matchers.h>
#include <gtest/gtest.h>
#include <sys/stat.h>
#include <unistd.h>

#include <filesystem>

#include "addr2line.hh"
#include "expected_kinds.hh"
#include "groups.hh"
#include "paths.hh"
#include "report_json.hh"
#include "target.hh"

namespace leakdir_test {
namespace {

using testing::AllOf;
using testing::Each;
using testing::ElementsAre;
using testing::HasSubstr;
using testing::IsEmpty;
using testing::Not;
using testing::SizeIs;

using Flags = std::vector<std::string>;

const std::string kLib = std::string(kSourceRoot) + "/lib/";

Flags operator+(Flags left, const Flags& right) {
  left.insert(left.end(), right.begin(), right.end());
  return left;
}

std::string source(const std::string& name) { return std::string(kSourceRoot) + "/tests/targets/" + name; }

Flags silently(const std::string& compiler, const std::string& standard) {
  return {compiler, "-std=" + standard, "-I" + kLib + "include", "-Wall", "-Wextra", "-Wshadow", "-Werror"};
}

void compile(const Flags& command) {
  const Outcome outcome = run({command, "", {}, "", 120});
  ASSERT_TRUE(outcome.exited_with(0)) << outcome.describe();
  EXPECT_EQ(outcome.err, "");
}

// With an older clang the macros are none (leakdir/trace.h).
bool has_macros(const std::string& compiler) {
  if (compiler.rfind("clang", 0) != 0) return true;
  const Groups major =
      groups_in(run({{compiler, "-dM", "-E", "-x", "c", "/dev/null"}, "", {}, "", 60}).out, "__clang_major__ ([0-9]+)");
  return !major.empty() && std::stoi(major[1]) >= 12;
}

const std::string kTraceSource = std::string(kInclude) + "/leakdir/leakdir_trace.c";
const Flags kAlone = {"-DLEAKDIR_ALONE", kTraceSource};

// The sizes after "no place:".
std::vector<std::uint64_t> without_place(const std::string& output) {
  std::vector<std::uint64_t> sizes;
  const Groups line = groups_in(output, "no place: (.*)");
  if (line.empty()) return sizes;
  for (const Groups& number : all_groups_in(line[1], "\\d+")) sizes.push_back(std::stoull(number[0]));
  return sizes;
}

// Every block that the program said it keeps is there, once, with the line where it stands; and no other has one.
void expect_places(const Outcome& outcome, const std::string& file, const std::vector<Record>& records) {
  std::vector<std::string> expected, found;
  for (const Expected& block : expected_by(outcome.out)) {
    expected.push_back(std::to_string(block.size) + " " + file + ":" + std::to_string(block.line));
  }
  for (const std::uint64_t size : without_place(outcome.out)) expected.push_back(std::to_string(size) + " ");
  for (const Record& record : records) found.push_back(std::to_string(record.size) + " " + record.location);
  EXPECT_THAT(found, testing::UnorderedElementsAreArray(expected));
  EXPECT_GT(expected.size(), 10u);
}

struct Way {
  std::string name;
  Flags compiler, with;
};
void PrintTo(const Way& way, std::ostream* out) { *out << way.name; }

class TraceInC : public testing::TestWithParam<Way> {};

TEST_P(TraceInC, GivesEachBlockItsLine) {
  if (!has_macros(GetParam().compiler.front())) GTEST_SKIP() << "clang 12 or later is wanted";
  const Scratch scratch;
  const Way& way = GetParam();
  compile(way.compiler +
          Flags{"-I" + kLib + "include", "-Wall", "-Wextra", "-Werror", "-Wno-unused-result", source("trace_forms.c"),
                "-o", scratch / "program"} +
          way.with);
  const Outcome outcome = run_in(scratch, scratch / "program");
  ASSERT_TRUE(outcome.exited_with(0)) << outcome.describe();
  expect_places(outcome, source("trace_forms.c"), records_in(scratch / "mem"));
}

const Flags kStatic = {kStaticObject, "-static"}, kDynamic = {kObject};

INSTANTIATE_TEST_SUITE_P(
    Ways, TraceInC,
    testing::Values(Way{"static", {"gcc", "-std=gnu11", "-O0"}, kStatic},
                    Way{"stripped", {"gcc", "-std=gnu11", "-O2", "-s"}, kDynamic},
                    Way{"clang", {"clang", "-std=gnu11", "-O2", "-pie", "-fPIE"}, kDynamic},
                    Way{"by_option", {"gcc", "-O2", "-DBY_INCLUDE", "-include", "leakdir/trace.h"}, kStatic},
                    Way{"alone_static", {"gcc", "-O2", "-static", "-s"}, kAlone},
                    Way{"alone_by_option", {"clang", "-O0", "-DBY_INCLUDE", "-include", "leakdir/trace.h"}, kAlone},
                    Way{"alone_without_unwind_tables",
                        {"gcc", "-O2", "-fno-asynchronous-unwind-tables", "-fno-unwind-tables", "-fomit-frame-pointer"},
                        kAlone},
                    Way{"alone_musl", {"musl-gcc", "-O2", "-static"}, kAlone},
                    Way{"alone_musl_by_option",
                        {"musl-gcc", "-O2", "-static", "-DBY_INCLUDE", "-include", "leakdir/trace.h"},
                        kAlone}),
    [](const testing::TestParamInfo<Way>& info) { return info.param.name; });

class TraceInCxx : public testing::TestWithParam<Way> {};

TEST_P(TraceInCxx, GivesEachBlockItsLine) {
  if (!has_macros(GetParam().compiler.front())) GTEST_SKIP() << "clang 12 or later is wanted";
  const Scratch scratch;
  const Way& way = GetParam();
  compile(way.compiler +
          Flags{"-I" + kLib + "include", "-Wall", "-Wextra", "-Werror", "-Wno-unused-result",
                source("trace_forms_cxx.cc"), "-o", scratch / "program"} +
          way.with);
  const Outcome outcome = run_in(scratch, scratch / "program");
  ASSERT_TRUE(outcome.exited_with(0)) << outcome.describe();
  std::vector<Record> records;
  bool has_one_of_before_main = false;
  for (const Record& record : records_in(scratch / "mem")) {
    const bool is_it = record.size == 1429;  // its line is that of a variable
    if (is_it) {
      EXPECT_THAT(record.location, HasSubstr("trace_forms_cxx.cc:"));
    }
    has_one_of_before_main |= is_it;
    if (!is_it) records.push_back(record);
  }
  EXPECT_TRUE(has_one_of_before_main);
  expect_places(outcome, source("trace_forms_cxx.cc"), records);
}

INSTANTIATE_TEST_SUITE_P(
    Ways, TraceInCxx,
    testing::Values(Way{"gcc_11", {"g++", "-std=c++11", "-O2", "-DLEAKDIR_TRACE_NEW"}, kStatic},
                    Way{"clang_17", {"clang++", "-std=c++17", "-O0", "-DLEAKDIR_TRACE_NEW"}, kDynamic}),
    [](const testing::TestParamInfo<Way>& info) { return info.param.name; });

// The redirection in C++: the C file is compiled as C.
TEST(TraceAlone, WorksInCxx) {
  const Scratch scratch;
  compile({"gcc", "-O2", "-c", kTraceSource, "-o", scratch / "trace.o"});
  compile({"g++", "-std=c++20", "-DLEAKDIR_ALONE", "-I" + kLib + "include", "-Wall", "-Wextra", "-Werror",
           source("trace_forms_cxx.cc"), scratch / "trace.o", "-o", scratch / "program"});
  const Outcome outcome = run_in(scratch, scratch / "program");
  ASSERT_TRUE(outcome.exited_with(0)) << outcome.describe();
  std::vector<Record> records;
  for (const Record& record : records_in(scratch / "mem"))
    if (record.size != 1429) records.push_back(record);
  expect_places(outcome, source("trace_forms_cxx.cc"), records);
}

// A C library may give its modules other names than their files have, no list of them, no destructors; and the program
// may be called by another name, from anywhere.
TEST(TraceAlone, NamesTheProgramUponEveryLibc) {
  const std::vector<Flags> kCompilers = {{"gcc"},      {"gcc", "-static"},      {"musl-gcc", "-static"},
                                         {"musl-gcc"}, {"musl-gcc", "-no-pie"}, {"diet", "gcc"}};
  for (const Flags& compiler : kCompilers) {
    const Scratch scratch;
    const std::string name = testing::PrintToString(compiler);
    SCOPED_TRACE(name);
    if (!run({{"sh", "-c", "command -v " + compiler[0]}, "", {}, "", 60}).exited_with(0)) {
      GTEST_LOG_(INFO) << "there is no " << compiler[0];
      continue;
    }
    write_file(scratch / "program.c",
               "#include <stdlib.h>\nstatic void* volatile sink;\n"
               "int main(void) {\n  free(malloc(5));\n  sink = malloc(77);\n  return 0;\n}\n");
    const Outcome linked = run(
        {compiler +
             Flags{"-g", "-O1", "-I" + kLib + "include", "-include", "leakdir/trace.h", "program.c", "-o", "program"} +
             kAlone,
         scratch.path(),
         {},
         "",
         120});
    ASSERT_TRUE(linked.exited_with(0)) << linked.describe();
    const Outcome again =
        run({{"sh", "-c", "mkdir folder && cd folder && PATH=..:$PATH && exec program"}, scratch.path(), {}, "", 60});
    ASSERT_TRUE(again.exited_with(0)) << again.describe();
    EXPECT_THAT(again.err, HasSubstr("leakdir: 1 live block, 77 bytes at exit: ./mem\n"));
    const std::vector<Record> records = records_in(scratch / "folder/mem");
    ASSERT_EQ(records.size(), 1u);
    EXPECT_EQ(records[0].program, scratch / "program");
    EXPECT_EQ(records[0].stack.frames.at(0).module, scratch / "program");
    EXPECT_THAT(run({{"sh", "-c", records[0].stack.addr2line.at(0)}, "", {}, "", 60}).out,
                AllOf(HasSubstr("main"), HasSubstr("program.c:5")));
  }
}

TEST(TraceAlone, SaysThatKlibcIsNotSupported) {
  const Scratch scratch;
  for (const std::string& file : {std::string("-xc"), kTraceSource}) {
    const Flags header = {"-include", kLib + "include/leakdir/trace.h", "/dev/null"};
    const Outcome outcome =
        run({Flags{"gcc", "-D__KLIBC__=2", "-fsyntax-only", file} + (file == "-xc" ? header : Flags{}),
             scratch.path(),
             {},
             "",
             60});
    EXPECT_FALSE(outcome.exited_with(0));
    EXPECT_THAT(outcome.err, HasSubstr("is not for klibc"));
  }
}

// Each dialect of C, included and by option; a program with nothing of leakdir's linked runs.
TEST(TraceHeader, IsSilentInEveryDialect) {
  for (const char* compiler : {"gcc", "clang"}) {
    for (const char* standard : {"c89", "gnu89", "c99", "c11", "gnu17", "c2x"}) {
      SCOPED_TRACE(std::string(compiler) + " " + standard);
      const Scratch scratch;
      write_file(
          scratch / "x.c",
          "#define _GNU_SOURCE 1\n#include <stdlib.h>\n#include <leakdir/leakdir.h>\n#include <leakdir/trace.h>\n"
          "int main(void) { char *p = strdup(\"x\"), *q = malloc(3 * sizeof *q); free(p); free(q);\n"
          "  leakdir_ignore_begin(); p = realloc(0, 3); leakdir_ignore_end(); free(p);\n"
          "  leakdir_each_since(leakdir_mark(), 0, 0); return leakdir_is_recording(); }\n");
      const Flags flags = silently(compiler, standard) + Flags{"-pedantic", "-Wconversion", "-Wsign-conversion"};
      compile(flags + Flags{scratch / "x.c", "-static", "-o", scratch / "x"});
      EXPECT_TRUE(run({{scratch / "x"}, "", {}, "", 60}).exited_with(0));
      compile(flags + Flags{"-include", "leakdir/trace.h", scratch / "x.c", "-o", scratch / "x"});
      EXPECT_TRUE(run({{scratch / "x"}, "", {}, "", 60}).exited_with(0));
    }
  }
}

TEST(TraceHeader, HasScopesForOldCxx) {
  const Scratch scratch;
  write_file(
      scratch / "x.cc",
      "#include <leakdir/leakdir.h>\n"
      "int main() { const leakdir::Scope scope; const leakdir::Ignore ignore; return leakdir_is_recording(); }\n");
  compile(silently("g++", "c++98") + Flags{"-pedantic", scratch / "x.cc", "-static", "-o", scratch / "x"});
  EXPECT_TRUE(run({{scratch / "x"}, "", {}, "", 60}).exited_with(0));
  compile(silently("clang++", "c++11") + Flags{"-pedantic", scratch / "x.cc", "-o", scratch / "x"});
  EXPECT_TRUE(run({{scratch / "x"}, "", {}, "", 60}).exited_with(0));
}

// The system's headers that declare, use or have members with the names. The compiler's mm_malloc.h does all of it.
TEST(TraceHeader, LetsOtherHeadersCome) {
  const Scratch scratch;
  write_file(scratch / "x.c",
             "#define _FILE_OFFSET_BITS 64\n#include <immintrin.h>\n#include <malloc.h>\n#include <argp.h>\n"
             "#include <obstack.h>\n#include <expat.h>\n#include <sqlite3.h>\nint main(void) { return 0; }\n");
  const Flags by_option = {"-include", "leakdir/trace.h", "-fsyntax-only", scratch / "x.c"};
  for (const char* compiler : {"gcc", "clang"}) {
    compile(silently(compiler, "c11") + by_option);
    compile(silently(compiler, "gnu17") + Flags{"-DLEAKDIR_ALONE"} + by_option);
  }
}

// And a macro of the program's own is not.
TEST(TraceHeader, IsTakenAwayByUntrace) {
  const Scratch scratch;
  write_file(scratch / "x.c",
             "#define realloc(block, size) own_realloc(block, size)\n"
             "#include <leakdir/trace.h>\n#include <leakdir/untrace.h>\n"
             "struct s { int x; };\nextern void *malloc(size_t size);\nextern char *strdup(const char *);\n"
             "#ifndef realloc\n#error\n#endif\n");
  compile(silently("gcc", "gnu11") + Flags{"-fsyntax-only", scratch / "x.c"});
}

// In CFLAGS it comes to sources that are no C, and to those written for POSIX.
TEST(TraceHeader, LeavesOtherSourcesAsTheyAre) {
  const Scratch scratch;
  const Flags by_option = {"-include", "leakdir/trace.h", "-fsyntax-only"};
  write_file(scratch / "x.S", ".text\nf: ret\n");
  write_file(scratch / "posix.c",
             "#include <string.h>\nint f(char *into, size_t room);\nint (*of)(int, char *, size_t) = strerror_r;\n"
             "int f(char *into, size_t room) { return strerror_r(1, into, room); }\n");
  write_file(scratch / "gnu.c",
             "#define _GNU_SOURCE\n#include <string.h>\nchar *f(char *into, size_t room);\n"
             "char *(*of)(int, char *, size_t) = strerror_r;\n"
             "char *f(char *into, size_t room) { return strerror_r(1, into, room); }\n");
  for (const char* compiler : {"gcc", "clang"}) {
    compile(Flags{compiler, "-I" + kLib + "include", "-include", "leakdir/trace.h", "-c", scratch / "x.S", "-o",
                  scratch / "x.o"});
    compile(silently(compiler, "gnu11") + by_option + Flags{scratch / "posix.c"});
    compile(silently(compiler, "gnu11") + by_option + Flags{scratch / "gnu.c"});
  }
}

TEST(TraceLocation, IsInTheReportAndInWhatRecoverWrites) {
  const Scratch scratch;
  compile({"gcc", "-O2", "-s", "-I" + kLib + "include", "-Wno-unused-result", source("trace_forms.c"), kObject, "-o",
           scratch / "program"});
  const Outcome outcome = run_in(scratch, scratch / "program", {"max_files=0", {}, {}, 60});
  ASSERT_TRUE(outcome.exited_with(0)) << outcome.describe();
  EXPECT_THAT(records_in(scratch / "mem"), IsEmpty());
  const std::vector<Expected> expected = expected_by(outcome.out);
  EXPECT_THAT(run_tool({"report", scratch / "mem"}).out,
              HasSubstr("    at " + source("trace_forms.c") + ":" + std::to_string(expected[0].line) + "\n"));
  EXPECT_TRUE(run_tool({"recover", "--max-files", "100", scratch / "mem"}).exited_with(0));
  expect_places(outcome, source("trace_forms.c"), records_in(scratch / "mem"));
}

TEST(TraceLocation, IsThereUnderTheLibrary) {
  const Scratch scratch;
  compile({"gcc", "-O2", "-s", "-I" + kLib + "include", "-Wno-unused-result", source("trace_forms.c"), "-o",
           scratch / "program"});
  const Outcome outcome = run_in(scratch, scratch / "program", {"", {}, {{"LD_PRELOAD", kLibrary}}, 60});
  ASSERT_TRUE(outcome.exited_with(0)) << outcome.describe();
  expect_places(outcome, source("trace_forms.c"), records_in(scratch / "mem"));
}

// leakdir_trace.c and the library in one process: each block is recorded once, with the stack that the library sees and
// the place that the macro said. The library is found by its mark, so a program needs neither symbols nor references.
class TraceAloneUnderTheLibrary : public testing::TestWithParam<Way> {};

TEST_P(TraceAloneUnderTheLibrary, GivesEachBlockItsLineAndItsStackOnce) {
  if (!has_macros(GetParam().compiler.front())) GTEST_SKIP() << "clang 12 or later is wanted";
  const Scratch scratch;
  const Way& way = GetParam();
  compile(way.compiler +
          Flags{"-g", "-I" + kLib + "include", "-Wall", "-Wextra", "-Wno-unused-result", source("trace_forms.c"), "-o",
                scratch / "program"} +
          kAlone + way.with);
  const Outcome outcome = run_in(scratch, scratch / "program", {"", {}, {{"LD_PRELOAD", kLibrary}}, 60});
  ASSERT_TRUE(outcome.exited_with(0)) << outcome.describe();
  const std::vector<Record> records = records_in(scratch / "mem");
  expect_places(outcome, source("trace_forms.c"), records);
  EXPECT_EQ(outcome.err, "leakdir: " + std::to_string(records.size()) + " live blocks, " +
                             std::to_string(total_bytes(records)) + " bytes at exit: ./mem" +
                             kinds_at_exit(scratch / "mem") + "\n");
  // Nothing was moved to previous/: nobody else has used the directory.
  EXPECT_THAT(names_in(scratch / "mem"), SizeIs(records.size() + 2));
  EXPECT_TRUE(exists(scratch / "mem/.ledger"));
  EXPECT_FALSE(records_in(scratch / "mem/lost").empty());
  const bool has_tables = way.name != "without_unwind_tables";
  for (const Record& record : records) {
    EXPECT_EQ(record.stack.frames.size() > 2, has_tables) << record.file;
    EXPECT_EQ(record.stack.frames.at(0).module, scratch / "program");
    EXPECT_THAT(first_place_by_own_command(record.stack).function, Not(HasSubstr("leakdir_trace")));
  }
}

INSTANTIATE_TEST_SUITE_P(Ways, TraceAloneUnderTheLibrary,
                         testing::Values(Way{"plain", {"gcc", "-std=gnu11", "-O0"}, {}},
                                         Way{"no_pie", {"gcc", "-std=gnu11", "-O2", "-no-pie", "-fno-pie"}, {}},
                                         Way{"no_pie_clang", {"clang", "-std=gnu11", "-O1", "-no-pie"}, {}},
                                         Way{"stripped", {"gcc", "-std=gnu11", "-O2", "-s"}, {}},
                                         // Its leakdir_start and leakdir_place are in front of the library's own.
                                         Way{"exporting_all", {"gcc", "-std=gnu11", "-O2", "-rdynamic"}, {}},
                                         Way{"lto", {"gcc", "-std=gnu11", "-O2", "-flto", "-ffat-lto-objects"}, {}},
                                         Way{"without_unwind_tables",
                                             {"gcc", "-O2", "-fno-asynchronous-unwind-tables", "-fno-unwind-tables",
                                              "-fomit-frame-pointer"},
                                             {}}),
                         [](const testing::TestParamInfo<Way>& info) { return info.param.name; });

class TraceAloneProgram : public testing::Test {
 protected:
  Outcome build_and_run(const std::string& text, const RunOptions& options = {}, const std::string& compiler = "gcc",
                        const Flags& flags = {}) {
    write_file(scratch_ / "x.c", "#include <leakdir/trace.h>\n" + text);
    compile(silently(compiler, "gnu11") + Flags{"-g", "-pthread", scratch_ / "x.c", "-o", scratch_ / "program"} +
            flags + kAlone);
    return again(options);
  }
  Outcome again(const RunOptions& options = {}) { return run_in(scratch_, scratch_ / "program", options); }
  std::vector<std::vector<std::uint64_t>> sizes_in_children() const {
    std::vector<std::vector<std::uint64_t>> sizes;
    for (const std::string& name : names_in(scratch_ / "mem"))
      if (name.find_first_not_of("0123456789") == std::string::npos)
        sizes.push_back(sizes_of(records_in(scratch_ / "mem/" + name)));
    return sizes;
  }
  Scratch scratch_;
};

constexpr char kLeaks[] = "void *volatile kept; int main(void) { kept = malloc(1801); return 3; }\n";

TEST_F(TraceAloneProgram, TellsBadFrees) {
  compile(Flags{"gcc", "-g", "-O0", "-DFREE_TWICE", "-w", "-I" + kLib + "include", source("trace_forms.c"), "-o",
                scratch_ / "program"} +
          kAlone);
  const Outcome outcome = again();
  ASSERT_TRUE(outcome.exited_with(0)) << outcome.describe();
  std::vector<std::string> kinds;
  for (const BadFreeRecord& bad : bad_frees_in(scratch_ / "mem")) {
    kinds.push_back(bad.kind + " " + std::to_string(bad.block_size));
    EXPECT_EQ(bad.free.frames.size(), 1u);
    EXPECT_EQ(bad.allocation.frames.size(), 1u);
    EXPECT_EQ(bad.first_free.frames.size(), bad.kind == "free inside a block" ? 0u : 1u);
  }
  EXPECT_THAT(kinds, testing::UnorderedElementsAre("double free 1701", "free inside a block 1703",
                                                   "realloc of a freed block 1705"));
  EXPECT_THAT(outcome.err, HasSubstr(", 3 bad frees at exit: ./mem\n"));
  const nlohmann::json json = report(scratch_ / "mem");
  EXPECT_EQ(json.at("bad_frees").size(), 3u);
}

// The library's records, which know all stacks: the innermost frame is the program's, not leakdir_trace.c's.
TEST_F(TraceAloneProgram, LeavesBadFreesToTheLibrary) {
  compile(Flags{"gcc", "-g", "-O0", "-DFREE_TWICE", "-w", "-I" + kLib + "include", source("trace_forms.c"), "-o",
                scratch_ / "program"} +
          kAlone);
  const Outcome outcome = again({"", {}, {{"LD_PRELOAD", kLibrary}}, 60});
  ASSERT_TRUE(outcome.exited_with(0)) << outcome.describe();
  std::vector<std::string> kinds;
  for (const BadFreeRecord& bad : bad_frees_in(scratch_ / "mem")) {
    kinds.push_back(bad.kind + " " + std::to_string(bad.block_size));
    for (const Stack* stack : {&bad.free, &bad.allocation, &bad.first_free}) {
      if (stack->frames.empty()) continue;
      EXPECT_EQ(first_place_by_own_command(*stack).function, "main") << bad.file;
    }
    EXPECT_GT(bad.free.frames.size(), 1u);
    EXPECT_GT(bad.allocation.frames.size(), 1u);
  }
  // The third has the address of the first: no block is kept from libc here.
  EXPECT_THAT(kinds, testing::UnorderedElementsAre("free inside a block 1703", "realloc of a freed block 1705"));
  EXPECT_THAT(outcome.err, AllOf(HasSubstr("leakdir: double free: 0x"),
                                 HasSubstr(", 3 bad frees at exit: ./mem" + kinds_at_exit(scratch_ / "mem") + "\n")));
}

TEST_F(TraceAloneProgram, SwitchesTheLibraryOnAndOff) {
  const RunOptions under_library = {"", {}, {{"LD_PRELOAD", kLibrary}}, 60};
  const std::string text =
      "#include <errno.h>\n#include <leakdir/leakdir.h>\nvoid *volatile kept[6];\n"
      "int main(void) { void *into = NULL; const char *dir = leakdir_dir(); const size_t bytes = strlen(dir);\n"
      "  if (bytes < 4 || strcmp(dir + bytes - 4, \"/mem\") != 0 || !leakdir_is_recording()) return 1;\n"
      "  kept[0] = malloc(1861); leakdir_stop(); kept[1] = malloc(1863); if (leakdir_is_recording()) return 2;\n"
      "  leakdir_start(); errno = 5; kept[2] = realloc(malloc(7), 1867);\n"
      "  if (posix_memalign(&into, 3, 9) != EINVAL || into != NULL) return 3;\n"
      "  if (posix_memalign(&into, 64, 1871) != 0 || (size_t)into % 64 != 0 || errno != 5) return 4;\n"
      "  kept[3] = into; kept[4] = valloc(1873); kept[5] = pvalloc(1877);\n"
      "  return calloc((size_t)-1, 2) != NULL || errno != ENOMEM; }\n";
  for (const char* pie : {"-pie", "-no-pie"}) {
    const Outcome alone = build_and_run(text, {}, "gcc", {pie, "-Wno-alloc-size-larger-than"});
    EXPECT_TRUE(alone.exited_with(0)) << alone.describe();
    const std::vector<Record> records = records_in(scratch_ / "mem");
    EXPECT_THAT(sizes_of(records), ElementsAre(1861, 1867, 1871, 1873, 1877));
    std::vector<std::string> calls;
    for (const Record& record : records) calls.push_back(record.call);
    const Outcome outcome = again(under_library);
    EXPECT_TRUE(outcome.exited_with(0)) << outcome.describe();
    EXPECT_THAT(sizes_of(records_in(scratch_ / "mem")), ElementsAre(1861, 1867, 1871, 1873, 1877));
    EXPECT_THAT(calls, ElementsAre("malloc", "realloc", "posix_memalign", "valloc", "pvalloc"));
    std::vector<std::string> calls_of_library;
    for (const Record& record : records_in(scratch_ / "mem")) calls_of_library.push_back(record.call);
    EXPECT_EQ(calls_of_library, calls);
  }
}

// A library with leakdir_trace.c in it, and the object in the program.
TEST_F(TraceAloneProgram, GivesWayToTheObjectOfItsProgram) {
  write_file(scratch_ / "plugin.c",
             "#include <leakdir/trace.h>\nvoid *work(void);\nvoid *work(void) { return malloc(1879); }\n");
  write_file(scratch_ / "host.c",
             "void *work(void);\nvoid *volatile kept; int main(void) { kept = work(); return 0; }\n");
  compile(Flags{"gcc", "-g", "-O0", "-shared", "-fPIC", "-I" + kLib + "include", scratch_ / "plugin.c", "-o",
                scratch_ / "plugin.so"} +
          kAlone);
  compile({"gcc", "-g", scratch_ / "host.c", scratch_ / "plugin.so", kObject, "-o", scratch_ / "program"});
  const Outcome outcome = again();
  ASSERT_TRUE(outcome.exited_with(0)) << outcome.describe();
  EXPECT_EQ(outcome.err, "leakdir: 1 live block, 1879 bytes at exit: ./mem (1 still reachable)\n");
  const std::vector<Record> records = records_in(scratch_ / "mem");
  ASSERT_THAT(records, SizeIs(1));
  EXPECT_EQ(records[0].location, scratch_ / "plugin.c" + ":3");
  EXPECT_EQ(records[0].stack.frames.at(0).module, scratch_ / "plugin.so");
  EXPECT_EQ(records[0].stack.frames.at(1).module, scratch_ / "program");
  EXPECT_THAT(names_in(scratch_ / "mem"), SizeIs(2));
}

// The caller is who calls, though the whole program is optimised as one, or nothing is.
TEST_F(TraceAloneProgram, NamesTheCallerOfItsFunctions) {
  for (const Flags& flags : {Flags{"-O2", "-flto"}, Flags{"-O0"}}) {
    SCOPED_TRACE(testing::PrintToString(flags));
    const Outcome outcome = build_and_run(
        "void *volatile kept[3];\n"
        "static __attribute__((noinline)) void work(void) { char *line = NULL; size_t room = 0; kept[0] = "
        "malloc(1801);\n"
        "  kept[1] = strdup(\"text\"); if (getline(&line, &room, stdin) < 0) abort();\n  kept[2] = line; }\n"
        "int main(void) { FILE *file = fopen(\"line\", \"w\"); fputs(\"x\", file); fclose(file);\n"
        "  if (freopen(\"line\", \"r\", stdin) == NULL) return 1;\n  work(); return 0; }\n",
        {}, "gcc", flags);
    ASSERT_TRUE(outcome.exited_with(0)) << outcome.describe();
    const std::vector<Record> records = records_in(scratch_ / "mem");
    EXPECT_THAT(sizes_of(records), ElementsAre(5, 120, 1801));
    for (const Record& record : records) {
      const std::string function = first_place_by_own_command(record.stack).function;
      const bool is_inlined = record.size == 120 && flags[0] == "-O2";  // glibc's getline, into work()
      EXPECT_EQ(function, is_inlined ? "leakdir_trace_getline" : "work");
    }
  }
}

TEST_F(TraceAloneProgram, ObeysTheOptions) {
  EXPECT_TRUE(build_and_run(kLeaks).exited_with(3));
  EXPECT_THAT(sizes_of(records_in(scratch_ / "mem")), ElementsAre(1801));
  const Outcome with = again({"dir='./of-%e%%e':exitcode=9:write=exit:depth=3:what=1:min_size=x", {}, {}, 60});
  EXPECT_TRUE(with.exited_with(9)) << with.describe();
  EXPECT_EQ(with.err,
            "leakdir: LEAKDIR_OPTIONS: unknown option 'what': ignored (help=1 lists them)\n"
            "leakdir: LEAKDIR_OPTIONS: bad value 'x' for min_size: the default holds\n"
            "leakdir: 1 live block, 1801 bytes at exit: ./of-program%e\n");
  EXPECT_THAT(sizes_of(records_in(scratch_ / "of-program%e")), ElementsAre(1801));
  EXPECT_EQ(mode_of(scratch_ / "of-program%e"), 0700u);
  write_file(scratch_ / "leakdir.conf", "# nothing\nenabled = 0\n");
  EXPECT_EQ(again({"dir=./none", {}, {}, 60}).err, "");
  EXPECT_FALSE(exists(scratch_ / "none"));
  EXPECT_EQ(again({"enabled=1:min_size=2000", {}, {}, 60}).err, "");
  EXPECT_THAT(records_in(scratch_ / "mem"), IsEmpty());
  EXPECT_THAT(sizes_of(records_in(scratch_ / "mem/previous")), ElementsAre(1801));
}

// The first allocation of all, each call, and a double free, on the least stack that a thread has.
TEST_F(TraceAloneProgram, WorksInThreadsWithTheSmallestStack) {
  const Outcome outcome = build_and_run(
      "#define _GNU_SOURCE\n#include <limits.h>\n#include <pthread.h>\n"
      "void *volatile kept, *volatile twice;\n"
      "static void *work(void *unused) { void *block = NULL; free(malloc(10)); kept = realloc(malloc(20), 1831);\n"
      "  if (posix_memalign(&block, 64, 1833) != 0) return unused;\n"
      "  twice = malloc(1835); free(twice); free(twice); return NULL; }\n"
      "int main(void) { pthread_t thread; pthread_attr_t small; void *failed; pthread_attr_init(&small);\n"
      "  pthread_attr_setstacksize(&small, PTHREAD_STACK_MIN);\n"
      "  if (pthread_create(&thread, &small, work, &thread) != 0) return 1;\n"
      "  pthread_join(thread, &failed); return failed != NULL; }\n",
      {"help=1", {}, {}, 60}, "gcc", {"-O0", "-w"});
  EXPECT_TRUE(outcome.exited_with(0)) << outcome.describe();
  EXPECT_THAT(sizes_of(records_in(scratch_ / "mem")), ElementsAre(1831, 1833));
  EXPECT_EQ(bad_frees_in(scratch_ / "mem").size(), 1u);
}

// There is no ledger here: what has no file is counted.
TEST_F(TraceAloneProgram, CountsWhatHasNoFile) {
  EXPECT_EQ(build_and_run(kLeaks, {"write=never", {}, {}, 60}).err,
            "leakdir: 1 live block, 1801 bytes at exit: ./mem (1 has no file)\n");
  EXPECT_THAT(names_in(scratch_ / "mem", ".mem"), IsEmpty());
  EXPECT_EQ(again({"max_files=0", {}, {}, 60}).err,
            "leakdir: 1 live block, 1801 bytes at exit: ./mem (1 has no file)\n");
}

// A config file that is a pipe, another user's, or too large.
TEST_F(TraceAloneProgram, ObeysOnlyAConfigFileOfItsOwn) {
  const std::string config = scratch_ / "leakdir.conf";
  const std::string summary = "leakdir: 1 live block, 1801 bytes at exit: ./mem\n";
  const std::string refusal =
      "leakdir: ./leakdir.conf is another user's, or no file: it is ignored (LEAKDIR_CONFIG=./leakdir.conf reads "
      "it)\n";
  ASSERT_EQ(mkfifo(config.c_str(), 0600), 0);
  EXPECT_EQ(build_and_run(kLeaks).err, refusal + summary);
  ASSERT_EQ(unlink(config.c_str()), 0);
  write_file(config, std::string(20000, '#') + "\nenabled=0\n");
  EXPECT_EQ(again().err, "leakdir: ./leakdir.conf is larger than 16383 bytes: it is ignored\n" + summary);
  write_file(config, std::string(10000, '#') + "\nenabled=0\n");
  EXPECT_EQ(again().err, "");
  EXPECT_EQ(again({"", {}, {{"LEAKDIR_CONFIG", "./none"}}, 60}).err,
            "leakdir: cannot read ./none (no such file or directory): it is ignored\n" + summary);
  if (geteuid() != 0) GTEST_SKIP() << "no root: no file can be made another user's";
  ASSERT_EQ(chown(config.c_str(), 65534, 65534), 0);
  EXPECT_EQ(again().err, refusal + summary);
  EXPECT_EQ(again({"", {}, {{"LEAKDIR_CONFIG", "./leakdir.conf"}}, 60}).err, "");
}

// A directory of the caller's choice, or a link in it, would be written with rights that are not his.
TEST_F(TraceAloneProgram, LetsNobodySayWhereASetUidProgramWrites) {
  if (geteuid() != 0) GTEST_SKIP() << "no root: no file can be made another user's";
  const Scratch programs(where_set_uid_counts());
  if (!set_uid_counts(programs.path())) GTEST_SKIP() << "everything is mounted nosuid";
  const std::string program = programs / "program";
  ASSERT_EQ(chmod(scratch_.path().c_str(), 0777), 0);
  ASSERT_EQ(chmod(programs.path().c_str(), 0755), 0);
  const auto run_set_uid = [&](const std::string& text) {
    EXPECT_TRUE(build_and_run(text, {"dir=./elsewhere", {}, {}, 60}).exited_with(3));
    std::filesystem::copy_file(scratch_ / "program", program, std::filesystem::copy_options::overwrite_existing);
    EXPECT_EQ(chown(program.c_str(), 65534, 65534), 0);
    EXPECT_EQ(chmod(program.c_str(), 04755), 0);
    return run_in(scratch_, program, {"dir=./by-env", {}, {}, 60}).err;
  };
  write_file(scratch_ / "leakdir.conf", "dir = ./by-config\n");
  EXPECT_EQ(run_set_uid(kLeaks),
            "leakdir: the caller has fewer rights than this program: nothing is recorded below the working "
            "directory\n");
  EXPECT_FALSE(exists(scratch_ / "mem") || exists(scratch_ / "by-env") || exists(scratch_ / "by-config"));
  const std::string own = scratch_ / "of-its-own";
  EXPECT_EQ(run_set_uid(std::string(kLeaks) + "const char *leakdir_default_options(void);\n" +
                        "const char *leakdir_default_options(void) { return \"dir=" + own + "\"; }\n"),
            "leakdir: 1 live block, 1801 bytes at exit: " + own + "\n");
}

TEST_F(TraceAloneProgram, FollowsNoLink) {
  build_and_run(kLeaks);
  std::filesystem::create_directory(scratch_ / "other");
  write_file(scratch_ / "other/0x1234.mem", "kept");
  std::filesystem::create_directory_symlink("../other", scratch_ / "mem/previous");
  again();
  EXPECT_EQ(read_file(scratch_ / "other/0x1234.mem"), "kept");
  EXPECT_THAT(sizes_of(records_in(scratch_ / "mem/previous")), ElementsAre(1801));
  std::filesystem::create_directory_symlink("other", scratch_ / "link");
  EXPECT_THAT(again({"dir=./link", {}, {}, 60}).err, HasSubstr("leakdir: cannot make the directory "));
  EXPECT_THAT(names_in(scratch_ / "other"), ElementsAre("0x1234.mem"));
}

// Each line of the program is one way; none may show in it.
TEST_F(TraceAloneProgram, HurtsNoProgramThatHasClosedWhatItWrites) {
  const std::string program =
      "#include <fcntl.h>\n#include <signal.h>\n#include <sys/resource.h>\n#include <sys/stat.h>\n"
      "#include <unistd.h>\n"
      "void *volatile kept; int main(int argc, char **argv) { int ends[2]; struct rlimit none = {0, 0};\n"
      "  const char way = argc > 1 ? argv[1][0] : 0;\n"
      "  if (way == 'f') { close(2); if (open(\"data\", O_CREAT | O_RDWR, 0600) != 2) return 1; }\n"
      "  if (way == 'p') { if (pipe(ends) != 0) return 1; dup2(ends[1], 2); close(ends[0]); }\n"
      "  if (way == 'l') setrlimit(RLIMIT_FSIZE, &none);\n"
      "  if (way == 'u') umask(0777);\n"
      "  kept = malloc(1801); return 3; }\n";
  EXPECT_TRUE(build_and_run(program).exited_with(3));
  for (const char* way : {"f", "p", "l", "u"}) {
    const Outcome outcome = again({"", {way}, {}, 60});
    EXPECT_TRUE(outcome.exited_with(3)) << way << outcome.describe();
  }
  EXPECT_EQ(read_file(scratch_ / "data"), "");
  EXPECT_EQ(mode_of(scratch_ / "mem/" + names_in(scratch_ / "mem", ".mem").at(0)), 0600u);
}

TEST_F(TraceAloneProgram, LooksAfterAllThatTheProgramDoesAtExit) {
  const Outcome outcome = build_and_run(
      "#include <stdio.h>\nstatic void *block; static void clean(void) { free(block); puts(\"clean\"); }\n"
      "int main(void) { atexit(clean); block = malloc(1801); return 0; }\n",
      {"exitcode=23", {}, {}, 60});
  EXPECT_TRUE(outcome.exited_with(0)) << outcome.describe();
  EXPECT_EQ(outcome.out + outcome.err, "clean\n");
  EXPECT_THAT(records_in(scratch_ / "mem"), IsEmpty());
}

TEST_F(TraceAloneProgram, BelongsToTheProgramWhenAVforkChildAllocatesFirst) {
  const Outcome outcome = build_and_run(
      "#include <sys/wait.h>\n#include <unistd.h>\nvoid *volatile kept[2];\n"
      "int main(void) { if (vfork() == 0) { kept[0] = malloc(1813); _exit(0); }\n"
      "  wait(NULL); kept[1] = malloc(1817); return 0; }\n");
  EXPECT_EQ(outcome.err, "leakdir: 2 live blocks, 3630 bytes at exit: ./mem\n");
  EXPECT_THAT(sizes_of(records_in(scratch_ / "mem")), ElementsAre(1813, 1817));
  EXPECT_FALSE(exists(scratch_ / "mem/.owner"));
}

TEST_F(TraceAloneProgram, SharesNoDirectoryWithOneThatStartsAtTheSameTime) {
  write_file(scratch_ / "end", "");
  build_and_run(
      "#include <unistd.h>\nvoid *volatile kept; int main(void) { kept = malloc(1801);\n"
      "  if (write(1, \"leaked\\n\", 7) != 7) return 1;\n"
      "  while (access(\"end\", F_OK) != 0) usleep(1000);\n  return 0; }\n");
  for (int i = 0; i < 5; ++i) {
    for (const char* name : {"mem", "end"}) std::filesystem::remove_all(scratch_ / name);
    Process all({{"sh", "-c", "./program & ./program & ./program & wait"}, scratch_.path(), {}, "", 60});
    all.says("leaked\n", 3);
    write_file(scratch_ / "end", "");
    all.wait();
    EXPECT_THAT(sizes_of(records_in(scratch_ / "mem")), ElementsAre(1801));
    EXPECT_THAT(sizes_in_children(), ElementsAre(ElementsAre(1801), ElementsAre(1801)));
  }
}

TEST_F(TraceAloneProgram, KnowsAnEndedProcessWhosePidIsAnothersNow) {
  build_and_run(kLeaks);
  write_file(scratch_ / "mem/.owner", std::to_string(getpid()) + " 1\n");
  EXPECT_EQ(again().err, "leakdir: 1 live block, 1801 bytes at exit: ./mem\n");
}

TEST_F(TraceAloneProgram, AllocatesAsTheLibcDoes) {
  const Outcome outcome = build_and_run(
      "#include <errno.h>\n#include <leakdir/leakdir.h>\n#include <malloc.h>\n#include <stdint.h>\n"
      "#include <stdio.h>\nvoid *volatile kept; volatile size_t most = SIZE_MAX;\n"
      "int main(void) { char *line = (char *)0x1230; size_t room = 0; FILE *file = tmpfile();\n"
      "  if (pvalloc(most) != NULL || errno != ENOMEM) return 1;\n"
      "  kept = memalign(48, 10); if (kept == NULL || (uintptr_t)kept % 64 != 0) return 2;\n"
      "  free(kept);\n"
      "  fputs(\"text\\n\", file); rewind(file);\n"
      "  if (getline(&line, &room, file) != 5) return 3;\n"
      "  free(line); fclose(file);\n"
      "  kept = malloc(1801); leakdir_stop(); return realloc(kept, most / 2) != NULL; }\n");
  EXPECT_TRUE(outcome.exited_with(0)) << outcome.describe();
  EXPECT_THAT(sizes_of(records_in(scratch_ / "mem")), ElementsAre(1801));
}

TEST_F(TraceAloneProgram, IsPausedAndResumedBeforeTheFirstBlock) {
  const std::string program = "#include <leakdir/leakdir.h>\nvoid *volatile kept;\n";
  build_and_run(program + "int main(void) { leakdir_stop(); kept = malloc(1841); return 0; }\n");
  EXPECT_THAT(records_in(scratch_ / "mem"), IsEmpty());
  EXPECT_TRUE(build_and_run(program + "int main(void) { if (leakdir_is_recording()) return 1;\n"
                                      "  leakdir_start(); kept = malloc(1843); return !leakdir_is_recording(); }\n",
                            {"recording=0", {}, {}, 60})
                  .exited_with(0));
  EXPECT_THAT(sizes_of(records_in(scratch_ / "mem")), ElementsAre(1843));
  EXPECT_TRUE(build_and_run(program + "int main(void) { return leakdir_dir()[0] != 0 && !leakdir_is_recording(); }\n",
                            {"enabled=0", {}, {}, 60})
                  .exited_with(0));
}

// A program with the object knows its directory by the ledger.
TEST_F(TraceAloneProgram, LeavesADirectoryToAProgramWithTheObject) {
  build_and_run(kLeaks);
  write_file(scratch_ / "parent.c",
             "#include <stdlib.h>\nvoid *volatile kept;\n"
             "int main(void) { kept = malloc(1851); return system(\"./program\") == 3 << 8 ? 0 : 1; }\n");
  compile({"gcc", "-O0", scratch_ / "parent.c", kObject, "-o", scratch_ / "parent"});
  const Outcome outcome = run_in(scratch_, scratch_ / "parent");
  EXPECT_TRUE(outcome.exited_with(0)) << outcome.describe();
  EXPECT_THAT(outcome.err, HasSubstr(" belongs to the running process "));
  EXPECT_THAT(sizes_of(records_in(scratch_ / "mem")), ElementsAre(1851));
  EXPECT_EQ(again().err, "leakdir: 1 live block, 1801 bytes at exit: ./mem\n");
}

// And the other way round: that one has no ledger, and is known by a file of its own.
TEST_F(TraceAloneProgram, KeepsItsDirectoryFromAProgramWithTheObject) {
  write_file(scratch_ / "child.c",
             "#include <stdlib.h>\nvoid *volatile kept; int main(void) { kept = malloc(1851); }\n");
  compile({"gcc", "-O0", scratch_ / "child.c", kObject, "-o", scratch_ / "child"});
  const Outcome outcome =
      build_and_run("void *volatile kept; int main(void) { kept = malloc(1801); return system(\"./child\"); }\n");
  EXPECT_TRUE(outcome.exited_with(0)) << outcome.describe();
  EXPECT_THAT(sizes_of(records_in(scratch_ / "mem")), ElementsAre(1801));
  EXPECT_THAT(sizes_in_children(), ElementsAre(ElementsAre(1851)));
  EXPECT_FALSE(exists(scratch_ / "mem/previous"));
}

TEST_F(TraceAloneProgram, IsNotCancelledInsideMalloc) {
  const Outcome outcome = build_and_run(
      "#include <pthread.h>\n#include <stdio.h>\n#include <unistd.h>\n"
      "static pthread_mutex_t mutex = PTHREAD_MUTEX_INITIALIZER; static volatile int rounds; void *volatile kept;\n"
      "static void *work(void *me) { for (;;) { pthread_mutex_lock(&mutex); kept = malloc(1901); free(kept); "
      "++rounds;\n"
      "    pthread_mutex_unlock(&mutex); pthread_testcancel(); } return me; }\n"
      "int main(void) { int i; for (i = 0; i < 50; ++i) { pthread_t thread; rounds = 0;\n"
      "    pthread_create(&thread, NULL, work, NULL); while (rounds < 3) usleep(100);\n"
      "    pthread_cancel(thread); pthread_join(thread, NULL);\n"
      "    if (pthread_mutex_trylock(&mutex) != 0) return 1;\n"
      "    pthread_mutex_unlock(&mutex); }\n"
      "  return 0; }\n");
  EXPECT_TRUE(outcome.exited_with(0)) << outcome.describe();
}

TEST_F(TraceAloneProgram, EndsWithItsExitcodeThoughAThreadReads) {
  if (!libc_exits_while_a_thread_reads()) GTEST_SKIP() << "libc does not end such a program";
  const Outcome outcome = build_and_run(
      "#include <pthread.h>\n#include <stdio.h>\n#include <unistd.h>\n"
      "static void *work(void *me) { char line[80]; while (fgets(line, 80, (FILE *)me)) {} return NULL; }\n"
      "void *volatile kept; int main(void) { int ends[2]; pthread_t thread; FILE *file;\n"
      "  if (pipe(ends) != 0) return 1;\n"
      "  file = fdopen(ends[0], \"r\"); pthread_create(&thread, NULL, work, file); usleep(50000);\n"
      "  kept = malloc(1801); printf(\"written\"); return 0; }\n",
      {"exitcode=9:summary=0", {}, {}, 30});
  EXPECT_TRUE(outcome.exited_with(9)) << outcome.describe();
  EXPECT_EQ(outcome.out, "written");
}

TEST_F(TraceAloneProgram, MakesNothingInAJail) {
  if (geteuid() != 0) GTEST_SKIP() << "needs root";
  std::filesystem::create_directory(scratch_ / "jail");
  const Outcome outcome = build_and_run(
      "#include <sys/wait.h>\n#include <unistd.h>\nvoid *volatile kept;\n"
      "int main(void) { kept = malloc(1801); if (chroot(\"jail\") != 0) return 1;\n"
      "  if (fork() == 0) { kept = malloc(1803); _exit(0); }\n"
      "  wait(NULL); return 0; }\n",
      {"summary=0", {}, {}, 60});
  EXPECT_TRUE(outcome.exited_with(0)) << outcome.describe();
  EXPECT_THAT(names_in(scratch_ / "jail"), IsEmpty());
}

TEST_F(TraceAloneProgram, NamesADirectoryAfterTheProgramWhenAVforkChildAllocatesFirst) {
  build_and_run(
      "#include <stdio.h>\n#include <sys/wait.h>\n#include <unistd.h>\nvoid *volatile kept;\n"
      "int main(void) { if (vfork() == 0) { kept = malloc(1813); _exit(0); }\n"
      "  wait(NULL); printf(\"is pid=%d\\n\", (int)getpid()); return 0; }\n",
      {"dir=./of-%p", {}, {}, 60});
  const Outcome outcome = again({"dir=./of-%p", {}, {}, 60});
  EXPECT_THAT(sizes_of(records_in(scratch_ / "of-" + said(outcome.out, "is", "pid"))), ElementsAre(1813));
}

TEST_F(TraceAloneProgram, SpeaksIntoTheNextLog) {
  build_and_run(
      "#include <fcntl.h>\n#include <unistd.h>\nvoid *volatile kept;\n"
      "int main(void) { int file; kept = malloc(1801);\n"
      "  file = open(\"log.2\", O_WRONLY | O_CREAT | O_APPEND, 0600); return dup2(file, 2) != 2; }\n");
  EXPECT_TRUE(run({{"sh", "-c", "./program 2>>log.1"}, scratch_.path(), {}, "", 60}).exited_with(0));
  EXPECT_EQ(read_file(scratch_ / "log.2"), "leakdir: 1 live block, 1801 bytes at exit: ./mem\n");
  EXPECT_TRUE(run({{"sh", "-c", "rm log.2; ./program 2>log.1"}, scratch_.path(), {}, "", 60}).exited_with(0));
  EXPECT_EQ(read_file(scratch_ / "log.2"), "") << "no log before: the program's own file";
}

TEST_F(TraceAloneProgram, SaysThatItIsC) {
  const Outcome outcome = run({{"g++", "-fsyntax-only", kTraceSource}, "", {}, "", 60});
  EXPECT_TRUE(outcome.exited_with(1)) << outcome.describe();
  EXPECT_THAT(outcome.err, HasSubstr("compile it with a C compiler"));
}

// What is libc's own allocation elsewhere. With optimisation, and _FORTIFY_SOURCE, glibc has other names for it.
TEST_F(TraceAloneProgram, RecordsTextThatIsPrintedAndRead) {
  write_file(scratch_ / "lines", "short\n" + std::string(300, 'x') + "\nend:last");
  const std::string text =
      "#include <stdarg.h>\n#include <string.h>\n"
      "static char *print(const char *format, ...) { char *text = NULL; va_list list; va_start(list, format);\n"
      "  if (vasprintf(&text, format, list) != 6) abort();\n  va_end(list); return text; }\n"
      "void *volatile kept[3];\n"
      "int main(void) { char *text = NULL, *line = NULL; size_t room = 0; FILE *file = fopen(\"lines\", \"r\");\n"
      "  if (asprintf(&text, \"%s-%d\", \"number\", 12345) != 12 || strcmp(text, \"number-12345\") != 0) return 1;\n"
      "  kept[0] = text; kept[1] = print(\"%d\", 654321);\n"
      "  if (getline(&line, &room, file) != 6 || strcmp(line, \"short\\n\") != 0 || room != 120) return 2;\n"
      "  if (getline(&line, &room, file) != 301 || strlen(line) != 301 || room != 480) return 3;\n"
      "  if (getdelim(&line, &room, ':', file) != 4 || strcmp(line, \"end:\") != 0) return 4;\n"
      "  if (getline(&line, &room, file) != 4 || strcmp(line, \"last\") != 0) return 5;\n"
      "  if (getline(&line, &room, file) != -1) return 6;\n"
      "  kept[2] = line; text = NULL; if (asprintf(&text, \"gone\") != 4) return 7; free(text); fclose(file); return "
      "0; }\n";
  for (const char* compiler : {"gcc", "clang"}) {
    for (const Flags& flags : {Flags{"-O0"}, Flags{"-O2"}, Flags{"-O2", "-D_FORTIFY_SOURCE=2"}}) {
      SCOPED_TRACE(compiler + testing::PrintToString(flags));
      const Outcome outcome = build_and_run(text, {}, compiler, flags);
      EXPECT_TRUE(outcome.exited_with(0)) << outcome.describe();
      EXPECT_THAT(sizes_of(records_in(scratch_ / "mem")), ElementsAre(7, 13, 480));
    }
  }
}

TEST_F(TraceAloneProgram, RecordsAForkedChildApart) {
  const Outcome outcome = build_and_run(
      "#include <sys/wait.h>\n#include <unistd.h>\n"
      "void *volatile kept; int main(void) { void *given = malloc(1811); kept = malloc(1813);\n"
      "  if (fork() == 0) { free(given); kept = malloc(1817); return 0; }\n"
      "  wait(NULL); free(given); return 0; }\n");
  ASSERT_TRUE(outcome.exited_with(0)) << outcome.describe();
  EXPECT_THAT(sizes_of(records_in(scratch_ / "mem")), ElementsAre(1813));
  EXPECT_THAT(sizes_in_children(), ElementsAre(ElementsAre(1817)));
  ASSERT_TRUE(again({"children=0:dir=./without", {}, {}, 60}).exited_with(0));
  EXPECT_THAT(sizes_of(records_in(scratch_ / "without")), ElementsAre(1813));
  EXPECT_EQ(names_in(scratch_ / "without").size(), 1u);
}

TEST_F(TraceAloneProgram, RecordsWhatAVforkChildAllocatesAsItsParents) {
  const Outcome outcome = build_and_run(
      "#include <sys/wait.h>\n#include <unistd.h>\n"
      "void *volatile kept[2]; int main(void) { void *given = malloc(1811); kept[0] = malloc(1813);\n"
      "  if (vfork() == 0) { free(given); kept[1] = malloc(1817); _exit(0); }\n"
      "  wait(NULL); return 0; }\n");
  ASSERT_TRUE(outcome.exited_with(0)) << outcome.describe();
  EXPECT_EQ(outcome.err, "leakdir: 2 live blocks, 3630 bytes at exit: ./mem\n");
  EXPECT_THAT(sizes_of(records_in(scratch_ / "mem")), ElementsAre(1813, 1817));
}

// Two threads of a child allocate at once, again and again: one of them makes the child's directory.
TEST_F(TraceAloneProgram, StartsAChildWithSeveralThreadsOnce) {
  const Outcome outcome = build_and_run(
      "#include <pthread.h>\n#include <sys/wait.h>\n#include <unistd.h>\n"
      "static void *volatile kept[4]; static pthread_barrier_t all;\n"
      "static void *work(void *me) { pthread_barrier_wait(&all); kept[(size_t)me] = malloc(1901); return NULL; }\n"
      "int main(void) { int i; size_t t; kept[0] = malloc(1813);\n"
      "  for (i = 0; i < 100; ++i) {\n"
      "    pthread_t threads[4]; int status;\n"
      "    if (fork() == 0) {\n"
      "      pthread_barrier_init(&all, NULL, 4);\n"
      "      for (t = 0; t < 4; ++t) pthread_create(&threads[t], NULL, work, (void *)t);\n"
      "      for (t = 0; t < 4; ++t) pthread_join(threads[t], NULL);\n"
      "      _exit(0); }\n"
      "    wait(&status); if (status != 0) return 1; }\n"
      "  return 0; }\n");
  ASSERT_TRUE(outcome.exited_with(0)) << outcome.describe();
  EXPECT_THAT(sizes_in_children(), AllOf(SizeIs(100), Each(ElementsAre(1901, 1901, 1901, 1901))));
}

TEST_F(TraceAloneProgram, LeavesADirectoryToTheProcessThatHasIt) {
  build_and_run(kLeaks);
  write_file(scratch_ / "mem/.owner", std::to_string(getpid()) + "\n");
  const Outcome outcome = again();
  EXPECT_THAT(outcome.err, HasSubstr(" belongs to the running process " + std::to_string(getpid()) + ": recording"));
  EXPECT_THAT(sizes_of(records_in(scratch_ / "mem")), ElementsAre(1801));
  write_file(scratch_ / "mem/.owner", "999999999\n");
  EXPECT_EQ(again().err, "leakdir: 1 live block, 1801 bytes at exit: ./mem\n");
  EXPECT_THAT(sizes_of(records_in(scratch_ / "mem/previous")), ElementsAre(1801));
}

TEST_F(TraceAloneProgram, CountsExactlyWithManyThreads) {
  const Outcome outcome = build_and_run(
      "#include <pthread.h>\n#include <stdio.h>\n"
      "void *volatile kept[4][50];\n"
      "static void *work(void *me) { void *volatile *mine = kept[(size_t)me]; int i;\n"
      "  for (i = 0; i < 2000; ++i) { free(mine[i % 50]); mine[i % 50] = malloc(1901);\n"
      "    mine[i % 50] = realloc(mine[i % 50], 1903); }\n"
      "  return NULL; }\n"
      "int main(void) { pthread_t t[4]; size_t i; for (i = 0; i < 4; ++i) pthread_create(&t[i], NULL, work, (void "
      "*)i);\n"
      "  for (i = 0; i < 4; ++i) pthread_join(t[i], NULL);\n"
      "  return 0; }\n");
  ASSERT_TRUE(outcome.exited_with(0)) << outcome.describe();
  EXPECT_EQ(outcome.err, "leakdir: 200 live blocks, 380600 bytes at exit: ./mem\n");
  const std::vector<Record> records = records_in(scratch_ / "mem");
  EXPECT_EQ(records.size(), 200u);
  for (const Record& record : records) EXPECT_EQ(record.location, scratch_ / "x.c" + ":7");
}

}  // namespace
}  // namespace leakdir_test
