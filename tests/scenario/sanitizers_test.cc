// SPDX-License-Identifier: BSL-1.0
//
// Programs that are built with a sanitizer which has an allocator of its own: leakdir is off in them and says so, and
// they do what they do without leakdir, their search for leaks included. -fsanitize=undefined has none.

#include <gmock/gmock-matchers.h>
#include <gtest/gtest.h>

#include <filesystem>

#include "paths.hh"
#include "report_json.hh"
#include "target.hh"

namespace leakdir_test {
namespace {

using testing::HasSubstr;

constexpr char kLine[] =
    "leakdir: this program has a sanitizer (-fsanitize), whose allocator is its own, so nothing is recorded: build it "
    "without, or let LeakSanitizer look for leaks\n";
// Said of a static runtime that keeps its names to itself.
constexpr char kOtherLine[] =
    "leakdir: libleakdir.so: this program's malloc is another's, so nothing is recorded: link leakdir.o into it\n";

struct Build {
  std::string compiler, sanitizer, runtime;  // runtime: a flag
  std::string named;                         // by doctor
};

std::ostream& operator<<(std::ostream& out, const Build& build) {
  return out << build.compiler << " -fsanitize=" << build.sanitizer << " " << build.runtime;
}

class Sanitizer : public testing::TestWithParam<Build> {
 protected:
  // False: the compiler has no such runtime here. A sanitizer's code takes long to compile: what is built twice is
  // kept.
  bool build(const std::string& name, const std::string& source, const std::vector<std::string>& more) {
    static const Scratch kept;
    static std::map<std::string, std::string> names;
    const Build& way = GetParam();
    std::string key = way.compiler + way.sanitizer + way.runtime + source;
    for (const std::string& flag : more) key += flag;
    const auto [known, is_new] = names.try_emplace(key, kept / std::to_string(names.size()));
    if (is_new) compile(way, source, known->second, more);
    std::error_code none;
    std::filesystem::copy_file(known->second, scratch_ / name, std::filesystem::copy_options::overwrite_existing, none);
    return !none;
  }

  void compile(const Build& way, const std::string& source, const std::string& to,
               const std::vector<std::string>& more) {
    const bool is_cxx = source.back() == 'c' && source[source.size() - 2] == 'c';
    Command command = {
        {"sh", "-c",
         R"sh(exec "$@" -Wl,-rpath,"$(clang -print-runtime-dir)",-rpath,"$(clang -print-resource-dir)/lib/linux")sh",
         "sh", way.compiler == "gcc" ? (is_cxx ? "g++" : "gcc") : (is_cxx ? "clang++" : "clang"), "-g", "-pthread",
         std::string(kSourceRoot) + "/tests/targets/" + source, "-o", to, "-fsanitize=" + way.sanitizer},
        "",
        {},
        "",
        120};
    if (!way.runtime.empty()) command.argv.push_back(way.runtime);
    command.argv.insert(command.argv.end(), more.begin(), more.end());
    built_ = run(command).describe();
  }

  Outcome run_here(const std::string& name, std::map<std::string, std::string> env = {}) {
    std::filesystem::remove_all(scratch_ / "mem");
    // meson 1.3 and later has options of its own there, for all tests.
    for (const char* options : {"ASAN_OPTIONS", "LSAN_OPTIONS", "MSAN_OPTIONS", "TSAN_OPTIONS", "UBSAN_OPTIONS"})
      env.insert({options, ""});
    return run_in(scratch_, scratch_ / name, {"", {}, env, 60});
  }

  // "SUMMARY: AddressSanitizer: 77 byte(s) leaked in 1 allocation(s)."
  static std::string summary_of(const Outcome& outcome) {
    for (const std::string& line : lines_of(outcome.err))
      if (line.compare(0, 8, "SUMMARY:") == 0) return line;
    return "";
  }

  void expect_as_without(const std::string& source) {
    SCOPED_TRACE(source);
    if (!build("without", source, {})) GTEST_SKIP() << built_;
    ASSERT_TRUE(build("with", source, {kObject})) << built_;
    const Outcome without = run_here("without"), with = run_here("with");
    ASSERT_TRUE(WIFEXITED(without.status)) << without.describe();
    EXPECT_EQ(with.status, without.status) << with.describe();
    EXPECT_EQ(with.out, without.out);
    EXPECT_EQ(with.err.substr(0, sizeof kLine - 1), kLine);
    EXPECT_EQ(summary_of(with), summary_of(without)) << with.err;
    EXPECT_EQ(summary_of(without).empty(), without.err.empty());
    EXPECT_EQ(lines_of(with.err).size() == 1, without.err.empty()) << with.err;
    EXPECT_FALSE(std::filesystem::exists(scratch_ / "mem"));
  }

