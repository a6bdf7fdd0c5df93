// SPDX-License-Identifier: BSL-1.0
//
// "Nothing is live" is said only by who has looked at all of the program: where calls pass the hooks by, the program
// says so at its end, `report` warns, and `check` ends with 3. And of programs that are linked as they should be it is
// never said.

#include <gmock/gmock-matchers.h>
#include <gtest/gtest.h>

#include "expected_kinds.hh"
#include "paths.hh"
#include "report_json.hh"
#include "target.hh"

namespace leakdir_test {
namespace {

using testing::HasSubstr;
using testing::StartsWith;

constexpr char kNoExport[] =
    "this program does not export leakdir's malloc: what its libraries allocate is not seen (see leakdir doctor)";
constexpr char kNotExported[] =
    "the program does not export leakdir's malloc, so what its libraries allocate is not seen (see leakdir doctor)";
constexpr char kAnothers[] = "this program's malloc is another's: what it allocates is not seen (see leakdir doctor)";
constexpr char kIsAnothers[] =
    "the program's malloc is another's, so what it allocates is not seen (see leakdir doctor)";

class PassedBy : public testing::Test {
 protected:
  // Links passes_by.c; each word of `flags` is one argument.
  std::string linked(const std::vector<std::string>& flags) {
    Command command = {
        {"gcc", "-g", "-O1", std::string(kSourceRoot) + "/tests/targets/passes_by.c", "-o", scratch_ / "program"},
        "",
        {},
        "",
        60};
    command.argv.insert(command.argv.end(), flags.begin(), flags.end());
    const Outcome outcome = run(command);
    EXPECT_TRUE(outcome.exited_with(0)) << outcome.describe();
    return scratch_ / "program";
  }

  // It ran in the scratch directory and left its ledger.
  void tool_says(const std::string& why) {
    const Outcome check = run_tool({"check"}, scratch_.path());
    EXPECT_TRUE(check.exited_with(3)) << check.describe();
    EXPECT_EQ(check.out, "no trustworthy data: " + why + "\n");
    const Outcome report = run_tool({"report"}, scratch_.path());
    EXPECT_TRUE(report.exited_with(0)) << report.describe();
    EXPECT_THAT(report.out + report.err, HasSubstr("warning: " + why + "\n"));
  }

  void tool_does_not_doubt() {
    const Outcome check = run_tool({"check"}, scratch_.path());
    EXPECT_TRUE(check.exited_with(0) || check.exited_with(23)) << check.describe();
    const Outcome report = run_tool({"report"}, scratch_.path());
    EXPECT_THAT(report.out + report.err, testing::Not(HasSubstr("warning")));
  }

  Scratch scratch_;
};

class PassedByLinker : public PassedBy, public testing::WithParamInterface<std::string> {
 protected:
  void SetUp() override {
    if (!links_with("gcc", GetParam())) GTEST_SKIP() << "there is no such linker";
  }

