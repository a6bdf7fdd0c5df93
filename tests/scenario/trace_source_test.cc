// SPDX-License-Identifier: BSL-1.0
//
// leakdir_trace.c as users take it, made of the parts in lib/trace/ and lib/shared/: every compiler is content with it,
// what compilers and debuggers say of it leads to the part's own line, and its options are the object's.

#include <gmock/gmock-matchers.h>
#include <gtest/gtest.h>

#include <set>

#include "groups.hh"
#include "installation.hh"
#include "paths.hh"
#include "target.hh"

namespace leakdir_test {
namespace {

using testing::ElementsAre;
using testing::HasSubstr;
using testing::Not;

const std::string kLib = std::string(kSourceRoot) + "/lib/";
const std::string kTraceSource = std::string(kInclude) + "/leakdir/leakdir_trace.c";

std::vector<std::string> all_in(const std::string& text, const std::string& pattern) {
  std::vector<std::string> found;
  for (const Groups& groups : all_groups_in(text, pattern)) found.push_back(groups[1]);
  return found;
}

// What stands in that line of a part, by the name that #line gives it, and before it if it goes on there (a signature
// of two lines); "" if there is no such line.
std::string at_line(const std::string& name, std::size_t number) {
  const std::string prefix = "leakdir/";
  if (name.compare(0, prefix.size(), prefix) != 0 || !exists(kLib + name.substr(prefix.size()))) return "";
  const std::vector<std::string> lines = lines_of(read_file(kLib + name.substr(prefix.size())));
  if (number == 0 || number > lines.size()) return "";
  std::string text = lines[number - 1];
  while (text[0] == ' ' && --number != 0) text.insert(0, lines[number - 1] + "\n");
  return text;
}

Outcome compiled(const std::vector<std::string>& how, const std::string& into) {
  std::vector<std::string> command = how;
  command.insert(command.end(), {"-c", kTraceSource, "-o", into});
  return run({command, "", {{"LC_ALL", "C"}}, "", 120});
}

TEST(TraceSource, CompilesWithoutAWarning) {
  const Scratch scratch;
  const std::vector<std::string> as_sources_are = {"-I" + std::string(kInclude), "-DLEAKDIR_ALONE", "-include",
                                                   "leakdir/trace.h"};
  for (const std::string compiler : {"gcc", "clang", "musl-gcc"}) {
    for (const std::vector<std::string>& dialect :
         {std::vector<std::string>{"-std=c99", "-O2"}, {"-std=gnu17", "-O0"}}) {
      SCOPED_TRACE(compiler + " " + dialect[0]);
      std::vector<std::string> how = {compiler,     dialect[0], dialect[1],     "-Wall",  "-Wextra",
                                      "-Wpedantic", "-Wshadow", "-Wconversion", "-Wundef"};
      Outcome outcome = compiled(how, scratch / "trace.o");
      EXPECT_TRUE(outcome.exited_with(0) && outcome.err.empty()) << outcome.describe();
      how.insert(how.end(), as_sources_are.begin(), as_sources_are.end());
      outcome = compiled(how, scratch / "trace.o");
      EXPECT_TRUE(outcome.exited_with(0) && outcome.err.empty()) << outcome.describe();
    }
  }
  // Projects that keep to the old dialect have it in their CFLAGS for all their sources.
  const Outcome old = compiled({"gcc", "-std=gnu89", "-Wall", "-Wextra"}, scratch / "trace.o");
  EXPECT_TRUE(old.exited_with(0) && old.err.empty()) << old.describe();
}

// A warning that is asked for, of each function that is called from outside.
TEST(TraceSource, WarningsLeadToTheLinesOfTheParts) {
  const Scratch scratch;
  for (const std::string compiler : {"gcc", "clang"}) {
    SCOPED_TRACE(compiler);
    const Outcome outcome = compiled({compiler, "-Wmissing-prototypes"}, scratch / "trace.o");
    const char* const warning = "(.*):(\\d+):\\d+: warning: no previous prototype for (?:function )?'(\\w+)'";
    std::set<std::string> parts;
    for (const std::string& said : lines_of(outcome.err)) {
      const Groups match = groups_in(said, warning);
      if (match.empty()) continue;
      EXPECT_THAT(at_line(match[1], std::stoul(match[2])), HasSubstr(match[3] + "(")) << said;
      parts.insert(match[1]);
    }
    EXPECT_THAT(parts, ElementsAre("leakdir/trace/api.c", "leakdir/trace/hooks.c", "leakdir/trace/hooks_text.c"));
  }
}

TEST(TraceSource, DebugInformationLeadsToTheLinesOfTheParts) {
  const Scratch scratch;
  // addr2line of binutils 2.40 takes the first function for one of the main file, by DWARF 5, wherever #line or
  // #include has it.
  const Outcome outcome = compiled({"gcc", "-g", "-gdwarf-4", "-O0"}, scratch / "trace.o");
  ASSERT_TRUE(outcome.exited_with(0)) << outcome.describe();
  const Outcome names = run({{"nm", scratch / "trace.o"}, "", {}, "", 60});
  std::set<std::string> parts;
  for (const std::string& symbol : lines_of(names.out)) {
    const Groups match = groups_of(symbol, "(\\w+) [tT] (\\w+)");
    if (match.empty()) continue;
    const std::string said =
        run({{"addr2line", "-e", scratch / "trace.o", "-j", ".text", match[1]}, "", {}, "", 60}).out;
    const Groups place = groups_in(said, "(leakdir/.*):(\\d+)");
    ASSERT_FALSE(place.empty()) << symbol << ": " << said;
    EXPECT_THAT(at_line(place[1], std::stoul(place[2])), HasSubstr(match[2] + "(")) << said;
    parts.insert(place[1]);
  }
  EXPECT_GT(parts.size(), 15u);
  EXPECT_EQ(parts.count("leakdir/shared/record_text.h"), 1u);
}

TEST(TraceSource, NamesNoPlaceOfTheMachineThatMadeIt) {
  const std::string text = read_file(kTraceSource);
  EXPECT_THAT(text, Not(HasSubstr(kSourceRoot)));
  const std::vector<std::string> named = all_in(text, "\n#line \\d+ \"([^\"]*)\"");
  EXPECT_GT(named.size(), 40u);
  for (const std::string& name : named) EXPECT_THAT(at_line(name, 1), HasSubstr("/*")) << name;
}

TEST(TraceSource, IsInstalledWithItsParts) {
  const Installation installed;
  const std::string text = read_file(installed.prefix() + "/include/leakdir/leakdir_trace.c");
  EXPECT_EQ(text, read_file(kTraceSource));
  for (const std::string& name : all_in(text, "\n#line \\d+ \"leakdir/([^\"]*)\""))
    EXPECT_EQ(read_file(installed.prefix() + "/share/leakdir/src/" + name), read_file(kLib + name)) << name;
}

// The help has the object's rows, but for what means something else here, or nothing.
TEST(TraceSource, HasTheOptionsOfTheObject) {
  const Scratch scratch;
  write_file(scratch / "x.c",
             "#include <stdlib.h>\nvoid *volatile kept; int main(void) { kept = malloc(1801); return 0; }\n");
  const auto help = [&](std::vector<std::string> command) {
    command.insert(command.end(), {"-I" + std::string(kInclude), scratch / "x.c", "-o", scratch / "program"});
    const Outcome built = run({command, "", {}, "", 120});
    EXPECT_TRUE(built.exited_with(0)) << built.describe();
    return lines_of(run_in(scratch, scratch / "program", {"help=1:summary=0", {}, {}, 60}).err);
  };
  const std::vector<std::string> of_object = help({"gcc", kObject});
  const std::vector<std::string> alone = help({"gcc", "-DLEAKDIR_ALONE", "-include", "leakdir/trace.h", kTraceSource});
  std::set<std::string> missing, different;
  std::size_t next = 0;
  for (const std::string& row : of_object) {
    const std::string key = row.substr(0, row.find(' ', 2));
    if (next == alone.size() || alone[next].substr(0, alone[next].find(' ', 2)) != key) {
      missing.insert(key.substr(2));
    } else if (alone[next++] != row) {
      different.insert(key.substr(2));
    }
  }
  EXPECT_EQ(next, alone.size());
  EXPECT_GT(alone.size(), 10u);
  EXPECT_THAT(missing, ElementsAre("delay_ms", "depth", "libc", "max_children", "sample", "share", "unwind"));
  EXPECT_THAT(different, ElementsAre("children", "max_disk", "max_files", "recording", "write"));

  // What means nothing is known all the same, and so are its bounds.
  const std::string settings = "write=exit:depth=128:delay_ms=1:unwind=boost:libc=1:write=soon:depth=129:summary=0";
  EXPECT_EQ(run_in(scratch, scratch / "program", {settings, {}, {}, 60}).err,
            "leakdir: LEAKDIR_OPTIONS: bad value 'soon' for write: the default holds\n"
            "leakdir: LEAKDIR_OPTIONS: bad value '129' for depth: the default holds\n");
}

}  // namespace
}  // namespace leakdir_test
