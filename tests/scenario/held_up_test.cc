// SPDX-License-Identifier: BSL-1.0
//
// A system call of leakdir's own takes long, or never ends. Whatever allocates meanwhile, on another thread, in a
// handler on the same one or in another process, is not held up by it.

#include <gtest/gtest.h>
#include <signal.h>
#include <unistd.h>

#include "report_json.hh"
#include "target.hh"

namespace leakdir_test {
namespace {

class HeldUp : public testing::TestWithParam<std::string> {
 protected:
  Command command(const std::string& how, const std::string& options, int timeout_seconds = 60) const {
    return command_for(scratch_, target("held_up", GetParam()), {options, {how}, {}, timeout_seconds});
  }
  std::vector<std::uint64_t> sizes(const std::string& dir) const { return sizes_of(records_in(scratch_ / dir)); }
  Scratch scratch_;
};

// It would wait for itself: seconds, for each time that the ledger grows.
TEST_P(HeldUp, GrowthLetsAHandlerAllocate) {
  const Outcome outcome = run(command("growth", "write=exit"));
  ASSERT_TRUE(outcome.exited_with(0)) << outcome.describe();
  EXPECT_GE(totals_of(report(scratch_ / "mem")).blocks, 300001u);
}

// Seconds once, and not for each block that has no room.
TEST_P(HeldUp, GrowthLetsOtherThreadsAllocate) {
  const Outcome outcome = run(command("hangs", "write=exit"));
  EXPECT_TRUE(outcome.exited_with(0)) << outcome.describe();
}

// It would wait for itself here as well. The files that are not there yet are not made any more; the ledger has all.
TEST_P(HeldUp, FlushLetsAHandlerEndTheProgram) {
  const Outcome outcome = run(command("flush", "write=exit", 8));
  EXPECT_TRUE(outcome.exited_with(7)) << outcome.describe();
  const nlohmann::json json = report(scratch_ / "mem");
  EXPECT_EQ(json.at("state"), "exited");
  EXPECT_EQ(totals_of(json).bytes, 8201u);
}

// The directory of a child that is still starting is in use, though its ledger is none yet.
TEST_P(HeldUp, StartOfAChildKeepsItsDirectory) {
  Process program(command("child", ""));
  std::string child;
  for (int i = 0; i < 50000 && child.empty(); ++i) {
    child = said(program.output_so_far(), "held", "pid");
    usleep(1000);
  }
  ASSERT_FALSE(child.empty());
  run_in(scratch_, target("leaks", GetParam()), {"", {"3"}, {}, 60});
  EXPECT_EQ(sizes("mem").size(), 3u);
  EXPECT_TRUE(exists(scratch_ / "mem/previous/.ledger"));
  write_file(scratch_ / "go", "");
  for (int i = 0; i < 50000 && kill(std::stoi(child), 0) == 0; ++i) usleep(1000);
  EXPECT_EQ(sizes("mem/" + child), (std::vector<std::uint64_t>{8203, 8205}));
  EXPECT_FALSE(exists(scratch_ / "mem/previous/" + child));
  EXPECT_TRUE(program.wait().exited_with(0));
}

INSTANTIATE_TEST_SUITE_P(Linked, HeldUp, testing::Values("static", "pie"));

}  // namespace
}  // namespace leakdir_test
