// SPDX-License-Identifier: BSL-1.0
//
// The saved file, version 1. Numbers are little-endian.
//
//   offset 0    8 bytes   "leaksav\n"
//          8    4 bytes   version
//         12    4 bytes   0
//         16    8 bytes   length of the message
//         24    to the end: the message as a zlib stream (RFC 1950), whose checksum covers all of it
//
// The message is a protocol buffer. describe() below is its schema, for writing and reading: numbers are varints, and 0
// is not written; an index, and a state, is written plus 1, so that 0 is "none"; a list is a repeated field. A field
// that a reader does not know is passed over: what later versions add without changing what is there keeps the version.
//
// A reader refuses a file that is cut short, does not unpack, or refers to what it does not hold.

#include "saved_file.hh"

#include <fmt/format.h>

#include <algorithm>
#include <cstring>
#include <limits>
#include <protozero/pbf_reader.hpp>
#include <protozero/pbf_writer.hpp>
#include <type_traits>

#include "base/error.hh"
#include "pack.hh"

namespace leakdir::tool {

namespace {

constexpr char kMagic[8] = {'l', 'e', 'a', 'k', 's', 'a', 'v', '\n'};
constexpr std::uint32_t kVersion = 1;
constexpr std::uint32_t kVersionOfSample = 2;  // as that of a ledger; nothing else is different

struct Head {
  char magic[8];
  std::uint32_t version;
  std::uint32_t reserved;
  std::uint64_t message_bytes;
};
static_assert(sizeof(Head) == 24);

// Flags of a block: bit i of the file's number is this flag of the ledger, whose own bits may move. New ones come last.
constexpr unsigned kFlags[] = {ledger::kFlagFiled,   ledger::kFlagEarly,     ledger::kFlagInherited, ledger::kFlagLibc,
                               ledger::kFlagIgnored, ledger::kFlagTruncated, ledger::kFlagPlace};
constexpr unsigned kFlagCount = sizeof kFlags / sizeof kFlags[0];

// The names of one frame; frames without any are not in the file.
struct NamedFrame {
  std::uint32_t frame = kNone;
  std::vector<SourceLine> lines;
};

// ---- The schema -------------------------------------------------------------------------------------------------

// In is what an archive may do with a member: a writer looks at it, a reader sets it.
template <class Archive, class T>
using In = typename Archive::template Access<T>;

template <class Archive>
void describe(Archive& archive, In<Archive, Module>& module) {
  archive.text(1, module.path);
  archive.text(2, module.build_id);
  archive.number(3, module.start);
  archive.number(4, module.end);
  archive.number(5, module.bias);
  archive.number(6, module.is_program);
}

template <class Archive>
void describe(Archive& archive, In<Archive, Frame>& frame) {
  archive.number(1, frame.pc);
  archive.index(2, frame.module);  // of a place: into places
  archive.number(3, frame.is_place);
  archive.number(4, frame.is_exact);
  archive.number(5, frame.by_frame_pointer);
}

template <class Archive>
void describe(Archive& archive, In<Archive, StackNode>& node) {
  archive.index(1, node.frame);
  archive.index(2, node.parent);  // smaller than the node's own
}

template <class Archive>
void describe(Archive& archive, In<Archive, Thread>& thread) {
  archive.number(1, thread.tid);
  archive.text(2, thread.name);
}

template <class Archive>
void describe(Archive& archive, In<Archive, Block>& block) {
  archive.number(1, block.address);
  archive.number(2, block.size);
  archive.number(3, block.sequence);
  archive.number(4, block.time_ns);
  archive.index(5, block.stack);
  archive.number(6, block.thread);
  archive.flags(7, block.flags);
  archive.number(8, block.call);
  archive.reach(9, block.reach);
  archive.number(10, block.sample_bytes);
}

template <class Archive>
void describe(Archive& archive, In<Archive, BadFree>& bad_free) {
  archive.number(1, bad_free.kind);
  archive.number(2, bad_free.address);
  archive.number(3, bad_free.time_ns);
  archive.number(4, bad_free.block);
  archive.number(5, bad_free.block_bytes);
  archive.number(6, bad_free.thread);
  archive.index(7, bad_free.free_stack);
  archive.index(8, bad_free.first_free_stack);
  archive.index(9, bad_free.allocation_stack);
}

template <class Archive>
void describe(Archive& archive, In<Archive, SourceLine>& line) {
  archive.text(1, line.function);
  archive.text(2, line.file);
  archive.number(3, line.line);
  archive.number(4, line.inlined);
}

template <class Archive>
void describe(Archive& archive, In<Archive, NamedFrame>& named) {
  archive.index(1, named.frame);
  archive.list(2, named.lines);
}

struct Saved {
  Snapshot snapshot;
  std::vector<NamedFrame> names;
  bool is_damaged = false;
};

template <class Archive>
void describe(Archive& archive, In<Archive, Saved>& saved) {
  auto& snapshot = saved.snapshot;
  archive.text(1, snapshot.directory);
  archive.number(2, snapshot.from_records);
  archive.number(3, snapshot.saved_ns);
  archive.text(4, snapshot.program);
  archive.text(5, snapshot.program_build_id);
  archive.number(6, snapshot.pid);
  archive.number(7, snapshot.parent_pid);
  archive.state(8, snapshot.state);  // running, exited, killed
  archive.number(9, snapshot.start_ns);
  archive.number(10, snapshot.end_ns);
  archive.number(11, snapshot.lists_libc);
  archive.number(12, snapshot.paused);
  archive.number(13, snapshot.max_files);
  archive.text(14, snapshot.suppressions);
  archive.number(15, snapshot.allocations);
  archive.number(16, snapshot.frees);
  archive.number(17, snapshot.dropped_blocks);
  archive.number(18, snapshot.dropped_stacks);
  archive.number(19, snapshot.unrecorded);
  archive.number(20, snapshot.pauses);
  archive.number(21, snapshot.bad_frees_seen);
  archive.number(22, saved.is_damaged);
  archive.number(25, snapshot.never_recorded);
  archive.look(26, snapshot.reach_look);
  archive.number(27, snapshot.unread_bytes);
  archive.text(28, snapshot.passed_by);
  archive.text(29, snapshot.went_on_as);
  archive.number(37, snapshot.sample_bytes);
  archive.number(38, snapshot.sampling_threads);
  archive.number(39, snapshot.children_unrecorded);
  archive.texts(23, snapshot.notices);
  archive.texts(24, snapshot.warnings);
  archive.list(30, snapshot.modules);
  archive.texts(31, snapshot.places);
  archive.list(32, snapshot.frames);
  archive.list(33, snapshot.nodes);
  archive.list(34, snapshot.threads);
  archive.list(35, snapshot.blocks);
  archive.list(36, snapshot.bad_frees);
  archive.list(40, saved.names);
  archive.texts(41, snapshot.damage);
}

// ---- Writing ----------------------------------------------------------------------------------------------------

class Writer {
 public:
  template <class T>
  using Access = const T;

