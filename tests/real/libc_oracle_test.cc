// SPDX-License-Identifier: BSL-1.0
//
// The oracle for what is libc's own: what Valgrind finds in use after a use of libc (targets/libc_calls*.h), without
// leakdir, is in blocks and bytes what leakdir counts with libc=1. So nothing that lives is missing, and what
// scenario/libc_own_test.cc finds not listed with libc=0 is told from the program's and not overlooked.
//
// Valgrind tells libc's own by asking libc (__libc_freeres), which does not know all that it keeps: after some uses
// Valgrind lists blocks of libc's that leakdir does not. They are those of kNotKnownToLibc; what any other use leaves
// libc gives back when it is asked.
//
// In every run: many uses in one process. With LONG_TESTS at three ends, and each in a process of its own.

#include <gtest/gtest.h>

#include <algorithm>
#include <set>

#include "long_tests.hh"
#include "paths.hh"
#include "report_json.hh"
#include "target.hh"
#include "valgrinds_word.hh"

namespace leakdir_test {
namespace {

// Where the two programs are not the same:
const std::set<std::string> kNotCompared = {
    // libgcc_s is loaded by libc here, and belongs to libleakdir.so there.
    "backtrace", "pthread_exit", "pthread_cancel",
    // The loader follows a RUNPATH, and notes what each directory has for the processor: Valgrind's can do less.
    "iconv_two", "iconv_many",
    // A thread that is there has 16 bytes more in its block, for leakdir's own thread-local data; how many are there
    // still depends on how far the threads are.
    "pthread_create", "pthread_detach", "pthread_setspecific", "strerror_in_thread", "timer_create", "aio_read",
    "lio_listio", "getaddrinfo_a", "names_in_thread", "res_query_in_thread", "locale_in_thread", "iconv_in_thread",
    "dlopen_in_thread", "leave_in_thread", "fork_in_thread", "pthread_getattr_in_thread", "many_threads",
    "pthread_attr_setstack", "pthread_attr_setstacksize", "thrd_create", "thrd_detach", "timer_never_armed",
    "mq_notify", "mq_notify_never_sent", "getaddrinfo_a_notifies"};

const std::set<std::string> kNotKnownToLibc = {
    // Buffers of standard streams that have become wide, and the steps of a conversion that a stream has had.
    "ccs", "wide_stderr",
    // NSS: a module that was loaded (of libnss_systemd the names that are not in a file are asked), and what is kept of
    // a database that somebody went through.
    "getpwnam_unknown", "getpwent", "getpwent_left_open", "getgrgid_unknown", "getgrent", "getgrouplist", "initgroups",
    "getspent", "gethostent", "getservent", "getservent_left_open", "getprotoent", "getnetent", "getrpcent",
    "getaliasent",
    // A block that is kept for the next call, or a name that was set.
    "getusershell_left_open", "utmpxname", "sgetspent", "sgetsgent", "getpass", "monstartup", "strerror_unknown",
    "strerror_l_unknown", "strsignal_unknown", "strsignal_realtime",
    // The expressions that say yes and no.
    "rpmatch", "locale_of_files",
    // Tables that have grown.
    "at_quick_exit", "tss_set"};

Words compared_calls() {
  const Scratch scratch;
  Words names = lines_of(run_in(scratch, target("libc_calls", "none"), {"", {"list"}, {}, 60}).out);
  std::reverse(names.begin(), names.end());  // as they stand in the source
  names.erase(
      std::remove_if(names.begin(), names.end(), [](const auto& name) { return kNotCompared.count(name) != 0; }),
      names.end());
  return names;
}

Words program_with(const std::string& end, const Words& calls) {
  Words program = {target("libc_calls", "none"), end};
  program.insert(program.end(), calls.begin(), calls.end());
  return program;
}

void expect_the_same(const Words& program) {
  const Scratch scratch;
  run(command_with_libcs_own(scratch, program));
  const ReportedBlocks ours = totals_of(report(scratch / "mem", {"--no-runtime-suppressions"}));
  EXPECT_EQ((Count{ours.blocks, ours.bytes}), in_use_by_valgrind(program));
}

class LibcOracle : public testing::TestWithParam<std::string> {};
TEST_P(LibcOracle, CountsTheSameAfterManyCalls) {
  const Words calls = compared_calls();
  ASSERT_GT(calls.size(), 250u);
  expect_the_same(program_with(GetParam(), calls));
}
INSTANTIATE_TEST_SUITE_P(Ends, LibcOracle,
                         testing::ValuesIn(kLongTests ? Words{"return", "_exit", "abort"} : Words{"return"}),
                         [](const auto& info) { return case_name(info.param); });

#ifdef LONG_TESTS
TEST(LibcOracle, CountsTheSameAfterAnyCall) {
  for (const std::string& call : compared_calls()) {
    SCOPED_TRACE(call);
    expect_the_same(program_with("return", {call}));
  }
}
TEST(LibcOracle, KnowsWhichCallsLeaveWhatLibcDoesNotKnow) {
  for (const std::string& call : compared_calls()) {
    SCOPED_TRACE(call);
    const Counts counts = by_valgrind(program_with("return", {call}), At::kExit);
    const bool is_left =
        std::any_of(counts.begin(), counts.end(), [](const auto& kind) { return kind.second.blocks != 0; });
    if (kNotKnownToLibc.count(call) == 0) {
      EXPECT_FALSE(is_left);
    }
  }
}
#endif

}  // namespace
}  // namespace leakdir_test
