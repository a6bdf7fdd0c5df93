// SPDX-License-Identifier: BSL-1.0
//
// Programs in other languages than C and C++: a block leads to its line, by a function that is called what the language
// calls it; and Rust's names are the same when a crate gets another version. A compiler that is not here is passed
// over.

#include <gmock/gmock-matchers.h>
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

  // Whatever its runtime keeps.
  void expect_no_leak_of(const std::string& program) const {
    const nlohmann::json found = report_of(program);
    EXPECT_EQ(totals_of(found).blocks, 0u) << found.dump(1);
    const Outcome checked = run_tool({"check", scratch_ / "mem"});
    EXPECT_TRUE(checked.exited_with(0)) << checked.describe();
    EXPECT_THAT(checked.out, testing::StartsWith("no leak: "));
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

// Its functions are a few among many of its library's that the linker has dropped.
TEST_P(Rust, DoctorFindsTheTablesOfAllFunctions) {
  compile("one");
  const Outcome outcome = run_tool({"doctor", "shelf"}, scratch_.path());
  const std::size_t at = outcome.out.find("good     unwind tables   .eh_frame with its index, for ");
  ASSERT_NE(at, std::string::npos) << outcome.describe();
  int covered = 0, all = 0;
  ASSERT_EQ(sscanf(outcome.out.c_str() + outcome.out.find(", for ", at), ", for %d of %d functions", &covered, &all), 2)
      << outcome.describe();
  EXPECT_GT(all, 22);
  EXPECT_EQ(covered, all);
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

TEST_F(Languages, ValaHasMethods) {
  if (!is_there("valac")) GTEST_SKIP() << "there is no valac";
  environment_["G_SLICE"] = "always-malloc";
  const std::string text = R"(class Shelf : Object {
  public void lend (int n) {
    void* book = malloc (n); // HEREmalloc
    END
  }
}
int main () {
  var shelf = new Shelf ();
  shelf.lend (1237); // HERElend
  return 0;
}
)";
  const auto with = [&](const std::string& end) { return std::string(text).replace(text.find("END"), 3, end); };
  const std::string command = "valac -g -X '" + std::string(kObject) + "' ";
  write("leak.vala", with("book = null;"));
  build(command + "leak.vala -o leak 2>said");
  const Lines lines = own_lines(report_of("leak"), 1237);
  ASSERT_EQ(lines.size(), 3u) << "and main(), which valac makes";
  EXPECT_EQ(lines[0], at("shelf_lend", "malloc"));
  EXPECT_EQ(lines[1], at("_vala_main", "lend"));
  write("clean.vala", with("free (book);"));
  build(command + "clean.vala -o clean 2>said");
  expect_no_leak_of("clean");
}

TEST_F(Languages, NimHasReferences) {
  if (!is_there("nim")) GTEST_SKIP() << "there is no nim";
  const std::string text = R"(type Book = ref object
  text: array[1229, char]

proc lend(): Book =
  result = Book() # HEREnew

proc main() =
  let book = lend() # HERElend
  END

main()
)";
  const auto with = [&](const std::string& end) { return std::string(text).replace(text.find("END"), 3, end); };
  const std::string command =
      "HOME=$PWD nim c --hints:off --warnings:off --gc:arc -d:useMalloc --debugger:native --passL:'" +
      std::string(kObject) + "' ";
  write("leak.nim", with("GC_ref(book)"));
  build(command + "--nimcache:leak.c leak.nim 2>said");
  const Lines lines = own_lines(report_of("leak"), 1237);
  ASSERT_GE(lines.size(), 2u);
  EXPECT_THAT(lines[0], testing::MatchesRegex("lend__leak_[0-9]+" + at("", "new")));  // as nim calls it in C
  EXPECT_THAT(lines[1], testing::MatchesRegex("main__leak_[0-9]+" + at("", "lend")));
  write("clean.nim", with("doAssert book != nil"));
  build(command + "--nimcache:clean.c clean.nim 2>said");
  expect_no_leak_of("clean");
}

