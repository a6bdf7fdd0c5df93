// SPDX-License-Identifier: BSL-1.0
//
// The ledger of a process that a signal has killed is exactly of that moment, and so is its core. A core that gcore
// made is of an earlier moment: where a block is not what its row says it is, the two do not fit.

#include "core_process.hh"

#include <fmt/format.h>

#include <algorithm>
#include <csignal>
#include <cstring>
#include <vector>

#include "base/error.hh"
#include "base/words.hh"
#include "core_file.hh"
#include "ledger.hh"
#include "ledger_path.hh"
#include "load/bytes.hh"
#include "load/ledger_reader.hh"
#include "modules_in_memory.hh"
#include "process_status.hh"
#include "search.hh"
#include "thread_locals.hh"
#include "words_in_order.hh"

namespace leakdir::tool {

namespace {

void check_state(const Snapshot& snapshot) {
  if (snapshot.from_records || snapshot.saved_ns != 0)
    throw Error(fmt::format("{} has no ledger, and without it no core can be read", snapshot.directory));
  // A debugger has stopped it, and made the core.
  if (snapshot.state == State::kRunning && !stands_still(static_cast<pid_t>(snapshot.pid)))
    throw Error(fmt::format(
        "process {} is running, and its ledger goes on where the core stopped: --lost without --core looks at it",
        snapshot.pid));
  if (snapshot.state == State::kExited)
    throw Error(
        fmt::format("process {} went on after the core, until it exited: the ledger is of its end", snapshot.pid));
}

void check_identity(const ledger::Header& header, CoreFile& core, const std::string& path, Snapshot& snapshot) {
  const bool has_pid = core.pid() == static_cast<pid_t>(header.pid) ||
                       std::any_of(core.threads().begin(), core.threads().end(),
                                   [&](const auto& thread) { return thread.tid == static_cast<pid_t>(header.pid); });
  if (!has_pid)
    throw Error(fmt::format("{} is the core of process {}, and the ledger is process {}'s", path,
                            core.pid() != 0 ? core.pid() : core.threads().front().tid, header.pid));
  std::uint8_t image[sizeof header.image_id];
  if (core.machine() != header.machine || core.pointer_bytes() != header.pointer_bytes)
    throw Error(fmt::format("{} is the core of another program than the ledger's", path));
  // AT_RANDOM's bytes are others after each exec: they say more than a start time.
  if (core.random() == 0 || !core.read_all(core.random(), image, sizeof image)) {
    snapshot.warnings.push_back(
        fmt::format("whether {} is of this very run of process {} cannot be told: what would say it is not in the core",
                    path, header.pid));
  } else if (std::memcmp(image, header.image_id, sizeof image) != 0) {
    throw Error(fmt::format("{} is of another run: its process had pid {}, too", path, header.pid));
  }
}

// Marks the heap that brk gave; says how many blocks are not what malloc's headers say.
std::uint64_t look_at_headers(const Snapshot& snapshot, CoreFile& core) {
  const unsigned word = core.pointer_bytes();
  constexpr std::uint64_t kMapped = 2, kOfOtherArena = 4;
  std::uint64_t wrong = 0, lowest = ~std::uint64_t{0};
  for (const auto& block : snapshot.blocks) {
    std::uint64_t size = 0;
    if (!core.read_all(block.address - word, &size, word)) continue;
    size = core.word(block.address - word, word);
    const std::uint64_t room = size & ~std::uint64_t{7};
    const std::uint64_t head = (size & kMapped) != 0 ? 2 * word : word;
    if (room < 4 * word || room - head < block.size)
      ++wrong;
    else if ((size & (kMapped | kOfOtherArena)) == 0)
      lowest = std::min(lowest, block.address);
  }
  if (lowest != ~std::uint64_t{0}) core.mark_heap(lowest);
  return wrong;
}

// Else leakdir's own memory, in which the address of each block stands, looks like the program's.
bool knows_own_memory(const ledger::Header& header, CoreFile& core) {
  std::vector<ledger::OwnMemory> table(ledger::kMostOwnMemory);
  return header.own_memory == 0 || core.read_all(header.own_memory, table.data(), table.size() * sizeof table[0]);
}

}  // namespace

void look_at_core(Snapshot& snapshot, const std::string& path, Holders* holders) {
  CoreFile core(path);  // first: what it says of a path that leads nowhere is clearer than what the process did
  check_state(snapshot);
  const std::string ledger_path = ledger_of(snapshot);
  const FileBytes file(ledger_path, FileBytes::Links::kRefused);
  const LedgerReader ledger(file, ledger_path);
  check_identity(ledger.header(), core, path, snapshot);
  const HookCode hooks = hook_code_of(core.mappings(), core, core.pointer_bytes());
  // (Nothing of the kind is known of musl.)
  const std::uint64_t wrong = hooks.is_musl ? 0 : look_at_headers(snapshot, core);
  const bool went_on = core.signal() == 0 || core.signal() == SIGTRAP || core.signal() == SIGSTOP;
  if (wrong != 0 && went_on)
    throw Error(fmt::format("{} is of an earlier moment than the ledger: the process went on after it", path));
  if (wrong != 0)
    snapshot.warnings.push_back(fmt::format(
        "what malloc keeps before {} is not what it was: something was written there", count_of(wrong, "block")));
  if (snapshot.state == State::kRunning)
    snapshot.notices.push_back(fmt::format(
        "process {} stands still: what it did since {} was made, if anything, is not in it", snapshot.pid, path));
  else if (went_on)
    snapshot.warnings.push_back(fmt::format(
        "{} was made while the process went on: what it did between that and its end is not in it, and what "
        "lay in free memory counts as held",
        path));

  if (const std::string other =
          hooks.is_library ? other_allocator(snapshot.modules, core, core.pointer_bytes()) : std::string();
      !other.empty())
    throw Error(fmt::format("{}: the process had its memory from {}, and only glibc's heaps are known well enough",
                            path, other));
  WordsInOrder words(core, core.pointer_bytes());
  Memory* memory = &core;
  if (core.is_of_other_order()) memory = &words;
  StillProcess process{*memory,         core.mappings(), core.threads(), ledger.header(),
                       snapshot.blocks, went_on,         hooks.is_musl};
  for (auto& thread : process.threads)
    thread.is_inside = is_inside_hook(thread.registers, hooks, core, core.pointer_bytes());
  // (They are told by more than words.)
  if (holders != nullptr && !core.is_of_other_order())
    process.thread_locals = thread_locals_of(process, snapshot.modules);
  const Found found = search(process, holders);

  const bool is_whole = found.unread_bytes == 0 && core.has_all_registers(),
             knows_own = knows_own_memory(ledger.header(), core);
  for (std::size_t i = 0; i < snapshot.blocks.size() && i < found.kinds.size(); ++i)
    snapshot.blocks[i].reach = knows_own && (is_whole || found.kinds[i] == ledger::Reach::kReachable)
                                   ? found.kinds[i]
                                   : ledger::Reach::kUnknown;
  snapshot.reach_look = ledger::ReachLook::kDone;
  snapshot.unread_bytes = found.unread_bytes;
  if (!core.has_all_registers())
    snapshot.warnings.push_back(fmt::format(
        "{} does not have the floating-point registers of each thread, where pointers may be, too. What is still "
        "reachable is so; of the rest nobody can tell",
        path));
  if (found.unread_bytes != 0)
    snapshot.warnings.push_back(fmt::format(
        "{}{}: {} that the program could write are not in it. {}", path,
        core.is_cut() ? " is cut short" : " is not whole", bytes_of(found.unread_bytes),
        knows_own ? "What is still reachable is so; of the rest nobody can tell"
                  : "Nor is what tells leakdir's own memory from the program's: of no block can anybody tell"));
}

}  // namespace leakdir::tool
