// SPDX-License-Identifier: BSL-1.0
//
// What `meson install` installs is where a compiler, man and the shells look for it, works from there, and tells of
// each command and option that there is.

#include <gmock/gmock-more-matchers.h>
#include <gtest/gtest.h>

#include <algorithm>

#include "defined.hh"
#include "installation.hh"
#include "paths.hh"
#include "report_json.hh"
#include "target.hh"

namespace leakdir_test {
namespace {

using testing::Contains;
using testing::HasSubstr;
using testing::IsEmpty;

std::string said_by(const std::vector<std::string>& arguments) {
  const Outcome outcome = run_tool(arguments);
  EXPECT_TRUE(outcome.exited_with(0)) << outcome.describe();
  return outcome.out;
}

// As roff has it.
std::string hyphens_escaped(const std::string& option) {
  std::string escaped;
  for (const char letter : option) escaped += letter == '-' ? std::string("\\-") : std::string(1, letter);
  return escaped;
}

std::string source(const std::string& path) { return read_file(std::string(kSourceRoot) + "/" + path); }

TEST(Documents, HelpHasEachCommandAndNoOther) {
  const std::string help = said_by({"--help"});
  EXPECT_EQ(all_in(help.substr(std::min(help.find("Subcommands:"), help.find("SUBCOMMANDS:"))), "\n  ([a-z]+) "),
            defined_commands());
}

TEST(Documents, ManualPageHasEachCommandAndOption) {
  const std::string page = said_by({"document", "man"});
  EXPECT_EQ(all_in(page, "\n\\.SS \"leakdir (\\w+)\""), defined_commands());
  for (const auto& command : defined_commands()) {
    const std::size_t begin = page.find(".SS \"leakdir " + command + "\"");
    ASSERT_NE(begin, std::string::npos) << command;
    const std::string section = page.substr(begin, page.find("\n.S", begin + 1) - begin);
    for (const auto& option : options_of(command))
      EXPECT_THAT(section, HasSubstr("\\fB" + hyphens_escaped(option) + "\\fR"));
  }
}

TEST(Documents, ManualPageOfTheObjectHasEachOptionAndItsDefault) {
  Names told;
  for (const auto& [name, value] : defined_options()) told.insert(name + " = " + value);
  EXPECT_EQ(all_in(source("tools/command/man/leakdir.7"), "\n\\.BR (\\w+ = \\S+)\n"), told);
}

TEST(Documents, ManualPageOfTheObjectHasEachFunction) {
  const std::string page = source("tools/command/man/leakdir.7");
  for (const auto& hook : defined_hooks())
    EXPECT_THAT(all_in(page, "(\\b" + hook + "\\b)"), Contains(hook)) << "hooked";
  for (const auto& function : defined_api()) EXPECT_THAT(page, HasSubstr(function + "()"));
}

TEST(Documents, ManualPageOfMkobjHasEachOptionOfIt) {
  const std::string script = read_file(std::string(kSourceRoot) + "/lib/package/leakdir-mkobj.in");
  const std::string page = read_file(std::string(kSourceRoot) + "/lib/package/leakdir-mkobj.1");
  const std::set<std::string> names = all_in(script, "\n    --([a-z]+)[)=]");
  EXPECT_GE(names.size(), 9u);
  for (const auto& name : names) EXPECT_THAT(page, HasSubstr("\\-\\-" + name));
}

TEST(Documents, ManualPagesAreGoodRoff) {
  const Scratch scratch;
  write_file(scratch / "leakdir.1", said_by({"document", "man"}));
  for (const std::string& page : {scratch / "leakdir.1", std::string(kSourceRoot) + "/tools/command/man/leakdir.7",
                                  std::string(kSourceRoot) + "/lib/package/leakdir-mkobj.1"}) {
    const Outcome outcome = run({{"groff", "-man", "-Tascii", "-ww", page}, "", {}, "", 60});
    EXPECT_TRUE(outcome.exited_with(0)) << outcome.describe();
    EXPECT_EQ(outcome.err, "");
  }
}

class Completion : public testing::Test {
 protected:
  Completion() { write_file(scratch_ / "leakdir.bash", said_by({"document", "bash"})); }

  // What bash offers for the last of these words.
  std::vector<std::string> offered(const std::string& words) {
    const std::string script = "set -u; source leakdir.bash; COMP_WORDS=(" + words +
                               "); COMP_CWORD=$((${#COMP_WORDS[@]} - 1)); _leakdir; printf '%s\\n' \"${COMPREPLY[@]}\"";
    const Outcome outcome = run({{"bash", "-c", script}, scratch_.path(), {}, "", 60});
    EXPECT_TRUE(outcome.exited_with(0) && outcome.err.empty()) << outcome.describe();
    std::vector<std::string> lines = lines_of(outcome.out);
    if (lines == std::vector<std::string>{""}) lines.clear();
    return lines;
  }

