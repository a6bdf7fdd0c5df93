// SPDX-License-Identifier: BSL-1.0
//
// Whose call it was, frame by frame: of each hook and of each kind of bad free, whatever compiled the program, whatever
// compiled the object, and however it was linked. `unwind=compare` ends the program where the fast walk finds other
// frames than Boost.Stacktrace.

#include <gmock/gmock-matchers.h>
#include <gtest/gtest.h>

#include <algorithm>
#include <map>

#include "addr2line.hh"
#include "beyond_main.hh"
#include "long_tests.hh"
#include "paths.hh"
#include "report_json.hh"
#include "target.hh"

namespace leakdir_test {
namespace {

using testing::ElementsAre;

void must(const std::vector<std::string>& argv) {
  const Outcome outcome = run({argv, "", {}, "", 300});
  if (!outcome.exited_with(0)) throw std::runtime_error(outcome.describe());
}

// leakdir's object as `compiler` makes it; gcc's is the one of the build.
std::string object_by(const std::string& compiler, bool is_static) {
  if (compiler == "gcc") return is_static ? kStaticObject : kObject;
  static const Scratch made;
  const std::string object = made / compiler + (is_static ? "-static.o" : ".o");
  if (!exists(object)) {
    std::vector<std::string> argv = {"sh", kMakeObject, "--cc=" + compiler, "--output=" + object};
    argv.push_back("--source=" + std::string(kSourceRoot) + "/lib");
    if (!is_static) argv.push_back("--dynamic");
    must(argv);
  }
  return object;
}

// The names of the functions of a stack, innermost first, "?" for those outside the program.
std::vector<std::string> functions_of(const Stack& stack, const std::string& program) {
  std::vector<std::uint64_t> addresses;
  for (const Frame& frame : stack.frames) {
    if (frame.module == program) addresses.push_back(frame.named());
  }
  const std::vector<Place> places = addr2line(program, addresses);
  std::vector<std::string> names;
  size_t next = 0;
  for (const Frame& frame : stack.frames) names.push_back(frame.module == program ? places[next++].function : "?");
  return names;
}

struct Way {
  std::string compiler, flags, kind, object_compiler;
};
void PrintTo(const Way& way, std::ostream* out) {
  *out << way.compiler << " " << way.flags << " " << way.kind << ", object by " << way.object_compiler;
}

// All of them with -Dlong_tests=true. In every run each two of a compiler, flags and a kind meet, but for a few.
std::vector<Way> ways_to_make_it() {
  std::vector<Way> ways;
  int number = 0;
  for (const char* flags : {"-O0", "-O2", "-O2 -fno-omit-frame-pointer"}) {
    for (const char* kind : {"static", "static-pie", "pie", "preload", "preload-jemalloc"}) {
      const bool by_gcc = number++ % 2 == 0;
      if (kLongTests || by_gcc) ways.push_back({"gcc", flags, kind, "gcc"});
      if (kLongTests || !by_gcc) ways.push_back({"clang", flags, kind, "gcc"});
    }
  }
  for (const char* compiler : {"gcc", "clang"}) {
    ways.push_back({compiler, "-O0", "static", "clang"});
    if (kLongTests) ways.push_back({compiler, "-O0", "pie", "clang"});
  }
  return ways;
}

std::vector<std::string> words_of(const std::string& text) {
  std::vector<std::string> words;
  for (size_t at = 0; at < text.size();) {
    const size_t end = std::min(text.find(' ', at), text.size());
    words.push_back(text.substr(at, end - at));
    at = end + 1;
  }
  return words;
}

class Stacks : public testing::TestWithParam<Way> {
 protected:
  bool is_static() const { return GetParam().kind.rfind("static", 0) == 0; }
  bool is_preloaded() const { return GetParam().kind.rfind("preload", 0) == 0; }

  // Compiles and links `source`; the name for run_in().
  std::string built(const std::string& source) {
    const Way& way = GetParam();
    const bool is_cxx = source.substr(source.rfind('.')) == ".cc";
    const std::string driver = !is_cxx ? way.compiler : way.compiler == "gcc" ? "g++" : "clang++";
    const bool is_pie = way.kind != "static";
    std::vector<std::string> argv = {driver, "-g", "-w", is_pie ? "-fPIE" : "-fno-pie", source};
    if (is_cxx) argv.insert(argv.end(), {"-std=c++17", "-fsized-deallocation"});
    for (const std::string& flag : words_of(way.flags)) argv.push_back(flag);
    if (!is_preloaded()) argv.push_back(object_by(way.object_compiler, is_static()));
    argv.insert(argv.end(), {is_preloaded() ? "-pie" : "-" + way.kind, "-o", program()});
    must(argv);
    return is_preloaded() ? scratch_ / "program." + way.kind : program();
  }
  std::string program() const { return scratch_ / (is_preloaded() ? "program.none" : "program"); }

