// SPDX-License-Identifier: BSL-1.0
//
// All is read and followed while the process stands still: to follow pointers that have been read (pointers_ahead.hh)
// takes a tenth of the time, and what a pointer into the middle of a block means is asked of the memory then. Of the
// ledger a copy is made, and what has to be said of the blocks is read from that afterwards.

#include "live_process.hh"

#include <fmt/format.h>

#include <algorithm>
#include <chrono>
#include <cstdlib>
#include <cstring>
#include <memory>
#include <new>

#include "base/error.hh"
#include "base/large_memory.hh"
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

constexpr std::size_t kPiece = 4 << 20;

// The ledger, as it is now. What the file leaves out is zeros, and takes no memory here either.
class Copy {
 public:
  void take(const Bytes& file) {
    size_ = file.size();
    bytes_.reset(static_cast<char*>(std::calloc(size_ == 0 ? 1 : size_, 1)));
    if (bytes_ == nullptr) throw std::bad_alloc();
    expect_use(bytes_.get(), size_);
    for (std::uint64_t at = file.next_data(0); at < size_; at = file.next_data(at)) {
      const std::size_t got = file.read(at, bytes_.get() + at, std::min<std::uint64_t>(kPiece, size_ - at));
      if (got == 0) break;
      at += got;
    }
  }
  MemoryBytes bytes() const { return MemoryBytes({bytes_.get(), size_}); }

 private:
  struct Free {
    void operator()(char* bytes) const { std::free(bytes); }
  };
  std::unique_ptr<char[], Free> bytes_;
  std::size_t size_ = 0;
};

bool is_same(const ledger::Header& one, const ledger::Header& other) {
  return one.pid == other.pid && one.start_time == other.start_time &&
         std::memcmp(one.image_id, other.image_id, sizeof one.image_id) == 0 && other.state == one.state;
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

  if (before.was_turned_round())
    throw Error(fmt::format(
        "cannot look for lost blocks: process {} has numbers of another byte order in its memory, in an emulator",
        pid));

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

  Copy copy;
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
    copy.take(file);
    const MemoryBytes bytes = copy.bytes();
    const LedgerReader ledger(bytes, path);
    if (!is_same(header, ledger.header()) || !is_running(ledger.header()))
      throw Error(fmt::format("process {} has ended meanwhile", header.pid));
    memory.read_mappings();
    StillProcess process{memory, memory.mappings(), {}, ledger, false, hooks.is_musl};
    for (const auto& thread : stopped.threads())
      process.threads.push_back({thread.tid, thread.registers, is_inside(thread)});
    if (holders != nullptr) process.thread_locals = thread_locals_of(process, snapshot.modules);
    found = search(process, holders);
    pause = std::chrono::steady_clock::now() - start;
  }

  LedgerSurroundings surroundings;
  surroundings.is_running = [](const ledger::Header&) { return true; };
  surroundings.now_ns = now_ns();
  Snapshot still = load_ledger(copy.bytes(), path, surroundings);
  still.directory = snapshot.directory;
  still.notices.insert(still.notices.begin(), snapshot.notices.begin(), snapshot.notices.end());
  for (std::size_t i = 0; i < still.blocks.size() && i < found.kinds.size(); ++i)
    still.blocks[i].reach = found.kinds[i];
  still.reach_look = ledger::ReachLook::kDone;
  still.unread_bytes = found.unread_bytes;
  still.notices.push_back(fmt::format("process {} was stopped for {:.1f} ms", pid,
                                      std::chrono::duration<double, std::milli>(pause).count()));
  snapshot = std::move(still);
}

}  // namespace leakdir::tool
