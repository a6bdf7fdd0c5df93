// SPDX-License-Identifier: BSL-1.0
//
// The ledger file, DIR/.ledger: the specification of its layout, and nothing else.
//
// The object (lib/ledger/live_table.cc) writes it through a shared mapping while the program runs; the tool
// (tools/load/load_ledger.cc) reads it, from outside, at any instant: while the program runs, after it ended,
// after it was killed. This header is all that the two sides share. It includes nothing of ours, allocates
// nothing and has no state.
//
// Layout, version 4. All numbers are as the writer's processor stores them (Header::byte_order), all rows of one kind
// have the same size. What was different in versions 1 and 2 stands with OldBlock; a reader reads those, too.
//
//   offset 0      Header, kHeaderBytes in all; the extent directory lies in it at kDirectoryOffset
//   from there    extents: runs of rows of one kind, in the order in which the ledger grew
//
// Each kind is one long array of rows, cut into extents. An extent says which part of the array it holds (`first`,
// `count`) and where (`file_offset`). Row 0 of each array is never used: 0 means "none" in every reference. Blocks
// alone are counted by words of 8 bytes: the number of a block is that of its first word.
//
// What a reader may rely on, at any instant, even when the writer was killed between two stores:
//  - an extent is complete before `extent_count` includes it;
//  - a stack node, a module, a thread and a text are complete before anything refers to them, and nodes, modules
//    and texts never change after that (a module's `unload_sequence` apart);
//  - a block is live exactly when its state is kLive. The state is stored last when the block becomes live and
//    first when it is freed, so a live block is always complete. Of the one call that was under way when the
//    process was killed, the block may be there or not;
//  - a block never moves. A reader of a running process that wants a steady picture of one block reads its words, and
//    all of them again.
//
// What a reader must do: check magic, version and byte order first, and refuse what it does not know with a
// sentence; trust no offset, count, index or parent without checking it against the file's length; expect a file
// that was cut short.

#pragma once

#include <cstddef>
#include <cstdint>

