// SPDX-License-Identifier: BSL-1.0
//
// Programs in other languages than C and C++: a block leads to its line, by a function that is called what the language
// calls it; and Rust's names are the same when a crate gets another version. A compiler that is not here is passed
// over.

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "installation.hh"
#include "paths.hh"
#include "report_json.hh"
#include "target.hh"

namespace leakdir_test {
namespace {

using testing::ElementsAre;
using testing::HasSubstr;

using Lines = std::vector<std::string>;

class Languages : public testing::Test {
 protected:
  Outcome shell(const std::string& command) const {
    return run({{"bash", "-e", "-u", "-o", "pipefail", "-c", command}, scratch_.path(), environment_, "", 300});
  }

  bool is_there(const std::string& command) const { return shell("command -v " + command).exited_with(0); }

  void build(const std::string& command) const {
    const Outcome outcome = shell(command);
    ASSERT_TRUE(outcome.exited_with(0)) << command << "\n" << outcome.describe();
  }

  // Writes the file; what stands on a line with "HERE" is found again by line().
  void write(const std::string& name, const std::string& text) {
    write_file(scratch_ / name, text);
    const Lines lines = lines_of(text);
    for (std::size_t i = 0; i < lines.size(); ++i) {
      const std::size_t mark = lines[i].find("HERE");
      if (mark != std::string::npos) lines_[lines[i].substr(mark + 4)] = std::to_string(i + 1);
    }
  }

  // "function:line" of a line that ends with HERE and this word.
  std::string at(const std::string& function, const std::string& word) const {
    return function + ":" + lines_.at(word);
  }

  nlohmann::json report_of(const std::string& program) const {
    const Outcome outcome = shell("rm -rf mem; ./" + program + " >/dev/null");
    EXPECT_TRUE(outcome.exited_with(0)) << outcome.describe();
    return report(scratch_ / "mem");
  }

  // The frames of the block of this size that are in files of the scratch directory, innermost first, each as
  // "function:line". The own frame must be the first of them.
  Lines own_lines(const nlohmann::json& report, std::uint64_t bytes) const {
    for (const auto& stack : report.at("stacks")) {
      if (stack.at("bytes") != bytes) continue;
      Lines lines;
      for (std::size_t i = 0; i < stack.at("frames").size(); ++i) {
        const nlohmann::json& frame = stack.at("frames").at(i);
        if (frame.value("file", "").rfind(scratch_.path(), 0) != 0) continue;
        if (lines.empty()) {
          EXPECT_EQ(stack.at("own_frame"), i) << stack.dump(1);
        }
        lines.push_back(frame.at("function").get<std::string>() + ":" + std::to_string(frame.value("line", 0)));
      }
      return lines;
    }
    ADD_FAILURE() << "no stack has " << bytes << " bytes: " << report.dump(1);
    return {};
  }

  Scratch scratch_;
  std::map<std::string, std::string> environment_;

 private:
  std::map<std::string, std::string> lines_;
};

// ---- Rust, whose names are written in two ways ------------------------------------------------------------------

struct Scheme {
  const char *name, *method, *closure;
};

class Rust : public Languages, public testing::WithParamInterface<Scheme> {
 protected:
  void SetUp() override {
    if (!is_there("rustc")) GTEST_SKIP() << "there is no rustc";
    environment_["RUSTC_BOOTSTRAP"] = "1";  // to choose the older names where the newer ones are the rule
    write("shelf.rs", R"(use std::collections::HashMap;

struct Shelf {
    books: Vec<String>,
}

trait Keep {
    fn keep(&self) -> Vec<u8>;
}

impl Shelf {
    #[inline(never)]
    fn lend(&mut self, title: &str) -> *mut [u8; 1237] {
        self.books.push(title.to_string());
        Box::into_raw(Box::new([1u8; 1237])) // HEREbox
    }
}

impl Keep for Shelf {
    #[inline(never)]
    fn keep(&self) -> Vec<u8> {
        Vec::with_capacity(1301) // HEREvec
    }
}

fn main() {
    let mut shelf = Shelf { books: Vec::new() };
    let lent = shelf.lend("one"); // HERElend
    std::mem::forget(shelf.keep()); // HEREkeep
    let leak = || {
        let block: Box<[u8; 1409]> = Box::new([7; 1409]); // HEREclosure
        Box::leak(block).len()
    };
    let mut seen = HashMap::new();
    seen.insert(lent as usize, leak()); // HEREcall
    println!("{}", seen.len());
}
)");
  }

