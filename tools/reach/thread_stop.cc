// SPDX-License-Identifier: BSL-1.0
//
// A stop is only looked at (WNOWAIT) and never taken: with the stop a waiter takes the signal that the thread is about
// to get, and if we were killed then it would be lost.

#include "thread_stop.hh"

#include <elf.h>
#include <fmt/format.h>
#include <sys/ptrace.h>
#include <sys/uio.h>
#include <sys/wait.h>
#include <unistd.h>

#include <algorithm>
#include <cerrno>
#include <charconv>
#include <chrono>
#include <csignal>
#include <cstring>
#include <filesystem>
#include <thread>
#include <unordered_map>
#include <unordered_set>
#include <utility>

#include "base/error.hh"
#include "process_status.hh"

namespace leakdir::tool {

namespace {

using Clock = std::chrono::steady_clock;
constexpr std::chrono::seconds kPatience{3};
constexpr int kMostTries = 50, kMostWaits = 3;

#ifndef NT_X86_XSTATE
#define NT_X86_XSTATE 0x202
#endif

std::string register_set(pid_t tid, unsigned long type, std::size_t room) {
  std::string bytes(room, '\0');
  iovec piece = {bytes.data(), bytes.size()};
  // NOLINTNEXTLINE(performance-no-int-to-ptr): the kernel wants the type there
  if (ptrace(PTRACE_GETREGSET, tid, reinterpret_cast<void*>(type), &piece) != 0) return {};
  bytes.resize(piece.iov_len);
  return bytes;
}

RegisterSets register_sets(pid_t tid, unsigned machine) {
  const bool is_x86 = machine == EM_X86_64 || machine == EM_386;
  return {register_set(tid, NT_PRSTATUS, 1024), register_set(tid, is_x86 ? NT_X86_XSTATE : NT_FPREGSET, 16384),
          machine == EM_X86_64 ? std::string() : register_set(tid, is_x86 ? NT_386_TLS : NT_ARM_TLS, 256)};
}

}  // namespace

StoppedThreads::StoppedThreads(pid_t pid, unsigned machine) : pid_(pid), machine_(machine) {
  try {
    seize_all();
  } catch (...) {
    let_go();
    throw;
  }
}

StoppedThreads::~StoppedThreads() { let_go(); }

// Threads make threads, until all are stopped.
void StoppedThreads::seize_all() {
  std::unordered_set<pid_t> known;
  for (const auto& thread : threads_) known.insert(thread.tid);
  for (bool is_new = true; is_new;) {
    is_new = false;
    std::vector<Thread> fresh;
    std::error_code error;
    std::filesystem::directory_iterator tasks(fmt::format("/proc/{}/task", pid_), error);
    for (; !error && tasks != std::filesystem::directory_iterator(); tasks.increment(error)) {
      const std::string name = tasks->path().filename().string();
      pid_t tid = 0;
      std::from_chars(name.data(), name.data() + name.size(), tid);
      if (known.count(tid) != 0 || !seize(tid)) continue;
      known.insert(tid);
      threads_.push_back({tid, 0, false, {}});
      is_new = true;
    }
    for (auto& thread : threads_)
      if (thread.registers.general.empty()) fresh.push_back(thread);
    await(fresh);
    threads_.erase(std::remove_if(threads_.begin(), threads_.end(),
                                  [](const Thread& thread) { return thread.registers.general.empty(); }),
                   threads_.end());
    threads_.insert(threads_.end(), fresh.begin(), fresh.end());
  }
  if (threads_.empty()) throw Error(why_not_traced(pid_, ESRCH));
}

bool StoppedThreads::seize(pid_t tid) {
  if (ptrace(PTRACE_SEIZE, tid, nullptr, nullptr) != 0) {
    const int error = errno;
    // One that has ended stays in the list while it is the first of its process.
    if (error == ESRCH || has_ended(pid_, tid)) return false;
    throw Error(why_not_traced(pid_, error));
  }
  ptrace(PTRACE_INTERRUPT, tid, nullptr, nullptr);
  return true;
}

// Waits until all of them are stopped, and takes out those that end instead.
void StoppedThreads::await(std::vector<Thread>& threads) {
  const auto deadline = Clock::now() + kPatience;
  for (auto& thread : threads) {
    thread.registers = {};
    for (;;) {
      siginfo_t info{};
      if (waitid(P_PID, static_cast<id_t>(thread.tid), &info, WSTOPPED | WEXITED | WNOWAIT | WNOHANG | __WALL) != 0) {
        break;
      }
      if (info.si_pid == 0) {
        if (Clock::now() > deadline) {
          throw Error(fmt::format(
              "thread {} of process {} cannot be stopped: it waits for something that nothing may interrupt (a disk, a "
              "vfork)",
              thread.tid, pid_));
        }
        std::this_thread::sleep_for(std::chrono::microseconds(50));
        continue;
      }
      if (info.si_code == CLD_EXITED || info.si_code == CLD_KILLED || info.si_code == CLD_DUMPED) break;
      const int event = info.si_status >> 8, signal = info.si_status & 0xff;
      thread.signal = event == 0 ? signal : 0;
      thread.is_stopped_anyway = event == PTRACE_EVENT_STOP && signal != SIGTRAP;
      if (!parse_registers(machine_, register_sets(thread.tid, machine_), thread.registers) &&
          !has_ended(pid_, thread.tid)) {
        throw Error(fmt::format("process {} runs on a processor whose registers this leakdir does not know", pid_));
      }
      break;
    }
  }
  threads.erase(std::remove_if(threads.begin(), threads.end(),
                               [](const Thread& thread) { return thread.registers.general.empty(); }),
                threads.end());
}

// One that waits does not move. Then it is not in a hook, or it will be there for long.
bool StoppedThreads::settle(const std::function<bool(const Thread&)>& is_inside) {
  std::unordered_map<pid_t, std::pair<std::uint64_t, int>> waits;  // where the stack ended, and how often in a row
  for (int i = 0;; ++i) {
    if (std::none_of(threads_.begin(), threads_.end(), is_inside)) return true;
    const auto first = std::partition(threads_.begin(), threads_.end(), [&](const Thread& thread) {
      if (thread.is_stopped_anyway || !is_inside(thread)) return true;
      auto& [stack, times] = waits[thread.tid];
      times = stack == thread.registers.stack && thread.registers.in_system_call ? times + 1 : 0;
      stack = thread.registers.stack;
      return times >= kMostWaits;
    });
    if (first == threads_.end() || i == kMostTries) return false;
    // All at once: one may wait for what another has.
    for (auto thread = first; thread != threads_.end(); ++thread) {
      ptrace(PTRACE_CONT, thread->tid, nullptr, thread->signal);
      thread->signal = 0;
      thread->registers = {};
    }
    std::this_thread::sleep_for(std::chrono::microseconds(i < 10 ? 20 : 200));
    for (auto thread = first; thread != threads_.end(); ++thread)
      ptrace(PTRACE_INTERRUPT, thread->tid, nullptr, nullptr);
    seize_all();
  }
}

void StoppedThreads::let_go() {
  // One that is not stopped yet cannot be let go: then it goes when we end, or is waited for here.
  for (auto& thread : threads_) {
    const auto deadline = Clock::now() + kPatience;
    while (ptrace(PTRACE_DETACH, thread.tid, nullptr, thread.signal) != 0 && errno == ESRCH &&
           !has_ended(pid_, thread.tid) && Clock::now() < deadline) {
      siginfo_t info{};
      if (waitid(P_PID, static_cast<id_t>(thread.tid), &info, WSTOPPED | WEXITED | WNOWAIT | WNOHANG | __WALL) != 0)
        break;
      if (info.si_pid != 0) thread.signal = info.si_status >> 8 == 0 ? info.si_status & 0xff : 0;
      if (info.si_pid == 0) std::this_thread::sleep_for(std::chrono::microseconds(50));
    }
  }
  threads_.clear();
}

}  // namespace leakdir::tool
