// SPDX-License-Identifier: BSL-1.0
//
// SIGKILL at any instant loses nothing: the report shows every block that was live, and `recover` writes its file. As a
// user sees it, by the tool; tests/crash/ tries many more instants.

#include <fcntl.h>
#include <gtest/gtest.h>
#include <signal.h>
#include <sys/mman.h>
#include <unistd.h>

#include <map>
#include <random>
#include <set>

#include "../targets/busy_board.h"
#include "report_json.hh"
#include "target.hh"

namespace leakdir_test {
namespace {

constexpr int kKills = 80;  // at random instants, over all the tests of this file

// The board that the busy program shares with us; it stays as it was at the instant of the kill.
class Board {
 public:
  explicit Board(const std::string& path) {
    write_file(path, std::string(sizeof(BusyBoard), '\0'));
    const int fd = open(path.c_str(), O_RDWR | O_CLOEXEC);
    board_ = static_cast<BusyBoard*>(mmap(nullptr, sizeof(BusyBoard), PROT_READ | PROT_WRITE, MAP_SHARED, fd, 0));
    close(fd);
  }
  ~Board() { munmap(board_, sizeof(BusyBoard)); }

  bool started() const { return __atomic_load_n(&board_->started, __ATOMIC_SEQ_CST) != 0; }
  std::uint64_t operations() const {
    std::uint64_t sum = 0;
    for (const std::uint64_t& count : board_->operations) sum += __atomic_load_n(&count, __ATOMIC_SEQ_CST);
    return sum;
  }
  std::map<std::uint64_t, std::uint64_t> acknowledged() const {
    std::map<std::uint64_t, std::uint64_t> result;
    for (const auto& of_thread : board_->slots) {
      for (const BusySlot& slot : of_thread) {
        if (slot.address != 0) result[slot.address] = slot.size;
      }
    }
    return result;
  }

 private:
  BusyBoard* board_;
};

class Killed : public testing::TestWithParam<std::tuple<std::string, std::string>> {
 protected:
  // Runs the busy program and kills it some time after it started its work.
  void kill_at_random(const Scratch& scratch, const Board& board) {
    const auto& [kind, write] = GetParam();
    Process busy(command_for(scratch, target("busy", kind), {"write=" + write + ":delay_ms=5", {"board"}, {}, 60}));
    for (int i = 0; i < 5000 && !board.started(); ++i) usleep(1000);
    ASSERT_TRUE(board.started());
    usleep(static_cast<unsigned>(random_() % 25000));
    busy.kill(SIGKILL);
    ASSERT_TRUE(busy.wait().killed_by(SIGKILL));
  }

  void shows_what_was_live(const Scratch& scratch, const Board& board) {
    const std::map<std::uint64_t, std::uint64_t> acknowledged = board.acknowledged();
    const nlohmann::json json = report(scratch / "mem");
    EXPECT_EQ(json.at("state"), "killed");
    const std::vector<std::uint64_t> shown = addresses_in(json);
    const std::set<std::uint64_t> shown_set(shown.begin(), shown.end());
    EXPECT_EQ(shown_set.size(), shown.size()) << "a block is shown twice";
    size_t missing = 0, not_acknowledged = 0;
    for (const auto& [address, size] : acknowledged) missing += shown_set.count(address) == 0;
    for (const std::uint64_t address : shown) not_acknowledged += acknowledged.count(address) == 0;
    EXPECT_EQ(missing, 0u) << "of " << acknowledged.size() << " after " << board.operations() << " operations";
    EXPECT_LE(not_acknowledged, size_t{kBusyThreads}) << "each thread has at most one block in its hands";
  }

