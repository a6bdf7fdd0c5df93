// SPDX-License-Identifier: BSL-1.0
//
// A snapshot: all that the tool knows about one process, as plain data. The loaders (load_ledger.cc,
// load_records.cc) make it; grouping, symbols and printers only read it. It holds no file open and trusts nothing:
// what could not be read is not in it, and `warnings` says so.

#pragma once

#include <cstdint>
#include <limits>
#include <string>
#include <string_view>
#include <vector>

#include "ledger.hh"

namespace leakdir::tool {

enum class State { kRunning, kExited, kKilled };

inline std::string_view name_of(State state) {
  return state == State::kRunning ? "running" : state == State::kKilled ? "killed" : "exited";
}

inline constexpr std::uint32_t kNone = std::numeric_limits<std::uint32_t>::max();

struct Module {
  std::string path;
  std::string build_id;  // bytes, not hexadecimal; empty: the file has none, or it is not known
  std::uint64_t start = 0, end = 0;
  std::uint64_t bias = 0;
  bool is_program = false;
};

// Either a return address, with the index of its module (kNone: in no known module), or, when is_place, what the macro
// hook recorded: the line `pc` of the file Snapshot::places[module].
struct Frame {
  std::uint64_t pc = 0;
  std::uint32_t module = kNone;
  bool is_place = false;
  bool is_exact = false;          // no call returns to `pc`: it is itself what is to be named
  bool by_frame_pointer = false;  // there was no unwind table that led to it
};

// Stacks form a tree. parent < the node's own index always, so a walk to the root ends; kNone at the outermost frame.
struct StackNode {
  std::uint32_t frame = 0;
  std::uint32_t parent = kNone;
};

// No stack is deeper, whatever a damaged file claims: 128 is the largest `depth` that a program can ask for, and the
// place of the macro hook comes on top.
inline constexpr std::uint32_t kMaxDepth = 129;

struct Block {
  std::uint64_t address = 0;
  std::uint64_t size = 0;
  std::uint64_t sequence = 0;
  std::int64_t time_ns = 0;     // since 1970
  std::uint32_t stack = kNone;  // node of the innermost frame
  std::uint16_t thread = 0;     // index into Snapshot::threads
  std::uint16_t flags = 0;      // ledger::kFlag…
  std::uint8_t call = 0;        // ledger::Call, below ledger::kCalls
  ledger::Reach reach = ledger::Reach::kUnknown;
  std::uint32_t sample_bytes = 0;  // ledger::Header::sample_bytes of its process; 0: every block was recorded
};

struct Thread {
  std::uint32_t tid = 0;
  std::string name;
};

struct BadFree {
  std::uint32_t kind = 0;  // ledger::BadFreeKind, below ledger::kBadFreeKinds
  std::uint64_t address = 0;
  std::int64_t time_ns = 0;
  std::uint64_t block = 0;  // the block that it lies in or that was freed first; 0: none known
  std::uint64_t block_bytes = 0;
  std::uint16_t thread = 0;
  std::uint32_t free_stack = kNone, first_free_stack = kNone, allocation_stack = kNone;
};

// What stands at a frame's address. A frame has several when functions were inlined, the innermost first.
struct SourceLine {
  std::string function;  // demangled; empty: not known
  std::string file;      // empty: not known
  unsigned line = 0;
  bool inlined = false;      // the compiler put this function's code into that of the next SourceLine
  std::string linkage = {};  // what the linker calls the function; empty: not known, as in saved files
};
using FrameLines = std::vector<std::vector<SourceLine>>;  // for each of Snapshot::frames; empty: not known

// What is said of Snapshot::never_recorded, by whoever says it.
inline constexpr std::string_view kNeverRecorded =
    "recording was paused from the start, and nobody switched it on: nothing was recorded";

// No process can ask for a thinner sample.
inline constexpr std::uint64_t kMostSampleBytes = std::uint64_t{1} << 30;
// What is said of a snapshot that is a sample.
inline std::string about_sample(std::uint64_t sample_bytes) {
  return "this is a sample, one block in " + std::to_string(sample_bytes) +
         " allocated bytes on average: there are others, which were not recorded";
}

// What decides why blocks have no kind.
struct KindsAsked {
  ledger::ReachLook look = ledger::ReachLook::kNone;
  State state = State::kExited;
  bool from_records = false, is_saved = false;
};

// One of several processes that a snapshot is of (merge.hh).
struct Process {
  std::uint32_t pid = 0;
  std::string program;
  State state = State::kExited;
  std::uint64_t blocks = 0, bytes = 0;  // live and its own, without libc's
  std::uint64_t without_kind = 0;       // so many of these blocks have none
  KindsAsked asked = {};                // who looked for lost ones
};

struct Snapshot {
  std::string directory;      // as the user named it; or the saved file
  bool from_records = false;  // no ledger: read from the record files, so the state and the counters are not known

