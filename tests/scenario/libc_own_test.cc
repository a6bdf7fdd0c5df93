// SPDX-License-Identifier: BSL-1.0
//
// What libc, the dynamic loader and the C++ runtime keep for themselves is never listed, however the program ended;
// what they hand to the program is. The truth is by construction: libc_calls and libc_calls_cxx give back all that they
// were given, libc_gives nothing.
//
// In every run: all calls in one process, for each linking and each end. With LONG_TESTS each call in a process of its
// own.

#include <gtest/gtest.h>
#include <signal.h>

#include <algorithm>
#include <fstream>
#include <sstream>
#include <tuple>

#include "report_json.hh"
#include "target.hh"

namespace leakdir_test {
namespace {

using Words = std::vector<std::string>;

const Words kKinds = {"static", "pie", "preload"};
const Words kEnds = {"return", "threads", "_exit", "abort", "killed", "runs"};

bool ended_as_told(const Outcome& outcome, const std::string& end) {
  if (end == "abort") return outcome.killed_by(SIGABRT);
  if (end == "killed") return outcome.killed_by(SIGKILL);
  return outcome.exited_with(0);
}

// What is listed that is nobody's leak, and what is called a bad free that is none; empty, as it should be.
std::string phantoms_in(const std::string& dir) {
  const nlohmann::json all = report(dir);
  std::ostringstream text;
  for (const auto& stack : all["stacks"]) {
    text << stack["blocks"] << " blocks, " << stack["bytes"] << " bytes:";
    for (const auto& frame : stack["frames"]) text << " < " << frame.value("function", "?");
    text << "\n";
  }
  for (const auto& bad : all["bad_frees"]) text << bad["kind"] << "\n";
  return text.str();
}

// The words say what libc is to be asked for; then the program ends as told.
std::string phantoms_of(const std::string& program, const std::string& end, const Words& calls) {
  const Scratch scratch;
  RunOptions options;
  options.arguments = {end};
  options.arguments.insert(options.arguments.end(), calls.begin(), calls.end());
  const Command command = command_for(scratch, program, options);
  if (end == "runs") {
    const Process process(command);
    if (!process.says("ready")) return "it did not get to its end: " + process.output_so_far();
    return phantoms_in(scratch / "mem");
  }
  const Outcome outcome = run(command);
  if (!ended_as_told(outcome, end)) return outcome.describe();
  return phantoms_in(scratch / "mem");
}

Words all_calls() {
  const Scratch scratch;
  Words names = lines_of(run_in(scratch, target("libc_calls", "none"), {"", {"list"}, {}, 60}).out);
  std::reverse(names.begin(), names.end());  // as they stand in the source
  return names;
}

bool work_without_leakdir(const Words& calls, const std::string& kind, int seconds = 60) {
  const Scratch scratch;
  const std::string bare = kind == "static" ? "none-static" : "none";
  Words arguments = {"return"};
  arguments.insert(arguments.end(), calls.begin(), calls.end());
  return run_in(scratch, target("libc_calls", bare), {"", arguments, {}, seconds}).exited_with(0);
}

// Of a static program glibc loads NSS modules that may crash it (libnss_systemd). Upon glibc 2.43 what converts
// characters does so, too, once some of the other calls were made: what the modules were given by one malloc is given
// back by the other. So the first call that does not go together with those before it is left out, and so on.
Words calls_that_work(const std::string& kind) {
  static std::map<std::string, Words> known;
  Words& calls = known[kind];
  if (!calls.empty()) return calls;
  for (const std::string& call : all_calls()) {
    if (work_without_leakdir({call}, kind)) calls.push_back(call);
  }
  while (!work_without_leakdir(calls, kind, 20)) {
    std::size_t work = 0, fail = calls.size();
    while (fail - work > 1) {
      const std::size_t middle = work + (fail - work) / 2;
      const Words first(calls.begin(), calls.begin() + static_cast<std::ptrdiff_t>(middle));
      (work_without_leakdir(first, kind, 20) ? work : fail) = middle;
    }
    calls.erase(calls.begin() + static_cast<std::ptrdiff_t>(work));
  }
  return calls;
}

using KindAndEnd = std::tuple<std::string, std::string>;
std::string test_name(const testing::TestParamInfo<KindAndEnd>& info) {
  return case_name(std::get<0>(info.param) + "_" + std::get<1>(info.param));
}

class LibcsOwn : public testing::TestWithParam<KindAndEnd> {
 protected:
  std::string kind_ = std::get<0>(GetParam()), end_ = std::get<1>(GetParam());
};

TEST_P(LibcsOwn, IsNotListedAfterAllCalls) {
  const Words calls = calls_that_work(kind_);
  ASSERT_GT(calls.size(), 150u);
  EXPECT_EQ(phantoms_of(target("libc_calls", kind_), end_, calls), "");
}

TEST_P(LibcsOwn, IsNotListedInCxx) { EXPECT_EQ(phantoms_of(target("libc_calls_cxx", kind_), end_, {}), ""); }

#ifdef LONG_TESTS
TEST_P(LibcsOwn, IsNotListedAfterAnyCall) {
  for (const std::string& call : calls_that_work(kind_)) {
    EXPECT_EQ(phantoms_of(target("libc_calls", kind_), end_, {call}), "") << call;
  }
}
#endif

INSTANTIATE_TEST_SUITE_P(Ends, LibcsOwn, testing::Combine(testing::ValuesIn(kKinds), testing::ValuesIn(kEnds)),
                         test_name);

class LeftByQuickExit : public testing::TestWithParam<std::string> {};
TEST_P(LeftByQuickExit, ShowsNothingOfTheCxxRuntime) {
  EXPECT_EQ(phantoms_of(target("libc_calls_cxx", GetParam()), "quick_exit", {}), "");
}
INSTANTIATE_TEST_SUITE_P(Kinds, LeftByQuickExit, testing::ValuesIn(kKinds));

// The unwinder's tables, sorted at its first look, lay in the heap of a plain static program.
class HeapThatIsDestroyed : public testing::TestWithParam<KindAndEnd> {};
TEST_P(HeapThatIsDestroyed, HoldsNothingThatLeakdirReads) {
  const auto& [kind, first] = GetParam();
  const Scratch scratch;
  const Outcome outcome = run_in(scratch, target("overruns", kind), {"", {first}, {}, 60});
  ASSERT_TRUE(outcome.exited_with(0)) << outcome.describe();
  expect_exactly(expected_by(outcome.out), records_in(scratch / "mem"));
}
INSTANTIATE_TEST_SUITE_P(Kinds, HeapThatIsDestroyed,
                         testing::Combine(testing::Values("static", "pie"), testing::Values("not", "first")),
                         test_name);

// Nothing is allocated before: it is the program that makes libgcc look for the first time, which allocates in the
// midst.
TEST(FirstUnwind, MayBeTheProgramsOwn) {
  for (const std::string& kind : kKinds) {
    EXPECT_EQ(phantoms_of(target("libc_calls", kind), "return", {"backtrace"}), "") << kind;
    EXPECT_EQ(phantoms_of(target("libc_calls", kind), "return", {"pthread_cancel"}), "") << kind;  // from a handler
  }
}

// Each alone: nothing has made libc do before what it does once (read where names are to be looked up, load what
// converts characters, start its threads).
TEST(FirstCall, MayBeOne) {
  for (const char* const call : {"getaddrinfo_without_service", "wide_utf8", "lio_listio", "wcrtomb", "mbsrtowcs"}) {
    for (const std::string& kind : kKinds) {
      if (!work_without_leakdir({call}, kind)) continue;
      for (const std::string end : {"threads", "killed"}) {
        EXPECT_EQ(phantoms_of(target("libc_calls", kind), end, {call}), "") << call << ", " << kind << ", " << end;
      }
    }
  }
}

class GivenByLibc : public testing::TestWithParam<KindAndEnd> {
 protected:
  std::string kind_ = std::get<0>(GetParam()), end_ = std::get<1>(GetParam());
  Scratch scratch_;

