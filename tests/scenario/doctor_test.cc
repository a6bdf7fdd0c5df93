// SPDX-License-Identifier: BSL-1.0
//
// leakdir doctor on real programs: as they should be, and with each thing missing that it looks for.

#include <gmock/gmock-matchers.h>
#include <gtest/gtest.h>

#include <algorithm>
#include <cstring>
#include <filesystem>

#include "beyond_main.hh"
#include "debug_information.hh"
#include "groups.hh"
#include "long_tests.hh"
#include "paths.hh"
#include "report_json.hh"
#include "target.hh"

namespace leakdir_test {
namespace {

using testing::EndsWith;
using testing::HasSubstr;
using testing::StartsWith;

class Doctor : public testing::Test {
 protected:
  void shell(const std::string& command) {
    const Outcome outcome = run({{"sh", "-c", command}, scratch_.path(), {}, "", 120});
    ASSERT_TRUE(outcome.exited_with(0)) << outcome.describe();
  }

  // A small program of one file; `flags` are of the compiler, and may name more files.
  std::string compiled(const std::string& flags) {
    write_file(scratch_ / "small.c",
               "#include <stdlib.h>\nvoid *volatile kept;\n__attribute__((noinline)) int keep(int n)"
               " { kept = malloc(n); return kept != 0; }\nint main(void) { return !keep(20); }\n");
    shell("gcc small.c -o small " + flags);
    return scratch_ / "small";
  }

  nlohmann::json examine(const std::string& file, int status = 0, const std::vector<std::string>& more = {}) {
    std::vector<std::string> arguments = {"doctor", "--format", "json", file};
    arguments.insert(arguments.end(), more.begin(), more.end());
    const Outcome outcome = run_tool(arguments, scratch_.path());
    EXPECT_TRUE(outcome.exited_with(status)) << outcome.describe();
    EXPECT_EQ(outcome.err, "");
    return nlohmann::json::parse(outcome.out);
  }

  static nlohmann::json finding(const nlohmann::json& diagnosis, const std::string& check) {
    for (const auto& found : diagnosis.at("findings"))
      if (found.at("check") == check) return found;
    ADD_FAILURE() << "no finding on " << check;
    return {{"health", ""}, {"text", ""}, {"remedy", ""}};
  }

  static void expect(const nlohmann::json& diagnosis, const std::string& check, const std::string& health,
                     const std::string& text, const std::string& remedy = "") {
    SCOPED_TRACE(check);
    const nlohmann::json found = finding(diagnosis, check);
    EXPECT_EQ(found.at("health"), health) << found;
    EXPECT_THAT(found.at("text").get<std::string>(), HasSubstr(text));
    EXPECT_THAT(found.at("remedy").get<std::string>(), HasSubstr(remedy));
  }

  // How many functions are the program's. Of a static one, where libc has debug information (libpthread.a of Debian
  // 11), that of libc is taken for the program's, too.
  std::string counted(const nlohmann::json& diagnosis, const std::string& own, bool is_static) {
    const Groups all = groups_in(finding(diagnosis, "frame pointers").at("text"), "of ([0-9]+) functions");
    if (all.empty()) return own;
    static const bool is_libcs_counted = has_debug_information("gcc", "libpthread.a");
    if (is_static && is_libcs_counted) {
      EXPECT_GT(std::stoul(all[1]), std::stoul(own));
    } else {
      EXPECT_EQ(all[1], own);
    }
    return all[1];
  }