namespace leakdir::ledger {

inline constexpr char kFileName[] = ".ledger";
inline constexpr char kMagic[8] = {'l', 'e', 'a', 'k', 'd', 'i', 'r', '\n'};
// There is no version 3: a single wrong bit would make one of the older versions of it, whose rows are others.
inline constexpr std::uint32_t kVersion = 4;
// Of older writers, and with a sample of the blocks (Header::sample_bytes), of which the first version knew nothing.
inline constexpr std::uint32_t kOldVersion = 1, kOldVersionOfSample = 2;
constexpr bool is_known_version(std::uint32_t version) {
  return version == kVersion || version == kOldVersion || version == kOldVersionOfSample;
}
inline constexpr std::uint32_t kByteOrder = 0x01020304;

inline constexpr std::uint64_t kHeaderBytes = 65536;
inline constexpr std::uint64_t kDirectoryOffset = 4096;

// ---- Extents ----------------------------------------------------------------------------------------------------

enum class Kind : std::uint32_t {
  kNone = 0,
  kBlocks = 1,    // words, of which pages of Blocks are made
  kNodes = 2,     // Node
  kThreads = 3,   // Thread
  kModules = 4,   // Module
  kBadFrees = 5,  // BadFree
  kText = 6,      // bytes: paths and names, each zero-terminated
  kPeriods = 7,   // Period
};
inline constexpr std::uint32_t kKinds = 8;

// Rows first .. first + count - 1 of one kind, at file_offset; kInMemory: they were in the memory of the process and
// nowhere else, because the file could not grow.
inline constexpr std::uint64_t kInMemory = 0;
struct Extent {
  std::uint64_t file_offset;
  std::uint32_t kind;
  std::uint32_t first;
  std::uint32_t count;
  std::uint32_t reserved;
};
static_assert(sizeof(Extent) == 24);

inline constexpr std::uint32_t kMaxExtents = (kHeaderBytes - kDirectoryOffset) / sizeof(Extent);

// ---- Header -----------------------------------------------------------------------------------------------------

enum class ProcessState : std::uint32_t {
  kRunning = 1,  // or killed: see pid, start_time and boot_id
  kExited = 2,   // left through exit() or return; the blocks are the final truth
  kWentOn = 3,   // became another program by exec, which recorded too, and said so; the blocks are what it held then
};

enum class Control : std::uint32_t { kNone = 0, kPause = 1, kResume = 2 };

enum class WriteMode : std::uint32_t { kSync = 0, kBehind = 1, kExit = 2, kNever = 3 };

// What became of the look for lost blocks at exit.
enum class ReachLook : std::uint32_t {
  kNone = 0,        // nobody looked: the process did not end by exit, or reach=0
  kDone = 1,        // each live block has its Reach
  kThreads = 2,     // other threads were running: what only they may hold has none
  kNoMaps = 3,      // /proc/self/maps cannot be read
  kNoMemory = 4,    // there was no memory for it
  kForeign = 5,     // upon another allocator than glibc's
  kUnreadable = 6,  // memory of the process cannot be read through the kernel
};

enum class Recording : std::uint32_t { kUnknown = 0, kOn = 1, kPaused = 2 };

// Whose malloc is called past the hooks, as far as was found; the first that is found stays.
enum class PassedBy : std::uint32_t {
  kNobody = 0,
  kProgram = 1,    // another malloc than leakdir's was linked into the program
  kLibraries = 2,  // the program keeps leakdir's malloc to itself: its libraries find another
  kModule = 3,     // one library alone calls another: Header::passing_module
  kNamespace = 4,  // libraries came by dlmopen(), with a libc of their own
};

struct Header {
  char magic[8];
  std::uint32_t version;
  std::uint32_t byte_order;     // kByteOrder, as the writer stores it
  std::uint32_t header_bytes;   // kHeaderBytes
  std::uint32_t pointer_bytes;  // 4 or 8
  std::uint32_t machine;        // e_machine of the program (EM_X86_64 …)
  std::uint32_t state;          // ProcessState

  // Who wrote it. A pid is not a name: pid, start_time and boot_id together are.
  std::uint32_t pid;
  std::uint32_t parent_pid;   // of a forked child: the process whose blocks it inherited; else 0
  std::uint64_t start_time;   // field 22 of /proc/PID/stat, clock ticks since boot; 0: unknown, see started_by
  std::uint8_t boot_id[16];   // /proc/sys/kernel/random/boot_id; zeros: unknown
  std::uint8_t image_id[16];  // AT_RANDOM: differs after every exec

  // Clock. A block's time is in ticks since start_realtime_ns; one tick lasts tick_ns_q32 / 2^32 ns.
  std::uint64_t start_realtime_ns;  // CLOCK_REALTIME, ns since 1970
  std::uint64_t tick_ns_q32;
  std::uint64_t exit_realtime_ns;  // of the exit or exec; 0 while running or when killed

  // Texts, as offsets into kText; 0: none.
  std::uint32_t program;         // absolute path of the executable
  std::uint32_t directory;       // DIR as an absolute path
  std::uint32_t suppressions;    // __lsan_default_suppressions() of the program
  std::uint32_t program_module;  // the module of the executable

  // Options that a reader needs, as they were in force at start.
  std::uint32_t option_libc;
  std::uint32_t option_depth;
  std::uint32_t option_write;  // WriteMode
  std::uint32_t option_delay_ms;
  std::uint64_t option_min_size;
  std::uint64_t option_max_files;

  // Control: written by the tool, read by the object.
  std::uint32_t control;        // Control; the object stores kNone when it has obeyed
  std::uint32_t recording;      // 1: recording, 0: paused; written by the object
  std::uint64_t flush_request;  // the tool adds 1 …
  std::uint64_t flush_done;     // … and the object copies it when the files are up to date

