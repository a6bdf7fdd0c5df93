// SPDX-License-Identifier: BSL-1.0
//
// Two programs under mixed load: one lives from the start to the end, the other is killed or ended now and then and
// started again. Meanwhile recording is paused and resumed, and their disk is full for a while. No block may be missing
// or wrong, no descriptor left over, nothing may grow. SOAK_SECONDS says for how long, SOAK_SEED in which order.

#include <fcntl.h>
#include <gtest/gtest.h>
#include <sched.h>
#include <sys/mount.h>
#include <time.h>
#include <unistd.h>

#include <algorithm>
#include <cstdio>
#include <cstdlib>
#include <filesystem>
#include <functional>
#include <random>
#include <vector>

#include "scratch_directory.hh"
#include "soaked.hh"

namespace leakdir_test {
namespace {

unsigned setting(const char* name, unsigned otherwise) {
  const char* text = std::getenv(name);
  return text == nullptr ? otherwise : static_cast<unsigned>(std::atoi(text));
}

// A small file system of our own that nobody else sees. Where we may not have one, the disk is never full.
class Disk {
 public:
  explicit Disk(const std::string& path) : path_(path) {
    std::filesystem::create_directories(path_);
    is_small_ = unshare(CLONE_NEWNS) == 0 && mount("none", "/", nullptr, MS_REC | MS_PRIVATE, nullptr) == 0 &&
                mount("soak", path_.c_str(), "tmpfs", 0, ("size=" + std::to_string(kBytes)).c_str()) == 0;
  }
  ~Disk() {
    if (is_small_) umount2(path_.c_str(), MNT_DETACH);
  }
  Disk(const Disk&) = delete;
  Disk& operator=(const Disk&) = delete;

  bool is_small() const { return is_small_; }
  void fill() const {
    const int fd = open(ballast().c_str(), O_WRONLY | O_CREAT | O_CLOEXEC, 0600);
    const std::string bytes(4096, 'x');
    std::size_t written = 0;
    while (written < kBytes && write(fd, bytes.data(), bytes.size()) > 0) written += bytes.size();
    close(fd);
    ASSERT_LT(written, kBytes) << "somebody has removed " << path_ << ", and the disk of all was about to be filled";
  }
  void make_room() const { unlink(ballast().c_str()); }

 private:
  static constexpr std::size_t kBytes = 512 << 20;

  std::string ballast() const { return path_ + "/ballast"; }
  std::string path_;
  bool is_small_;
};

class Soak : public testing::Test {
 protected:
  Soak()
      : disk_(scratch_ / "disk"),
        lasting_("static", scratch_ / "disk/lasting"),
        mortal_("pie", scratch_ / "disk/mortal") {}

  unsigned random(unsigned below) { return static_cast<unsigned>(random_() % below); }
  void let_work() { usleep(5000 + random(60000)); }

  void pause_and_resume(Soaked& program) {
    program.pause();
    let_work();
    program.check_while_held(true);
    let_work();
    program.resume();
  }

  void fill_the_disk() {
    if (!disk_.is_small()) return;
    for (Soaked* program : {&lasting_, &mortal_}) program->enter(kSoakUnsure);
    disk_.fill();
    let_work();
    for (Soaked* program : {&lasting_, &mortal_}) program->check_while_held(false);
    disk_.make_room();
    for (Soaked* program : {&lasting_, &mortal_}) program->enter(kSoakRecorded);
    ++times_full_;
  }

  void kill() {
    mortal_.kill_and_check();
    mortal_.start();
    ++kills_;
  }

  void end() {
    mortal_.end_and_check();
    mortal_.start();
    ++ends_;
  }

  // Each once, in a new order each time.
  void do_everything() {
    std::vector<std::pair<const char*, std::function<void()>>> deeds = {
        {"pause and resume", [&] { pause_and_resume(lasting_); }},
        {"pause and resume the mortal", [&] { pause_and_resume(mortal_); }},
        {"full disk", [&] { fill_the_disk(); }},
        {"hold", [&] { lasting_.check_while_held(true); }},
        {"kill", [&] { kill(); }},
        {"end", [&] { end(); }}};
    std::shuffle(deeds.begin(), deeds.end(), random_);
    for (const auto& [name, deed] : deeds) {
      if (HasFailure()) return;
      done_.push_back(name);
      if (done_.size() > 12) done_.erase(done_.begin());
      SCOPED_TRACE(testing::PrintToString(done_));
      deed();
      let_work();
      for (Soaked* program : {&lasting_, &mortal_}) program->check_children();
    }
  }

  void say(double seconds) const {
    const Figures now = lasting_.figures();
    const SoakBoard& board = lasting_.board();
    std::printf(
        "%6.0f s: %llu calls, %llu threads, %llu forks; %llu KiB, %llu mappings, ledger %llu KiB, %llu descriptors; "
        "%u kills, %u ends, %u times full\n",
        seconds, static_cast<unsigned long long>(board.operations), static_cast<unsigned long long>(board.threads),
        static_cast<unsigned long long>(board.forks), static_cast<unsigned long long>(now.anonymous_kib),
        static_cast<unsigned long long>(now.mappings), static_cast<unsigned long long>(now.ledger_kib),
        static_cast<unsigned long long>(now.descriptors), kills_, ends_, times_full_);
    std::fflush(stdout);
  }

  Scratch scratch_{in_memory()};
  Disk disk_;
  Soaked lasting_, mortal_;
  std::mt19937 random_{setting("SOAK_SEED", 1)};
  std::vector<std::string> done_;  // the last deeds
  unsigned kills_ = 0, ends_ = 0, times_full_ = 0;
};

// Of all figures that were seen in one part of the time.
struct Most {
  std::uint64_t anonymous_kib = 0, mappings = 0, ledger_kib = 0;
  void see(const Figures& figures) {
    anonymous_kib = std::max(anonymous_kib, figures.anonymous_kib);
    mappings = std::max(mappings, figures.mappings);
    ledger_kib = std::max(ledger_kib, figures.ledger_kib);
  }
};

TEST_F(Soak, LosesNothingAndDoesNotGrow) {
  const unsigned seconds = setting("SOAK_SECONDS", 1);
  const time_t start = time(nullptr);
  time_t said = start;
  Most in_second_quarter, in_last_quarter;
  lasting_.start();
  mortal_.start();
  for (time_t now = start; !HasFailure() && now < start + static_cast<time_t>(seconds); now = time(nullptr)) {
    do_everything();
    const auto quarter = static_cast<unsigned>(now - start) * 4 / seconds;
    if (quarter == 1) in_second_quarter.see(lasting_.figures());
    if (quarter == 3) in_last_quarter.see(lasting_.figures());
    if (now < said + 30) continue;
    say(difftime(now, start));
    said = now;
  }
  if (HasFailure()) return;
  say(difftime(time(nullptr), start));
  mortal_.end_and_check();
  lasting_.end_and_check();
  if (seconds < 300) return;  // the caches of libc and of leakdir are still growing to their size
  EXPECT_LE(in_last_quarter.anonymous_kib, in_second_quarter.anonymous_kib * 11 / 10);
  EXPECT_LE(in_last_quarter.mappings, in_second_quarter.mappings + 4);
  EXPECT_LE(in_last_quarter.ledger_kib, in_second_quarter.ledger_kib);
}

}  // namespace
}  // namespace leakdir_test
