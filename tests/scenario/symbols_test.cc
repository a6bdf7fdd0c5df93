// SPDX-License-Identifier: BSL-1.0
//
// What the objects define and need, against the reviewed lists in tests/golden/: a symbol more, and a user's link may
// break; an undefined one more, and a heavy part has crept in.

#include <gmock/gmock.h>
#include <gnu/libc-version.h>
#include <gtest/gtest.h>

#include <algorithm>
#include <set>

#include "paths.hh"
#include "run_program.hh"
#include "scratch_directory.hh"

namespace leakdir_test {
namespace {

// "T malloc", sorted by name; weak undefined ones as "w name".
std::string symbols_of(const std::string& object, const char* which, const std::vector<std::string>& more = {}) {
  Command command = {{"nm", "--extern-only", "--format=posix", which, object}, "", {}, "", 60};
  command.argv.insert(command.argv.end(), more.begin(), more.end());
  const Outcome outcome = run(command);
  EXPECT_TRUE(outcome.exited_with(0)) << outcome.describe();
  std::set<std::string> names;
  for (const std::string& line : lines_of(outcome.out)) {
    const size_t space = line.find(' ');
    // Without the version that dynamic ones have.
    names.insert(line.substr(0, std::min(space, line.find('@'))) + " " + line.substr(space + 1, 1));
  }
  std::string text;
  for (const std::string& name : names) text += name + "\n";
  return text;
}

std::string golden(const std::string& name) { return read_file(std::string(kSourceRoot) + "/tests/golden/" + name); }

TEST(Symbols, DefinedByTheObjectAreTheReviewedOnes) {
  EXPECT_EQ(symbols_of(kObject, "--defined-only"), golden("leakdir.o.defined"));
}
TEST(Symbols, NeededByTheObjectAreTheReviewedOnes) {
  EXPECT_EQ(symbols_of(kObject, "--undefined-only"), golden("leakdir.o.undefined"));
}
TEST(Symbols, DefinedByTheStaticObjectAreTheReviewedOnes) {
  EXPECT_EQ(symbols_of(kStaticObject, "--defined-only"), golden("leakdir-static.o.defined"));
}

// glibc's malloc.o is in it, which needs other internals in each release: those of glibc 2.36 are among the reviewed
// ones. With another release what needs a look is what that release's malloc.o does not explain.
TEST(Symbols, NeededByTheStaticObjectAreTheReviewedOnes) {
  const std::string found = symbols_of(kStaticObject, "--undefined-only");
  const std::string reviewed = golden("leakdir-static.o.undefined");
  if (std::string(gnu_get_libc_version()) == "2.36") {
    EXPECT_EQ(found, reviewed);
    return;
  }
  const Scratch scratch;
  const Outcome outcome =
      run({{"sh", "-ec", "ar x \"$(gcc -print-file-name=libc.a)\" malloc.o"}, scratch.path(), {}, "", 60});
  ASSERT_TRUE(outcome.exited_with(0)) << outcome.describe();
  std::set<std::string> explained;
  for (const std::string& needed :
       {symbols_of(scratch / "malloc.o", "--undefined-only"), golden("glibc-2.36-malloc.o.undefined")}) {
    for (const std::string& line : lines_of(needed)) explained.insert(line);
  }
  const auto without_explained = [&](const std::string& symbols) {
    std::vector<std::string> lines = lines_of(symbols);
    lines.erase(
        std::remove_if(lines.begin(), lines.end(), [&](const auto& line) { return explained.count(line) != 0; }),
        lines.end());
    return lines;
  };
  EXPECT_EQ(without_explained(found), without_explained(reviewed));
}

// Of the library the dynamic ones; beside libc it needs the unwinder and the dynamic loader.
TEST(Symbols, DefinedByTheLibraryAreTheReviewedOnes) {
  EXPECT_EQ(symbols_of(kLibrary, "--defined-only", {"-D"}), golden("libleakdir.so.defined"));
}
TEST(Symbols, OfTheLibraryNeedNoCxxLibrary) {
  const Outcome outcome = run({{"readelf", "-dW", kLibrary}, "", {}, "", 60});
  EXPECT_THAT(outcome.out, testing::HasSubstr("[libc.so.6]"));
  EXPECT_THAT(outcome.out, testing::Not(testing::HasSubstr("stdc++")));
  for (const std::string& line : lines_of(symbols_of(kLibrary, "--undefined-only", {"-D"}))) {
    if (line.back() == 'U') {
      EXPECT_NE(line.rfind("_Z", 0), 0u) << line;
    }
  }
}

// They take a lock, allocate, and change what the program's dlerror says. (That functions.inc knows their addresses is
// a weak reference.)
TEST(Symbols, NeededOutrightAskNothingOfDlsym) {
  const auto needed = {symbols_of(kObject, "--undefined-only"), symbols_of(kStaticObject, "--undefined-only"),
                       symbols_of(kLibrary, "--undefined-only", {"-D"})};
  for (const std::string& names : needed) {
    EXPECT_THAT(names, testing::HasSubstr("dl_iterate_phdr U\n"));
    for (const char* name : {"dlsym", "dlvsym", "dlopen", "dlerror", "dladdr", "dladdr1", "dlinfo"})
      EXPECT_THAT("\n" + names, testing::Not(testing::HasSubstr("\n" + std::string(name) + " U\n")));
  }
}

TEST(Symbols, OfTheObjectAreTheMallocFamilyAndLeakdirsOwn) {
  const std::set<std::string> family = {"malloc", "calloc", "realloc", "reallocarray", "free", "memalign",
                                        "posix_memalign", "aligned_alloc", "valloc", "pvalloc", "malloc_usable_size",
                                        "free_sized", "free_aligned_sized",
                                        // … and what glibc calls them beside that
                                        "__libc_malloc", "__libc_calloc", "__libc_realloc", "__libc_free",
                                        "__libc_memalign", "__libc_valloc", "__libc_pvalloc"};
  for (const std::string& line : lines_of(symbols_of(kObject, "--defined-only"))) {
    const std::string name = line.substr(0, line.find(' '));
    EXPECT_TRUE(family.count(name) != 0 || name.rfind("leakdir_", 0) == 0) << name;
  }
}

// Weak references (operator new, __cxa_get_globals) stay unresolved in a C program.
TEST(Symbols, NeededOutrightComeFromLibcAndTheUnwinderOnly) {
  for (const char* object : {kObject, kStaticObject}) {
    for (const std::string& line : lines_of(symbols_of(object, "--undefined-only"))) {
      if (line.back() != 'U') continue;
      EXPECT_NE(line.rfind("_Z", 0), 0u) << line << " would need libstdc++";
      EXPECT_NE(line.rfind("__gxx", 0), 0u) << line;
      EXPECT_FALSE(line.rfind("__cxa", 0) == 0 && line != "__cxa_atexit U") << line;  // that one is libc's
    }
  }
}

}  // namespace
}  // namespace leakdir_test