  // What happened, for the proof that leakdir looked. See also Thread::allocations and ::frees.
  std::uint64_t sequence;          // sequence numbers handed out so far (threads take them in batches), and the Period
  std::uint64_t dropped_blocks;    // live blocks that could not be recorded: the ledger could not grow
  std::uint64_t dropped_stacks;    // blocks recorded with the caller alone, for the same reason
  std::uint64_t unrecorded;        // allocations passed on unrecorded on purpose (min_size), not those while paused
  std::uint64_t pauses;            // how often recording was paused
  std::uint64_t bad_frees;         // seen in all; the first of them are in kBadFrees
  std::uint64_t files_over_limit;  // live blocks without a file at exit: max_files, the disk's reserve, write=never
  std::uint64_t write_errors;      // record files that could not be written or removed

  std::uint64_t file_bytes;           // length of the file, holes included
  std::uint32_t extent_count;         // entries of the directory that are valid
  std::uint32_t option_recording;     // Recording: as it was at start
  std::uint64_t block_pages;          // pages of blocks that have their sign (below), at least; 0: not known
  std::uint64_t children_unrecorded;  // forked children that could not record: DIR is closed to them, or out of reach

  // That not all was seen. An older writer left zeros here.
  std::uint32_t passed_by;       // PassedBy
  std::uint32_t passing_module;  // index of the module that kModule speaks of; 0: not known
  std::uint64_t unseen_blocks;   // freed or resized, and no hook had handed them out, where all were to be seen; or
                                 // their address was handed out again, and no hook had freed them

  // Lost or held. An older writer left zeros here.
  std::uint32_t reach_look;    // ReachLook
  std::uint32_t some_unknown;  // 1: there may be blocks that are in no row (min_size, sample, paused, no room)
  std::uint64_t unread_bytes;  // memory that could not be read when it looked
  std::uint64_t own_memory;    // where in the process OwnMemory's are; 0: not known

  // Forked children. An older writer left zeros here.
  std::uint64_t children;          // that have recorded
  std::uint64_t children_removed;  // whose directories had something to show, and went to make room

  // Option `sample`; zeros: every block was recorded. Else a block was with the probability 1 - exp(-(size + 1) /
  // sample_bytes), each by itself, and stands for the inverse of that; nothing that was freed was judged (bad_frees).
  std::uint64_t sample_bytes;
  std::uint64_t sampling_threads;  // so many have allocated: of their calls only those of the sample are counted

  // Of a forked child, which does not ask when it began: it had begun by then, in clock ticks since boot. A process of
  // that pid which began later is another. Zero where start_time is known, and from an older writer.
  std::uint64_t started_by;