  Scratch scratch_;
  std::string built_;
};

TEST_P(Sanitizer, MakesLeakdirStandAside) { expect_as_without("clean_c.c"); }

// AddressSanitizer and LeakSanitizer find what they find without leakdir.
TEST_P(Sanitizer, StillSearchesForLeaks) { expect_as_without("each_new.cc"); }

TEST_P(Sanitizer, IsNoHarmUnderTheLibrary) {
  // Much C++, which takes long to compile, by one compiler. (And MemorySanitizer takes what libstdc++ writes, which was
  // not built with it, for never written.)
  const bool is_cxx = GetParam().compiler == "gcc" && GetParam().runtime.empty();
  const char* source = is_cxx ? "clean_cxx.cc" : "clean_c.c";
  if (!build("without", source, {})) GTEST_SKIP() << built_;
  // AddressSanitizer's library refuses whatever comes before it, unless it is told not to.
  const std::map<std::string, std::string> preload = {{"LD_PRELOAD", kLibrary},
                                                      {"ASAN_OPTIONS", "verify_asan_link_order=0"}};
  const Outcome without = run_here("without"), with = run_here("without", preload);
  EXPECT_TRUE(with.exited_with(0)) << with.describe();
  EXPECT_EQ(with.out, without.out);
  const bool is_hidden = GetParam().compiler == "gcc" && !GetParam().runtime.empty();
  EXPECT_EQ(with.err, is_hidden ? kOtherLine : kLine);  // (What it starts is recorded.)
}

TEST_P(Sanitizer, IsFoundByDoctor) {
  if (!build("without", "clean_c.c", {})) GTEST_SKIP() << built_;
  ASSERT_TRUE(build("with", "clean_c.c", {kObject})) << built_;
  for (const char* program : {"without", "with"}) {
    const Outcome outcome = run_tool({"doctor", scratch_ / program});
    EXPECT_TRUE(outcome.exited_with(3)) << outcome.describe();
    EXPECT_THAT(outcome.out, HasSubstr("  missing  recording       " + GetParam().named));
    EXPECT_THAT(outcome.out, HasSubstr(" has an allocator of its own: leakdir is off in such a program\n"));
    EXPECT_THAT(outcome.out, HasSubstr("-> build without -fsanitize, or let LeakSanitizer look for leaks there\n"));
    EXPECT_THAT(outcome.out, HasSubstr("What to expect: nothing will be recorded.\n"));
  }
}

TEST_P(Sanitizer, IsNotSpokenOfWhereLeakdirIsSwitchedOff) {
  if (!build("with", "clean_c.c", {kObject})) GTEST_SKIP() << built_;
  const Outcome outcome = run_here("with", {{"LEAKDIR_OPTIONS", "enabled=0"}});
  EXPECT_TRUE(outcome.exited_with(0)) << outcome.describe();
  EXPECT_EQ(outcome.err, "");
}

// Left out, as they end badly without leakdir too: gcc's -static-liblsan (a check of its own fails at start), and
// clang's ThreadSanitizer with -shared-libsan.
INSTANTIATE_TEST_SUITE_P(Of, Sanitizer,
                         testing::Values(Build{"gcc", "address", "", "libasan.so."},
                                         Build{"gcc", "address", "-static-libasan", "AddressSanitizer"},
                                         Build{"gcc", "thread", "", "libtsan.so."},
                                         Build{"gcc", "thread", "-static-libtsan", "ThreadSanitizer"},
                                         Build{"gcc", "leak", "", "liblsan.so."},
                                         Build{"clang", "address", "", "AddressSanitizer"},
                                         Build{"clang", "address", "-shared-libsan", "libclang_rt.asan"},
                                         Build{"clang", "thread", "", "ThreadSanitizer"},
                                         Build{"clang", "leak", "", "LeakSanitizer"},
                                         Build{"clang", "memory", "", "MemorySanitizer"}),
                         [](const testing::TestParamInfo<Build>& info) {
                           return case_name(info.param.compiler + "_" + info.param.sanitizer + info.param.runtime);
                         });

class NoSanitizer : public testing::TestWithParam<std::string> {};

TEST_P(NoSanitizer, WithoutAnAllocatorIsInTheWay) {
  const Scratch scratch;
  const Outcome build = run({{GetParam(), "-g", "-fsanitize=undefined", kObject, "-o", scratch / "program",
                              std::string(kSourceRoot) + "/tests/targets/clean_c.c", "-pthread"},
                             "",
                             {},
                             "",
                             60});
  if (!build.exited_with(0)) GTEST_SKIP() << build.describe();
  const Outcome outcome = run_in(scratch, scratch / "program");
  EXPECT_TRUE(outcome.exited_with(0)) << outcome.describe();
  EXPECT_EQ(outcome.err, "");
  expect_clean(scratch / "mem");
  EXPECT_TRUE(run_tool({"doctor", scratch / "program"}).exited_with(0));
}

// Functions of LeakSanitizer's that a program has for the case that it is there.
TEST_P(NoSanitizer, IsWhatAProgramHasThatOnlyKnowsOfOne) {
  const Scratch scratch;
  write_file(scratch / "program.c",
             "#include <stdlib.h>\n"
             "__attribute__((weak)) void __lsan_do_leak_check(void);\n"
             "__attribute__((weak)) void __asan_init(void);\n"
             "const char *__lsan_default_suppressions(void) { return \"leak:nothing\"; }\n"
             "const char *__asan_default_options(void) { return \"\"; }\n"
             "int main(void) {\n"
             "  if (__lsan_do_leak_check || __asan_init) abort();\n"
             "  free(malloc(20));\n"
             "}\n");
  const Outcome build =
      run({{GetParam(), "-g", "-rdynamic", kObject, "-o", scratch / "program", scratch / "program.c"}, "", {}, "", 60});
  ASSERT_TRUE(build.exited_with(0)) << build.describe();
  const Outcome outcome = run_in(scratch, scratch / "program");
  EXPECT_TRUE(outcome.exited_with(0)) << outcome.describe();
  EXPECT_EQ(outcome.err, "");
  expect_clean(scratch / "mem");
  EXPECT_TRUE(run_tool({"doctor", scratch / "program"}).exited_with(0));
}

INSTANTIATE_TEST_SUITE_P(By, NoSanitizer, testing::Values("gcc", "clang"),
                         [](const testing::TestParamInfo<std::string>& info) { return info.param; });

}  // namespace
}  // namespace leakdir_test
