// SPDX-License-Identifier: BSL-1.0
#include "core_dump.hh"

#include <sys/resource.h>

#include <sstream>
#include <stdexcept>

namespace leakdir_test {

bool kernel_writes_cores() {
  const std::string pattern = read_file("/proc/sys/kernel/core_pattern");
  return pattern.find_first_of("|/%") == std::string::npos;
}

bool catches(pid_t pid, int signal) {
  std::istringstream status(read_file("/proc/" + std::to_string(pid) + "/status"));
  const std::string key = "SigCgt:\t";
  for (std::string line; std::getline(status, line);) {
    if (line.rfind(key, 0) == 0) return (std::stoull(line.substr(key.size()), nullptr, 16) >> (signal - 1) & 1) != 0;
  }
  throw std::runtime_error("no process");
}

std::string core_after(Process& process, int signal, const Scratch& scratch, const std::string& prefix) {
  rlimit limit = {};
  prlimit(process.pid(), RLIMIT_CORE, nullptr, &limit);
  limit.rlim_cur = limit.rlim_max;
  prlimit(process.pid(), RLIMIT_CORE, &limit, nullptr);
  process.kill(signal);
  const Outcome outcome = process.wait();
  if (!outcome.killed_by(signal)) throw std::runtime_error(outcome.describe());
  for (const std::string& name : names_in(scratch.path()))
    if (name.rfind(prefix, 0) == 0) return scratch / name;
  throw std::runtime_error("no core");
}

}  // namespace leakdir_test
