// SPDX-License-Identifier: BSL-1.0
//
// Which frame of a stack is its own one: the first of the program's code that allocates for itself.

#include "analyse/wrappers.hh"

#include <gmock/gmock-matchers.h>
#include <gtest/gtest.h>

#include "analyse/function_name.hh"
#include "analyse/pattern.hh"
#include "load_from_memory.hh"

namespace leakdir::tool {
namespace {

TEST(Glob, MatchesTheWholeName) {
  EXPECT_TRUE(matches_glob("make", "make"));
  EXPECT_FALSE(matches_glob("make", "make_buffer"));
  EXPECT_TRUE(matches_glob("make*", "make_buffer"));
  EXPECT_TRUE(matches_glob("*/lib?.so*", "/usr/lib/libz.so.1"));
  EXPECT_FALSE(matches_glob("*/lib?.so*", "/usr/lib/libzz.so.1"));
  EXPECT_TRUE(matches_glob("*", ""));
  EXPECT_FALSE(matches_glob("?", ""));
  EXPECT_TRUE(matches_glob("a*b*c", "axxbxbc"));
  EXPECT_FALSE(matches_glob("a*b*c", "axxbxb"));
  EXPECT_FALSE(matches_glob(std::string("*a*a*a*a*a*a*a*a*a*a*b"), std::string(4000, 'a')));
}

TEST(Glob, OfANameMatchesThatNameAlone) {
  for (const char* name : {"make", "f(char*, int)", "operator*", "a?b", "back\\slash", "\\*", "größe", "main::$_0"}) {
    EXPECT_TRUE(matches_glob(glob_of(name), name)) << glob_of(name);
    EXPECT_FALSE(matches_glob(glob_of(name), std::string(name) + "x"));
  }
  EXPECT_EQ(glob_of("f(char*)"), "f(char\\*)");
  EXPECT_FALSE(matches_glob(glob_of("f(char*)"), "f(char const*)"));
  EXPECT_EQ(glob_of("a\nb\xff"), "a?b?") << "what a line cannot hold";
  EXPECT_TRUE(matches_glob(glob_of("a\nb\xff"), "a\nb\xff"));
  EXPECT_EQ(glob_of(" a b "), "?a b?") << "what would be trimmed";
}

TEST(FunctionName, HasALastPart) {
  EXPECT_EQ(last_name("xmalloc"), "xmalloc");
  EXPECT_EQ(last_name("app::Pool<std::vector<int> >::allocate(unsigned long)"), "allocate");
  EXPECT_EQ(last_name("int* app::allocate<int, 3>(unsigned long)"), "allocate");
  EXPECT_EQ(last_name("(anonymous namespace)::grow(int)"), "grow");
  EXPECT_EQ(last_name("Node::operator new(unsigned long)"), "operator new");
  EXPECT_EQ(last_name("__GI___strdup.part.0"), "strdup");
  EXPECT_EQ(without_parameters("void f<int>(g<3>, char (*)(int))"), "f<int>");
  EXPECT_EQ(without_parameters("main::{lambda()#1}::operator()() const"), "main::{lambda()#1}::operator()");
}

TEST(Wrappers, AreKnownByTheirNames) {
  const Wrappers wrappers;
  for (const char* name : {"xmalloc",
                           "zmalloc",
                           "zcalloc",
                           "g_malloc",
                           "g_malloc0_n",
                           "g_strdup_printf",
                           "mosquitto__malloc",
                           "mosquitto__calloc",
                           "strdup",
                           "__strdup",
                           "__GI___strndup",
                           "xstrdup",
                           "sqlite3Malloc",
                           "sqlite3DbMallocRaw",
                           "OPENSSL_malloc",
                           "palloc",
                           "ngx_pcalloc",
                           "xmalloc_or_die",
                           "xasprintf",
                           "vasprintf",
                           "getline",
                           "xmemdup",
                           "Pool<int>::allocate(unsigned long)",
                           "app::Arena::alloc(unsigned long)",
                           "int* allocate<int>(unsigned long)",
                           "Node::operator new(unsigned long)",
                           "xmalloc.constprop.0",
                           "av_mallocz",
                           "xalloc",
                           "myalloc",
                           "my_alloc",
                           "ckalloc"})
    EXPECT_TRUE(wrappers.is_wrapper(name)) << name;
  for (const char* name :
       {"", "main", "make_buffer", "malloc_stats", "allocate_table", "callocator", "strdup_all", "buffer_alloc",
        "linealloc", "my_linealloc", "std::vector<int>::push_back(int)", "reallocate_all", "Pool<int>::grow()"})
    EXPECT_FALSE(wrappers.is_wrapper(name)) << name;
}

TEST(Wrappers, AreNamedByTheUser) {
  const Wrappers wrappers({"get_memory", "Pool<*>::take", "app::f(char\\*)"});
  EXPECT_TRUE(wrappers.is_wrapper("get_memory"));
  EXPECT_TRUE(wrappers.is_wrapper("get_memory.part.0"));
  EXPECT_TRUE(wrappers.is_wrapper("Pool<int>::take(unsigned long)"));
  EXPECT_TRUE(wrappers.is_wrapper("app::f(char*)"));
  EXPECT_FALSE(wrappers.is_wrapper("get_memory_of"));
  EXPECT_FALSE(wrappers.is_wrapper("app::f(char const*)"));
}

class OwnFrame : public testing::Test {
 protected:
  StackLine at(const std::string& function, const std::string& module = "/home/you/app",
               const std::string& file = "/home/you/app.c", const std::string& linkage = "") {
    kept_.push_back(
        std::make_unique<SourceLine>(SourceLine{function, function.empty() ? "" : file, 5, false, linkage}));
    modules_.push_back(std::make_unique<std::string>(module));
    return {function.empty() ? nullptr : kept_.back().get(), *modules_.back(), module == "/home/you/app", kept_.size()};
  }
  static std::size_t own(std::vector<StackLine> lines) { return Wrappers().own_frame({{}, std::move(lines)}); }

