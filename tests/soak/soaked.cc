// SPDX-License-Identifier: BSL-1.0
#include "soaked.hh"

#include <fcntl.h>
#include <gtest/gtest.h>
#include <signal.h>
#include <sys/mman.h>
#include <sys/stat.h>
#include <unistd.h>

#include <algorithm>
#include <cctype>
#include <filesystem>
#include <fstream>

#include "report_json.hh"
#include "target.hh"

namespace leakdir_test {
namespace {

namespace fs = std::filesystem;

std::uint64_t load(const std::uint64_t& word) { return __atomic_load_n(&word, __ATOMIC_SEQ_CST); }
void store(std::uint64_t& word, std::uint64_t value) { __atomic_store_n(&word, value, __ATOMIC_SEQ_CST); }

std::uint64_t entries_of(const std::string& directory) {
  return static_cast<std::uint64_t>(std::distance(fs::directory_iterator(directory), fs::directory_iterator()));
}

std::uint64_t status_kib(const std::string& proc, const std::string& name) {
  std::ifstream file(proc + "/status");
  for (std::string word; file >> word;) {
    std::uint64_t kib = 0;
    if (word == name + ":" && file >> kib) return kib;
  }
  return 0;
}

bool is_number(const std::string& text) {
  return !text.empty() && std::all_of(text.begin(), text.end(), [](unsigned char c) { return std::isdigit(c) != 0; });
}

}  // namespace

Soaked::Soaked(std::string kind, std::string folder) : kind_(std::move(kind)), folder_(std::move(folder)) {
  fs::create_directories(folder_);
  const std::string path = folder_ + "/board";
  write_file(path, std::string(sizeof(SoakBoard), '\0'));
  const int fd = open(path.c_str(), O_RDWR | O_CLOEXEC);
  board_ = static_cast<SoakBoard*>(mmap(nullptr, sizeof(SoakBoard), PROT_READ | PROT_WRITE, MAP_SHARED, fd, 0));
  close(fd);
}

Soaked::~Soaked() { munmap(board_, sizeof(SoakBoard)); }

void Soaked::start() {
  *board_ = {};
  descriptors_ = children_checked_ = 0;
  dead_.clear();
  enter(kSoakRecorded);
  Command command = {{target("soak", kind_), "board"}, folder_, {}, "", 3600};
  command.env["LEAKDIR_OPTIONS"] = "write=behind:delay_ms=10:max_children=100000";
  process_ = std::make_unique<Process>(command);
  for (int i = 0; i < 20000 && load(board_->operations) < 1000; ++i) usleep(1000);
  ASSERT_GE(load(board_->operations), 1000u);
}

void Soaked::enter(SoakPhase phase) {
  phase_ = phase;
  store(board_->phase, (load(board_->phase) / 4 + 1) * 4 + static_cast<std::uint64_t>(phase));
}

void Soaked::pause() {
  enter(kSoakUnsure);
  const Outcome outcome = run_tool({"pause", records()});
  ASSERT_TRUE(outcome.exited_with(0)) << outcome.describe();
  enter(kSoakPaused);
}

void Soaked::resume() {
  enter(kSoakUnsure);
  const Outcome outcome = run_tool({"resume", records()});
  ASSERT_TRUE(outcome.exited_with(0)) << outcome.describe();
  enter(kSoakRecorded);
}

void Soaked::wish(SoakWish wish) { store(board_->wish, static_cast<std::uint64_t>(wish)); }

void Soaked::hold() {
  wish(kSoakHold);
  for (int i = 0; i < 60000 && load(board_->is_held) == 0; ++i) usleep(500);
  ASSERT_EQ(load(board_->is_held), 1u) << "it does not come to rest";
}

void Soaked::let_go() {
  wish(kSoakWork);
  for (int i = 0; i < 60000 && load(board_->is_held) != 0; ++i) usleep(500);
  ASSERT_EQ(load(board_->is_held), 0u);
}

std::set<std::uint64_t> Soaked::in_report(const std::string& state) const {
  const nlohmann::json json = report(records());
  EXPECT_EQ(json.at("state"), state);
  EXPECT_EQ(json.at("bad_frees").size(), 0u);
  const std::vector<std::uint64_t> addresses = addresses_in(json);
  std::set<std::uint64_t> shown(addresses.begin(), addresses.end());
  EXPECT_EQ(shown.size(), addresses.size()) << "a block is shown twice";
  return shown;
}

std::set<std::uint64_t> Soaked::in_files() const {
  std::set<std::uint64_t> shown;
  for (const Record& record : records_in(records())) shown.insert(record.address);
  return shown;
}

// `in_hand`: blocks that threads had just got, or were about to give back.
void Soaked::check_blocks(const std::set<std::uint64_t>& shown, std::size_t in_hand, const std::string& where) const {
  std::set<std::uint64_t> may_be;
  std::size_t live = 0, missing = 0;
  for (const auto& row : board_->slots) {
    for (const SoakSlot& slot : row) {
      if (slot.address == 0) continue;
      ++live;
      if (slot.phase == kSoakRecorded && shown.count(slot.address) == 0) ++missing;
      if (slot.phase != kSoakPaused) may_be.insert(slot.address);
    }
  }
  const auto wrong =
      std::count_if(shown.begin(), shown.end(), [&](std::uint64_t address) { return may_be.count(address) == 0; });
  EXPECT_EQ(missing, 0u) << where << ": of " << live << " blocks";
  EXPECT_LE(static_cast<std::size_t>(wrong), in_hand) << where << ": of " << shown.size() << " blocks that are shown";
}

void Soaked::check_while_held(bool files_too) {
  SCOPED_TRACE(run_tool({"check", records()}).out);
  hold();
  if (testing::Test::HasFatalFailure()) return;
  check_blocks(in_report("running"), 0, "held, report");
  if (files_too) {
    const Outcome outcome = run_tool({"flush", records()});
    EXPECT_TRUE(outcome.exited_with(0)) << outcome.describe();
    check_blocks(in_files(), 0, "held, files");
  }
  const std::uint64_t descriptors = entries_of("/proc/" + std::to_string(process_->pid()) + "/fd");
  if (descriptors_ == 0) descriptors_ = descriptors;
  EXPECT_EQ(descriptors, descriptors_);
  EXPECT_EQ(load(board_->failures), 0u) << "of children or threads; the last status: " << board_->failed_status;
  let_go();
}

// All that leakdir says is a line of its own.
void Soaked::check_words(const Outcome& outcome) const {
  EXPECT_FALSE(outcome.timed_out);
  EXPECT_EQ(outcome.out, "");
  for (const std::string& line : lines_of(outcome.err)) EXPECT_EQ(line.rfind("leakdir: ", 0), 0u) << line;
}

void Soaked::kill_and_check() {
  process_->kill(SIGKILL);
  const Outcome outcome = process_->wait();
  EXPECT_TRUE(outcome.killed_by(SIGKILL)) << outcome.describe();
  check_words(outcome);
  SCOPED_TRACE(outcome.err + run_tool({"check", records()}).out);
  check_blocks(in_report("killed"), kSoakRows, "killed, report");
  const Outcome recovered = run_tool({"recover", records()});
  EXPECT_TRUE(recovered.exited_with(0)) << recovered.describe();
  check_blocks(in_files(), kSoakRows, "killed, recovered files");
}

void Soaked::end_and_check() {
  wish(kSoakExit);
  const Outcome outcome = process_->wait();
  EXPECT_TRUE(outcome.exited_with(0)) << outcome.describe();
  SCOPED_TRACE(outcome.err + run_tool({"check", records()}).out);
  check_words(outcome);
  check_blocks(in_files(), 0, "exited, files");
  check_blocks(in_report("exited"), 0, "exited, report");
}

void Soaked::check_children() {
  const std::uint64_t count = load(board_->child_count);
  children_checked_ = std::max(children_checked_, count < kSoakChildren / 2 ? 0 : count - kSoakChildren / 2);
  unsigned looked_at = 0;
  for (; children_checked_ < count && looked_at < 1; ++children_checked_, ++looked_at) {
    const SoakChild child = board_->children[children_checked_ % kSoakChildren];
    const std::string dir = records() + "/" + std::to_string(child.pid);
    if (child.phase != kSoakRecorded) continue;
    if (!exists(dir)) {
      process_->kill(SIGKILL);
      FAIL() << dir << " is not there, child " << children_checked_ << " of " << count << ": " << process_->wait().err;
    }
    const nlohmann::json json = report(dir);
    EXPECT_EQ(json.at("bad_frees").size(), 0u) << dir;
    std::uint64_t own = 0;
    for (const auto& stack : json.at("stacks")) {
      if (stack.at("bytes") == kSoakSizeOfChild * stack.at("blocks").get<std::uint64_t>())
        own += stack.at("blocks").get<std::uint64_t>();
    }
    EXPECT_EQ(own, 1u) << dir;
  }
  children_checked_ = count;
  // Who has been dead for that many looks is on the board as well, on a busy machine, too.
  constexpr unsigned kLooks = 4;
  std::map<std::string, unsigned> dead;
  for (const std::string& name : names_in(records())) {
    if (!is_number(name) || ::kill(std::stoi(name), 0) == 0) continue;
    const unsigned looks = dead_[name] + 1;
    if (looks < kLooks) {
      dead[name] = looks;
    } else {
      fs::remove_all(records() + "/" + name);
    }
  }
  dead_ = dead;
}

Figures Soaked::figures() const {
  const std::string proc = "/proc/" + std::to_string(process_->pid());
  Figures figures;
  figures.anonymous_kib = status_kib(proc, "RssAnon");
  figures.mappings = lines_of(read_file(proc + "/maps")).size();
  struct stat status = {};
  if (stat((records() + "/.ledger").c_str(), &status) == 0) {
    figures.ledger_kib = static_cast<std::uint64_t>(status.st_blocks) / 2;
  }
  figures.descriptors = descriptors_;
  return figures;
}

}  // namespace leakdir_test
