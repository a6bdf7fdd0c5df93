// SPDX-License-Identifier: BSL-1.0
//
// SIGKILL at random instants, many times, in each mode and with several threads, while record files are made and while
// `leakdir recover` makes them; and the kernel's own kill for want of memory. LEAKDIR_KILLS=NUMBER sets how many.

#include <gtest/gtest.h>
#include <signal.h>
#include <sys/wait.h>
#include <unistd.h>

#include <cstdlib>
#include <filesystem>
#include <fstream>
#include <optional>
#include <random>

#include "base/error.hh"
#include "load/load_ledger.hh"
#include "load/recover.hh"
#include "paths.hh"
#include "target.hh"
#include "truth.hh"

namespace leakdir_test {
namespace {

using leakdir::tool::Error;
using leakdir::tool::load_ledger_file;
using leakdir::tool::Snapshot;

int kills_in_all() {
  const char* wanted = std::getenv("LEAKDIR_KILLS");
#ifdef LONG_TESTS
  return wanted != nullptr ? std::atoi(wanted) : 10000;
#else
  return wanted != nullptr ? std::atoi(wanted) : 420;
#endif
}

struct How {
  const char* kind;
  const char* write;
  const char* threads;
};
void PrintTo(const How& how, std::ostream* out) { *out << how.kind << " " << how.write << " " << how.threads; }

const How kWays[] = {{"static", "behind", "1"}, {"static", "sync", "1"}, {"static", "exit", "4"},
                     {"pie", "behind", "4"},    {"pie", "sync", "4"},    {"pie", "exit", "1"}};

// The time in a record that the program itself wrote may differ a little: its clock was known less well then.
std::string without_time(const std::string& record) {
  const std::size_t line = record.find("\ntime: ");
  return line == std::string::npos ? record : record.substr(0, line) + record.substr(record.find('\n', line + 1));
}

std::string program(const std::string& kind) { return std::string(kCrashPrograms) + "/acknowledges." + kind; }

class Killed : public testing::TestWithParam<How> {
 protected:
  int random_below(int limit) { return static_cast<int>(random_() % static_cast<unsigned>(limit)); }

  // The ledger of the program after its death; nothing when it had not started to record.
  std::optional<Snapshot> kill_once(const Scratch& scratch, const SharedBoard& board, bool wait_for_start) {
    const How& how = GetParam();
    const std::string options = std::string("delay_ms=1:write=") + how.write;
    Process process(command_for(scratch, program(how.kind), {options, {"board", how.threads, "0"}, {}, 60}));
    for (int i = 0; wait_for_start && i < 100000 && !board.has_started(); ++i) usleep(100);
    usleep(static_cast<unsigned>(random_below(3000)));
    process.kill(SIGKILL);
    EXPECT_TRUE(process.wait().killed_by(SIGKILL));
    try {
      return load_ledger_file(scratch / "mem/.ledger");
    } catch (const Error& error) {
      EXPECT_FALSE(board.has_started()) << error.what();
      return {};
    }
  }

  // Kills a recovery, some times; then each live block has its file, and there is no other.
  void recover(const Snapshot& snapshot, const std::string& dir) {
    for (int i = 0; i < 3; ++i) {
      const pid_t child = fork();
      if (child == 0) {
        recover_records(snapshot, dir, 100000);
        _exit(0);
      }
      usleep(static_cast<unsigned>(random_below(800)));
      kill(child, SIGKILL);
      waitpid(child, nullptr, 0);
    }
    recover_records(snapshot, dir, 100000);
    std::size_t wanted = 0;
    for (const leakdir::tool::Block& block : snapshot.blocks) {
      if ((block.flags & leakdir::ledger::kFlagLibc) != 0) continue;
      ++wanted;
      char name[40];
      std::snprintf(name, sizeof name, "/0x%llx.mem", static_cast<unsigned long long>(block.address));
      ASSERT_TRUE(exists(dir + name)) << name;
      EXPECT_EQ(without_time(read_file(dir + name)), without_time(record_text(snapshot, block)));
    }
    EXPECT_EQ(names_in(dir, ".mem").size(), wanted);
  }

