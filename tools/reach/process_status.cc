// SPDX-License-Identifier: BSL-1.0
#include "process_status.hh"

#include <fmt/format.h>
#include <pwd.h>
#include <unistd.h>

#include <cerrno>
#include <cstdlib>
#include <cstring>
#include <filesystem>
#include <fstream>

namespace leakdir::tool {

namespace {

std::string value_in(const std::string& path, const std::string& key) {
  std::ifstream file(path);
  for (std::string line; std::getline(file, line);) {
    if (line.compare(0, key.size(), key) != 0 || line.size() <= key.size() || line[key.size()] != ':') continue;
    const std::size_t at = line.find_first_not_of(" \t", key.size() + 1);
    return at == std::string::npos ? std::string() : line.substr(at);
  }
  return {};
}

std::string first_line(const std::string& path) {
  std::string line;
  std::ifstream file(path);
  std::getline(file, line);
  return line;
}

std::string name_of_user(unsigned user) {
  const passwd* entry = getpwuid(user);
  return entry != nullptr ? entry->pw_name : fmt::format("user {}", user);
}

constexpr char kHeld[] = "cannot look for lost blocks:";

}  // namespace

std::string status_of(pid_t pid, const std::string& key) { return value_in(fmt::format("/proc/{}/status", pid), key); }

bool has_ended(pid_t pid, pid_t tid) {
  const std::string state = value_in(fmt::format("/proc/{}/task/{}/status", pid, tid), "State");
  return state.empty() || state[0] == 'Z' || state[0] == 'X';
}

pid_t living_thread_of(pid_t pid) {
  if (!has_ended(pid, pid)) return pid;
  std::error_code error;
  for (const auto& thread : std::filesystem::directory_iterator(fmt::format("/proc/{}/task", pid), error)) {
    const auto tid = static_cast<pid_t>(std::atoi(thread.path().filename().c_str()));
    if (!has_ended(pid, tid)) return tid;
  }
  return pid;
}

bool stands_still(pid_t pid) {
  std::error_code error;
  for (const auto& thread : std::filesystem::directory_iterator(fmt::format("/proc/{}/task", pid), error)) {
    const std::string state = value_in(thread.path() / "status", "State");
    if (state.empty() || std::strchr("tTZX", state[0]) == nullptr) return false;
  }
  return !error;
}

std::string refusal_of_yama(const std::string& scope, bool is_root) {
  if (scope == "1" && !is_root)
    return fmt::format(
        "{} this system lets nobody but root look into a process that is not his child (Yama, kernel.yama.ptrace_scope "
        "is 1): do it as root, or `sysctl kernel.yama.ptrace_scope=0`",
        kHeld);
  if (scope == "2" && !is_root)
    return fmt::format(
        "{} this system lets nobody but root look into a process (Yama, kernel.yama.ptrace_scope is 2): do it as root",
        kHeld);
  if (scope == "3")
    return fmt::format(
        "{} this system lets nobody look into a process until it is started again (Yama, kernel.yama.ptrace_scope is "
        "3): "
        "a core will do (--core), or the program's own look at its exit",
        kHeld);
  return {};
}

std::string why_not_traced(pid_t pid, int error) {
  const std::string state = status_of(pid, "State");
  if (state.empty()) return fmt::format("{} process {} has ended meanwhile", kHeld, pid);
  if (state[0] == 'Z' || state[0] == 'X')
    return fmt::format("{} process {} has ended, and its parent has not yet asked for its status: its memory is gone",
                       kHeld, pid);
  if (error == ESRCH) return fmt::format("{} process {} has ended meanwhile", kHeld, pid);
  if (const int tracer = std::atoi(status_of(pid, "TracerPid").c_str()); tracer != 0)
    return fmt::format("{} process {} is traced already, by process {} ({}), and only one can: end that first", kHeld,
                       pid, tracer, first_line(fmt::format("/proc/{}/comm", tracer)));
  const auto user = static_cast<unsigned>(std::strtoul(status_of(pid, "Uid").c_str(), nullptr, 10));
  if (geteuid() != 0 && user != geteuid())
    return fmt::format("{} process {} is {}'s: look at it as {} or as root", kHeld, pid, name_of_user(user),
                       name_of_user(user));
  if (const std::string refusal = refusal_of_yama(first_line("/proc/sys/kernel/yama/ptrace_scope"), geteuid() == 0);
      !refusal.empty())
    return refusal;
  return fmt::format(
      "{} the system refuses to let process {} be stopped ({}): in a container it needs the right SYS_PTRACE "
      "(--cap-add=SYS_PTRACE); a program that was set-user-id, or is not dumpable, only root may look at",
      kHeld, pid, std::strerror(error));
}

}  // namespace leakdir::tool