 private:
  std::vector<std::unique_ptr<SourceLine>> kept_;
  std::vector<std::unique_ptr<std::string>> modules_;
};

constexpr char kGlib[] = "/usr/lib/x86_64-linux-gnu/libglib-2.0.so.0", kLibc[] = "/lib/x86_64-linux-gnu/libc.so.6";

TEST_F(OwnFrame, IsTheFirstOfTheProgramThatIsNoWrapper) {
  EXPECT_EQ(own({at("make"), at("main")}), 0u);
  EXPECT_EQ(own({at("xcalloc"), at("xmalloc_n"), at("make"), at("main")}), 2u);
  EXPECT_EQ(own({at("g_malloc", kGlib), at("g_list_append", kGlib), at("make"), at("main")}), 2u);
  EXPECT_EQ(own({at("strdup", kLibc, "string/strdup.c"), at("make"), at("main")}), 1u);
  EXPECT_EQ(own({at("std::vector<int>::push_back(int)"), at("make"), at("main")}), 1u);
  EXPECT_EQ(own({at("resize", "/home/you/app", "/usr/include/c++/12/bits/vector.h"), at("make")}), 1u);
}

// It is in the program, and in its own files of it.
TEST_F(OwnFrame, IsNotInRustsLibrary) {
  const std::string app = "/home/you/app";
  EXPECT_EQ(own({at("<alloc::boxed::Box<T>>::new", app, "/rustc/59807616e1/library/alloc/src/boxed.rs"),
                 at("app::make", app, "/home/you/app.rs")}),
            1u);
  EXPECT_EQ(own({at("alloc::raw_vec::finish_grow", app, "/usr/src/rustc-1.63.0/library/alloc/src/raw_vec.rs"),
                 at("app::make", app, "/home/you/app.rs")}),
            1u);
  EXPECT_EQ(own({at("<alloc::raw_vec::RawVec>::grow", app, "", "_RNvMNtCs1_5alloc7raw_vecNtB2_6RawVec4grow"),
                 at("app::make", app, "", "_RNvCs4_3app4make")}),
            1u);
  EXPECT_EQ(own({at("core::Engine::make(int)", app, "", "_ZN4core6Engine4makeEi"), at("main")}), 1u)
      << "of which no line is known: a function with one comes first";
  EXPECT_EQ(own({at("core::Engine::make(int)", app, "/home/you/engine.cc", "_ZN4core6Engine4makeEi"), at("main")}), 0u)
      << "C++ may have such a namespace";
}

TEST_F(OwnFrame, IsInAStaticProgramNotOneOfLibc) {
  EXPECT_EQ(own({at("strdup", "/home/you/app", ""), at("make"), at("main")}), 1u);
  EXPECT_EQ(own({at("strdup", "/home/you/app", ""), at("make", "/home/you/app", ""), at("main", "/home/you/app", "")}),
            1u)
      << "nor where no file is known";
  EXPECT_EQ(own({at("tzfile_read", "/home/you/app", ""), at("make"), at("main")}), 1u);
}

TEST_F(OwnFrame, MayBeInALibraryThatIsTheUsersOwn) {
  EXPECT_EQ(own({at("xmalloc", "/home/you/libplug.so"), at("plug", "/home/you/libplug.so"), at("main")}), 1u);
}

TEST_F(OwnFrame, HasSomethingToStandInForIt) {
  EXPECT_EQ(own({}), kNoFrame);
  EXPECT_EQ(own({at("malloc_hook_ini", kLibc), at("start_thread", kLibc)}), 0u);
  EXPECT_EQ(own({at("g_malloc", kGlib), at("g_main_loop", kGlib), at("start_thread", kLibc)}), 1u);
  EXPECT_EQ(own({at("strdup", kLibc), at("xstrdup"), at("g_thread_proxy", kGlib)}), 1u) << "a wrapper of the program's";
  EXPECT_EQ(own({at("", kLibc), at(""), at("", kLibc)}), 1u) << "a program without names";
  EXPECT_EQ(own({at("", kLibc), at(""), at("main")}), 2u);
}

// Many functions take memory from one, whatever its name.
class LearnedWrappers : public testing::Test {
 protected:
  static constexpr std::uint64_t kOuter = 0x408000, kGet = 0x401000, kMain = 0x409000;