  void compile(const std::string& metadata) {
    build("rustc --edition 2021 -g -Z unstable-options -C symbol-mangling-version=" + std::string(GetParam().name) +
          " -C metadata=" + metadata + " -L '" + build_root() +
          "/lib' -l static:+whole-archive=leakdir shelf.rs -o shelf");
  }
};

TEST_P(Rust, NamesAreAsTheyAreWrittenInRust) {
  compile("one");
  const nlohmann::json found = report_of("shelf");
  EXPECT_THAT(own_lines(found, 1237), ElementsAre(at(GetParam().method, "box"), at("shelf::main", "lend")));
  EXPECT_THAT(own_lines(found, 1301),
              ElementsAre(at("<shelf::Shelf as shelf::Keep>::keep", "vec"), at("shelf::main", "keep")));
  EXPECT_THAT(own_lines(found, 1409), ElementsAre(at(GetParam().closure, "closure"), at("shelf::main", "call")));
  const std::string all = found.dump();
  for (const char* mangled : {"_R", "_ZN", "$LT$", "$u20$", "::h0", "17h"}) {
    EXPECT_EQ(all.find(std::string("\"function\":\"") + mangled), std::string::npos) << mangled;
  }
}

// What each version of a crate changes: its hash, in the name of each function.
TEST_P(Rust, AnotherVersionOfTheCrateHasTheSameBaselineAndSuppressions) {
  compile("one");
  const nlohmann::json one = report_of("shelf");
  build("nm shelf | grep -E 'shelf4main' | awk '{ print $3 }' >one");
  const Outcome made = run_tool({"check", "--write-baseline", scratch_ / "leaks.json", scratch_ / "mem"});
  EXPECT_TRUE(exists(scratch_ / "leaks.json")) << made.describe();
  const Outcome generated = run_tool({"report", "--gen-suppressions", scratch_ / "mem"});
  ASSERT_TRUE(generated.exited_with(0)) << generated.describe();
  write_file(scratch_ / "known.supp", generated.out);
  build("'" + std::string(kTool) + "' save old.leakdir mem");

  compile("two");
  const nlohmann::json two = report_of("shelf");
  build("nm shelf | grep -E 'shelf4main' | awk '{ print $3 }' >two");
  EXPECT_NE(read_file(scratch_ / "one"), read_file(scratch_ / "two")) << "nothing was tried";
  EXPECT_EQ(totals_of(one).blocks, totals_of(two).blocks);

  const Outcome checked = run_tool({"check", "--baseline", scratch_ / "leaks.json", scratch_ / "mem"});
  EXPECT_TRUE(checked.exited_with(0)) << checked.describe();
  const Outcome suppressed =
      run_tool({"report", "--suppressions", scratch_ / "known.supp", "--error-exitcode", "23", scratch_ / "mem"});
  EXPECT_TRUE(suppressed.exited_with(0)) << suppressed.describe();
  const Outcome compared = run_tool({"diff", scratch_ / "old.leakdir", scratch_ / "mem"});
  EXPECT_THAT(compared.out, HasSubstr("\n+0 bytes, +0 blocks; stacks by function: 0 new, 0 grown, 0 shrunk, 0 gone, "));
}

INSTANTIATE_TEST_SUITE_P(Names, Rust,
                         testing::Values(Scheme{"legacy", "shelf::Shelf::lend", "shelf::main::{{closure}}"},
                                         Scheme{"v0", "<shelf::Shelf>::lend", "shelf::main::{closure#0}"}),
                         [](const auto& info) { return std::string(info.param.name); });

// ---- Others -----------------------------------------------------------------------------------------------------

// Its code lies beside that of the function around it.
TEST_F(Languages, GnuCHasFunctionsInFunctions) {
  write("leak.c", R"(#include <stdlib.h>
static int lend(int n)
{
  __attribute__((noinline)) int keep(int m) {
    char *volatile book = malloc(n + m); // HEREmalloc
    return book == 0;
  }
  return keep(237) + 1; // HEREkeep
}
int main(void)
{
  return lend(1000) - 1; // HERElend
}
)");
  build("gcc -g leak.c '" + std::string(kObject) + "' -o leak");
  EXPECT_THAT(own_lines(report_of("leak"), 1237),
              ElementsAre(at("keep", "malloc"), at("lend", "keep"), at("main", "lend")));
}

TEST_F(Languages, AdaHasPackagesAndNestedProcedures) {
  if (!is_there("gnatmake")) GTEST_SKIP() << "there is no gnatmake";
  write("shelves.ads", "package Shelves is\n   procedure Lend (Title : String);\nend Shelves;\n");
  write("shelves.adb", R"(package body Shelves is
   type Name is access String;
   Last : Name;
   procedure Lend (Title : String) is
      procedure Keep is
      begin
         Last := new String'(Title & (1 .. 1000 => ' ')); --  HEREnew
         Last := null;
      end Keep;
   begin
      Keep; --  HEREkeep
   end Lend;
end Shelves;
)");
  write("leak.adb", R"(with Shelves;
procedure Leak is
begin
   Shelves.Lend ("four"); --  HERElend
end Leak;
)");
  build("gnatmake -q -g leak.adb -largs '" + std::string(kObject) + "'");
  // The binder's main calls the program's; its file is in the directory, too.
  Lines lines = own_lines(report_of("leak"), 1012);
  ASSERT_EQ(lines.size(), 4u);
  EXPECT_THAT(lines.back(), testing::StartsWith("main:"));
  lines.pop_back();
  EXPECT_THAT(lines, ElementsAre(at("shelves.lend.keep", "new"), at("shelves.lend", "keep"), at("leak", "lend")));
}

TEST_F(Languages, FortranHasModules) {
  if (!is_there("gfortran")) GTEST_SKIP() << "there is no gfortran";
  write("leak.f90", R"(module shelves
contains
  subroutine lend(n)
    integer, intent(in) :: n
    real, pointer :: book(:)
    allocate (book(n)) ! HEREallocate
    book = 1
    nullify (book)
  end subroutine
end module

program leak
  use shelves
  call lend(309) ! HERElend
end program
)");
  build("gfortran -g leak.f90 '" + std::string(kObject) + "' -o leak");
  EXPECT_THAT(own_lines(report_of("leak"), 1236),
              ElementsAre(at("shelves::lend", "allocate"), at("leak", "lend"), "main:13"));
}

TEST_F(Languages, DHasClasses) {
  if (!is_there("gdc")) GTEST_SKIP() << "there is no gdc";
  write("leak.d", R"(import core.stdc.stdlib : malloc;

class Shelf {
  int lend(int n) {
    char* book = cast(char*) malloc(n); // HEREmalloc
    book[0] = 1;
    return 0;
  }
}

void main() {
  auto shelf = new Shelf;
  shelf.lend(1237); // HERElend
}
)");
  build("gdc -g leak.d '" + std::string(kObject) + "' -o leak");
  EXPECT_THAT(own_lines(report_of("leak"), 1237),
              ElementsAre(at("leak.Shelf.lend(int)", "malloc"), at("D main", "lend")));
}

TEST_F(Languages, ObjectiveCHasMethods) {
  write("leak.m", R"(#import <objc/Object.h>
#import <objc/runtime.h>
#include <stdlib.h>
@interface Shelf : Object
+ (id) make;
- (void) lend: (int) n as: (int) m;
@end
@implementation Shelf
+ (id) make { return class_createInstance(self, 0); }
- (void) lend: (int) n as: (int) m
{
  char *volatile book = malloc(n + m); // HEREmalloc
  book[0] = 1;
  book = 0;
}
@end
int main(void)
{
  id shelf = [Shelf make];
  [shelf lend: 1000 as: 237]; // HERElend
  object_dispose(shelf);
  return 0;
}
)");
  if (!shell("gcc -g leak.m '" + std::string(kObject) + "' -lobjc -o leak").exited_with(0))
    GTEST_SKIP() << "gcc does not know Objective-C";
  EXPECT_THAT(own_lines(report_of("leak"), 1237), ElementsAre(at("-[Shelf lend:as:]", "malloc"), at("main", "lend")));
}

}  // namespace
}  // namespace leakdir_test