  explicit Writer(std::string& to) : out_(to) {}

  template <class T>
  void number(protozero::pbf_tag_type tag, const T& value) {
    // A time before 1970, of a damaged record, is none.
    if (value > T{}) out_.add_uint64(tag, static_cast<std::uint64_t>(value));
  }
  void state(protozero::pbf_tag_type tag, State value) { out_.add_uint64(tag, static_cast<std::uint64_t>(value) + 1); }
  void reach(protozero::pbf_tag_type tag, ledger::Reach value) { number(tag, static_cast<std::uint32_t>(value)); }
  void look(protozero::pbf_tag_type tag, ledger::ReachLook value) { number(tag, static_cast<std::uint32_t>(value)); }
  void flags(protozero::pbf_tag_type tag, unsigned value) {
    unsigned stored = 0;
    for (unsigned i = 0; i < kFlagCount; ++i) stored |= (value & kFlags[i]) != 0 ? 1u << i : 0;
    number(tag, stored);
  }
  void index(protozero::pbf_tag_type tag, std::uint32_t value) {
    if (value != kNone) out_.add_uint64(tag, std::uint64_t{value} + 1);
  }
  void text(protozero::pbf_tag_type tag, const std::string& value) {
    if (!value.empty()) out_.add_bytes(tag, value);
  }
  void texts(protozero::pbf_tag_type tag, const std::vector<std::string>& values) {
    for (const auto& value : values) out_.add_bytes(tag, value);
  }
  template <class T>
  void list(protozero::pbf_tag_type tag, const std::vector<T>& values) {
    std::string message;
    for (const auto& value : values) {
      message.clear();
      Writer part(message);
      describe(part, value);
      out_.add_message(tag, message);
    }
  }

 private:
  protozero::pbf_writer out_;
};

// ---- Reading ----------------------------------------------------------------------------------------------------

struct Damage {
  const char* what;
};

// Is at one field of a message. describe() asks for each field that there can be; the one with this tag is taken.
class Reader {
 public:
  template <class T>
  using Access = T;

