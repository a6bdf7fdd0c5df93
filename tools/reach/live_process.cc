// SPDX-License-Identifier: BSL-1.0
//
// All is read and followed while the process stands still: to follow pointers that have been read (pointers_ahead.hh)
// takes a tenth of the time, and what a pointer into the middle of a block means is asked of the memory then. Of the
// ledger the rows of blocks are read then, and what they refer to, which stays as it is, afterwards.

#include "live_process.hh"

#include <elf.h>
#include <fmt/format.h>

#include <algorithm>
#include <chrono>
#include <cstddef>
#include <cstring>
#include <filesystem>
#include <fstream>

#include "base/error.hh"
#include "base/now.hh"
#include "ledger.hh"
#include "ledger_path.hh"
#include "live_memory.hh"
#include "load/bytes.hh"
#include "load/load_ledger.hh"
#include "load/process_state.hh"
#include "modules_in_memory.hh"
#include "process_status.hh"
#include "search.hh"
#include "thread_locals.hh"
#include "thread_stop.hh"

namespace leakdir::tool {

namespace {

bool is_same(const ledger::Header& one, const ledger::Header& other) {
  return one.pid == other.pid && one.start_time == other.start_time &&
         std::memcmp(one.image_id, other.image_id, sizeof one.image_id) == 0 && other.state == one.state;
}

// The program that runs as this process, if it is of another processor than the one that wrote the ledger.
std::string emulator_of(pid_t pid, std::uint32_t machine) {
  const std::string path = fmt::format("/proc/{}/exe", living_thread_of(pid));
  std::ifstream file(path, std::ios::binary);
  Elf64_Ehdr header{};
  constexpr auto kBytes = static_cast<std::streamsize>(offsetof(Elf64_Ehdr, e_entry));  // as in files of 32 bits
  if (!file.read(reinterpret_cast<char*>(&header), kBytes) || header.e_machine == machine) return "";
  std::error_code error;
  return std::filesystem::read_symlink(path, error).string();
}

}  // namespace

void look_at_process(Snapshot& snapshot, Holders* holders) {
  const std::string path = ledger_of(snapshot);
  const FileBytes file(path, FileBytes::Links::kRefused);
  const LedgerReader before(file, path);
  const ledger::Header& header = before.header();
  const auto pid = static_cast<pid_t>(header.pid);
  const unsigned pointer_bytes = header.pointer_bytes;
  if (!is_running(header)) throw Error(fmt::format("process {} has ended meanwhile", header.pid));

  if (const std::string emulator = emulator_of(pid, header.machine); !emulator.empty())
    throw Error(
        fmt::format("cannot look for lost blocks: process {} runs in an emulator, {}, whose registers are not its own",
                    pid, emulator));

  LiveMemory memory(living_thread_of(pid));
  memory.read_mappings();
  const HookCode hooks = hook_code_of(memory.mappings(), memory, pointer_bytes);
  // (Where the hooks are the program's own, they sit upon glibc's.)
  if (const std::string other =
          hooks.is_library ? other_allocator(snapshot.modules, memory, pointer_bytes) : std::string();
      !other.empty())
    throw Error(fmt::format(
        "cannot look for lost blocks: process {} has its memory from {}, and only glibc's heaps are known well enough",
        pid, other));

  LedgerSurroundings surroundings;
  surroundings.is_running = [](const ledger::Header&) { return true; };
  surroundings.stands_still = true;
  LedgerLoad load(file, path, surroundings);
  load.make_room();
  Found found;
  std::chrono::steady_clock::duration pause{};
  {
    const auto start = std::chrono::steady_clock::now();
    StoppedThreads stopped(pid, header.machine);
    const auto is_inside = [&](const StoppedThreads::Thread& thread) {
      memory.forget();
      return is_inside_hook(thread.registers, hooks, memory, pointer_bytes);
    };
    stopped.settle(is_inside);
    memory.forget();
    load.read_blocks();
    const ledger::Header& now = load.reader().header();
    if (!is_same(header, now) || !is_running(now))
      throw Error(fmt::format("process {} has ended meanwhile", header.pid));
    memory.read_mappings();
    StillProcess process{memory, memory.mappings(), {}, now, load.blocks(), false, hooks.is_musl};
    for (const auto& thread : stopped.threads())
      process.threads.push_back({thread.tid, thread.registers, is_inside(thread)});
    if (holders != nullptr) process.thread_locals = thread_locals_of(process, snapshot.modules);
    found = search(process, holders);
    surroundings.now_ns = now_ns();
    pause = std::chrono::steady_clock::now() - start;
  }

  Snapshot still = load.finish();
  still.directory = snapshot.directory;
  // What the ledger says of itself it has said anew.
  still.others = snapshot.others;
  if (!still.others.empty()) still.notices.push_back(still.others);
  for (std::size_t i = 0; i < still.blocks.size() && i < found.kinds.size(); ++i)
    still.blocks[i].reach = found.kinds[i];
  still.reach_look = ledger::ReachLook::kDone;
  still.unread_bytes = found.unread_bytes;
  still.notices.push_back(fmt::format("process {} was stopped for {:.1f} ms", pid,
                                      std::chrono::duration<double, std::milli>(pause).count()));
  snapshot = std::move(still);
}

}  // namespace leakdir::tool