// ---- Programs that give back all they took; others are among those of runtimes, below ----------------------------

TEST_F(Languages, CleanFortranHasNoLeak) {
  if (!is_there("gfortran")) GTEST_SKIP() << "there is no gfortran";
  write("clean.f90", R"(program clean
  real, pointer :: book(:)
  character(:), allocatable :: title
  allocate (book(309))
  book = 1
  title = repeat('x', 1000)
  print *, len(title), book(309)
  deallocate (book, title)
end program
)");
  build("gfortran -g clean.f90 '" + std::string(kObject) + "' -o clean");
  expect_no_leak_of("clean");
}

TEST_F(Languages, CleanPascalHasNoLeak) {
  if (!is_there("fpc")) GTEST_SKIP() << "there is no fpc";
  write("clean.pas", R"(program clean;
uses cmem, sysutils;
var
  book: pointer;
  title: ansistring;
begin
  getmem(book, 1237);
  title := StringOfChar('x', 1000) + IntToStr(7);
  writeln(length(title));
  freemem(book);
end.
)");
  build("fpc -v0 -g -gw clean.pas '-k" + std::string(kObject) + "' -k-lgcc_s >said");
  expect_no_leak_of("clean");
}

TEST_F(Languages, CleanGoHasNoLeak) {
  if (!is_there("go")) GTEST_SKIP() << "there is no go";
  environment_["HOME"] = scratch_.path();
  write("go.mod", "module clean\n\ngo 1.19\n");
  write("clean.go", R"(package main

// #include <stdlib.h>
import "C"

import "fmt"

func main() {
	book := C.malloc(1237)
	title := C.CString("one")
	fmt.Println(C.GoString(title))
	C.free(book)
	C.free(unsafePointer(title))
}
)");
  write("pointer.go", R"(package main

import "C"
import "unsafe"

func unsafePointer(text *C.char) unsafe.Pointer { return unsafe.Pointer(text) }
)");
  build("go build -ldflags \"-extldflags '" + std::string(kObject) + "'\" -o clean .");
  expect_no_leak_of("clean");
}

// ---- What runtimes keep for themselves ----------------------------------------------------------------------------

class Runtimes : public Languages {
 protected:
  void compile(const std::string& name, const std::string& text, const std::string& command) {
    write(name, text);
    build(command);
  }
  std::string object() const { return " '" + std::string(kObject) + "' "; }

  // Of all that is live, this many blocks are the program's; the others are its runtime's, and there are some.
  void expect_of_program(std::uint64_t blocks, const std::string& runtime) {
    const std::string dir = scratch_ / "mem";
    const nlohmann::json found = report(dir);
    EXPECT_EQ(totals_of(found).blocks, blocks) << found.dump(1);
    ASSERT_EQ(found.at("runtimes").size(), 1u) << found.at("runtimes");
    EXPECT_EQ(found.at("runtimes").at(0).at("name"), runtime);
    const auto kept = found.at("runtimes").at(0).at("blocks").get<std::uint64_t>();
    EXPECT_GT(kept, 0u);
    EXPECT_EQ(found.at("not_listed").at("runtimes"), kept);
    EXPECT_EQ(totals_of(report(dir, {"--no-runtime-suppressions"})).blocks, blocks + kept);
    const Outcome checked = run_tool({"check", dir});
    EXPECT_TRUE(checked.exited_with(blocks == 0 ? 0 : 23)) << checked.describe();
    EXPECT_THAT(checked.out, HasSubstr(", " + std::to_string(kept) + " blocks kept by runtimes")) << checked.describe();
    EXPECT_TRUE(run_tool({"check", "--no-runtime-suppressions", dir}).exited_with(23));
  }

  void run_program(const std::string& command) { build("rm -rf mem; " + command + " >/dev/null"); }
  void run_under_library(const std::string& command, const std::string& options = "") {
    run_program("LEAKDIR_OPTIONS=" + options + " '" + std::string(kTool) + "' run -- " + command + " 2>said");
  }
};

