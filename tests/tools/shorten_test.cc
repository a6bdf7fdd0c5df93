// SPDX-License-Identifier: BSL-1.0
//
// Names that fit into a width, and whose code a function is.

#include "emit/shorten.hh"

#include <gtest/gtest.h>

#include "analyse/runtime_code.hh"

namespace leakdir::tool {
namespace {

TEST(Shorten, WhatFitsStaysAsItIs) {
  EXPECT_EQ(shortened_function("std::vector<int>::push_back(int)", 32), "std::vector<int>::push_back(int)");
  EXPECT_EQ(shortened_path("/home/you/app.c:69", 18), "/home/you/app.c:69");
}

TEST(Shorten, ArgumentsOfTemplatesGoFirstThenParametersThenTheMiddle) {
  const std::string name = "app::Cache<std::map<int, std::string>, 3>::insert(std::pair<int, int> const&, bool)";
  EXPECT_EQ(shortened_function(name, 80), "app::Cache<...>::insert(std::pair<...> const&, bool)");
  EXPECT_EQ(shortened_function(name, 40), "app::Cache<...>::insert(...)");
  EXPECT_EQ(shortened_function(name, 20), "app::Cac...sert(...)");
}

TEST(Shorten, BracketsThatAreOperatorsStay) {
  EXPECT_EQ(shortened_function("bool a::operator< <int, int>(a::X<int> const&)", 41),
            "bool a::operator< <...>(a::X<...> const&)");
  EXPECT_EQ(shortened_function("a::X<int>::operator->(int, int, int)", 30), "a::X<...>::operator->(...)");
  EXPECT_EQ(shortened_function("a::X<int, int>::operator()(int, int, int) const", 35),
            "a::X<...>::operator()(...) const");
  EXPECT_EQ(shortened_function("my_operator<int, int, int>(int)", 24), "my_operator<...>(int)");
}

TEST(Shorten, AnEmptyPairOfBracketsStaysEmpty) {
  EXPECT_EQ(shortened_function("a::X<int, int, int>::size()", 20), "a::X<...>::size()");
}

TEST(Shorten, AnonymousNamespacesStayReadable) {
  EXPECT_EQ(shortened_function("app::(anonymous namespace)::hidden(int, int, int)", 40),
            "app::(anonymous namespace)::hidden(...)");
}

TEST(Shorten, OfAPathTheEndStays) { EXPECT_EQ(shortened_path("/home/you/src/app.c:69", 12), ".../app.c:69"); }

TEST(Shorten, CutsBetweenCharactersAndNotInThem) {
  EXPECT_EQ(columns_of("gr\xc3\xb6\xc3\x9f"
                       "e"),
            5u);
  EXPECT_EQ(shortened_path("/\xc3\xb6\xc3\xb6\xc3\xb6\xc3\xb6\xc3\xb6\xc3\xb6", 5), "...\xc3\xb6\xc3\xb6");
  EXPECT_EQ(shortened_function("\xc3\xb6\xc3\xb6\xc3\xb6\xc3\xb6\xc3\xb6\xc3\xb6", 5), "\xc3\xb6...\xc3\xb6");
}

TEST(Shorten, ALineIsClippedAndItsColoursStay) {
  EXPECT_EQ(clipped_line("\x1b[1mabc\x1b[0m def", 5), "\x1b[1mabc\x1b[0m d");
  EXPECT_EQ(clipped_line("\x1b[1mabcdef\x1b[0m", 3), "\x1b[1mabc\x1b[0m");
  EXPECT_EQ(clipped_line("gr\xc3\xb6\xc3\x9f", 3), "gr\xc3\xb6");
  EXPECT_EQ(clipped_line("abc", 3), "abc");
  EXPECT_EQ(clipped_line("\x1b", 0), "\x1b");
}

TEST(Shorten, NoWidthIsTooSmallAndNoNameTooBroken) {
  for (std::size_t columns = 0; columns < 30; ++columns) {
    for (const char* name : {">>>>>>>>))))))((((<<<<<<<", "operator<<<<<<<<<<<<<<<<<<<<<<", "(anonymous namespace",
                             "f(((((((((((((((((((((((", "\x80\x80\x80\x80\x80\x80"}) {
      EXPECT_LE(columns_of(shortened_function(name, columns)), columns) << name;
      EXPECT_LE(columns_of(shortened_path(name, columns)), columns) << name;
    }
  }
}

TEST(RuntimeCode, IsToldByTheNameOfTheFunction) {
  for (const char* runtime :
       {"_start", "__libc_start_main_impl", "__libc_start_call_main", "start_thread", "operator new(unsigned long)",
        "std::vector<int, std::allocator<int> >::push_back(int const&)",
        "void std::__invoke_impl<void, void (*)(int), int>(std::__invoke_other, void (*&&)(int), int&&)",
        "std::string::_M_create(unsigned long&, unsigned long)",
        "__gnu_cxx::new_allocator<int>::allocate(unsigned long)", "_IO_file_doallocate"})
    EXPECT_TRUE(is_runtime_function(runtime)) << runtime;
  for (const char* own :
       {"main", "app::run(std::vector<int> const&)", "(anonymous namespace)::grow(std::string)", "my_start", "",
        "app::Map<std::string>::add(std::string)", "std_like::f()", "app::Value::operator std::string() const",
        "unsigned long app::count<std::string>(std::string const&)", "cloned_item", "void", ")))", ">", "operator"})
    EXPECT_FALSE(is_runtime_function(own)) << own;
}

TEST(RuntimeCode, IsToldByTheFileOfWhatWasPutInline) {
  EXPECT_TRUE(is_runtime_line({"_M_invoke<0>", "/usr/include/c++/12/bits/std_thread.h", 252, true}));
  EXPECT_TRUE(is_runtime_line({"__libc_start_call_main", "../sysdeps/nptl/libc_start_call_main.h", 58, false}));
  EXPECT_TRUE(is_runtime_line({"std::vector<int>::reserve(unsigned long)", "", 0, false}));
  EXPECT_FALSE(is_runtime_line({"grow", "/home/you/nptl/app.c", 5, false}));
  EXPECT_FALSE(is_runtime_line({"", "", 0, false}));
}

TEST(RuntimeCode, IsToldByTheNameOfTheLibrary) {
  for (const char* runtime : {"/lib/x86_64-linux-gnu/libc.so.6", "/usr/lib/libstdc++.so.6.0.30", "linux-vdso.so.1",
                              "/opt/x/libleakdir.so", "/lib64/ld-linux-x86-64.so.2", "[vdso]"})
    EXPECT_TRUE(is_runtime_module(runtime)) << runtime;
  for (const char* own : {"/home/libc.so/app", "/usr/lib/libcurl.so.4", "libmine.so", "/usr/lib/libcrypto.so.3"})
    EXPECT_FALSE(is_runtime_module(own)) << own;
}

}  // namespace
}  // namespace leakdir::tool
