// SPDX-License-Identifier: BSL-1.0
//
// A reader at each instant that there is: a program is stepped instruction by instruction (ptrace), one thread or
// several that take turns by chance, and whenever a step has changed the ledger or the truth, the ledger is read as if
// the program had been killed there.

#include <fcntl.h>
#include <gtest/gtest.h>
#include <signal.h>
#include <sys/mman.h>
#include <sys/ptrace.h>
#include <sys/stat.h>
#include <sys/user.h>
#include <sys/wait.h>
#include <unistd.h>

#include <algorithm>
#include <cstring>
#include <optional>
#include <random>

#include "base/error.hh"
#include "load/load_ledger.hh"
#include "paths.hh"
#include "target.hh"
#include "truth.hh"

namespace leakdir_test {
namespace {

using leakdir::tool::Error;
using leakdir::tool::Snapshot;

// The ledger as it is, and as it was when it was last read.
class WatchedLedger {
 public:
  explicit WatchedLedger(const std::string& path) : path_(path) {}
  ~WatchedLedger() {
    if (mapping_ != nullptr) munmap(mapping_, kMost);
  }
  WatchedLedger(const WatchedLedger&) = delete;
  WatchedLedger& operator=(const WatchedLedger&) = delete;

  // Whether it has changed since the last call. False as long as there is none.
  bool has_changed() {
    if (mapping_ == nullptr && !open_it()) return false;
    const auto* header = reinterpret_cast<const leakdir::ledger::Header*>(mapping_);
    const std::size_t bytes = std::max<std::size_t>(header->file_bytes, leakdir::ledger::kHeaderBytes);
    if (bytes == seen_.size() && std::memcmp(seen_.data(), mapping_, bytes) == 0) return false;
    seen_.assign(mapping_, bytes);
    return true;
  }

  // As a reader finds it whose program was killed at the last call of has_changed().
  Snapshot read() const {
    leakdir::tool::LedgerSurroundings surroundings;
    surroundings.is_running = [](const leakdir::ledger::Header&) { return false; };
    return load_ledger(leakdir::tool::MemoryBytes(seen_), path_, surroundings);
  }

 private:
  static constexpr std::size_t kMost = 64 << 20;

  bool open_it() {
    const int fd = open(path_.c_str(), O_RDONLY | O_CLOEXEC);
    if (fd < 0) return false;
    struct stat status;
    if (fstat(fd, &status) == 0 && status.st_size >= static_cast<off_t>(leakdir::ledger::kHeaderBytes)) {
      void* mapping = mmap(nullptr, kMost, PROT_READ, MAP_SHARED, fd, 0);
      mapping_ = mapping == MAP_FAILED ? nullptr : static_cast<char*>(mapping);
    }
    close(fd);
    return mapping_ != nullptr;
  }

  std::string path_, seen_;
  char* mapping_ = nullptr;
};

// A traced program, whose threads run one instruction at a time.
class Stepped {
 public:
  Stepped(const Scratch& scratch, const std::vector<std::string>& argv, const std::string& options) {
    std::vector<char*> words;
    for (const std::string& word : argv) words.push_back(const_cast<char*>(word.c_str()));
    words.push_back(nullptr);
    pid_ = fork();
    if (pid_ == 0) {
      setenv("LEAKDIR_OPTIONS", options.c_str(), 1);
      if (chdir(scratch.path().c_str()) != 0 || ptrace(PTRACE_TRACEME, 0, 0, 0) != 0) _exit(120);
      execv(words[0], words.data());
      _exit(121);
    }
    int status = 0;
    waitpid(pid_, &status, __WALL);
    is_traced_ = WIFSTOPPED(status) && ptrace(PTRACE_SETOPTIONS, pid_, 0, PTRACE_O_EXITKILL) == 0;
    stopped_.push_back(pid_);
  }
  ~Stepped() {
    kill(pid_, SIGKILL);
    while (waitpid(-1, nullptr, __WALL) > 0) {
    }
  }
  Stepped(const Stepped&) = delete;
  Stepped& operator=(const Stepped&) = delete;

  bool is_traced() const { return is_traced_; }
  bool has_ended() const { return has_ended_; }

  // Up to the breakpoint that the program has. Threads made before (of leakdir's own) are left alone.
  bool run_to_mark() {
    int status = 0;
    ptrace(PTRACE_CONT, pid_, 0, 0);
    return waitpid(pid_, &status, __WALL) == pid_ && WIFSTOPPED(status) && WSTOPSIG(status) == SIGTRAP;
  }

  void take_new_threads_too() { ptrace(PTRACE_SETOPTIONS, pid_, 0, PTRACE_O_EXITKILL | PTRACE_O_TRACECLONE); }