  explicit Reader(protozero::data_view message) : in_(message) {}

  template <class T>
  void read(T& into) {
    while (in_.next()) {
      is_taken_ = false;
      describe(*this, into);
      if (!is_taken_) in_.skip();
    }
  }

  template <class T>
  void number(protozero::pbf_tag_type tag, T& value) {
    if (!takes(tag, protozero::pbf_wire_type::varint)) return;
    const std::uint64_t read = in_.get_uint64();
    if (read > static_cast<std::uint64_t>(std::numeric_limits<T>::max())) throw Damage{"a number is too large"};
    value = static_cast<T>(read);
  }
  void state(protozero::pbf_tag_type tag, State& value) {
    std::uint8_t plus_one = 0;
    if (in_.tag() != tag || is_taken_) return;
    number(tag, plus_one);
    if (plus_one == 0 || plus_one > static_cast<unsigned>(State::kKilled) + 1)
      throw Damage{"the process is in no known state"};
    value = static_cast<State>(plus_one - 1);
  }
  void reach(protozero::pbf_tag_type tag, ledger::Reach& value) {
    std::uint32_t stored = 0;
    if (in_.tag() != tag || is_taken_) return;
    number(tag, stored);
    if (stored >= ledger::kReaches) throw Damage{"a block is of no known kind"};
    value = static_cast<ledger::Reach>(stored);
  }
  // Why nobody looked may be a reason that only a later leakdir knows.
  void look(protozero::pbf_tag_type tag, ledger::ReachLook& value) {
    std::uint32_t stored = 0;
    if (in_.tag() != tag || is_taken_) return;
    number(tag, stored);
    value = static_cast<ledger::ReachLook>(stored);
  }
  void flags(protozero::pbf_tag_type tag, std::uint16_t& value) {
    std::uint32_t stored = 0;
    if (in_.tag() != tag || is_taken_) return;
    number(tag, stored);
    value = 0;
    for (unsigned i = 0; i < kFlagCount; ++i) value |= static_cast<std::uint16_t>(stored >> i & 1 ? kFlags[i] : 0);
  }
  void index(protozero::pbf_tag_type tag, std::uint32_t& value) {
    std::uint64_t plus_one = 0;
    if (in_.tag() != tag || is_taken_) return;
    number(tag, plus_one);
    if (plus_one > kNone) throw Damage{"a number is too large"};
    value = plus_one == 0 ? kNone : static_cast<std::uint32_t>(plus_one - 1);
  }
  void text(protozero::pbf_tag_type tag, std::string& value) {
    if (takes(tag, protozero::pbf_wire_type::length_delimited)) value = in_.get_bytes();
  }
  void texts(protozero::pbf_tag_type tag, std::vector<std::string>& values) {
    if (takes(tag, protozero::pbf_wire_type::length_delimited)) values.push_back(in_.get_bytes());
  }
  template <class T>
  void list(protozero::pbf_tag_type tag, std::vector<T>& values) {
    if (!takes(tag, protozero::pbf_wire_type::length_delimited)) return;
    values.emplace_back();
    Reader(in_.get_view()).read(values.back());
  }

 private:
  bool takes(protozero::pbf_tag_type tag, protozero::pbf_wire_type type) {
    if (is_taken_ || in_.tag() != tag) return false;
    if (in_.wire_type() != type) throw Damage{"a field is of another type"};
    return is_taken_ = true;
  }