TEST_F(Runtimes, OfRust) {
  if (!is_there("rustc")) GTEST_SKIP() << "there is no rustc";
  const std::string command = "rustc -g -L '" + build_root() + "/lib' -l static:+whole-archive=leakdir ";
  compile("clean.rs", "fn main() { let v = vec![1; 1000]; println!(\"{}\", v.len()); }\n", command + "clean.rs");
  run_program("./clean");
  const nlohmann::json found = report(scratch_ / "mem");
  EXPECT_EQ(totals_of(found).blocks, 0u) << found.dump(1);
  EXPECT_EQ(found.at("not_listed").at("runtimes"),
            totals_of(report(scratch_ / "mem", {"--no-runtime-suppressions"})).blocks);
  EXPECT_TRUE(run_tool({"check", scratch_ / "mem"}).exited_with(0));
  compile("leak.rs", R"(use std::io::Write;
fn main() {
    let thread = std::thread::spawn(|| std::mem::forget(vec![1u8; 1301])); // HEREthread
    thread.join().unwrap();
    std::io::stdout().write_all(b"x").unwrap();
    std::mem::forget(vec![1u8; 1237]); // HEREmain
}
)",
          command + "leak.rs");
  run_program("./leak");
  const nlohmann::json leaks = report(scratch_ / "mem");
  EXPECT_EQ(totals_of(leaks).blocks, 2u) << leaks.dump(1);
  EXPECT_THAT(own_lines(leaks, 1237), ElementsAre(at("leak::main", "main")));
  EXPECT_THAT(own_lines(leaks, 1301), ElementsAre(testing::EndsWith(at("", "thread"))));
  // A hash table leads into the middle of its block.
  compile("tables.rs", R"(use std::collections::HashMap;
static mut TABLES: Vec<HashMap<u32, Vec<u8>>> = Vec::new();
fn main() {
    for count in [1, 5, 13, 1000] {
        let table = (0..count).map(|key| (key, vec![7u8; 1019])).collect();
        unsafe { (*std::ptr::addr_of_mut!(TABLES)).push(table) };
    }
}
)",
          command + "tables.rs");
  run_program("./tables");
  EXPECT_EQ(totals_of(report(scratch_ / "mem", {"--lost"})).blocks, 0u);
  const nlohmann::json held = report(scratch_ / "mem", {"--lost", "--kinds", "all"});
  EXPECT_EQ(totals_of(held).blocks, 1019u + 4 + 1) << held.dump(1);
}

TEST_F(Runtimes, OfGnat) {
  if (!is_there("gnatmake")) GTEST_SKIP() << "there is no gnatmake";
  const std::string with_task = R"(   task type Worker is entry Go; end Worker;
   task body Worker is begin accept Go; end Worker;
   One : Worker;
)";
  compile("clean.adb", "procedure Clean is\n" + with_task + "begin\n   One.Go;\nend Clean;\n",
          "gnatmake -q -g clean.adb -largs" + object());
  run_program("./clean");
  expect_of_program(0, "GNAT's runtime");
  compile("leak.adb",
          "procedure Leak is\n" + with_task +
              "   type Name is access String;\n   Last : Name;\nbegin\n   One.Go;\n"
              "   Last := new String (1 .. 1000); --  HEREnew\n   Last := null;\nend Leak;\n",
          "gnatmake -q -g leak.adb -largs" + object());
  run_program("./leak");
  expect_of_program(1, "GNAT's runtime");
  EXPECT_EQ(own_lines(report(scratch_ / "mem"), 1008).at(0), at("leak", "new"));
}