  // What lies around main in every program. Libc's names are known in a static one.
  void expect_stack(const Stack& stack, std::vector<std::string> functions) {
    std::vector<std::string> found = functions_of(stack, program());
    functions = called_by_main(functions, nameless_libc_beyond_main());
    ASSERT_EQ(found.size(), functions.size()) << testing::PrintToString(found);
    for (size_t i = found.size() - 1 - libc_beyond_main().size(); is_static() && i < found.size() - 1; ++i) {
      EXPECT_EQ(found[i].rfind("__libc_start", 0), 0u) << found[i];
      found[i] = "?";
    }
    EXPECT_EQ(found, functions);
  }

  Scratch scratch_;
};

TEST_P(Stacks, OfEachHookAreWhole) {
  const std::string name = built(std::string(kSourceRoot) + "/tests/targets/every_hook.cc");
  const Outcome outcome = run_in(scratch_, name, {"unwind=compare", {"blocks"}, {}, 60});
  ASSERT_TRUE(outcome.exited_with(0)) << outcome.describe();
  const std::vector<Expected> expected = expected_by(outcome.out);
  const std::vector<Record> records = records_in(scratch_ / "mem");
  ASSERT_EQ(expected.size(), 20u);
  expect_exactly(expected, records);
  std::map<std::uint64_t, std::string> function_of;
  for (const Expected& block : expected) function_of[block.size] = block.function;
  for (const Record& record : records) {
    SCOPED_TRACE(read_file(record.file));
    EXPECT_FALSE(record.truncated);
    expect_stack(record.stack, {function_of[record.size], "with_false_frames", "with_array", "with_frame"});
  }
}

TEST_P(Stacks, OfEachBadFreeAreWhole) {
  const std::string name = built(std::string(kSourceRoot) + "/tests/targets/every_hook.cc");
  const Outcome outcome = run_in(scratch_, name, {"unwind=compare", {"bad"}, {}, 60});
  ASSERT_TRUE(outcome.exited_with(0)) << outcome.describe();
  const std::vector<BadFreeRecord> records = bad_frees_in(scratch_ / "mem");
  EXPECT_EQ(records.size(), 12u) << outcome.err;
  for (const BadFreeRecord& record : records) {
    SCOPED_TRACE(read_file(record.file));
    const std::string address = record.file.substr(record.file.rfind('/') + 1);
    const std::string line = "bad address=" + address.substr(0, address.find('.')) + " function=";
    const size_t at = outcome.out.find(line);
    ASSERT_NE(at, std::string::npos) << outcome.out;
    const size_t from = at + line.size();
    Stack stack = record.free;
    // operator delete of libstdc++ may stand before its caller.
    while (is_preloaded() && !stack.frames.empty() && stack.frames[0].module != program())
      stack.frames.erase(stack.frames.begin());
    expect_stack(stack, {outcome.out.substr(from, outcome.out.find('\n', from) - from), "with_false_frames",
                         "with_array", "with_frame"});
  }
}

// The shortest program that lost its stack.
TEST_P(Stacks, OfRealloc) {
  write_file(scratch_ / "grow.c",
             "#include <stdlib.h>\nstatic void *grow(void *p) { return realloc(p, 100); }\n"
             "int main(void) { return grow(malloc(10)) == 0; }\n");
  if (GetParam().flags != "-O0") GTEST_SKIP() << "grow() becomes a part of main";
  const std::string name = built(scratch_ / "grow.c");
  for (const char* options : {"unwind=compare", "unwind=fast", "unwind=boost"}) {
    const Outcome outcome = run_in(scratch_, name, {options, {}, {}, 60});
    ASSERT_TRUE(outcome.exited_with(0)) << outcome.describe();
    const std::vector<Record> records = records_in(scratch_ / "mem");
    ASSERT_EQ(records.size(), 1u);
    EXPECT_EQ(records[0].size, 100u);
    EXPECT_FALSE(records[0].truncated);
    expect_stack(records[0].stack, {"grow"});
  }
}

INSTANTIATE_TEST_SUITE_P(Compiled, Stacks, testing::ValuesIn(ways_to_make_it()), [](const auto& info) {
  const Way& way = info.param;
  return case_name(way.compiler + way.flags + "_" + way.kind + "_" + way.object_compiler);
});

// ---- Where a signal came ----

// The functions of each stack in a report, by the bytes of its one block.
std::map<int, std::vector<std::string>> functions_in(const nlohmann::json& report) {
  std::map<int, std::vector<std::string>> functions;
  for (const auto& stack : report.at("stacks")) {
    for (const auto& frame : stack.at("frames")) functions[stack.at("bytes")].push_back(frame.at("function"));
  }
  return functions;
}

class Signals : public testing::TestWithParam<std::string> {};

// A signal may come where no call stands before: at the first instruction of a function, whose neighbour may end with a
// return or with a call. And nothing calls what the kernel and makecontext "return" to.
TEST_P(Signals, AreNamedByTheInstructionThatTheyCameTo) {
  const std::string& kind = GetParam();
  const Scratch scratch;
  for (const char* unwind : {"fast", "compare", "boost"}) {
    SCOPED_TRACE(unwind);
    const Outcome outcome = run_in(scratch, target("signal_came", kind), {"unwind=" + std::string(unwind), {}, {}, 60});
    ASSERT_TRUE(outcome.exited_with(0)) << outcome.describe();
    const std::vector<Record> records = records_in(scratch / "mem");
    expect_exactly(expected_by(outcome.out), records);
    ASSERT_EQ(records.size(), 4u);
    std::map<std::uint64_t, std::vector<std::string>> functions;
    for (const Record& record : records) {
      EXPECT_FALSE(record.truncated);
      functions[record.size] = functions_of(record.stack, record.program);
    }
    const bool is_static = kind.rfind("static", 0) == 0;
    const std::string signal_return = is_static ? "__restore_rt" : "?";
    const std::vector<std::string> libcs = is_static ? libc_beyond_main() : nameless_libc_beyond_main();
    EXPECT_EQ(functions[1101], called_by_main({"on_trap", signal_return, "trap_after_return", "calls"}, libcs));
    EXPECT_EQ(functions[1103], called_by_main({"on_trap", signal_return, "trap_after_call", "calls"}, libcs));
    EXPECT_THAT(functions[1107], ElementsAre("begins_a_context", is_static ? "__start_context" : "?"));
    ASSERT_GT(functions[1105].size(), 5u);
    EXPECT_EQ(functions[1105][0], "on_raise");
    EXPECT_EQ(functions[1105][1], signal_return);
    EXPECT_EQ(functions[1105][functions[1105].size() - 2 - libcs.size()], "main");
    for (const Record& record : records) {
      const std::vector<Frame>& frames = record.stack.frames;
      const bool is_context = record.size == 1107;
      for (size_t i = 0; i < frames.size(); ++i)
        EXPECT_EQ(frames[i].is_exact, i == 1 || (i == 2 && !is_context)) << read_file(record.file) << i;
    }

    const nlohmann::json json = report(scratch / "mem");
    for (const auto& stack : json.at("stacks")) {
      const auto& frames = stack.at("frames");
      for (size_t i = 0; i < frames.size(); ++i)
        EXPECT_EQ(frames[i].value("exact", false), i == 1 || (i == 2 && stack.at("bytes") != 1107)) << frames[i];
    }

    // By the ledger, by a saved file, by the records alone.
    const auto by_ledger = functions_in(report(scratch / "mem"));
    EXPECT_EQ(by_ledger.at(1101)[2], "trap_after_return");
    EXPECT_EQ(by_ledger.at(1103)[2], "trap_after_call");
    if (is_static) {
      // But for raise(), which has two names.
      for (const int bytes : {1101, 1103, 1107})
        EXPECT_EQ(by_ledger.at(bytes), functions[static_cast<std::uint64_t>(bytes)]);
    }
    const std::string saved = scratch / "saved";
    ASSERT_TRUE(run_tool({"save", saved, scratch / "mem"}).exited_with(0));
    EXPECT_EQ(functions_in(report(saved)), by_ledger);
    must({"rm", scratch / "mem/.ledger", saved});
    EXPECT_EQ(functions_in(report(scratch / "mem")), by_ledger);
    must({"rm", "-r", scratch / "mem"});
  }
}

INSTANTIATE_TEST_SUITE_P(Linked, Signals, testing::Values("static", "static-pie", "pie", "preload"),
                         [](const testing::TestParamInfo<std::string>& info) { return case_name(info.param); });

// ---- Code that was made at run time ----

// By whether it was found by the frame pointer: the numbers of such frames.
std::vector<size_t> by_frame_pointer(const nlohmann::json& frames) {
  std::vector<size_t> numbers;
  for (size_t i = 0; i < frames.size(); ++i) {
    if (frames[i].value("by_frame_pointer", false)) numbers.push_back(i);
  }
  return numbers;
}

class MadeCode : public testing::TestWithParam<std::string> {};

// It has no unwind tables. Where it keeps frame pointers its callers are found, and said to be found so; where it does
// not, the stack ends there, and no frame is made up.
TEST_P(MadeCode, IsPassedByItsFramePointersOrEndsTheStack) {
  const Scratch scratch;
  for (const char* unwind : {"fast", "compare", "boost"}) {
    SCOPED_TRACE(unwind);
    const Outcome outcome =
        run_in(scratch, target("made_code", GetParam()), {"unwind=" + std::string(unwind), {}, {}, 60});
    ASSERT_TRUE(outcome.exited_with(0)) << outcome.describe();
    const std::vector<Record> records = records_in(scratch / "mem");
    expect_exactly(expected_by(outcome.out), records);
    ASSERT_EQ(records.size(), 7u);
    for (const Record& record : records) {
      SCOPED_TRACE(read_file(record.file));
      std::vector<std::string> functions = functions_of(record.stack, record.program);
      std::vector<size_t> found_so;
      for (size_t i = 0; i < record.stack.frames.size(); ++i) {
        if (record.stack.frames[i].by_frame_pointer) found_so.push_back(i);
        if (functions[i].rfind("__libc_start", 0) == 0) functions[i] = "?";
      }
      const bool has_frames = record.size == 1201 || record.size == 1203;
      EXPECT_EQ(record.truncated, !has_frames);
      if (record.size == 1201) {
        EXPECT_EQ(functions, called_by_main({"leak_with_frames", "?", "?", "?", "enter"}, nameless_libc_beyond_main()));
        EXPECT_THAT(found_so, ElementsAre(2u, 3u, 4u));
      } else if (record.size == 1203) {
        EXPECT_EQ(functions, called_by_main({"leak_realloc", "?", "enter"}, nameless_libc_beyond_main()));
        EXPECT_THAT(found_so, ElementsAre(2u));
      } else {
        EXPECT_THAT(functions, ElementsAre(testing::StartsWith("leak_"), "?"));
        EXPECT_TRUE(found_so.empty());
      }
    }

    // By the ledger, by a saved file, by the records alone.
    const auto expect_said = [](const std::string& place) {
      const nlohmann::json json = report(place);
      ASSERT_EQ(json.at("stacks").size(), 7u);
      for (const auto& stack : json.at("stacks")) {
        const std::vector<size_t> numbers = by_frame_pointer(stack.at("frames"));
        const int bytes = stack.at("bytes");
        if (bytes == 1201) {
          EXPECT_THAT(numbers, ElementsAre(2u, 3u, 4u));
        } else if (bytes == 1203) {
          EXPECT_THAT(numbers, ElementsAre(2u));
        } else {
          EXPECT_TRUE(numbers.empty());
          EXPECT_EQ(stack.at("truncated"), true);
        }
      }
      EXPECT_THAT(run_tool({"report", place}).out,
                  testing::ContainsRegex("\n    #4 enter [^\n]*/made_code\\.c:[0-9]+ \\(by frame pointer\\)\n"));
    };
    expect_said(scratch / "mem");
    const std::string saved = scratch / "saved";
    ASSERT_TRUE(run_tool({"save", saved, scratch / "mem"}).exited_with(0));
    expect_said(saved);
    must({"rm", scratch / "mem/.ledger", saved});
    expect_said(scratch / "mem");
    must({"rm", "-r", scratch / "mem"});
  }
}

INSTANTIATE_TEST_SUITE_P(Linked, MadeCode, testing::Values("static", "static-pie", "pie", "preload"),
                         [](const testing::TestParamInfo<std::string>& info) { return case_name(info.param); });

// ---- The objects ----

// What malloc, calloc and free jump to by a table (lib/entry/hooks.cc), and these to each other: there they know their
// caller, as no frame of theirs is in between.
bool is_jumped_to(const std::string& function) {
  for (const char* name : {"malloc_and_tell", "malloc_of_sample", "calloc_and_tell", "calloc_of_sample",
                           "free_recorded", "free_otherwise", "free_of_sample"}) {
    if (function.find(name) != std::string::npos) return true;
  }
  return false;
}

// The instructions of each hook, by its name: "mov %rsp,%rbp" as objdump writes them.
std::map<std::string, std::vector<std::string>> hooks_of(const std::string& object) {
  const Outcome outcome = run({{"objdump", "-d", "--no-show-raw-insn", object}, "", {}, "", 120});
  EXPECT_TRUE(outcome.exited_with(0)) << outcome.describe();
  std::map<std::string, std::vector<std::string>> hooks;
  std::vector<std::string>* hook = nullptr;
  for (const std::string& line : lines_of(outcome.out)) {
    const size_t name = line.find(" <");
    if (!line.empty() && line[0] == '0' && name != std::string::npos && line.back() == ':') {
      const std::string function = line.substr(name + 2, line.size() - name - 4);
      static const std::string family =
          " malloc calloc realloc reallocarray free free_sized free_aligned_sized aligned_alloc memalign "
          "posix_memalign "
          "valloc pvalloc ";
      const bool is_operator = function.rfind("_Zn", 0) == 0 || function.rfind("_Zd", 0) == 0;
      const bool is_hook =
          is_operator || is_jumped_to(function) || family.find(" " + function + " ") != std::string::npos;
      hook = is_hook ? &hooks[function] : nullptr;
    } else if (hook != nullptr && line.find('\t') != std::string::npos) {
      std::string text = line.substr(line.find('\t') + 1);
      while (text.find("  ") != std::string::npos) text.erase(text.find("  "), 1);
      // (objdump before binutils 2.37 says of what size they are.)
      for (const std::string instruction : {"jmp", "call", "push"}) {
        if (text.rfind(instruction + "q ", 0) == 0) text.erase(instruction.size(), 1);
      }
      hook->push_back(text);
    }
  }
  return hooks;
}

std::ptrdiff_t count_of(const std::vector<std::string>& instructions, const std::string& kind) {
  return std::count_if(instructions.begin(), instructions.end(),
                       [&kind](const std::string& text) { return text.rfind(kind, 0) == 0; });
}

// The caller's rbp lies where rbp points, for as long as the hook has its frame, and it may have none any more when
// what it calls begins. So a hook that says where its frame is has read that word: before it hands the address on, and
// before it lets the frame go.
void expect_read_in_the_hook(const std::string& object, size_t least) {
  SCOPED_TRACE(object);
  const auto hooks = hooks_of(object);
  for (const char* name : {"malloc", "calloc", "free"}) {
    SCOPED_TRACE(name);
    const auto& instructions = hooks.at(name);
    EXPECT_EQ(count_of(instructions, "call"), 0);
    EXPECT_EQ(count_of(instructions, "jmp *"), 1);
  }
  size_t walks = 0, jumps = 0;
  for (const auto& [name, instructions] : hooks) {
    SCOPED_TRACE(name);
    bool is_read = false, is_said = false;
    for (const std::string& text : instructions) {
      const bool is_load = text.rfind("mov (%rbp),%", 0) == 0 || text.rfind("mov 0x0(%rbp),%", 0) == 0 ||
                           text.rfind("push 0x0(%rbp)", 0) == 0 || text.rfind("push (%rbp)", 0) == 0;
      const bool is_call = text.rfind("call", 0) == 0 || text.rfind("jmp", 0) == 0;
      const std::string target = text.substr(0, text.find(" #"));
      if (target.find("+0x") == std::string::npos && is_jumped_to(target)) {
        EXPECT_EQ(target[0], 'j') << text;
        ++jumps;
      }
      is_read |= is_load;
      if (text.rfind("mov %rbp,%", 0) == 0 && text != "mov %rbp,%rsp") is_said = true;
      if (is_call && is_said) {
        EXPECT_TRUE(is_read) << text;
      }
    }
    walks += is_read ? 1 : 0;
  }
  // A compiler that writes this in other words would make it a test of nothing.
  EXPECT_GE(walks, least);
  EXPECT_GE(jumps, 3u);
}

TEST(Hooks, ReadWhatTheWalkBeginsWith) {
  for (const bool is_static : {false, true}) expect_read_in_the_hook(object_by("gcc", is_static), 10);
  expect_read_in_the_hook(object_by("clang", true), 10);
  if (kLongTests) expect_read_in_the_hook(object_by("clang", false), 10);
  expect_read_in_the_hook(kLibrary, 30);
}

}  // namespace
}  // namespace leakdir_test