  Scratch scratch_;
};

TEST_F(Completion, OfBashOffersCommandsOptionsAndChoices) {
  const std::vector<std::string> offered_commands = offered("leakdir ''");
  EXPECT_EQ(Names(offered_commands.begin(), offered_commands.end()), defined_commands());
  EXPECT_THAT(offered("leakdir rep"), testing::ElementsAre("report"));
  EXPECT_THAT(offered("leakdir report --sort ''"), testing::ElementsAre("bytes", "blocks", "age"));
  EXPECT_THAT(offered("leakdir report --format f"), testing::ElementsAre("folded"));
  EXPECT_THAT(offered("leakdir report --top ''"), IsEmpty());
  EXPECT_THAT(offered("leakdir report --top -"), IsEmpty()) << "a value, and no option";
  EXPECT_THAT(offered("leakdir report ''"), IsEmpty()) << "files, by bash itself";
  for (const auto& command : defined_commands()) {
    const std::vector<std::string> options = offered("leakdir " + command + " --");
    EXPECT_EQ(Names(options.begin(), options.end()), options_of(command)) << command;
  }
}

TEST_F(Completion, OfZshIsZshAndHasEachCommandAndOption) {
  const std::string script = said_by({"document", "zsh"});
  write_file(scratch_ / "_leakdir", script);
  const Outcome outcome = run({{"zsh", "-n", scratch_ / "_leakdir"}, "", {}, "", 60});
  EXPECT_TRUE(outcome.exited_with(0) && outcome.err.empty()) << outcome.describe();
  EXPECT_EQ(all_in(script, "\n    '(\\w+):"), defined_commands());
  for (const auto& command : defined_commands()) {
    const std::size_t begin = script.find("\n        " + command + ")\n");
    ASSERT_NE(begin, std::string::npos) << command;
    const std::string section = script.substr(begin, script.find(";;", begin) - begin);
    const Names told = all_in(section, "(--[a-z][a-z-]*)");
    for (const auto& option : options_of(command)) EXPECT_THAT(told, Contains(option)) << command;
  }
}

TEST(Installed, ToolObjectsHeadersAndDocumentsAreWhereTheyAreLookedFor) {
  const Scratch scratch;
  install_below(scratch / "root");
  const Outcome found =
      run({{"sh", "-c", "find root -type f | sed 's,^root,,' | LC_ALL=C sort"}, scratch.path(), {}, "", 60});
  for (const char* file : {"/bin/leakdir\n", "/include/leakdir/leakdir.h\n", "/include/leakdir/trace.h\n",
                           "/include/leakdir/untrace.h\n", "/include/leakdir/gtest.h\n", "/leakdir/leakdir_trace.c\n",
                           "/leakdir.o\n", "/leakdir-static.o\n", "/libleakdir.a\n", "/libleakdir-static.a\n",
                           "/leakdir/libleakdir.so\n", "/share/man/man1/leakdir.1\n", "/share/man/man7/leakdir.7\n",
                           "/share/man/man1/leakdir-mkobj.1\n", "/share/bash-completion/completions/leakdir.bash\n",
                           "/share/zsh/site-functions/_leakdir\n", "/share/leakdir/gdb/leakdir.py\n"})
    EXPECT_THAT(found.out, HasSubstr(file));

  write_file(scratch / "app.c",
             "#include <leakdir/leakdir.h>\n#include <stdlib.h>\nvoid *volatile kept;\n"
             "int main(void) { leakdir_start(); kept = malloc(20); return 0; }\n");
  for (const std::string& how : {std::string("-l:leakdir.o"), std::string("-static -l:leakdir-static.o")}) {
    const Outcome leak =
        run({{"sh", "-ec",
              "cd \"$(dirname \"$(find root -name leakdir.o)\")\"; lib=$PWD; cd - >/dev/null; root=${lib%/lib*};"
              "gcc -g app.c -I\"$root/include\" -L\"$lib\" " +
                  how +
                  " -o app; rm -rf mem; ./app 2>/dev/null;"
                  "\"$root/bin/leakdir\" report"},
             scratch.path(),
             {},
             "",
             120});
    EXPECT_TRUE(leak.exited_with(0)) << leak.describe();
    EXPECT_THAT(leak.out, HasSubstr("still reachable: 1 block, 20 bytes in 1 stack")) << leak.describe();
  }

  const Outcome preloaded = run({{"sh", "-ec",
                                  "rm -rf mem; echo 'int main(void) { return __builtin_malloc(20) == 0; }' >bare.c;"
                                  "gcc -fno-builtin bare.c -o bare; \"$(find root -path '*/bin/leakdir')\" run ./bare"},
                                 scratch.path(),
                                 {},
                                 "",
                                 120});
  EXPECT_TRUE(preloaded.exited_with(0)) << preloaded.describe();
  EXPECT_THAT(preloaded.err, HasSubstr("1 lost block, 20 bytes in 1 stack\n"));
}

}  // namespace
}  // namespace leakdir_test