  // All that the program says it was given must be listed. Returns how often it says this name; empty: any.
  unsigned expect_all_listed(const Outcome& outcome, const std::string& wanted) {
    EXPECT_TRUE(ended_as_told(outcome, end_)) << outcome.describe();
    const std::vector<std::uint64_t> listed = addresses_in(report(scratch_ / "mem"));
    unsigned given = 0;
    for (const std::string& line : lines_of(outcome.out)) {
      std::istringstream words(line);
      std::string word, name, address;
      if (!(words >> word >> name >> address) || word != "given") continue;
      given += wanted.empty() || name == wanted;
      EXPECT_TRUE(std::binary_search(listed.begin(), listed.end(), std::stoull(address, nullptr, 16)))
          << name << " is missing";
    }
    return given;
  }
};

TEST_P(GivenByLibc, IsListed) {
  EXPECT_GE(expect_all_listed(run_in(scratch_, target("libc_gives", kind_), {"", {end_}, {}, 60}), ""), 25u);
}

// What was read of the resolver's configuration is libc's own. But at exit libc can be asked, and then only a state
// that the program has not closed still has it. (The static one has loaded a library: then libc is not asked.)
TEST_P(GivenByLibc, IsThePartInTheConfigurationOnceLibcIsAsked) {
  run_in(scratch_, target("libc_gives", kind_), {"", {end_}, {}, 60});
  const nlohmann::json all = report(scratch_ / "mem");
  unsigned blocks = 0;
  for (const auto& stack : all["stacks"]) {
    for (const auto& frame : stack["frames"]) {
      if (frame.value("function", "").find("res_ninit") != std::string::npos) blocks += stack["blocks"].get<unsigned>();
    }
  }
  EXPECT_EQ(blocks, end_ == "return" && kind_ != "static" ? 1u : 0u);
}

// Each state has copies of its own of such addresses.
TEST_P(GivenByLibc, AreTheAddressesOfNameServers) {
  if (geteuid() != 0 || !run({{"unshare", "--mount", "true"}, "", {}, "", 60}).exited_with(0))
    GTEST_SKIP() << "no mount namespace to be had";
  std::ofstream(scratch_ / "conf") << "nameserver ::1\nnameserver 127.0.0.1\nnameserver ::1\n";
  Command command = command_for(scratch_, target("libc_gives", kind_), {"", {end_}, {}, 60});
  const Words before = {"unshare",
                        "--mount",
                        "sh",
                        "-ec",
                        "mount --bind conf /etc/resolv.conf; exec \"$@\"",
                        "sh",
                        "env",
                        "LD_PRELOAD=" + command.env["LD_PRELOAD"]};
  command.env.erase("LD_PRELOAD");
  command.argv.insert(command.argv.begin(), before.begin(), before.end());
  EXPECT_EQ(expect_all_listed(run(command), "res_ninit"), 2u);
}

INSTANTIATE_TEST_SUITE_P(Ends, GivenByLibc,
                         testing::Combine(testing::ValuesIn(kKinds), testing::Values("return", "killed")), test_name);

}  // namespace
}  // namespace leakdir_test
