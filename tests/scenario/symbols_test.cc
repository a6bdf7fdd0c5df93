// SPDX-License-Identifier: BSL-1.0
//
// What the objects define and need, against the reviewed lists in tests/golden/: a symbol more, and a user's link may
// break; an undefined one more, and a heavy part has crept in.

#include <gmock/gmock-matchers.h>
#include <gtest/gtest.h>

#include <set>

#include "object_symbols.hh"
#include "paths.hh"
#include "run_program.hh"

namespace leakdir_test {
namespace {

TEST(Symbols, DefinedByTheObjectAreTheReviewedOnes) {
  EXPECT_EQ(defined_beside_newer(symbols_of(kObject, "--defined-only"), golden("leakdir.o.defined")),
            golden("leakdir.o.defined"));
}
TEST(Symbols, NeededByTheObjectAreTheReviewedOnes) {
  EXPECT_EQ(symbols_of(kObject, "--undefined-only"), golden("leakdir.o.undefined"));
}
TEST(Symbols, DefinedByTheStaticObjectAreTheReviewedOnes) {
  EXPECT_EQ(defined_beside_newer(symbols_of(kStaticObject, "--defined-only"), golden("leakdir-static.o.defined")),
            golden("leakdir-static.o.defined"));
}

TEST(Symbols, NeededByTheStaticObjectAreTheReviewedOnes) {
  EXPECT_EQ(needed_beside_malloc(symbols_of(kStaticObject, "--undefined-only")),
            needed_beside_malloc(golden("leakdir-static.o.undefined")));
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
