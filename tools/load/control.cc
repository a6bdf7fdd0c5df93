// SPDX-License-Identifier: BSL-1.0
//
// The ledger is found, checked to be this user's and of a process that runs, and then written to.

#include "control.hh"

#include <fcntl.h>
#include <fmt/format.h>
#include <sys/stat.h>
#include <unistd.h>

#include <algorithm>
#include <cerrno>
#include <cstddef>
#include <cstring>
#include <filesystem>
#include <fstream>
#include <thread>

#include "base/error.hh"
#include "byte_order.hh"
#include "ledger_reader.hh"
#include "process_state.hh"

namespace leakdir::tool {

namespace {

constexpr std::chrono::milliseconds kBetweenLooks{10};
constexpr char kHelperName[] = "leakdir";

int open_ledger(const std::string& directory, const std::string& path) {
  struct stat status;
  if (stat(directory.c_str(), &status) != 0) throw Error(fmt::format("{}: no such directory", directory));
  if (!S_ISDIR(status.st_mode))
    throw Error(fmt::format("{} is not a directory: there is no process behind it to talk to", directory));
  const int descriptor = open(path.c_str(), O_RDWR | O_NOFOLLOW | O_NONBLOCK | O_NOCTTY | O_CLOEXEC);
  if (descriptor >= 0) return descriptor;
  if (errno == ENOENT) throw Error(fmt::format("{} has no ledger: no process writes there", directory));
  if (errno == ELOOP) throw Error(fmt::format("{} is a symbolic link, which no leakdir made", path));
  throw Error(fmt::format("cannot write to {}: {}", path, std::strerror(errno)));
}

// Nothing is written through a link, symbolic or hard, to somebody else's file, nor to a file that is no ledger.
void check_file(int descriptor, const std::string& path) {
  struct stat status;
  if (fstat(descriptor, &status) != 0) throw Error(fmt::format("cannot look at {}: {}", path, std::strerror(errno)));
  if (!S_ISREG(status.st_mode)) throw Error(fmt::format("{} is not a regular file", path));
  if (status.st_nlink != 1) throw Error(fmt::format("{} has another name somewhere, which no leakdir gave it", path));
  if (geteuid() != 0 && status.st_uid != geteuid()) throw Error(fmt::format("{} belongs to another user", path));
  if (status.st_size < static_cast<off_t>(ledger::kHeaderBytes)) throw Error(fmt::format("{} is cut short", path));
}

// By SIGSTOP, or by a debugger.
bool is_stopped(std::uint32_t pid) {
  std::ifstream file(fmt::format("/proc/{}/stat", pid));
  std::string stat;
  std::getline(file, stat);
  // The name in parentheses may hold anything.
  const std::size_t name_end = stat.rfind(')');
  return name_end != std::string::npos && name_end + 2 < stat.size() &&
         (stat[name_end + 2] == 'T' || stat[name_end + 2] == 't');
}

bool has_helper(std::uint32_t pid) {
  std::error_code error;
  for (std::filesystem::directory_iterator threads(fmt::format("/proc/{}/task", pid), error), end;
       !error && threads != end; threads.increment(error)) {
    std::ifstream file(threads->path() / "comm");
    std::string name;
    if (std::getline(file, name) && name == kHelperName) return true;
  }
  return false;
}

}  // namespace

Control::Control(const std::string& directory)
    : path_((std::filesystem::path(directory) / ledger::kFileName).string()),
      descriptor_(open_ledger(directory, path_)),
      bytes_(std::make_unique<FileBytes>(descriptor_, path_)) {
  check_file(descriptor_, path_);
  const LedgerReader reader(*bytes_, path_);
  is_of_other_order_ = reader.was_turned_round();
  program_ = reader.text(reader.header().program);
  if (reader.header().state == static_cast<std::uint32_t>(ledger::ProcessState::kExited))
    throw Error(fmt::format("{} has exited, and its files are what it left", process()));
  if (!is_running(reader.header(), path_))
    throw Error(fmt::format("{} does not run any more; leakdir recover writes its files", process()));
}

ledger::Header Control::header() const {
  ledger::Header header;
  if (bytes_->read(0, &header, sizeof header) != sizeof header) throw Error(fmt::format("{} is cut short", path_));
  if (is_of_other_order_) turn_round(header);
  return header;
}

std::string Control::process() const {
  return fmt::format("process {} ({})", header().pid, program_.empty() ? "unknown program" : program_);
}

template <class Number>
void Control::write(std::uint64_t offset, Number number) const {
  if (is_of_other_order_) number = turned_round(number);
  if (pwrite(descriptor_, &number, sizeof number, static_cast<off_t>(offset)) != static_cast<ssize_t>(sizeof number))
    throw Error(fmt::format("cannot write to {}: {}", path_, std::strerror(errno)));
}

void Control::ask(ledger::Control wish) const {
  write(offsetof(ledger::Header, control), static_cast<std::uint32_t>(wish));
}

std::uint64_t Control::ask_for_flush() const {
  const ledger::Header now = header();
  const std::uint64_t request = std::max(now.flush_request, now.flush_done) + 1;
  write(offsetof(ledger::Header, flush_request), request);
  return request;
}

Control::Answer Control::look(bool is_done) const {
  if (is_done) return Answer::kDone;
  const ledger::Header now = header();
  if (now.state == static_cast<std::uint32_t>(ledger::ProcessState::kExited)) return Answer::kEnded;
  if (!is_running(now, path_)) throw Error(fmt::format("{} does not run any more", process()));
  std::this_thread::sleep_for(kBetweenLooks);
  return Answer::kNothing;
}

std::string Control::excuse() const {
  if (is_stopped(header().pid)) return "it is stopped";
  if (has_helper(header().pid)) return "it is very busy";
  return "leakdir's helper thread is not there: it comes when the program allocates again, if it may have a thread";
}

}  // namespace leakdir::tool