  std::string program;
  std::string program_build_id;  // bytes
  std::uint32_t pid = 0, parent_pid = 0;
  State state = State::kExited;
  std::string went_on_as;     // what it became by exec, where that is how it ended; else empty
  std::int64_t start_ns = 0;  // of the process; 0: not known
  std::int64_t end_ns = 0;    // what ages count to: now, the exit, or the last that a killed process recorded

  std::int64_t saved_ns = 0;  // when `leakdir save` made the file that this was read from; 0: it was not
  FrameLines names;           // what was known of the frames then; empty: nothing

  bool lists_libc = false;  // the program asked for libc's own blocks (option libc=1)
  bool paused = false;
  bool never_recorded = false;                              // it started paused, and nobody ever switched recording on
  ledger::ReachLook reach_look = ledger::ReachLook::kNone;  // what the process itself found at its exit
  std::uint64_t unread_bytes = 0;  // writable memory that could not be read by who looked for lost blocks
  std::uint64_t max_files = 0;
  std::uint64_t files_behind = 0;  // of a running process: record files that should be there by now
  std::string suppressions;        // those that the program brings itself, __lsan_default_suppressions()

  std::uint64_t sample_bytes = 0;            // ledger::Header::sample_bytes; 0: every block was recorded
  std::uint64_t sampling_threads = 0;        // that have allocated, whether or not a block of theirs was recorded
  std::uint64_t allocations = 0, frees = 0;  // calls that the hooks saw; of a sample only its own
  std::string passed_by;  // whose calls go past the hooks, as a sentence; empty: nobody's, as far as known
  std::uint64_t dropped_blocks = 0, dropped_stacks = 0, unrecorded = 0, pauses = 0, bad_frees_seen = 0;
  std::uint64_t children_unrecorded = 0;  // forked children that could not record
  std::uint64_t children_unread = 0;      // of several as one: whose ledgers are there and cannot be read

  std::vector<Block> blocks;
  std::vector<BadFree> bad_frees;
  std::vector<StackNode> nodes;
  std::vector<Frame> frames;        // each distinct one once
  std::vector<std::string> places;  // files that the macro hook named
  std::vector<Module> modules;
  std::vector<Thread> threads;  // [0]: not known

  std::vector<Process> processes;  // if there are several

  // The ledger is damaged or cut short, in sentences, the weightiest first: what is here may be wrong, or not be all.
  std::vector<std::string> damage;
  std::uint64_t records_beside = 0;   // of a damaged ledger: blocks and bad frees here that only record files tell of
  std::string others;                 // which other processes have ledgers beside it, a sentence; one of `notices`
  std::vector<std::string> notices;   // about what was read, and what lies beside it
  std::vector<std::string> warnings;  // about what else could not be read or was not recorded

  bool is_damaged() const { return !damage.empty(); }
};

// For whoever says damage in no other place: it comes first. `warnings` are the snapshot's and what was added to them.
inline std::vector<std::string> with_damage(const Snapshot& snapshot, const std::vector<std::string>& warnings) {
  std::vector<std::string> all = snapshot.damage;
  all.insert(all.end(), warnings.begin(), warnings.end());
  return all;
}

// Whether the block is among what the user asked to see.
inline bool is_shown(const Snapshot& snapshot, const Block& block) {
  return (block.flags & ledger::kFlagIgnored) == 0 && (snapshot.lists_libc || (block.flags & ledger::kFlagLibc) == 0);
}

// The same, and whether the process makes a record of it: what is inherited its parent has a record of.
inline bool gets_record(const Snapshot& snapshot, const Block& block) {
  return is_shown(snapshot, block) && (block.flags & ledger::kFlagInherited) == 0;
}

// The frames of a stack as indices into Snapshot::frames, innermost first.
inline std::vector<std::uint32_t> frames_of(const Snapshot& snapshot, std::uint32_t stack) {
  std::vector<std::uint32_t> frames;
  for (; stack != kNone; stack = snapshot.nodes[stack].parent) frames.push_back(snapshot.nodes[stack].frame);
  return frames;
}

// The address that addr2line wants for the file that the frame lies in.
inline std::uint64_t offset_of(const Snapshot& snapshot, const Frame& frame) {
  return frame.is_place || frame.module == kNone ? frame.pc : frame.pc - snapshot.modules[frame.module].bias;
}

// Of what is to be named there: the call, a byte before the address that it returns to.
inline std::uint64_t call_offset_of(const Snapshot& snapshot, const Frame& frame) {
  return offset_of(snapshot, frame) - (frame.is_exact ? 0 : 1);
}

}  // namespace leakdir::tool