  protozero::pbf_reader in_;
  bool is_taken_ = false;
};

// ---- What a snapshot promises (snapshot.hh) ---------------------------------------------------------------------

void expect(bool holds, const char* what) {
  if (!holds) throw Damage{what};
}

void check_stacks(const Snapshot& snapshot) {
  for (const auto& frame : snapshot.frames) {
    const std::size_t known = frame.is_place ? snapshot.places.size() : snapshot.modules.size();
    expect(frame.module < known || (frame.module == kNone && !frame.is_place), "a frame lies in no module");
  }
  std::vector<std::uint8_t> depth;
  depth.reserve(snapshot.nodes.size());
  for (const auto& node : snapshot.nodes) {
    expect(node.frame < snapshot.frames.size(), "a stack has no frame");
    expect(node.parent == kNone || node.parent < depth.size(), "a stack does not end");
    const unsigned above = node.parent == kNone ? 0 : depth[node.parent];
    expect(above <= kMaxDepth, "a stack is too deep");
    expect(above == 0 || !snapshot.frames[snapshot.nodes[node.parent].frame].is_place,
           "a place is in the middle of a stack");
    depth.push_back(static_cast<std::uint8_t>(above + 1));
  }
}

void check_records(const Snapshot& snapshot) {
  auto is_stack = [&](std::uint32_t stack) { return stack == kNone || stack < snapshot.nodes.size(); };
  expect(!snapshot.threads.empty(), "there is no thread");
  for (const auto& block : snapshot.blocks)
    expect(block.call < ledger::kCalls && is_stack(block.stack) && block.thread < snapshot.threads.size() &&
               block.address <= ledger::kMask48 && block.size <= ledger::kMask48 &&
               block.sample_bytes <= kMostSampleBytes,
           "a block is not what a block can be");
  for (const auto& bad_free : snapshot.bad_frees)
    expect(bad_free.kind < ledger::kBadFreeKinds && is_stack(bad_free.free_stack) &&
               is_stack(bad_free.first_free_stack) && is_stack(bad_free.allocation_stack) &&
               bad_free.thread < snapshot.threads.size(),
           "a bad free is not what a bad free can be");
  expect(snapshot.bad_frees_seen >= snapshot.bad_frees.size(), "bad frees are not counted");
  for (const auto& module : snapshot.modules)
    expect(module.build_id.size() <= sizeof ledger::Module{}.build_id, "a build-id is too long");
}

Snapshot checked(Saved saved) {
  Snapshot& snapshot = saved.snapshot;
  check_stacks(snapshot);
  check_records(snapshot);
  // Older files have the sentences among their warnings.
  if (saved.is_damaged && snapshot.damage.empty()) snapshot.damage.emplace_back("the ledger is damaged");
  if (!saved.names.empty()) snapshot.names.resize(snapshot.frames.size());
  for (auto& named : saved.names) {
    expect(named.frame < snapshot.names.size(), "a name is for no frame");
    snapshot.names[named.frame] = std::move(named.lines);
  }
  return std::move(snapshot);
}

}  // namespace

std::string saved_bytes(const Snapshot& snapshot) {
  Saved saved{snapshot, {}, snapshot.is_damaged()};
  for (std::uint32_t i = 0; i < snapshot.names.size(); ++i)
    if (!snapshot.names[i].empty()) saved.names.push_back({i, snapshot.names[i]});
  std::string message;
  Writer writer(message);
  describe(writer, saved);
  if (message.size() > kMaxUnpacked)
    throw Error(fmt::format("{} blocks are too many for a saved file", snapshot.blocks.size()));
  Head head{{}, snapshot.sample_bytes == 0 ? kVersion : kVersionOfSample, 0, message.size()};
  std::memcpy(head.magic, kMagic, sizeof kMagic);
  return std::string(reinterpret_cast<const char*>(&head), sizeof head) + packed(message);
}

bool is_saved_file(const Bytes& bytes) {
  char magic[sizeof kMagic];
  return bytes.read(0, magic, sizeof magic) == sizeof magic && std::memcmp(magic, kMagic, sizeof magic) == 0;
}

Snapshot load_saved(const Bytes& bytes, const std::string& name) {
  Head head{};
  if (!is_saved_file(bytes)) throw Error(fmt::format("{} is no file that leakdir save made", name));
  if (bytes.read(0, &head, sizeof head) != sizeof head) throw Error(fmt::format("{} is cut short", name));
  if (head.version != kVersion && head.version != kVersionOfSample)
    throw Error(fmt::format("{} is a saved file of version {}, and this leakdir reads versions {} and {} only", name,
                            head.version, kVersion, kVersionOfSample));
  if (head.reserved != 0) throw Error(fmt::format("{} is damaged: its head is not what it was", name));
  const std::uint64_t size = bytes.size();
  if (size > kMaxUnpacked) throw Error(fmt::format("{} is damaged: it is too long", name));
  std::string stream(size - std::min<std::uint64_t>(size, sizeof head), '\0');
  stream.resize(bytes.read(sizeof head, stream.data(), stream.size()));
  const std::string message = unpacked(stream, head.message_bytes, name);
  stream = {};
  try {
    Saved saved;
    Reader({message.data(), message.size()}).read(saved);
    return checked(std::move(saved));
  } catch (const Damage& damage) {
    throw Error(fmt::format("{} is damaged: {}", name, damage.what));
  } catch (const protozero::exception&) {
    throw Error(fmt::format("{} is damaged: what it holds is no message", name));
  }
}

}  // namespace leakdir::tool