  // 1: the program has called malloc_usable_size, and may use all of a block that glibc gave, not only what it asked
  // for. Zero from an older writer.
  std::uint64_t usable_size_asked;
};
static_assert(offsetof(Header, pid) == 32);
static_assert(offsetof(Header, start_realtime_ns) == 80);
static_assert(offsetof(Header, control) == 152);
static_assert(offsetof(Header, sequence) == 176);
static_assert(offsetof(Header, extent_count) == 248);
static_assert(offsetof(Header, block_pages) == 256);
static_assert(offsetof(Header, passed_by) == 272);
static_assert(offsetof(Header, reach_look) == 288);
static_assert(offsetof(Header, children) == 312);
static_assert(offsetof(Header, sample_bytes) == 328);
static_assert(offsetof(Header, started_by) == 344);
static_assert(offsetof(Header, usable_size_asked) == 352);
static_assert(sizeof(Header) == 360);

// Memory of the process that is leakdir's own and holds no pointer of the program's: a table in the process, not in the
// file. Entries that are not in use are zeros.
struct OwnMemory {
  std::uint64_t start, end;
};
inline constexpr std::size_t kMostOwnMemory = 16384;

// ---- Blocks -----------------------------------------------------------------------------------------------------

// How the block came to be: the function that the program called.
enum class Call : std::uint8_t {
  kMalloc = 0,
  kCalloc,
  kRealloc,
  kReallocarray,
  kAlignedAlloc,
  kMemalign,
  kPosixMemalign,
  kValloc,
  kPvalloc,
  kNew,  // in all its forms: new[] jumps to new, and leaves no frame
};
inline constexpr const char* kCallNames[] = {"malloc",   "calloc",         "realloc", "reallocarray", "aligned_alloc",
                                             "memalign", "posix_memalign", "valloc",  "pvalloc",      "operator new"};
inline constexpr unsigned kCalls = sizeof kCallNames / sizeof kCallNames[0];

enum class BlockState : std::uint8_t {
  kEmpty = 0,     // never used
  kReserved = 1,  // being filled: not live yet
  kLive = 2,
  kFreed = 3,  // waits to be used again; its time means nothing
};

// Flags of a block. The first two never change while it is live and share a byte with its state: free stores that byte
// alone, and reads the other flags after (live_table.cc).
inline constexpr unsigned kFlagEarly = 1u << 0;      // from before start-up: the caller is all that is known
inline constexpr unsigned kFlagInherited = 1u << 1;  // allocated by the parent before fork
inline constexpr unsigned kFlagFiled = 1u << 2;      // it has a record file (or had one: freed, not yet removed)
inline constexpr unsigned kFlagLibc = 1u << 3;       // libc's or the C++ runtime's own: not the user's leak
inline constexpr unsigned kFlagIgnored = 1u << 4;    // leakdir_ignore()
inline constexpr unsigned kFlagTruncated = 1u << 5;  // the stack is deeper than what was kept
inline constexpr unsigned kFlagPlace = 1u << 6;      // its stack starts with a place node (file and line)
inline constexpr unsigned kReachShift = 7;           // three bits, not flags: the block's Reach
inline constexpr unsigned kReachMask = 7u << kReachShift;
inline constexpr unsigned kFlags = 10;

// Whether the program can still reach a block, as far as somebody looked (Header::reach_look).
enum class Reach : std::uint8_t {
  kUnknown = 0,    // nobody looked, or who looked could not tell
  kDefinite = 1,   // definitely lost: nothing points to it but what is lost itself
  kIndirect = 2,   // indirectly lost: a lost block points to it
  kPossible = 3,   // possibly lost: only pointers into its middle lead to it
  kReachable = 4,  // still reachable
};
inline constexpr unsigned kReaches = 5;
// In a record and in a report; and the words of --show-leak-kinds, in JSON.
inline constexpr const char* kReachNames[kReaches] = {"", "definitely lost", "indirectly lost", "possibly lost",
                                                      "still reachable"};
inline constexpr const char* kReachWords[kReaches] = {"", "definite", "indirect", "possible", "reachable"};
constexpr const char* name_of(Reach reach) { return kReachNames[static_cast<unsigned>(reach)]; }
constexpr bool is_lost(Reach reach) { return reach >= Reach::kDefinite && reach <= Reach::kPossible; }

inline constexpr std::uint64_t kMask48 = (std::uint64_t{1} << 48) - 1;

// One block: three 64-bit words. In a word, what is named first is in the highest bits.
struct Block {
  // word 0: flags (10) | call (4) | state (2) | address (48)
  // word 1: stack node (26) | time (28) | thread, bits 4 to 13 (10)
  // word 2: sequence number (44) | thread, bits 0 to 3 (4) | size, bits 0 to 15 (16)
  // The size is in bytes, as the program asked for it; what it has above its 16 bits is in a node (kSizeModule). The
  // thread is an index. The time is in ticks since its Period began.
  std::uint64_t word[3];
};
static_assert(sizeof(Block) == 24);

// Of each kPageWords words the first two are not a block's: word 0 is kPageSign from before the first block of the page
// is made, word 1 is the writer's. Behind them lie kBlocksPerPage blocks. Where the file has fewer signs than
// Header::block_pages says, pages were lost: the machine may have lost power.
inline constexpr std::uint32_t kBlockWords = sizeof(Block) / 8;
inline constexpr std::uint32_t kPageWords = 512;
inline constexpr std::uint32_t kPageHeadWords = 2;
inline constexpr std::uint32_t kBlocksPerPage = (kPageWords - kPageHeadWords) / kBlockWords;
static_assert(kPageHeadWords + kBlocksPerPage * kBlockWords == kPageWords);
inline constexpr std::uint64_t kPageSign = 0x6567617072696461;
// The number of the block that lies behind.
constexpr std::uint32_t block_after(std::uint32_t block) {
  const std::uint32_t next = block + kBlockWords;
  return next % kPageWords == 0 ? next + kPageHeadWords : next;
}

constexpr std::uint64_t low48(std::uint64_t word) { return word & kMask48; }
constexpr unsigned high16(std::uint64_t word) { return static_cast<unsigned>(word >> 48); }
constexpr std::uint64_t node_word(std::uint64_t pc, std::uint64_t module) { return (pc & kMask48) | module << 48; }

constexpr std::uint64_t state_bits(BlockState state) { return std::uint64_t{static_cast<std::uint8_t>(state)} << 48; }
constexpr std::uint64_t block_word0(std::uint64_t address, BlockState state, Call call, unsigned flags) {
  return (address & kMask48) | state_bits(state) | std::uint64_t{static_cast<std::uint8_t>(call)} << 50 |
         std::uint64_t{flags} << 54;
}
constexpr std::uint64_t block_address(std::uint64_t word0) { return low48(word0); }
// `address` is one: of 48 bits.
constexpr bool is_block_at(std::uint64_t word0, std::uint64_t address) { return (word0 ^ address) << 16 == 0; }
constexpr BlockState block_state(std::uint64_t word0) { return static_cast<BlockState>(word0 >> 48 & 3); }
constexpr unsigned block_call(std::uint64_t word0) { return static_cast<unsigned>(word0 >> 50 & 15); }
constexpr unsigned block_flags(std::uint64_t word0) { return static_cast<unsigned>(word0 >> 54); }
constexpr Reach block_reach(std::uint64_t word0) {
  const unsigned reach = block_flags(word0) >> kReachShift & 7;
  return reach < kReaches ? static_cast<Reach>(reach) : Reach::kUnknown;
}
constexpr std::uint64_t flag_bits(unsigned flags) { return std::uint64_t{flags} << 54; }

inline constexpr unsigned kStackShift = 38;
inline constexpr unsigned kTimeShift = 10, kTimeBits = 28;
inline constexpr std::uint64_t kMostTime = (std::uint64_t{1} << kTimeBits) - 1;
inline constexpr unsigned kThreadBits = 14, kThreadLowBits = 4, kThreadLowShift = 16;
inline constexpr unsigned kSequenceShift = 20;
inline constexpr unsigned kSizeBits = 16;
// The thread as word 1 and word 2 have it.
constexpr std::uint64_t thread_in_word1(std::uint32_t thread) { return thread >> kThreadLowBits; }
constexpr std::uint64_t thread_in_word2(std::uint32_t thread) {
  return std::uint64_t{thread & ((1u << kThreadLowBits) - 1)} << kThreadLowShift;
}
// `stack` may have anything above its bits.
constexpr std::uint64_t block_word1(std::uint64_t stack, std::uint64_t time, std::uint32_t thread) {
  return stack << kStackShift | time << kTimeShift | thread_in_word1(thread);
}
constexpr std::uint64_t block_word2(std::uint64_t sequence, std::uint32_t thread, std::uint64_t size) {
  return sequence << kSequenceShift | thread_in_word2(thread) | size;
}
constexpr std::uint32_t block_stack(std::uint64_t word1) { return static_cast<std::uint32_t>(word1 >> kStackShift); }
constexpr std::uint64_t block_time(std::uint64_t word1) { return word1 >> kTimeShift & kMostTime; }
constexpr std::uint16_t block_thread(const Block& block) {
  constexpr std::uint64_t kHigh = (1u << (kThreadBits - kThreadLowBits)) - 1, kLow = (1u << kThreadLowBits) - 1;
  return static_cast<std::uint16_t>((block.word[1] & kHigh) << kThreadLowBits |
                                    (block.word[2] >> kThreadLowShift & kLow));
}
constexpr std::uint64_t block_sequence(std::uint64_t word2) { return word2 >> kSequenceShift; }
inline constexpr std::uint64_t kMostSizeInRow = (1u << kSizeBits) - 1;
constexpr std::uint64_t block_size_in_row(std::uint64_t word2) { return word2 & kMostSizeInRow; }

// A row has few bits for the time, so it counts from when the block's period began: the last of those whose numbers
// begin below the block's. A period ends as soon as numbers are taken when time is nearly at the end of its bits; which
// one is under way is told, by its row, in the lowest bits of Header::sequence, and the number that was handed out last
// above them. Rows behind that one are not in force. Before the first there is one from time 0 on, without a row.
struct Period {
  std::uint64_t after;  // its numbers are higher
  std::uint64_t start;  // in ticks
};
static_assert(sizeof(Period) == 16);
inline constexpr unsigned kPeriodBits = 20;
constexpr std::uint32_t current_period(std::uint64_t header_sequence) {
  return static_cast<std::uint32_t>(header_sequence & ((1u << kPeriodBits) - 1));
}
constexpr std::uint64_t last_sequence(std::uint64_t header_sequence) { return header_sequence >> kPeriodBits; }

// Versions 1 and 2: four words, 128 rows to a page of which the first is not a block (its word 0 is 0, its word 2
// kPageSign). Extents of blocks count rows, there are no periods and no nodes of sizes, and Header::sequence is the
// number alone.
struct OldBlock {
  // word 0: as word 0 of a Block
  // word 1: index of the thread (16) | size (48)
  // word 2: stack node, bits 0 to 15 (16) | sequence number (48)
  // word 3: stack node, bits 16 to 31 (16) | time in ticks since the start (48)
  std::uint64_t word[4];
};
static_assert(sizeof(OldBlock) == 32);
inline constexpr std::uint32_t kOldRowsPerPage = 128;
constexpr std::uint32_t old_block_stack(std::uint64_t word2, std::uint64_t word3) {
  return static_cast<std::uint32_t>(high16(word2) | high16(word3) << 16);
}

// ---- Stacks -----------------------------------------------------------------------------------------------------

// One frame of a stack. A stack is named by the node of its innermost frame; `parent` is the frame that called it, 0
// at the outermost. Equal stacks mostly have equal nodes, but a reader must not count on it.
// A node with kPlaceModule is no frame but the place that the macro hook gave: `pc` is the offset of the file's name in
// kText, `line` the line; its parent is the innermost frame.
// A node with kSizeModule is no frame either: `pc` is what the block's size has above the bits of its row. It is the
// first of a stack, in front of a place.
struct Node {
  std::uint64_t pc_module;  // return address (48) | index of the module it lies in, 0: none (16)
  std::uint32_t parent;
  std::uint32_t line;  // of a place node; of a frame: kNode… (a reader passes over those that it does not know)
};
static_assert(sizeof(Node) == 16);
inline constexpr unsigned kPlaceModule = 0xffff;
inline constexpr unsigned kSizeModule = 0xfffe;
constexpr bool is_no_frame(unsigned module) { return module == kPlaceModule || module == kSizeModule; }
constexpr bool is_size_node(const Node& node) { return high16(node.pc_module) == kSizeModule; }
constexpr std::uint64_t size_above_row(const Node& node) { return low48(node.pc_module) << kSizeBits; }
inline constexpr std::uint32_t kNodeNew = 2;     // the frame of operator new: never the innermost of a block's stack
inline constexpr std::uint32_t kNodeLoader = 4;  // the frame lies in the dynamic loader
inline constexpr std::uint32_t kNodeLibc = 1;    // what is allocated in this frame is libc's own, as far as can be told
inline constexpr std::uint32_t kNodeLibcBelow = 8;  // … and so is what is allocated in all frames that it calls
// Most addresses are those that a call returns to: what is to be named is the call, a byte before. Others are what is
// to be named themselves:
inline constexpr std::uint32_t kNodeEntered = 16;       // no call led to this address
inline constexpr std::uint32_t kNodeSignalReturn = 32;  // nor to its parent's, which is where a signal came
// For want of a table its parent was found by the frame pointer:
inline constexpr std::uint32_t kNodeWithoutTable = 64;
// Libc's own is what is allocated in the frames that those call which this one calls.
inline constexpr std::uint32_t kNodeLibcTwoBelow = 128;

// ---- Threads, modules, bad frees ----------------------------------------------------------------------------------

struct Thread {
  std::uint32_t tid;
  std::uint32_t reserved;
  char name[16];              // zero-terminated, as of the thread's first calls
  std::uint64_t allocations;  // calls that this row's threads made (a row is used again when its thread has ended)
  std::uint64_t frees;
  std::uint64_t after;  // blocks with a number that is not higher are of a thread that had this row before; 0: none had
  std::uint64_t reserved2[2];
};
static_assert(sizeof(Thread) == 64);
// Whether it made the block with that number, which refers to its row.
constexpr bool has_made(const Thread& thread, std::uint64_t sequence) {
  return thread.after == 0 || sequence > thread.after;
}

// A loaded executable or shared library. The address that addr2line wants is pc - bias.
struct Module {
  std::uint64_t start, end;       // the addresses it occupies: start <= pc < end
  std::uint64_t bias;             // load address - link-time address
  std::uint64_t unload_sequence;  // the sequence number by which it was found unloaded; 0: still there, or again
  std::uint32_t path;             // into kText
  std::uint32_t build_id_bytes;
  std::uint8_t build_id[40];
  std::uint64_t reserved[6];
};
static_assert(sizeof(Module) == 128);

enum class BadFreeKind : std::uint32_t {
  kDoubleFree = 1,
  kNeverReturned,  // free of a pointer that malloc never returned
  kInsideBlock,    // free inside a block
  kReallocFreed,   // realloc of a freed block
  kReallocNeverReturned,
  kReallocInsideBlock,
};
inline constexpr const char* kBadFreeNames[] = {
    "unknown",
    "double free",
    "free of a pointer that malloc never returned",
    "free inside a block",
    "realloc of a freed block",
    "realloc of a pointer that malloc never returned",
    "realloc inside a block",
};
inline constexpr unsigned kBadFreeKinds = sizeof kBadFreeNames / sizeof kBadFreeNames[0];

struct BadFree {
  std::uint64_t address;
  std::uint64_t time;   // ticks
  std::uint64_t block;  // the block that it lies in or that was freed first; 0: none known
  std::uint64_t block_bytes;
  std::uint32_t kind;  // BadFreeKind; stored last: 0 means not complete
  std::uint32_t thread;
  std::uint32_t free_stack, first_free_stack, allocation_stack;  // nodes; 0: not known
  std::uint32_t reserved[3];
};
static_assert(sizeof(BadFree) == 64);

// Bytes of one row of each kind, by Kind.
inline constexpr std::uint32_t kRowBytes[kKinds] = {
    0, 8, sizeof(Node), sizeof(Thread), sizeof(Module), sizeof(BadFree), 1, sizeof(Period)};

}  // namespace leakdir::ledger