  std::string linker() const { return "-fuse-ld=" + GetParam(); }
};

TEST_P(PassedByLinker, AVersionScriptThatHidesMallocIsSeen) {
  write_file(scratch_ / "hide.map", "{ global: main; local: *; };\n");
  const std::string program = linked({kObject, linker(), "-Wl,--version-script=" + (scratch_ / "hide.map")});
  for (const char* how : {"copies", "keeps"}) {
    const Outcome outcome = run_in(scratch_, program, {"", {how}, {}, 60});
    EXPECT_TRUE(outcome.exited_with(0)) << outcome.describe();
    if (GetParam() == "gold") {  // it exports what libraries need, whatever the script says
      EXPECT_THAT(outcome.err, std::string(how) == "keeps" ? StartsWith("leakdir: 20 live blocks") : StartsWith(""));
      tool_does_not_doubt();
      continue;
    }
    EXPECT_EQ(outcome.err, std::string("leakdir: ") + kNoExport + "\n");
    tool_says(kNotExported);
  }
}

TEST_P(PassedByLinker, AnotherMallocThatWinsInAStaticLinkIsSeen) {
  const std::string program = linked({"-static", "-Wl,-z,muldefs", "-lc", kStaticObject, linker()});
  const Outcome outcome = run_in(scratch_, program, {"", {"keeps"}, {}, 60});
  EXPECT_TRUE(outcome.exited_with(0)) << outcome.describe();
  // Of libc's functions those are weak that the object has instead: they and free have to mean the same heap.
  const Scratch beside;
  const Outcome mixed = run_in(beside, program, {"", {"mixes"}, {}, 60});
  EXPECT_TRUE(mixed.exited_with(0)) << mixed.describe();
  if (GetParam() == "mold") {  // it takes the object's, which is right
    EXPECT_THAT(outcome.err, StartsWith("leakdir: 20 live blocks"));
    return tool_does_not_doubt();
  }
  EXPECT_EQ(outcome.err, std::string("leakdir: ") + kAnothers + "\n");
  tool_says(kIsAnothers);
  EXPECT_EQ(mixed.err, outcome.err);  // its frees are seen by nobody
}

TEST_P(PassedByLinker, NothingIsSaidOfAProgramThatIsLinkedAsItShouldBe) {
  const std::vector<std::vector<std::string>> ways = {{kObject},
                                                      {kObject, "-no-pie", "-fno-pie"},
                                                      {kObject, "-Wl,--hash-style=sysv"},
                                                      {kObject, "-Wl,--gc-sections", "-Wl,-z,now"},
                                                      {"-static", kStaticObject},
                                                      {"-static", "-Wl,-z,muldefs", kObject, "-Wl,--build-id"}};
  for (const auto& way : ways) {
    SCOPED_TRACE(testing::PrintToString(way));
    std::vector<std::string> flags = way;
    flags.push_back(linker());
    const std::string program = linked(flags);
    const Outcome clean = run_in(scratch_, program, {"", {"forks"}, {}, 60});
    EXPECT_TRUE(clean.exited_with(0)) << clean.describe();
    EXPECT_EQ(clean.err, "");
    tool_does_not_doubt();
    const Outcome leaking = run_in(scratch_, program, {"", {"keeps"}, {}, 60});
    EXPECT_EQ(leaking.err,
              "leakdir: 20 live blocks, 960 bytes at exit: ./mem" + kinds_at_exit(scratch_ / "mem") + "\n");
  }
}

// GNU ld does not make the library: it is no place for the object's .preinit_array.
TEST_P(PassedByLinker, TheObjectInASharedLibrarySaysThatItNeverStarts) {
  write_file(scratch_ / "library.c",
             "#include <stdlib.h>\nvoid *volatile kept;\nvoid keep(void) { kept = malloc(77); }\n");
  write_file(scratch_ / "main.c", "void keep(void);\nint main(void) { keep(); }\n");
  const std::string library = scratch_ / "libkeeps.so", program = scratch_ / "program";
  const auto gcc = [](std::vector<std::string> argv) {
    argv.insert(argv.begin(), {"gcc", "-g", "-fPIC"});
    return run({argv, "", {}, "", 60});
  };
  const Outcome made = gcc({"-shared", linker(), scratch_ / "library.c", kObject, "-o", library});
  if (GetParam() == "bfd") {
    EXPECT_FALSE(made.exited_with(0));
    return;
  }
  ASSERT_TRUE(made.exited_with(0)) << made.describe();
  // As what the program needs, as what it loads later, and below leakdir in the program or before it.
  ASSERT_TRUE(gcc({scratch_ / "main.c", library, "-o", program}).exited_with(0));
  const std::string said =
      "leakdir: leakdir.o is in a shared library, where it never starts, so nothing is recorded: link it into the "
      "program, or preload libleakdir.so\n";
  EXPECT_EQ(run_in(scratch_, program).err, said);
  EXPECT_EQ(run_in(scratch_, "/bin/true", {"", {}, {{"LD_PRELOAD", library}}, 60}).err, said);
  const std::string found = "leakdir: 1 live block, 77 bytes at exit: ./mem";
  // (Upon another allocator than glibc's, as the object is there, nobody looks what is lost.)
  EXPECT_EQ(run_in(scratch_, program, {"", {}, {{"LD_PRELOAD", kLibrary}}, 60}).err, found + "\n");
  ASSERT_TRUE(gcc({scratch_ / "main.c", kObject, library, linker(), "-o", program}).exited_with(0));
  EXPECT_EQ(run_in(scratch_, program).err, found + " (1 still reachable)\n");
}

INSTANTIATE_TEST_SUITE_P(With, PassedByLinker, testing::Values("bfd", "gold", "lld", "mold"),
                         [](const testing::TestParamInfo<std::string>& info) { return info.param; });

TEST_F(PassedBy, ItIsSaidOfAForkedChildToo) {
  write_file(scratch_ / "hide.map", "{ global: main; local: *; };\n");
  const std::string program = linked({kObject, "-Wl,--version-script=" + (scratch_ / "hide.map")});
  const Outcome outcome = run_in(scratch_, program, {"", {"forks"}, {}, 60});
  EXPECT_TRUE(outcome.exited_with(0)) << outcome.describe();
  EXPECT_EQ(outcome.err, std::string("leakdir: ") + kNoExport + "\nleakdir: " + kNoExport + "\n");
}

TEST_F(PassedBy, NothingIsSaidWithoutASummary) {
  write_file(scratch_ / "hide.map", "{ global: main; local: *; };\n");
  const std::string program = linked({kObject, "-Wl,--version-script=" + (scratch_ / "hide.map")});
  EXPECT_EQ(run_in(scratch_, program, {"summary=0", {}, {}, 60}).err, "");
  tool_says(kNotExported);
}

// ---- Libraries that come by dlopen ----

class PassedByPlugin : public PassedBy, public testing::WithParamInterface<std::string> {};

TEST_P(PassedByPlugin, ThatIsBoundToItselfIsNamed) {
  const std::string plugin = std::string(kTargets) + "/plugin.so";
  const Outcome outcome = run_in(scratch_, target("loads", GetParam()), {"", {"deepbind", plugin}, {}, 60});
  EXPECT_TRUE(outcome.exited_with(0)) << outcome.describe();
  EXPECT_THAT(outcome.err, StartsWith("leakdir: " + plugin + " calls another malloc: what it allocates is not seen\n"));
  tool_says(plugin + " calls another malloc, so what it allocates is not seen");
}

TEST_P(PassedByPlugin, ThatIsLoadedAsUsualIsNot) {
  const std::string plugin = std::string(kTargets) + "/plugin.so";
  const Outcome outcome = run_in(scratch_, target("loads", GetParam()), {"", {"late", plugin}, {}, 60});
  EXPECT_TRUE(outcome.exited_with(0)) << outcome.describe();
  EXPECT_THAT(outcome.err, testing::Not(HasSubstr("not seen")));
  tool_does_not_doubt();
}

TEST_P(PassedByPlugin, ThatHasALibcOfItsOwnIsSaid) {
  const std::string plugin = std::string(kTargets) + "/plugin.so";
  const Outcome outcome = run_in(scratch_, target("loads", GetParam()), {"", {"namespace", plugin}, {}, 60});
  EXPECT_TRUE(outcome.exited_with(0)) << outcome.describe();
  EXPECT_THAT(outcome.err,
              StartsWith("leakdir: libraries came by dlmopen, with a malloc of their own: what they allocate "
                         "is not seen\n"));
  tool_says("libraries came by dlmopen, with a malloc of their own, so what they allocate is not seen");
}

// It is gone before anybody looks where its calls led; its block is not.
TEST_P(PassedByPlugin, ThatIsGoneShowsByTheBlockThatItLeftToBeFreed) {
  write_file(scratch_ / "given.c", "#include <stdlib.h>\nvoid *give(void) { return malloc(77); }\n");
  write_file(scratch_ / "takes.c",
             "#define _GNU_SOURCE\n#include <dlfcn.h>\n#include <stdlib.h>\n"
             "int main(int argc, char **argv) {\n"
             "  void *library = dlopen(argv[1], RTLD_NOW | (argc > 2 ? RTLD_DEEPBIND : 0));\n"
             "  void *block = ((void *(*)(void))dlsym(library, \"give\"))();\n"
             "  dlclose(library);\n  free(block);\n  return 0;\n}\n");
  const std::string object = GetParam() == "preload" ? "" : kObject;
  const std::string library = scratch_ / "given.so", program = scratch_ / "takes";
  ASSERT_TRUE(run({{"gcc", "-shared", "-fPIC", scratch_ / "given.c", "-o", library}, "", {}, "", 60}).exited_with(0));
  Command link = {{"gcc", scratch_ / "takes.c", "-o", program}, "", {}, "", 60};
  if (!object.empty()) link.argv.push_back(object);
  link.argv.push_back("-ldl");
  ASSERT_TRUE(run(link).exited_with(0));
  RunOptions options = {"", {library, "deepbind"}, {}, 60};
  if (object.empty()) options.env["LD_PRELOAD"] = kLibrary;
  const Outcome outcome = run_in(scratch_, program, options);
  EXPECT_TRUE(outcome.exited_with(0)) << outcome.describe();
  EXPECT_EQ(outcome.err, "leakdir: 1 block was allocated or freed unseen: some calls go past leakdir\n");
  tool_says("calls go past leakdir: 1 block was allocated or freed unseen");
  // Blocks that are not recorded on purpose are no such proof.
  EXPECT_EQ(run_in(scratch_, program, {"min_size=200", {library, "deepbind"}, options.env, 60}).err, "");
  EXPECT_EQ(run_in(scratch_, program, {"", {library}, options.env, 60}).err, "");
  tool_does_not_doubt();
}

// A program that asks libc itself: three addresses are handed out again that nobody was seen to free.
TEST_P(PassedByPlugin, ThatFreesUnseenShowsByWhatIsHandedOutAgain) {
  write_file(scratch_ / "asks.c",
             "#include <dlfcn.h>\n#include <stdlib.h>\n"
             "int main(void) {\n"
             "  void *libc = dlopen(\"libc.so.6\", RTLD_NOW);\n"
             "  void (*give_back)(void *) = (void (*)(void *))dlsym(libc, \"free\");\n"
             "  dlclose(libc);\n"
             "  for (int i = 0; i < 3; ++i) {\n"
             "    void *volatile block = malloc(777);\n    give_back(block);\n  }\n"
             "  void *volatile last = malloc(777);\n  free(last);\n  return 0;\n}\n");
  const std::string program = scratch_ / "asks";
  Command link = {{"gcc", scratch_ / "asks.c", "-o", program}, "", {}, "", 60};
  RunOptions options = {"", {}, {}, 60};
  if (GetParam() == "preload") {
    options.env["LD_PRELOAD"] = kLibrary;
  } else {
    link.argv.push_back(kObject);
  }
  link.argv.push_back("-ldl");
  ASSERT_TRUE(run(link).exited_with(0));
  const Outcome outcome = run_in(scratch_, program, options);
  EXPECT_TRUE(outcome.exited_with(0)) << outcome.describe();
  EXPECT_EQ(outcome.err, "leakdir: 3 blocks were allocated or freed unseen: some calls go past leakdir\n");
  tool_says("calls go past leakdir: 3 blocks were allocated or freed unseen");
}

INSTANTIATE_TEST_SUITE_P(With, PassedByPlugin, testing::Values("pie", "preload"));

// With a library that a static program loads comes a libc; of one that libc loads for itself nothing is said.
TEST_F(PassedBy, ThePluginOfAStaticProgramIsNamed) {
  write_file(scratch_ / "takes.c",
             "#include <dlfcn.h>\n#include <stdlib.h>\n"
             "int main(int argc, char **argv) {\n"
             "  void *library = dlopen(argv[argc - 1], RTLD_NOW);\n"
             "  if (library == NULL) return 97;\n"
             "  void *block = ((void *(*)(size_t))dlsym(library, \"plugin_get\"))(77);\n"
             "  ((void (*)(void *))dlsym(library, \"plugin_give\"))(block);\n  return 0;\n}\n");
  const std::string plugin = std::string(kTargets) + "/plugin.so", program = scratch_ / "takes";
  const std::string bare = scratch_ / "bare";
  ASSERT_TRUE(run({{"gcc", "-static", scratch_ / "takes.c", "-ldl", "-o", bare}, "", {}, "", 60}).exited_with(0));
  if (!run({{bare, plugin}, "", {}, "", 60}).exited_with(0)) GTEST_SKIP() << "nor can it load it without leakdir";
  const Command link = {{"gcc", "-static", scratch_ / "takes.c", kStaticObject, "-ldl", "-o", program}, "", {}, "", 60};
  ASSERT_TRUE(run(link).exited_with(0));
  const Outcome outcome = run_in(scratch_, program, {"", {plugin}, {}, 60});
  ASSERT_TRUE(outcome.exited_with(0)) << outcome.describe();
  EXPECT_THAT(outcome.err, HasSubstr(" calls another malloc: what it allocates is not seen\n"));
  EXPECT_TRUE(run_tool({"check"}, scratch_.path()).exited_with(3));
  const std::vector<std::string> loads = {"return", "iconv", "getpwnam"};
  const Outcome of_libc = run_in(scratch_, target("libc_calls", "static"), {"", loads, {}, 60});
  ASSERT_TRUE(of_libc.exited_with(0)) << of_libc.describe();
  EXPECT_EQ(of_libc.err, "");
  tool_does_not_doubt();
}

// Another library that was put in front hands on what it gets.
TEST_F(PassedBy, AWrapperInFrontOfTheLibraryIsNoBypass) {
  write_file(scratch_ / "wrap.c",
             "#define _GNU_SOURCE\n#include <dlfcn.h>\n#include <stddef.h>\n"
             "void *malloc(size_t n) {\n  static void *(*next)(size_t);\n"
             "  if (!next) next = (void *(*)(size_t))dlsym(RTLD_NEXT, \"malloc\");\n  return next(n);\n}\n");
  const std::string wrapper = scratch_ / "wrap.so";
  ASSERT_TRUE(
      run({{"gcc", "-shared", "-fPIC", scratch_ / "wrap.c", "-ldl", "-o", wrapper}, "", {}, "", 60}).exited_with(0));
  const Outcome outcome =
      run_in(scratch_, target("clean_cxx", "none"), {"", {}, {{"LD_PRELOAD", wrapper + " " + kLibrary}}, 60});
  EXPECT_TRUE(outcome.exited_with(0)) << outcome.describe();
  EXPECT_EQ(outcome.err, "");
  tool_does_not_doubt();
}

// ---- Programs of all kinds, of which nothing of the kind is to be said ----

class NotPassedBy : public PassedBy, public testing::WithParamInterface<std::string> {
 protected:
  void nothing_is_said(const std::string& name, const std::string& options, const std::vector<std::string>& arguments) {
    SCOPED_TRACE(name + " " + options);
    const Scratch scratch;
    const Outcome outcome = run_in(scratch, target(name, GetParam()), {options, arguments, {}, 60});
    EXPECT_TRUE(outcome.exited_with(0)) << outcome.describe();
    EXPECT_THAT(outcome.err, testing::Not(testing::AnyOf(HasSubstr("not seen"), HasSubstr("unseen"))));
    EXPECT_FALSE(run_tool({"check"}, scratch.path()).exited_with(3));
  }
};

TEST_P(NotPassedBy, Programs) {
  nothing_is_said("clean_c", "", {});
  nothing_is_said("clean_cxx", "", {});
  nothing_is_said("each_way", "", {});
  nothing_is_said("each_new", "", {});
  nothing_is_said("each_way", "min_size=3000", {});
  nothing_is_said("early_late", "", {});
}

INSTANTIATE_TEST_SUITE_P(With, NotPassedBy,
                         testing::Values("static", "static-pie", "pie", "nopie", "preload", "preload-jemalloc",
                                         "preload-tcmalloc", "preload-mimalloc"),
                         [](const testing::TestParamInfo<std::string>& info) { return case_name(info.param); });

}  // namespace
}  // namespace leakdir_test
