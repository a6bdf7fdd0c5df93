// SPDX-License-Identifier: BSL-1.0
//
// Names as their languages write them. The linker's are what the compilers wrote: gcc, gdc, gnat and gfortran 12,
// rustc 1.63 (legacy) and 1.95 (v0).
#include "base/demangle.hh"

#include <gtest/gtest.h>

namespace {

using leakdir::tool::demangle;
using leakdir::tool::demangle_ada;
using leakdir::tool::demangled;
using leakdir::tool::is_mangled;
using leakdir::tool::is_rust;

TEST(Demangle, RustsOlderNamesHaveNoHashAndNoEscapes) {
  EXPECT_EQ(demangle("_ZN4demo4main17h05af221e174051e9E"), "demo::main");
  EXPECT_EQ(demangle("_ZN4demo4main17h05af221e174051e9E.llvm.42"), "demo::main");
  EXPECT_EQ(
      demangle("_ZN71_$LT$Test$u20$$u2b$$u20$$u27$static$u20$as$u20$foo..Bar$LT$Test$GT$$GT$3bar17h05af221e174051e9E"),
      "<Test + 'static as foo::Bar<Test>>::bar");
  EXPECT_EQ(demangle("_ZN4leak4main28_$u7b$$u7b$closure$u7d$$u7d$17h4e2d7a691c8123a8E"), "leak::main::{{closure}}");
  EXPECT_EQ(demangle("_ZN8$RF$testfoobar17h05af221e174051e9E"), "") << "a length that is not right";
}

TEST(Demangle, RustsNewerNamesHaveNoDisambiguator) {
  EXPECT_EQ(demangle("_RNvCsdBezzDwma51_4demo4main"), "demo::main");
  EXPECT_EQ(demangle("_RNvCsdBezzDwma51_4demo4main.llvm.42"), "demo::main");
  EXPECT_EQ(demangle("_RNCNvCs4_4demo4main0B3_"), "demo::main::{closure#0}");
  EXPECT_EQ(demangle("_RNvMs_Cs4_4demoNtB4_3Foo3new"), "<demo::Foo>::new");
  EXPECT_EQ(demangle("_RINvNtCs1234_4core3ptr13drop_in_placeNtNtCs1234_5alloc6string6StringECs123_4demo"),
            "core::ptr::drop_in_place::<alloc::string::String>");
}

TEST(Demangle, AnotherVersionOfACrateHasTheSameNames) {
  EXPECT_EQ(demangle("_ZN4demo4leak17h0123456789abcdefE"), demangle("_ZN4demo4leak17hfedcba9876543210E"));
  EXPECT_EQ(demangle("_RNvCsdBezzDwma51_4demo4leak"), demangle("_RNvCsjrHSEGnQ3l9_4demo4leak"));
}

TEST(Demangle, CppStaysAsItIs) {
  EXPECT_EQ(demangle("_ZN3foo3barEi"), "foo::bar(int)");
  EXPECT_EQ(demangle("_ZN3foo3barEi.cold"), "foo::bar(int) [clone .cold]");
  EXPECT_EQ(demangle("_ZN1A17h0000000000000000E"), "A::h0000000000000000") << "no hash has one digit only";
  EXPECT_EQ(demangle("_ZN12_GLOBAL__N_11SclEi"), "(anonymous namespace)::S::operator()(int)");
}

TEST(Demangle, D) {
  EXPECT_EQ(demangle("_D4leak5Shelf4lendMFiZi"), "leak.Shelf.lend(int)");
  EXPECT_EQ(demangle("_D4leak5Shelf4lendMFiZi.part.0"), "leak.Shelf.lend(int) [clone .part.0]");
  EXPECT_EQ(demangle("_Dmain"), "D main");
}

TEST(Demangle, ProceduresOfFortransModules) {
  EXPECT_EQ(demangle("__shelves_MOD_lend"), "shelves::lend");
  EXPECT_EQ(demangle("__shelves_MOD_lend.constprop.0"), "shelves::lend [clone .constprop.0]");
  EXPECT_EQ(demangle("__MOD_lend"), "");
  EXPECT_EQ(demangle("__Shelves_MOD_lend"), "");
  EXPECT_EQ(demangle("__a_MOD_b_MOD_c"), "");
  EXPECT_EQ(demangle("__shelves_MOD_"), "");
}

TEST(Demangle, AdaWhereItsCompilerIsKnown) {
  EXPECT_EQ(demangle_ada("shelves__lend__inner"), "shelves.lend.inner");
  EXPECT_EQ(demangle_ada("shelves__lend__2"), "shelves.lend");
  EXPECT_EQ(demangle_ada("shelves__Oadd"), "shelves.\"+\"");
  EXPECT_EQ(demangle_ada("Shelves"), "") << "Ada's compiler writes small letters";
}

TEST(Demangle, AdaByThePackagesOfItsLibrary) {
  EXPECT_EQ(demangle("system__secondary_stack__ss_allocate"), "system.secondary_stack.ss_allocate");
  EXPECT_EQ(demangle("ada__text_io__put_line__2"), "ada.text_io.put_line");
  EXPECT_EQ(demangle("_ada_leak"), "leak");
  EXPECT_EQ(demangle("shelves__lend"), "") << "of C, for all that is known";
}

TEST(Demangle, WhatIsNotMangledIsNotRead) {
  for (const char* name : {"i", "main", "", "_Rebuild", "_D", "_Draw", "_D2d", "_Z", "_Znotmangled", "my__function",
                           "_i_Shelf__lend_as_", "system_init"}) {
    EXPECT_EQ(demangle(name), "") << name;
    EXPECT_EQ(demangled(name), name);
  }
  EXPECT_FALSE(is_mangled("i"));
  EXPECT_FALSE(is_mangled("my__function"));
}

TEST(Demangle, OfRustAreItsOwnNamesAlone) {
  EXPECT_TRUE(is_rust("_ZN4demo4main17h05af221e174051e9E"));
  EXPECT_TRUE(is_rust("_RNvCsdBezzDwma51_4demo4main"));
  EXPECT_FALSE(is_rust("_ZN5alloc5alloc5allocEv"));
  EXPECT_FALSE(is_rust("_Rebuild"));
  EXPECT_FALSE(is_rust(""));
}

}  // namespace