  void recovers_what_was_live(const Scratch& scratch, const Board& board) {
    const Outcome outcome = run_tool({"recover", scratch / "mem"});
    ASSERT_TRUE(outcome.exited_with(0)) << outcome.describe();
    std::map<std::uint64_t, std::uint64_t> recovered;
    for (const Record& record : records_in(scratch / "mem")) recovered[record.address] = record.size;
    for (const auto& [address, size] : board.acknowledged()) {
      ASSERT_EQ(recovered.count(address), 1u) << std::hex << address;
      EXPECT_EQ(recovered[address], size);
    }
    EXPECT_EQ(addresses_in(report(scratch / "mem")).size(), recovered.size());
  }
  std::mt19937 random_{20261123};
};

TEST_P(Killed, AtRandomInstantsLosesNoBlock) {
  for (int i = 0; i < kKills / 4 && !HasFailure(); ++i) {
    SCOPED_TRACE("kill " + std::to_string(i));
    const Scratch scratch;
    const Board board(scratch / "board");
    kill_at_random(scratch, board);
    shows_what_was_live(scratch, board);
    if (i % 5 == 0) recovers_what_was_live(scratch, board);
  }
}

INSTANTIATE_TEST_SUITE_P(Linked, Killed,
                         testing::Combine(testing::Values("static", "pie"), testing::Values("behind", "sync")),
                         [](const testing::TestParamInfo<Killed::ParamType>& info) {
                           return std::get<0>(info.param) + "_" + std::get<1>(info.param);
                         });

// It was killed before its main, or while leakdir itself started: there may be nothing to show, but never a crash or
// nonsense.
TEST(KilledWhileStarting, ReportAnswersWithoutFailing) {
  std::mt19937 random(7);
  for (int i = 0; i < 40 && !testing::Test::HasFailure(); ++i) {
    const Scratch scratch;
    const Board board(scratch / "board");
    Process busy(command_for(scratch, target("busy", i % 2 == 0 ? "static" : "pie"), {"", {"board"}, {}, 60}));
    usleep(static_cast<unsigned>(random() % 3000));
    busy.kill(SIGKILL);
    busy.wait();
    const Outcome outcome = run_tool({"report", "--format", "json", scratch / "mem"});
    EXPECT_TRUE(outcome.exited_with(0) || outcome.exited_with(1)) << outcome.describe();
    if (outcome.exited_with(1)) {
      EXPECT_EQ(lines_of(outcome.err).size(), 1u) << outcome.describe();
      EXPECT_EQ(board.operations(), 0u) << "it was at work, and there is no report: " << outcome.describe();
    } else {
      EXPECT_TRUE(nlohmann::json::accept(outcome.out));
    }
  }
}

struct End {
  const char* name;
  const char* state;
};

class Ended : public testing::TestWithParam<std::tuple<std::string, End>> {};

TEST_P(Ended, WithoutExitHandlersLosesNoBlock) {
  const auto& [kind, end] = GetParam();
  const Scratch scratch;
  const Outcome outcome = run_in(scratch, target("leaks", kind), {"", {"7", "0", end.name}, {}, 60});
  const nlohmann::json json = report(scratch / "mem");
  EXPECT_EQ(json.at("state"), end.state);
  EXPECT_EQ(totals_of(json).blocks, 7u) << outcome.describe();
  ASSERT_TRUE(run_tool({"recover", scratch / "mem"}).exited_with(0));
  expect_exactly(expected_by(outcome.out), records_in(scratch / "mem"));
}

INSTANTIATE_TEST_SUITE_P(Linked, Ended,
                         testing::Combine(testing::Values("static", "pie"),
                                          testing::Values(End{"_exit", "killed"}, End{"abort", "killed"},
                                                          End{"crash", "killed"})),
                         [](const testing::TestParamInfo<Ended::ParamType>& info) {
                           return std::get<0>(info.param) + "_" + std::get<1>(info.param).name;
                         });

TEST(Running, ProgramIsReportedWithoutStoppingIt) {
  const Scratch scratch;
  Process leaks(command_for(scratch, target("leaks", "static"), {"", {"3", "end"}, {}, 60}));
  leaks.says("leaked");
  const nlohmann::json json = report(scratch / "mem");
  EXPECT_EQ(json.at("state"), "running");
  EXPECT_EQ(json.at("pid"), leaks.pid());
  EXPECT_EQ(totals_of(json).blocks, 3u);
  write_file(scratch / "end", "");
  EXPECT_TRUE(leaks.wait().exited_with(0));
  EXPECT_EQ(report(scratch / "mem").at("state"), "exited");
}

}  // namespace
}  // namespace leakdir_test