  Scratch scratch_;
};

TEST_F(Doctor, FindsNothingWrongWithProgramsThatAreLinkedAsTheyShouldBe) {
  const std::map<std::string, std::pair<std::string, std::string>> kinds = {
      {"static", {"static program", "leakdir is in it, and there is no other malloc"}},
      {"static-pie", {"static program, position-independent", "leakdir is in it, and there is no other malloc"}},
      {"pie", {"dynamic program, position-independent", "comes before the malloc of every library"}},
      {"nopie", {"dynamic program", "comes before the malloc of every library"}},
  };
  for (const auto& [kind, expected] : kinds) {
    SCOPED_TRACE(kind);
    const nlohmann::json diagnosis = examine(target("leaks", kind));
    EXPECT_EQ(diagnosis.at("version"), 1);
    EXPECT_EQ(diagnosis.at("machine"), "x86-64");
    EXPECT_EQ(diagnosis.at("kind"), expected.first);
    EXPECT_EQ(diagnosis.at("hooks"), true);
    EXPECT_EQ(diagnosis.at("expect"), "the stack of each block, with functions, files and lines");
    expect(diagnosis, "hooks", "good", expected.second);
    const std::string all = counted(diagnosis, "5", kind.rfind("static", 0) == 0);
    expect(diagnosis, "unwind tables", "good", ", for " + all + " of " + all + " functions");
    expect(diagnosis, "frame pointers", "optional", "of " + all + " functions begin by setting one up",
           "-fno-omit-frame-pointer");
    expect(diagnosis, "symbols", "good", " functions by name");
    expect(diagnosis, "lines", "good", all == "5" ? "of 1 source file" : " source files");
    const std::string id = finding(diagnosis, "build-id").at("text");
    EXPECT_THAT(run({{"readelf", "-n", target("leaks", kind)}, "", {}, "", 60}).out, HasSubstr("Build ID: " + id));
  }
}

TEST_F(Doctor, SaysThatHooksAreMissingAndHasAStatusForIt) {
  nlohmann::json diagnosis = examine(target("leaks", "none"), 3);
  EXPECT_EQ(diagnosis.at("hooks"), false);
  EXPECT_EQ(diagnosis.at("expect"), "nothing will be recorded");
  expect(diagnosis, "hooks", "missing", "leakdir is not in it", "link with leakdir.o");
  diagnosis = examine(target("behaviour", "none-static"), 3);
  expect(diagnosis, "hooks", "missing", "leakdir is not in it", "leakdir-static.o");
  expect(examine(kTool, 3), "hooks", "missing", "leakdir is not in it", "link with leakdir.o");
}

TEST_F(Doctor, TellsAnotherMallocFromLeakdirs) {
  write_file(scratch_ / "own.c", "void *malloc(unsigned long n) { static char all[4096]; return all + n; }\n");
  expect(examine(compiled("-fno-builtin own.c"), 3), "hooks", "missing", "its malloc is another's", "leakdir.o");
}

constexpr char kOfTrace[] =
    "leakdir_trace.c is in it: it records what the sources that are compiled with leakdir/trace.h allocate, each block "
    "with its caller alone";

// For a program in the scratch directory, as a user has it there: the hook lies beside its sources.
std::string with_trace_beside(const Scratch& scratch) {
  const std::string lib = std::string(kSourceRoot) + "/lib/";
  write_file(scratch / "leakdir_trace.c", read_file(std::string(kInclude) + "/leakdir/leakdir_trace.c"));
  return "-DLEAKDIR_ALONE -I" + lib + "include -include leakdir/trace.h leakdir_trace.c ";
}

TEST_F(Doctor, SaysWhatTheMacroHookRecords) {
  const std::string alone = with_trace_beside(scratch_);
  const std::map<std::string, std::string> remedies = {
      {"-pie", "for every block with its stack: link with leakdir.o instead, or run it by `leakdir run`"},
      {"-no-pie", "for every block with its stack: link with leakdir.o instead, or run it by `leakdir run`"},
      {"-static", "for every block with its stack: link with leakdir-static.o instead"},
      {"-static-pie", "for every block with its stack: link with leakdir-static.o instead"}};
  for (const auto& [kind, remedy] : remedies) {
    SCOPED_TRACE(kind);
    const nlohmann::json diagnosis = examine(compiled("-g -O1 " + kind + " " + alone));
    EXPECT_EQ(diagnosis.at("hooks"), true);
    EXPECT_EQ(
        diagnosis.at("expect"),
        "the caller of each block of the sources that are compiled with leakdir/trace.h, with functions, files and "
        "lines");
    EXPECT_EQ(finding(diagnosis, "hooks"),
              nlohmann::json({{"check", "hooks"}, {"health", "weak"}, {"text", kOfTrace}, {"remedy", remedy}}));
    // It was compiled with -g, and leakdir_trace.c is not the user's.
    expect(diagnosis, "lines", "good", "of 1 source file");
    expect(diagnosis, "unwind tables", "good", ", for 2 of 2 functions");
    expect(diagnosis, "frame pointers", "optional", "0 of 2 functions");
  }
}

// The units of the sources are one of the linker's then, or are not in the order of the sources.
TEST_F(Doctor, TellsTheProgramsSourcesFromLeakdirsWhereAllIsOptimisedAsOne) {
  const std::string alone = with_trace_beside(scratch_);
  for (const char* flags : {"-O2 -flto ", "-O2 -flto -static ", "-O2 -ffunction-sections -Wl,--gc-sections "}) {
    SCOPED_TRACE(flags);
    const nlohmann::json diagnosis = examine(compiled(std::string("-g ") + flags + alone));
    expect(diagnosis, "hooks", "weak", kOfTrace);
    expect(diagnosis, "lines", "good", "of 1 source file");
    expect(diagnosis, "unwind tables", "good", ", for 2 of 2 functions");
  }
}

TEST_F(Doctor, LibraryComesBeforeTheMacroHook) {
  shell("cp " + std::string(kLibrary) + " libleakdir.so");
  const nlohmann::json diagnosis =
      examine(compiled("-g " + with_trace_beside(scratch_) + "-Wl,--no-as-needed ./libleakdir.so"));
  expect(diagnosis, "hooks", "good", "libleakdir.so is needed, and comes before other allocators");
  EXPECT_EQ(diagnosis.at("expect"), "the stack of each block, with functions, files and lines");
  expect(examine("libleakdir.so"), "hooks", "good", "it is leakdir's own library, for LD_PRELOAD");
}

// Names and words of leakdir's in a program that is no leakdir's: its own way of tracing, and a source with its
// message.
TEST_F(Doctor, TakesNoNameForLeakdir) {
  write_file(
      scratch_ / "own.c",
      "void leakdir_start(void) {}\nvoid leakdir_stop(void) {}\n"
      "const char *text(void) { return \"the ledger has the live blocks: leakdir report, leakdir recover\"; }\n");
  for (const char* kind : {"-pie", "-static", "-static -s"}) {
    SCOPED_TRACE(kind);
    const nlohmann::json diagnosis = examine(compiled(std::string("-g own.c ") + kind), 3);
    EXPECT_EQ(finding(diagnosis, "hooks").at("text"), "leakdir is not in it");
    if (kind == std::string("-static -s")) continue;
    expect(diagnosis, "lines", "good", "of 2 source files");
    expect(diagnosis, "unwind tables", "good", ", for 5 of 5 functions");
  }
}

TEST_F(Doctor, SeesThatAnotherMallocWasTakenThanThatOfTheObject) {
  write_file(scratch_ / "own.c", "void *malloc(unsigned long n) { static char all[4096]; return all + n; }\n");
  for (const auto& [kind, object] : {std::pair{"-static", kStaticObject}, std::pair{"-pie", kObject}}) {
    SCOPED_TRACE(kind);
    const nlohmann::json diagnosis =
        examine(compiled(std::string(kind) + " -fno-builtin own.c -Wl,-z,muldefs " + object), 3);
    expect(diagnosis, "hooks", "missing", "leakdir is in it, but its malloc is another's", "without");
    EXPECT_EQ(diagnosis.at("expect"), "nothing will be recorded");
  }
  expect(examine(compiled(std::string("-static -Wl,-z,muldefs -lc ") + kStaticObject), 3), "hooks", "missing",
         "its malloc is another's");
}

struct Linking {
  std::string linker, kind;
};
void PrintTo(const Linking& linking, std::ostream* out) { *out << linking.linker << " " << linking.kind; }

class DoctorOnLinkings : public Doctor, public testing::WithParamInterface<Linking> {
 protected:
  void SetUp() override {
    if (!links_with("gcc", GetParam().linker)) GTEST_SKIP() << "there is no such linker";
  }
};

// The mark is in what each linker makes, and remains when all is taken out that can be.
TEST_P(DoctorOnLinkings, KnowsTheHookOfAStrippedProgram) {
  const auto& [linker, kind] = GetParam();
  const bool is_static = kind.find("static") != std::string::npos;
  const std::string link = " -fuse-ld=" + linker + " " + kind + " ";
  const std::string tidy = "-ffunction-sections -fdata-sections -Wl,--gc-sections ";
  const std::string alone = with_trace_beside(scratch_);
  const std::string of_object = is_static ? "leakdir is in it (whether its malloc comes first is not known: stripped)"
                                          : "leakdir is in it, and comes before the malloc of every library";
  for (const std::string& flags : {link, link + tidy}) {
    if (flags == link && !kLongTests) continue;
    SCOPED_TRACE(flags);
    compiled("-g " + flags + (is_static ? kStaticObject : kObject));
    expect(examine("small"), "lines", "good", "of 1 source file");
    expect(examine("small"), "unwind tables", "good", ", for 2 of 2 functions");
    for (const char* strip : {"strip", "llvm-strip"}) {
      if (is_static && strip == std::string("llvm-strip")) continue;  // 14 refuses static programs of glibc's
      SCOPED_TRACE(strip);
      shell("cp small app; " + std::string(strip) + " app");
      EXPECT_EQ(finding(examine("app"), "hooks").at("text"), of_object);
    }
    compiled(flags + alone);
    shell("cp small app; strip app");
    EXPECT_EQ(finding(examine("app"), "hooks").at("text"), kOfTrace);
    compiled(flags);
    shell("cp small app; strip app");
    EXPECT_EQ(finding(examine("app", 3), "hooks").at("text"), "leakdir is not in it");
  }
  // Joined with the program's own object before that.
  shell("gcc -g -c small.c -o own.o; ld -r own.o " + std::string(is_static ? kStaticObject : kObject) + " -o both.o");
  shell("gcc both.o -o app" + link + "; strip app");
  EXPECT_EQ(finding(examine("app"), "hooks").at("text"), of_object);
}

// As -z nosectionheader makes it: the program headers lead to the mark.
TEST_F(Doctor, KnowsTheHookOfAProgramWithoutSections) {
  const std::map<std::string, std::string> texts = {
      {"static", "leakdir is in it (whether its malloc comes first is not known: stripped)"},
      {"pie", "leakdir is in it (whether its libraries use it is not known: there are no section headers)"}};
  for (const auto& [kind, text] : texts) {
    std::string program = read_file(target("leaks", kind));
    std::fill_n(program.begin() + 0x28, 8, '\0');  // e_shoff
    std::fill_n(program.begin() + 0x3c, 4, '\0');  // e_shnum, e_shstrndx
    write_file(scratch_ / "app", program);
    expect(examine("app"), "hooks", "good", text);
  }
}

// Of a static program nothing leads to the table then, and it is found while the program runs.
TEST_F(Doctor, KnowsTheTablesOfAProgramWithoutSections) {
  const auto without_sections = [&](std::string program) {
    std::fill_n(program.begin() + 0x28, 8, '\0');  // e_shoff
    std::fill_n(program.begin() + 0x3c, 4, '\0');  // e_shnum, e_shstrndx
    write_file(scratch_ / "app", program);
    return examine("app");
  };
  const std::map<std::string, std::string> texts = {{"static", ".eh_frame without an index, which leakdir makes"},
                                                    {"pie", ".eh_frame with its index"}};
  for (const auto& [kind, text] : texts) {
    const nlohmann::json diagnosis = without_sections(read_file(target("leaks", kind)));
    expect(diagnosis, "unwind tables", "good", text);
    EXPECT_EQ(diagnosis.at("expect"), "the stack of each block, as module+offset");
  }
  // What comes before the end, and the word that says so, belong to a table.
  const std::string program = read_file(target("leaks", "static"));
  shell("readelf -SW " + target("leaks", "static") + " | sed -n 's/.* \\.eh_frame  *PROGBITS  *//p' >where");
  unsigned long address = 0, offset = 0, bytes = 0;
  ASSERT_EQ(std::sscanf(read_file(scratch_ / "where").c_str(), "%lx %lx %lx", &address, &offset, &bytes), 3);
  for (const unsigned long spoilt : {offset + bytes - 4, offset + 8}) {
    std::string other = program;
    std::fill_n(other.begin() + static_cast<std::ptrdiff_t>(spoilt), 4, '\x55');
    const nlohmann::json diagnosis = without_sections(other);
    expect(diagnosis, "unwind tables", spoilt == offset + 8 ? "good" : "missing", "");
  }
  std::string other = program;
  std::fill_n(other.begin() + static_cast<std::ptrdiff_t>(offset), bytes, '\0');
  expect(without_sections(other), "unwind tables", "missing", "there is no .eh_frame: ");
}

std::vector<Linking> every_way_to_link() {
  std::vector<Linking> all;
  for (const char* linker : {"bfd", "gold", "lld", "mold"})
    for (const char* kind : {"-pie", "-no-pie", "-static", "-static-pie"})
      if (linker != std::string("gold") || kind != std::string("-static-pie"))  // it cannot make these
        all.push_back({linker, kind});
  return all;
}
INSTANTIATE_TEST_SUITE_P(By, DoctorOnLinkings, testing::ValuesIn(every_way_to_link()),
                         [](const testing::TestParamInfo<Linking>& info) {
                           return case_name(info.param.linker + info.param.kind);
                         });

TEST_F(Doctor, SeesThatTheHooksAreHiddenFromTheLibraries) {
  write_file(scratch_ / "hide.map", "{ local: malloc; free; };\n");
  expect(examine(compiled(std::string("-Wl,--version-script=hide.map ") + kObject)), "hooks", "weak",
         "malloc is not among the names that it exports", "version script");
}

TEST_F(Doctor, OfALibraryThatBringsTheHooksTheOrderCounts) {
  write_file(scratch_ / "empty.c", "void *hooked;\n");
  shell("gcc -shared -fPIC empty.c -o libleakdir.so; gcc -shared -fPIC empty.c -o libjemalloc.so.2");
  expect(examine(compiled("-Wl,--no-as-needed ./libleakdir.so ./libjemalloc.so.2")), "hooks", "good",
         "libleakdir.so is needed, and comes before other allocators");
  expect(examine(compiled("-Wl,--no-as-needed ./libjemalloc.so.2 ./libleakdir.so"), 3), "hooks", "missing",
         "libjemalloc.so.2 comes before it", "libleakdir.so before");
}

TEST_F(Doctor, OfAStrippedProgramSaysWhatToKeep) {
  for (const char* kind : {"static", "pie"}) {
    shell("strip -o app " + target("leaks", kind));
    const nlohmann::json diagnosis = examine("app");
    EXPECT_EQ(diagnosis.at("expect"), "the stack of each block, as module+offset");
    expect(diagnosis, "hooks", "good", "leakdir is in it");
    expect(diagnosis, "unwind tables", "good", ".eh_frame");
    expect(diagnosis, "symbols", "missing", "stripped", "objcopy --only-keep-debug");
    expect(diagnosis, "lines", "missing", "stripped", "compile with -g");
  }
}

TEST_F(Doctor, FindsTheDebugFileOfAStrippedProgram) {
  const std::string id = finding(examine(target("leaks", "pie")), "build-id").at("text");
  const std::string file = "debug/.build-id/" + id.substr(0, 2) + "/" + id.substr(2) + ".debug";
  std::filesystem::create_directories(std::filesystem::path(scratch_ / file).parent_path());
  shell("strip -o app " + target("leaks", "pie") + "; objcopy --only-keep-debug " + target("leaks", "pie") + " " +
        file);
  const nlohmann::json diagnosis = examine("app", 0, {"--debug-path", scratch_ / "debug"});
  EXPECT_EQ(diagnosis.at("expect"), "the stack of each block, with functions, files and lines");
  expect(diagnosis, "symbols", "good", "kept in " + scratch_ / file);
  expect(diagnosis, "lines", "good", "of 1 source file in " + scratch_ / file);
  EXPECT_EQ(examine("app").at("expect"), "the stack of each block, as module+offset");
}

TEST_F(Doctor, FindsTheDebugFileUnderAnyNameAndRefusesThatOfAnotherBuild) {
  shell("mkdir kept; strip -o app " + target("leaks", "pie") + "; objcopy --only-keep-debug " + target("leaks", "pie") +
        " kept/x.debug");
  for (const std::string& given : {scratch_ / "kept", scratch_ / "kept/x.debug"}) {
    const nlohmann::json diagnosis = examine("app", 0, {"--debug-path", given});
    EXPECT_EQ(diagnosis.at("expect"), "the stack of each block, with functions, files and lines");
    expect(diagnosis, "lines", "good", "of 1 source file in " + scratch_ / "kept/x.debug");
  }
  const std::string another = target("leaks", "nopie");
  const nlohmann::json refused = examine("app", 0, {"--debug-path", another});
  const auto id_of = [&](const std::string& program) {
    return finding(examine(program), "build-id").at("text").get<std::string>();
  };
  expect(refused, "lines", "missing", "stripped");
  EXPECT_EQ(finding(refused, "debug files").at("text"), "--debug-path: " + another + " has build-id " + id_of(another) +
                                                            ", and app has " + id_of("app") + ": it was refused");
}

TEST_F(Doctor, WithoutDebugInformationFunctionsAreAllThatIsKnown) {
  const nlohmann::json diagnosis = examine(compiled(std::string("-g0 ") + kObject));
  EXPECT_EQ(diagnosis.at("expect"), "the stack of each block, with functions");
  expect(diagnosis, "symbols", "good", "functions by name");
  expect(diagnosis, "lines", "missing", "none", "compile with -g");
}

TEST_F(Doctor, SeesThatABuildIdIsMissing) {
  expect(examine(compiled(std::string("-g -Wl,--build-id=none ") + kObject)), "build-id", "missing", "none",
         "-Wl,--build-id");
}

TEST_F(Doctor, SeesThatUnwindTablesAreMissing) {
  nlohmann::json diagnosis = examine(compiled(std::string("-g -fno-asynchronous-unwind-tables ") + kObject));
  expect(diagnosis, "unwind tables", "weak", "for 0 of 2 functions", "-fasynchronous-unwind-tables");
  shell("objcopy --remove-section .eh_frame --remove-section .eh_frame_hdr " + target("leaks", "static") + " app");
  diagnosis = examine("app");
  expect(diagnosis, "unwind tables", "missing", "no .eh_frame", "-fasynchronous-unwind-tables");
  EXPECT_EQ(diagnosis.at("expect"), "the caller of each block, with functions, files and lines");
}

// The object finds the table of its program by itself. The library knows nothing of the program that it is put before.
TEST_F(Doctor, KnowsWhoseTableNeedsNoIndex) {
  const std::string whole = ".eh_frame without an index, which leakdir makes, for 2 of 2 functions";
  const std::string but_for_signals =
      ".eh_frame without an index, for 2 of 2 functions: stacks end where a signal came, and C++ cannot throw";
  const std::pair<std::string, std::string> texts[] = {{std::string("-static ") + kStaticObject, whole},
                                                       {std::string("-static-pie ") + kStaticObject, but_for_signals},
                                                       {std::string("-pie -fPIE ") + kObject, but_for_signals}};
  for (const auto& [how, text] : texts) {
    SCOPED_TRACE(how);
    const std::string program = compiled("-g -O2 -Wl,--no-eh-frame-hdr " + how);
    const nlohmann::json diagnosis = examine(program);
    expect(diagnosis, "unwind tables", "good", text);
    EXPECT_EQ(diagnosis.at("expect"), "the stack of each block, with functions, files and lines");
    shell("rm -rf mem; ./small 2>said");
    const nlohmann::json stack = stack_through(report(scratch_ / "mem"), "keep", 3);
    ASSERT_TRUE(stack.is_object());
    EXPECT_GE(stack.at("frames").size(), 4u) << stack;
    EXPECT_FALSE(stack.contains("early")) << stack;
  }
  expect(examine(compiled("-g -Wl,--no-eh-frame-hdr"), 3), "unwind tables", "missing", "has no index",
         "-Wl,--eh-frame-hdr");
}

TEST_F(Doctor, FindsTheTableWithoutSectionHeaders) {
  const std::string program = compiled(std::string("-g -Wl,--build-id ") + kObject);
  std::string file = read_file(program);
  for (const std::size_t at : {40, 41, 42, 43, 44, 45, 46, 47, 60, 61, 62, 63})
    file[at] = 0;  // e_shoff, e_shnum, e_shstrndx
  write_file(scratch_ / "app", file);
  shell("chmod +x app; rm -rf mem; ./app 2>said");
  const nlohmann::json diagnosis = examine("app");
  expect(diagnosis, "unwind tables", "good", ".eh_frame with its index");
  EXPECT_EQ(diagnosis.at("expect"), "the stack of each block, as module+offset");
  EXPECT_GE(report(scratch_ / "mem").at("stacks").at(0).at("frames").size(), 3 + libc_beyond_main().size());
}

TEST_F(Doctor, DoesNotCountWhatTheLinkerThrewAway) {
  write_file(scratch_ / "more.c",
             "static int inner(int n) { return n + 1; }\nint outer(int n) { return inner(n) + 1; }\n"
             "int other(int n) { return n + 2; }\n");
  for (const char* linker : {"bfd", "gold", "lld"}) {
    SCOPED_TRACE(linker);
    for (const std::string& how : {std::string("-static ") + kStaticObject, std::string("-pie -fPIE ") + kObject}) {
      const nlohmann::json diagnosis = examine(
          compiled("more.c -g -ffunction-sections -Wl,--gc-sections -fuse-ld=" + std::string(linker) + " " + how));
      expect(diagnosis, "unwind tables", "good", "for 2 of 2 functions");
      expect(diagnosis, "frame pointers", "good", "2 of 2 functions");
    }
  }
}

#ifdef LONG_TESTS
// BOLT moves leakdir's code too, and its marks tell of where that was. What it leaves in its place (`keep` here, and
// what it does not understand) has its tables elsewhere than what it has moved.
TEST_F(Doctor, KnowsAProgramThatBoltHasPutInAnotherOrder) {
  if (!run({{"sh", "-c", "command -v llvm-bolt-16"}, "", {}, "", 60}).exited_with(0))
    GTEST_SKIP() << "there is no llvm-bolt-16 (bolt-16)";
  const std::string objects[] = {kObject, std::string(kStaticObject) + " -static"};
  for (const std::string& object : objects) {
    SCOPED_TRACE(object);
    compiled("-g -O2 -Wl,-q " + object);
    // Of a static program BOLT 16 writes debug information over its constants.
    const std::string debug = object == kObject ? " -update-debug-sections" : "";
    shell("llvm-bolt-16 small -o small.bolt -reorder-blocks=ext-tsp -split-functions -skip-funcs=keep" + debug +
          " >/dev/null");
    const nlohmann::json diagnosis = examine(scratch_ / "small.bolt");
    expect(diagnosis, "hooks", "good", "not known: BOLT has moved the code");
    // Start-up code of libc's, which has none, is all that is not covered.
    const std::string tables = finding(diagnosis, "unwind tables").at("text");
    const char* const form =
        object == kObject ? ".eh_frame with its index, for %zu of %zu functions, leakdir's"
                          : ".eh_frame without an index, which leakdir makes, for %zu of %zu functions, leakdir's";
    std::size_t covered = 0, all = 0;
    ASSERT_EQ(sscanf(tables.c_str(), form, &covered, &all), 2) << tables;
    EXPECT_GT(covered, 500u);
    EXPECT_LE(all - covered, 8u) << tables;
    std::filesystem::remove_all(scratch_ / "mem");
    ASSERT_TRUE(run_in(scratch_, scratch_ / "small.bolt").exited_with(0));
    const nlohmann::json found = report(scratch_ / "mem");
    ASSERT_EQ(totals_of(found).blocks, 1u) << found.dump(1);
    EXPECT_EQ(found.at("stacks").at(0).at("frames").at(0).at("function"), "keep");
    EXPECT_EQ(found.at("stacks").at(0).at("frames").at(1).at("function"), "main");
  }
}

// What needs libgcc does without: where BOLT has been its search for tables jumps to nowhere, which ended the program.
TEST_F(Doctor, AStaticProgramThatBoltHasPutInAnotherOrderTakesSignals) {
  if (!run({{"sh", "-c", "command -v llvm-bolt-16"}, "", {}, "", 60}).exited_with(0))
    GTEST_SKIP() << "there is no llvm-bolt-16 (bolt-16)";
  write_file(scratch_ / "signal.c",
             "#include <signal.h>\n#include <stdlib.h>\nvoid *volatile kept;\n"
             "static void take(int number) { kept = malloc(1237); }\n"
             "int main(void) { signal(SIGUSR1, take); return raise(SIGUSR1); }\n");
  shell(std::string("gcc signal.c -o signal -g -O2 -static -Wl,-q ") + kStaticObject);
  shell("llvm-bolt-16 signal -o signal.bolt -reorder-blocks=ext-tsp >/dev/null");
  for (const char* unwind : {"unwind=fast", "unwind=boost"}) {
    SCOPED_TRACE(unwind);
    const Outcome outcome = run({{scratch_ / "signal.bolt"}, scratch_.path(), {{"LEAKDIR_OPTIONS", unwind}}, "", 60});
    ASSERT_TRUE(outcome.exited_with(0)) << outcome.describe();
    const nlohmann::json found = report(scratch_ / "mem");
    ASSERT_EQ(totals_of(found).blocks, 1u) << found.dump(1);
    EXPECT_EQ(found.at("stacks").at(0).at("frames").at(0).at("function"), "take");
    EXPECT_EQ(found.at("stacks").at(0).at("truncated"), true) << found.dump(1);
  }
}
#endif

TEST_F(Doctor, SeesFramePointersWhereTheyAreKept) {
  expect(examine(compiled(std::string("-g -O2 -fno-omit-frame-pointer -fcf-protection ") + kObject)), "frame pointers",
         "good", "2 of 2 functions");
  expect(examine(compiled(std::string("-g -O2 -fomit-frame-pointer ") + kObject)), "frame pointers", "optional",
         "0 of 2 functions", "-fno-omit-frame-pointer");
}

TEST_F(Doctor, LooksAtProgramsOfOtherMachines) {
  std::string program = read_file(target("leaks", "static"));
  program[18] = static_cast<char>(183);  // e_machine
  write_file(scratch_ / "arm", program);
  nlohmann::json diagnosis = examine("arm");
  EXPECT_EQ(diagnosis.at("machine"), "aarch64");
  expect(diagnosis, "hooks", "good", "leakdir is in it");
  expect(diagnosis, "frame pointers", "optional", "0 of " + counted(diagnosis, "5", true) + " functions");
  program[18] = static_cast<char>(243);
  write_file(scratch_ / "risc", program);
  diagnosis = examine("risc");
  EXPECT_EQ(diagnosis.at("machine"), "riscv64");
  expect(diagnosis, "frame pointers", "unknown", "not looked for on this machine");
  const std::pair<int, const char*> others[] = {{21, "ppc64le"}, {22, "s390x"}};
  for (const auto& [number, name] : others) {
    program[18] = static_cast<char>(number);
    write_file(scratch_ / "other", program);
    EXPECT_EQ(examine("other").at("machine"), name);
  }

  // Programs that were compiled for them.
  write_file(scratch_ / "far.c",
             "int inner(int);\n__attribute__((noinline)) int outer(int n) { return inner(n) + 1; }\n"
             "__attribute__((noinline)) int inner(int n) { return n > 3 ? outer(n - 1) + 2 : n; }\n"
             "void _start(void) { for (;;) outer(3); }\n"
             "#ifdef __arm__\nvoid __aeabi_unwind_cpp_pr0(void) {}\n#endif\n");
  const std::string compile = " -g -O1 -funwind-tables -nostdlib -static -fuse-ld=lld far.c -o far";
  shell("clang --target=aarch64-linux-gnu -fno-omit-frame-pointer" + compile);
  diagnosis = examine("far", 3);
  expect(diagnosis, "unwind tables", "good", ".eh_frame with its index, for 3 of 3 functions");
  expect(diagnosis, "frame pointers", "good", "2 of 2 functions");
  expect(diagnosis, "lines", "good", "of 1 source file");
  shell("clang --target=armv7-linux-gnueabihf" + compile);
  diagnosis = examine("far", 3);
  EXPECT_EQ(diagnosis.at("machine"), "arm");
  expect(diagnosis, "unwind tables", "good", ".ARM.exidx, for 4 of 4 functions");
  shell("clang --target=armv7-linux-gnueabihf -g -O1 -funwind-tables -c far.c -o far.o");
  write_file(scratch_ / "bare.c", "int bare(int n) { return n * 3; }\nint barer(int n) { return n * 5; }\n");
  shell("clang --target=armv7-linux-gnueabihf -g -O1 -fno-unwind-tables -ffunction-sections -c bare.c -o bare.o");
  shell("clang --target=armv7-linux-gnueabihf -nostdlib -static -fuse-ld=lld far.o bare.o -o far");
  diagnosis = examine("far", 3);
  expect(diagnosis, "unwind tables", "weak", ".ARM.exidx, for 4 of 6 functions: stacks end at the others",
         "-funwind-tables");
  shell("clang --target=armv7-linux-gnueabihf -O1 -funwind-tables -c far.c -o far.o");
  shell("clang --target=armv7-linux-gnueabihf -nostdlib -static -fuse-ld=lld far.o bare.o -o far");
  diagnosis = examine("far", 3);
  expect(diagnosis, "unwind tables", "missing", ".ARM.exidx, for 0 of 2 functions: stacks will have the caller alone",
         "-funwind-tables");
  shell("llvm-strip --strip-debug far");
  diagnosis = examine("far", 3);
  expect(diagnosis, "unwind tables", "good", ".ARM.exidx; for which functions is known of a program with -g alone");

  // 32 bits, the other byte order, and nothing in it.
  std::string tiny(
      "\x7f"
      "ELF\x01\x02\x01",
      7);
  tiny.resize(52);
  tiny[17] = 2;   // ET_EXEC
  tiny[19] = 8;   // EM_MIPS
  tiny[23] = 1;   // EV_CURRENT
  tiny[41] = 52;  // e_ehsize
  tiny[43] = 32;  // e_phentsize
  tiny[47] = 40;  // e_shentsize
  write_file(scratch_ / "mips", tiny);
  diagnosis = examine("mips", 3);
  EXPECT_EQ(diagnosis.at("machine"), "mips");
  EXPECT_EQ(diagnosis.at("kind"), "static program");
  expect(diagnosis, "unwind tables", "missing", "no .eh_frame");
  expect(diagnosis, "symbols", "missing", "stripped");
}

TEST_F(Doctor, OfALibraryAsksForNoHooks) {
  write_file(scratch_ / "library.c", "int answer(void) { return 42; }\n");
  shell("gcc -g -shared -fPIC library.c -o library.so");
  const nlohmann::json diagnosis = examine("library.so");
  EXPECT_EQ(diagnosis.at("kind"), "shared library");
  expect(diagnosis, "hooks", "good", "a library needs none");
  expect(diagnosis, "lines", "good", "of 1 source file");
}

TEST_F(Doctor, OfALibraryWithTheObjectInItSaysThatItNeverStarts) {
  write_file(scratch_ / "library.c", "int answer(void) { return 42; }\n");
  shell("gcc -g -shared -fPIC -fuse-ld=lld library.c " + std::string(kObject) + " -o library.so");
  expect(examine("library.so", 3), "hooks", "missing", "leakdir.o is in it, and never starts in a library");
}

TEST_F(Doctor, WhatIsNoProgramIsSaidInOneLine) {
  write_file(scratch_ / "text", "#!/bin/sh\n");
  write_file(scratch_ / "nothing", "");
  write_file(scratch_ / "cut",
             "\x7f"
             "ELF\x02\x01\x01");
  std::filesystem::create_directory(scratch_ / "directory");
  const std::map<std::string, std::string> files = {{"text", "text is not an ELF file"},
                                                    {"nothing", "nothing is not an ELF file"},
                                                    {"cut", "cut is not an ELF file"},
                                                    {"directory", "directory is not a file"},
                                                    {"missing", "missing: No such file or directory"},
                                                    {kObject, "is an object file, and no program"}};
  for (const auto& [file, sentence] : files) {
    const Outcome outcome = run_tool({"doctor", file}, scratch_.path());
    EXPECT_TRUE(outcome.exited_with(1)) << outcome.describe();
    EXPECT_THAT(outcome.err, EndsWith(sentence + "\n"));
    EXPECT_EQ(lines_of(outcome.err).size(), 1u);
    EXPECT_EQ(outcome.out, "");
  }
  EXPECT_TRUE(run_tool({"doctor"}).exited_with(2));
}

TEST_F(Doctor, TextHasALineForEachCheckAndItsRemedyBelow) {
  const std::string file = target("leaks", "none");
  const Outcome outcome = run_tool({"doctor", file});
  EXPECT_TRUE(outcome.exited_with(3));
  EXPECT_THAT(outcome.out, StartsWith(file + ": x86-64, dynamic program, position-independent\n"
                                             "  missing  hooks           leakdir is not in it\n"
                                             "                           -> link with leakdir.o, or run it by `leakdir "
                                             "run`\n"
                                             "  good     unwind tables   .eh_frame with its index"));
  EXPECT_THAT(outcome.out, EndsWith("\nWhat to expect: nothing will be recorded.\n"));
  EXPECT_THAT(run_tool({"doctor", "--color", "always", file}).out, HasSubstr("\x1b[1;31mmissing \x1b[0m hooks"));
}

// doctor has an answer to a file that is cut off anywhere, or has other bytes where its tables are.
TEST_F(Doctor, DamagedFilesAreNoTrouble) {
  const std::string whole = read_file(compiled("-g"));
  std::vector<std::string> damaged;
  for (std::size_t i = 0; i < 40; ++i) damaged.push_back(whole.substr(0, whole.size() * i / 40));
  unsigned random = 1;
  const auto next = [&random] { return random = random * 1103515245u + 12345u, random >> 8; };
  for (int i = 0; i < 150; ++i) {
    std::string changed = whole;
    for (int k = 0; k < 4; ++k) {
      const std::size_t at = i % 2 == 0 ? next() % 0x1000 : whole.size() - 1 - next() % 0x2000;
      changed[at] = static_cast<char>(next());
    }
    damaged.push_back(std::move(changed));
  }
  for (const auto& file : damaged) {
    write_file(scratch_ / "damaged", file);
    const Outcome outcome = run_tool({"doctor", "damaged"}, scratch_.path());
    EXPECT_TRUE(outcome.exited_with(0) || outcome.exited_with(1) || outcome.exited_with(3)) << outcome.describe();
  }
}

}  // namespace
}  // namespace leakdir_test