TEST_F(Runtimes, OfOcaml) {
  if (!is_there("ocamlopt")) GTEST_SKIP() << "there is no ocamlopt";
  compile("clean.ml", "let () = print_endline (String.concat \" \" (List.map string_of_int [1; 2; 3]))\n",
          "ocamlopt -g clean.ml" + object() + "-o clean");
  run_program("./clean");
  expect_of_program(0, "OCaml's runtime");
  write("stub.c", R"(#include <caml/mlvalues.h>
#include <stdlib.h>
value lend(value n)
{
  char *volatile book = malloc(Long_val(n)); // HEREmalloc
  return Val_bool(book != 0);
}
)");
  compile("leak.ml", "external lend : int -> bool = \"lend\"\nlet () = if not (lend 1237) then exit 1 (* HERElend *)\n",
          "ocamlopt -g stub.c leak.ml -ccopt -g" + object() + "-o leak");
  run_program("./leak");
  expect_of_program(1, "OCaml's runtime");
  EXPECT_EQ(own_lines(report(scratch_ / "mem"), 1237).at(0), at("lend", "malloc"));
}

TEST_F(Runtimes, OfObjectiveC) {
  const std::string start =
      "#import <objc/Object.h>\n#import <objc/runtime.h>\n#include <stdlib.h>\n"
      "@interface Shelf : Object\n+ (id) make;\n@end\n@implementation Shelf\n"
      "+ (id) make { return class_createInstance(self, 1000); }\n@end\n";
  write("clean.m", start + "int main(void) { object_dispose([Shelf make]); return 0; }\n");
  if (!shell("gcc -g clean.m" + object() + "-lobjc -o clean").exited_with(0))
    GTEST_SKIP() << "gcc does not know Objective-C";
  run_program("./clean");
  expect_of_program(0, "libobjc");
  compile("leak.m", start + "int main(void) { return [Shelf make] == 0; }\n",
          "gcc -g leak.m" + object() + "-lobjc -o leak");
  run_program("./leak");
  expect_of_program(1, "libobjc");
}

TEST_F(Runtimes, OfD) {
  if (!is_there("gdc")) GTEST_SKIP() << "there is no gdc";
  compile("clean.d", "class Shelf { int n; }\nvoid main() { auto shelf = new Shelf; shelf.n = 1; }\n",
          "gdc -g clean.d" + object() + "-o clean");
  run_program("./clean");
  expect_of_program(0, "D's runtime");
  compile("leak.d",
          "import core.stdc.stdlib : malloc;\nclass Shelf { int n; }\n"
          "void main() { auto shelf = new Shelf; shelf.n = malloc(1237) is null; }\n",
          "gdc -g leak.d" + object() + "-o leak");
  run_program("./leak");
  expect_of_program(1, "D's runtime");
}

TEST_F(Runtimes, OfGlib) {
  if (!shell("pkg-config --exists gobject-2.0").exited_with(0)) GTEST_SKIP() << "there is no libglib2.0-dev";
  environment_["G_SLICE"] = "always-malloc";  // as GLib's documentation says it for who looks for leaks
  const std::string command = object() + "$(pkg-config --cflags --libs gobject-2.0)";
  const std::string text = R"(#include <glib-object.h>
typedef GObject Shelf;
typedef GObjectClass ShelfClass;
static void *book;
static void shelf_init(Shelf *shelf) { (void)shelf; }
static void shelf_class_init(ShelfClass *type) { (void)type; book = g_malloc(CLASS); }
G_DEFINE_TYPE(Shelf, shelf, G_TYPE_OBJECT)
int main(void)
{
  GHashTable *table = g_hash_table_new_full(g_str_hash, g_str_equal, g_free, g_free);
  g_hash_table_insert(table, g_strdup("a"), g_strdup("b"));
  g_hash_table_destroy(table);
  g_object_unref(g_object_new(shelf_get_type(), NULL));
  g_quark_from_string("x");
  if (CLASS == 1) g_free(book);
  else g_strdup("lent");
  return 0;
}
)";
  compile("app.c", text, "gcc -g -DCLASS=1 app.c -o clean" + command);
  run_program("./clean");
  expect_of_program(0, "GLib");
  compile("app.c", text, "gcc -g -DCLASS=1237 app.c -o leak" + command);
  run_program("./leak");
  expect_of_program(2, "GLib");
}