  std::mt19937 random_{20261123};
};

TEST_P(Killed, AtAnyInstantLosesNothingAndShowsNothingElse) {
  const int kills = kills_in_all() / static_cast<int>(std::size(kWays));
  std::uint64_t calls = 0, blocks = 0;
  for (int i = 0; i < kills && !HasFailure(); ++i) {
    SCOPED_TRACE("kill " + std::to_string(i));
    const Scratch scratch(in_memory());
    const SharedBoard board(scratch / "board");
    const std::optional<Snapshot> snapshot = kill_once(scratch, board, i % 8 != 0);
    if (!snapshot) continue;
    if (snapshot->state != leakdir::tool::State::kKilled) ADD_FAILURE() << "not known as killed";
    EXPECT_EQ(difference(board.now(), *snapshot), "");
    const bool is_sync = std::string(GetParam().write) == "sync";
    EXPECT_EQ(is_sync ? difference_of_files(board.now(), scratch / "mem") : "", "");
    if (i % 10 == 1) recover(*snapshot, scratch / "mem");
    for (const BoardThread& thread : board.now().threads) calls += thread.calls;
    blocks += snapshot->blocks.size();
  }
  EXPECT_GT(blocks, static_cast<std::uint64_t>(kills));
  RecordProperty("kills", kills);
  std::printf("%d kills, %llu calls before them, %llu blocks found\n", kills, static_cast<unsigned long long>(calls),
              static_cast<unsigned long long>(blocks));
}

INSTANTIATE_TEST_SUITE_P(Program, Killed, testing::ValuesIn(kWays), [](const testing::TestParamInfo<How>& info) {
  return std::string(info.param.kind) + "_" + info.param.write + "_" + info.param.threads;
});

// A group of processes with little memory, in whichever version of control groups there is.
class LittleMemory {
 public:
  LittleMemory() {
    std::ifstream groups("/proc/self/cgroup");
    for (std::string line; std::getline(groups, line);) {
      const std::string path = line.substr(line.rfind(':') + 1);
      if (line.find(":memory:") != std::string::npos)
        make("/sys/fs/cgroup/memory" + path, "memory.limit_in_bytes", "memory.swappiness");
      if (line.rfind("0::", 0) == 0) make("/sys/fs/cgroup" + path, "memory.max", "memory.swap.max");
    }
  }
  ~LittleMemory() {
    if (!path_.empty()) rmdir(path_.c_str());
  }
  LittleMemory(const LittleMemory&) = delete;
  LittleMemory& operator=(const LittleMemory&) = delete;
  const std::string& path() const { return path_; }  // empty: not to be had

 private:
  void make(const std::string& above, const std::string& limit, const std::string& swap) {
    if (!path_.empty()) return;
    const std::string path = above + "/leakdir-test-" + std::to_string(getpid());
    std::error_code error;
    if (!std::filesystem::create_directory(path, error)) return;
    path_ = path;
    std::ofstream(path + "/" + swap) << 0;
    std::ofstream file(path + "/" + limit);
    if (file << 48 * 1024 * 1024 && file.flush()) return;
    rmdir(path.c_str());
    path_.clear();
  }
  std::string path_;
};

TEST(KilledForWantOfMemory, LosesNothing) {
  const LittleMemory group;
  if (group.path().empty()) GTEST_SKIP() << "no memory control group to be had";
  for (const char* kind : {"static", "pie"}) {
    const Scratch scratch;
    const SharedBoard board(scratch / "board");
    Command command = command_for(scratch, "sh", {"write=exit", {}, {}, 60});
    command.argv.insert(command.argv.end(), {"-ec", "echo $$ > " + group.path() + "/cgroup.procs; exec \"$@\"", "sh",
                                             program(kind), "board", "1", "0", "hog"});
    const Outcome outcome = run(command);
    ASSERT_TRUE(outcome.killed_by(SIGKILL)) << outcome.describe();
    std::size_t found = 0;
    for (const leakdir::tool::Block& block : load_ledger_file(scratch / "mem/.ledger").blocks)
      found += block.size == kHogSize;
    EXPECT_GT(board.now().hogged, 100u);
    EXPECT_GE(found, board.now().hogged);
    EXPECT_LE(found, board.now().hogged + 1);
  }
}

}  // namespace
}  // namespace leakdir_test