  // One instruction of one thread. Threads that wait in the kernel are left there until they come back.
  void step(std::mt19937& random) {
    collect(-1, stopped_.empty());
    if (has_ended_ || stopped_.empty()) return;
    const std::size_t which = random() % stopped_.size();
    const pid_t thread = stopped_[which];
    const bool may_wait = threads_ > 1 && is_at_system_call(thread);
    stopped_.erase(stopped_.begin() + static_cast<long>(which));
    if (ptrace(PTRACE_SINGLESTEP, thread, 0, 0) != 0) return;
    if (!may_wait) {
      collect(thread, true);
      return;
    }
    for (int i = 0; i < kPatience && !collect(thread, false); ++i) usleep(20);
  }

 private:
  static constexpr int kPatience = 20;

  static bool is_at_system_call(pid_t thread) {
#if defined(__x86_64__)
    const long at = ptrace(PTRACE_PEEKUSER, thread, offsetof(user, regs.rip), 0);
    return (ptrace(PTRACE_PEEKTEXT, thread, at, 0) & 0xffff) == 0x050f;
#else
    return thread != 0;
#endif
  }

  // A thread, or -1 for any, that has stopped since. True when one has.
  bool collect(pid_t which, bool wait) {
    int status = 0;
    if (which == -1 && !wait && stopped_.size() == threads_) return false;
    const pid_t thread = waitpid(which, &status, __WALL | (wait ? 0 : WNOHANG));
    if (thread < 0) has_ended_ = true;
    if (thread <= 0) return false;
    if (WIFSTOPPED(status)) {
      stopped_.push_back(thread);
      if (status >> 8 == (SIGTRAP | PTRACE_EVENT_CLONE << 8)) ++threads_;
    } else if (thread == pid_) {
      has_ended_ = true;
    } else {
      --threads_;
    }
    return true;
  }

  pid_t pid_ = -1;
  bool is_traced_ = false, has_ended_ = false;
  std::vector<pid_t> stopped_;
  std::size_t threads_ = 1;
};

struct Way {
  const char* kind;
  const char* write;
  const char* threads;
  const char* calls;
  bool whole;  // from the first instruction to the last: start and exit too
};
void PrintTo(const Way& way, std::ostream* out) { *out << way.kind << " " << way.write << " " << way.threads; }

class EachInstruction : public testing::TestWithParam<Way> {};

TEST_P(EachInstruction, LeavesALedgerThatIsTrue) {
#if !defined(__x86_64__)
  GTEST_SKIP() << "the program has its breakpoint on x86-64 only";
#endif
  const Way& way = GetParam();
  const Scratch scratch(in_memory());
  const SharedBoard board(scratch / "board");
  std::vector<std::string> argv = {std::string(kCrashPrograms) + "/acknowledges." + way.kind, "board", way.threads,
                                   way.calls};
  if (!way.whole) argv.push_back("marked");
  Stepped program(scratch, argv, std::string("write=") + way.write);
  if (!program.is_traced()) GTEST_SKIP() << "ptrace is not allowed";
  ASSERT_TRUE(way.whole || program.run_to_mark());
  program.take_new_threads_too();

  std::mt19937 random(20261123);
  WatchedLedger ledger(scratch / "mem/.ledger");
  Board last = {};
  long steps = 0, readings = 0;
  for (; !program.has_ended() && (way.whole || board.now().ended == 0); ++steps) {
    program.step(random);
    const bool truth_has_changed = std::memcmp(&last, &board.now(), sizeof last) != 0;
    if (!ledger.has_changed() && !truth_has_changed) continue;
    last = board.now();
    ++readings;
    try {
      ASSERT_EQ(difference(last, ledger.read()), "") << "after " << steps << " steps";
    } catch (const Error& error) {
      ASSERT_EQ(last.started, 0u) << error.what();
    }
  }
  std::printf("%ld steps, the ledger read %ld times\n", steps, readings);
  EXPECT_EQ(board.now().ended, 1u);
  EXPECT_GT(readings, 4 * std::atol(way.calls));
}

#ifdef LONG_TESTS
const Way kWays[] = {{"static", "exit", "1", "100", true},    {"pie", "exit", "1", "30", true},
                     {"static", "sync", "1", "30", true},     {"static", "behind", "1", "30", true},
                     {"static", "exit", "2", "300", false},   {"pie", "exit", "4", "100", false},
                     {"static", "behind", "3", "100", false}, {"pie", "sync", "3", "60", false}};
#else
const Way kWays[] = {{"static", "exit", "1", "25", false}, {"pie", "exit", "3", "5", false}};
#endif

INSTANTIATE_TEST_SUITE_P(Of, EachInstruction, testing::ValuesIn(kWays), [](const testing::TestParamInfo<Way>& info) {
  return std::string(info.param.kind) + "_" + info.param.write + "_" + info.param.threads;
});

}  // namespace
}  // namespace leakdir_test