// What is private of an object lies before it, so who has it has a pointer into the middle; and so it is with pieces of
// GLib's pages.
TEST_F(Runtimes, ObjectsOfGlibAreHeldWithWhatIsPrivate) {
  if (!shell("pkg-config --exists gobject-2.0").exited_with(0)) GTEST_SKIP() << "there is no libglib2.0-dev";
  const std::string text = R"(#include <glib-object.h>
typedef GObject Shelf;
typedef GObjectClass ShelfClass;
typedef struct { char *title[6]; } ShelfPrivate;
G_DEFINE_TYPE_WITH_PRIVATE(Shelf, shelf, G_TYPE_OBJECT)
static void shelf_init(Shelf *shelf)
{
  ShelfPrivate *own = shelf_get_instance_private(shelf);
  own->title[0] = g_malloc(1001);
}
static void shelf_class_init(ShelfClass *type) { (void)type; }
static GObject *volatile held[3];
static GClosure *volatile closure;
static void *volatile box;
static void told(void) {}
static GList *volatile list;
int main(void)
{
  for (int i = 0; i < 3; ++i) held[i] = g_object_new(shelf_get_type(), NULL);
  for (int i = 0; i < 100; ++i) list = g_list_prepend(list, NULL);
  g_signal_connect(held[0], "notify", G_CALLBACK(told), NULL);
  closure = g_cclosure_new(G_CALLBACK(told), g_strdup("data"), (GClosureNotify)g_free);
  box = g_rc_box_alloc0(1003);
  return 0;
}
)";
  compile("app.c", text, "gcc -g app.c -o held" + object() + "$(pkg-config --cflags --libs gobject-2.0)");
  for (const char* allocator : {"", "always-malloc"}) {
    environment_["G_SLICE"] = allocator;
    run_program("./held");
    const nlohmann::json found = report(scratch_ / "mem", {"--lost", "--kinds", "all"});
    EXPECT_EQ(totals_of(report(scratch_ / "mem", {"--lost"})).blocks, 0u) << allocator << found.dump(1);
    std::uint64_t titles = 0;
    for (const auto& stack : found.at("stacks")) titles += stack.at("bytes") == 3 * 1001 ? 1 : 0;
    EXPECT_EQ(titles, 1u) << allocator << found.dump(1);
  }
}

TEST_F(Runtimes, OfPython) {
  if (!is_there("/usr/bin/python3")) GTEST_SKIP() << "there is no Debian's python3";
  // Python 3.9 starts with deeper stacks, and makes a dictionary for itself in Py_FinalizeEx, where scripts run, too.
  const bool is_39 = run({{"/usr/bin/python3", "--version"}, "", {}, "", 60}).out.rfind("Python 3.9.", 0) == 0;
  run_under_library("/usr/bin/python3 -c 'print(1)'", is_39 ? "depth=128" : "");
  expect_of_program(is_39 ? 1 : 0, "Python");
  // What the script holds at the end is the script's, though the interpreter has allocated it.
  run_under_library("/usr/bin/python3 -c 'import os; kept = bytes(100001); os._exit(0)'");
  const nlohmann::json held = report(scratch_ / "mem");
  bool is_there = false;
  for (const auto& stack : held.at("stacks")) is_there |= stack.at("bytes") >= 100001;
  EXPECT_TRUE(is_there) << held.at("totals");
}

TEST_F(Runtimes, OfPerl) {
  if (!is_there("/usr/bin/perl")) GTEST_SKIP() << "there is no perl";
  run_under_library("/usr/bin/perl -e 'print 1'");
  expect_of_program(0, "Perl");
  for (const char* script : {"our $kept = \"x\" x 100001; print 1", "BEGIN { our $kept = \"x\" x 100001; } print 1"}) {
    run_under_library(std::string("/usr/bin/perl -e '") + script + "'");
    const nlohmann::json held = report(scratch_ / "mem");
    std::uint64_t most = 0;
    for (const auto& stack : held.at("stacks")) most = std::max(most, stack.at("bytes").get<std::uint64_t>());
    EXPECT_GE(most, 100001u) << script << held.at("totals");
  }
}

}  // namespace
}  // namespace leakdir_test