  LearnedWrappers() {
    ledger.program("/home/you/app", 0x400000);
    ledger.thread(4711, "app", 10, 0);
  }

  // `callers` functions call get(), each for a block of its own size unless `size` is given; from `places` lines of it.
  Wrappers learn(unsigned callers, std::uint64_t size = 0, unsigned places = 1) {
    for (unsigned i = 0; i < callers; ++i)
      ledger.block({0x1000 + 0x100 * i, size == 0 ? i + 1 : size,
                    ledger.stack({kGet + 0x10 * (i % places), kOuter + 0x10 * i, kMain})});
    const Snapshot snapshot = load_built(ledger);
    FrameLines lines(snapshot.frames.size());
    for (std::size_t i = 0; i < snapshot.frames.size(); ++i) {
      const std::uint64_t pc = snapshot.frames[i].pc;
      const std::string name = pc == kMain ? "main" : pc < kOuter ? "get" : "caller_" + std::to_string(pc - kOuter);
      lines[i] = {{name, "/src/app.c", static_cast<unsigned>(pc & 0xfff), false}};
    }
    Wrappers wrappers;
    wrappers.learn(snapshot, group(snapshot, {}), lines);
    EXPECT_FALSE(wrappers.is_wrapper("main"));
    EXPECT_FALSE(wrappers.is_wrapper("caller_0"));
    return wrappers;
  }

  LedgerBuilder ledger;
};

TEST_F(LearnedWrappers, StandInnermostInManyStacks) { EXPECT_TRUE(learn(kManyCallers).is_wrapper("get")); }
TEST_F(LearnedWrappers, HaveManyCallers) { EXPECT_FALSE(learn(kManyCallers - 1).is_wrapper("get")); }
TEST_F(LearnedWrappers, AreAskedForManySizes) {
  EXPECT_FALSE(learn(50, 48).is_wrapper("get")) << "it makes things of one kind";
}
TEST_F(LearnedWrappers, AllocateInFewPlaces) { EXPECT_TRUE(learn(20, 0, kFewPlaces).is_wrapper("get")); }
TEST_F(LearnedWrappers, DoNotDoMuchElse) { EXPECT_FALSE(learn(20, 0, kFewPlaces + 1).is_wrapper("get")); }

TEST_F(LearnedWrappers, NeverStandFurtherOut) {
  ledger.block({0x9000, 1, ledger.stack({kOuter + 0x10, kGet, kMain})});
  EXPECT_FALSE(learn(20).is_wrapper("get")) << "a function that calls one that allocates for itself";
}

}  // namespace
}  // namespace leakdir::tool
