// SPDX-License-Identifier: BSL-1.0
#include "messages.hh"

#include <fcntl.h>
#include <sys/stat.h>

#include <atomic>
#include <cstddef>

#include "base.hh"
#include "libc.hh"
#include "shared/error_text.h"
#include "shared/text.hh"
#include "stderr_keeper.hh"
#include "sys.hh"

namespace leakdir::messages {
namespace {

// What stderr was when the program started.
std::uint64_t stderr_device = 0, stderr_inode = 0;
bool stderr_is_open = false, stderr_is_log = false;

bool is_only_appended_to() {
  const int flags = sys::status_flags(2);
  return flags >= 0 && (flags & O_APPEND) != 0;
}

// Descriptor 2 may be something else by now: the program may have closed it, and opened a file of its own under its
// number. Where it was a log, another log is taken for the next one.
bool is_stderr_still() {
  sys::FileStatus status;
  if (!stderr_is_open || sys::stat_descriptor(2, &status) != 0) return false;
  if (status.device == stderr_device && status.inode == stderr_inode) return true;
  return stderr_is_log && S_ISREG(status.mode) && is_only_appended_to();
}

ExchangedBool is_writing_to_kept{false};

void write_to_stderr(const iovec* pieces, int count) {
  if (is_stderr_still()) {
    sys::write_message(2, pieces, count);
  } else if (stderr_is_kept() && !is_writing_to_kept.exchange(true)) {
    write_to_kept_stderr(pieces, count);
    is_writing_to_kept.store(false);
  }
}

// A line made of pieces and written at once. Paths are not copied: a message needs little stack.
class Line {
 public:
  Line() { add("leakdir: "); }
  Line& add(const char* text) {
    std::size_t bytes = 0;
    while (text[bytes] != '\0') ++bytes;
    return add(text, bytes);
  }
  Line& add(const char* text, std::size_t bytes) {
    if (count_ < kPieces) pieces_[count_++] = {const_cast<char*>(text), bytes};
    return *this;
  }
  Line& dec(std::uint64_t number) {
    const std::size_t from = numbers_.size();
    numbers_.dec(number);
    return add(buffer_ + from, numbers_.size() - from);
  }
  Line& hex(std::uint64_t number) {
    const std::size_t from = numbers_.size();
    numbers_.hex(number);
    return add(buffer_ + from, numbers_.size() - from);
  }
  Line& plural(std::uint64_t count, const char* one, const char* many) {
    return dec(count).add(count == 1 ? one : many);
  }
  void say() {
    add("\n");
    write_to_stderr(pieces_, count_);
  }

 private:
  static constexpr int kPieces = 32;
  iovec pieces_[kPieces];
  int count_ = 0;
  char buffer_[120];  // six numbers
  Text numbers_{buffer_, sizeof buffer_};
};

// True the first time.
bool once(ExchangedBool& said) { return said.exchange(true, std::memory_order_relaxed) == 0; }

// One line for what goes wrong with the file system: a full disk is met in several parts.
ExchangedBool said_fault{false};
bool may_say_fault() { return is_stderr_still() && once(said_fault); }

// The helper thread has no stderr: it leaves the line to the others, once.
enum class Left : std::uint32_t { kNothing = 0, kNotWritten, kDiskIsNearlyFull, kDiskIsShortOfInodes, kDirIsAtLimit };
ExchangedBool has_left{false};
std::atomic<Left> left{Left::kNothing};
const char* left_path = nullptr;
std::uint64_t left_number = 0;

// Whether the caller is to say it.
bool say_or_leave(Left what, const char* path, std::uint64_t number) {
  if (may_say_fault()) return true;
  if (said_fault.load(std::memory_order_relaxed) || !once(has_left)) return false;
  left_path = path;
  left_number = number;
  left.store(what, std::memory_order_release);
  return false;
}
std::atomic<unsigned> bad_frees_said{0};
constexpr unsigned kBadFreesToSay = 10;

void fault(const char* what, const char* path, int error, const char* so) {
  Line().add(what).add(path).add(" (").add(error_text(-error)).add("): ").add(so).say();
}

// Of a forked child, whose parent's other children have met the same.
bool is_no_place_known = false;
void no_place(const char* what, const char* path, int error, const char* so) {
  if (!is_no_place_known) fault(what, path, error, so);
}

}  // namespace

void remember_stderr() {
  sys::FileStatus status = {};
  stderr_is_open = sys::stat_descriptor(2, &status) == 0;
  stderr_is_log = S_ISREG(status.mode) && is_only_appended_to();
  stderr_device = status.device;
  stderr_inode = status.inode;
}

void keep_open() {
  if (is_stderr_still()) keep_stderr();
}

void no_place_was_said() { is_no_place_known = true; }

void cannot_make_directory(const char* path, int error) {
  no_place("cannot make the directory ", path, error, "nothing is recorded");
}

void cannot_use_directory(const char* path, int error) {
  no_place("cannot use the directory ", path, error, "nothing is recorded");
}

void no_memory_at_start() { Line().add("no memory could be had at start: nothing is recorded").say(); }

void cannot_make_ledger(const char* path, int error) {
  no_place("cannot make the ledger in ", path, error, "nothing is recorded");
}

void ledger_not_shared(const char* path, int error) {
  if (!may_say_fault()) return;
  fault("no shared mapping in ", path, error, "what is live is lost if the program is killed");
}

void ledger_in_memory(int error) {
  if (!may_say_fault()) return;
  fault("the ledger cannot grow", "", error, "what is live from now on is lost if the program is killed");
}

void ledger_at_limit() {
  if (!may_say_fault()) return;
  Line()
      .add("the ledger does not grow, max_disk is reached: what is live from now on is lost if the program is killed")
      .say();
}

void ledger_withheld(const char* path) {
  Line()
      .add("the caller has fewer rights than this program, and could change a ledger in ")
      .add(path)
      .add(": files come at exit, and what is live is lost if the program is killed")
      .say();
}

void ledger_full(int error) {
  if (!may_say_fault()) return;
  fault("the ledger cannot grow", "", error, "further live blocks are counted, not recorded");
}

void disk_is_nearly_full(const char* path, std::uint64_t mib_left) {
  if (!say_or_leave(Left::kDiskIsNearlyFull, path, mib_left)) return;
  Line()
      .add(path)
      .add(": no more files are made, the disk is nearly full (")
      .dec(mib_left)
      .add(" MiB left); the ledger has all blocks: leakdir report")
      .say();
}

void disk_is_short_of_inodes(const char* path, std::uint64_t inodes_left) {
  if (!say_or_leave(Left::kDiskIsShortOfInodes, path, inodes_left)) return;
  Line()
      .add(path)
      .add(": no more files are made, the disk has room for few (")
      .plural(inodes_left, " inode", " inodes")
      .add(" left); the ledger has all blocks: leakdir report")
      .say();
}

void directory_is_at_limit(const char* path) {
  if (!say_or_leave(Left::kDirIsAtLimit, path, 0)) return;
  Line()
      .add(path)
      .add(": no more files are made, max_disk is reached; the ledger has all blocks: leakdir report")
      .say();
}

bool something_was_left() { return left.load(std::memory_order_relaxed) != Left::kNothing; }

void say_what_was_left() {
  if (!something_was_left()) return;
  switch (left.exchange(Left::kNothing, std::memory_order_acquire)) {
    case Left::kNothing:
      return;
    case Left::kNotWritten:
      return cannot_write_record(left_path, static_cast<int>(left_number));
    case Left::kDiskIsNearlyFull:
      return disk_is_nearly_full(left_path, left_number);
    case Left::kDiskIsShortOfInodes:
      return disk_is_short_of_inodes(left_path, left_number);
    case Left::kDirIsAtLimit:
      return directory_is_at_limit(left_path);
  }
}

void cannot_write_record(const char* path, int error) {
  if (!say_or_leave(Left::kNotWritten, path, static_cast<std::uint64_t>(error))) return;
  fault("cannot write record files in ", path, error,
        "the ledger has the live blocks: leakdir report, leakdir recover");
}

void children_are_elsewhere() {
  Line().add("children that are forked in another root directory are not recorded").say();
}

void directory_in_use(const char* path, int pid, const char* instead) {
  Line()
      .add(path)
      .add(" belongs to the running process ")
      .dec(static_cast<std::uint64_t>(pid))
      .add(": recording into ")
      .add(instead)
      .say();
}

void libc_differs(const char* built_with, const char* running_with) {
  Line()
      .add("leakdir-static.o was made from ")
      .add(libc::kName)
      .add(" ")
      .add(built_with)
      .add(", this program has ")
      .add(running_with)
      .add(": make it again from this one's libc.a")
      .say();
}

void object_is_in_a_library() {
  Line()
      .add(
          "leakdir.o is in a shared library, where it never starts, so nothing is recorded: link it into the program, ")
      .add("or preload libleakdir.so")
      .say();
}

void hooks_are_passed_by() {
  Line().add("libleakdir.so: this program's malloc is another's, so nothing is recorded: link leakdir.o into it").say();
}

void program_has_sanitizer() {
  Line()
      .add("this program has a sanitizer (-fsanitize), whose allocator is its own, so nothing is recorded: build it ")
      .add("without, or let LeakSanitizer look for leaks")
      .say();
}

void program_has_another_malloc() {
  Line().add("this program's malloc is another's: what it allocates is not seen (see leakdir doctor)").say();
}

void libraries_have_another_malloc() {
  Line()
      .add(
          "this program does not export leakdir's malloc: what its libraries allocate is not seen (see leakdir doctor)")
      .say();
}

void module_has_another_malloc(const char* path) {
  Line().add(path).add(" calls another malloc: what it allocates is not seen").say();
}

void namespace_has_another_malloc() {
  Line().add("libraries came by dlmopen, with a malloc of their own: what they allocate is not seen").say();
}

void blocks_were_not_seen(std::uint64_t blocks) {
  Line()
      .plural(blocks, " block was", " blocks were")
      .add(" allocated or freed unseen: some calls go past leakdir")
      .say();
}

void option_error(const OptionError& error) {
  Line line;
  line.add(error.source);
  if (error.line != 0) line.add(":").dec(error.line);
  if (error.unknown_key) {
    line.add(": unknown option '").add(error.key, error.key_bytes).add("': ignored (help=1 lists them)");
  } else {
    line.add(": bad value '").add(error.value, error.value_bytes).add("' for ").add(error.key, error.key_bytes);
    line.add(": the default holds");
  }
  line.say();
}

void config_unreadable(const char* path, int error) { fault("cannot read ", path, error, "it is ignored"); }

void config_not_ours(const char* path) {
  Line()
      .add(path)
      .add(" is another user's, or no file: it is ignored (LEAKDIR_CONFIG=")
      .add(path)
      .add(" reads it)")
      .say();
}

void help_line(const char* text) {
  std::size_t bytes = 0;
  while (text[bytes] != '\0') ++bytes;
  const iovec piece = {const_cast<char*>(text), bytes};
  write_to_stderr(&piece, 1);
}

void frames_differ(const std::uintptr_t* fast, unsigned fast_count, const std::uintptr_t* boost, unsigned boost_count) {
  Line().add("unwind=compare: the two ways to capture differ; fast and boost, innermost first:").say();
  for (unsigned i = 0; i < fast_count || i < boost_count; ++i) {
    Line line;
    line.add("#").dec(i).add(" ");
    if (i < fast_count) line.hex(fast[i]);
    line.add(" ");
    if (i < boost_count) line.hex(boost[i]);
    line.say();
  }
}

void sample_is_whole() {
  Line().add("sample: mimalloc 3.0's realloc does not keep what aligned blocks hold, so every block is recorded").say();
}

void never_is_exit() { Line().add("write=never: no ledger stays here, so files are made at exit").say(); }

void bad_free(const char* kind, std::uint64_t address, const char* directory, bool has_file) {
  const unsigned said = bad_frees_said.fetch_add(1, std::memory_order_relaxed);
  if (said > kBadFreesToSay) return;
  if (said == kBadFreesToSay) {
    Line().add("more bad frees: see ").add(directory).say();
    return;
  }
  Line line;
  line.add(kind).add(": ").hex(address).add(", see ");
  if (has_file) {
    line.add(directory).add("/").hex(address).add(".badfree");
  } else {
    line.add("leakdir report ").add(directory);
  }
  line.say();
}

namespace {

// "1 definitely lost, 12 still reachable"; empty where nobody has looked.
void put_kinds(Text& text, const Summary& summary) {
  const bool ran_on = summary.look == ledger::ReachLook::kThreads;
  if (summary.look != ledger::ReachLook::kDone && !ran_on) return;
  const auto put = [&](ledger::Reach reach, const char* name) {
    const std::uint64_t blocks = summary.blocks_of_kind[static_cast<unsigned>(reach)];
    if (blocks == 0) return;
    if (text.size() != 0) text.put(", ");
    text.dec(blocks).put(' ').put(name);
  };
  for (unsigned kind = 1; kind < ledger::kReaches; ++kind) {
    const auto reach = static_cast<ledger::Reach>(kind);
    put(reach, ledger::name_of(reach));
  }
  put(ledger::Reach::kUnknown, ran_on ? "not known, as other threads were running" : "not known");
}

}  // namespace

void summary(const Summary& summary) {
  const char* const directory = summary.directory;
  Line line;
  line.plural(summary.blocks, " live block, ", " live blocks, ").plural(summary.bytes, " byte", " bytes");
  if (summary.bad_frees != 0) line.add(", ").plural(summary.bad_frees, " bad free", " bad frees");
  line.add(" at exit");
  if (summary.sample_bytes != 0) line.add(" in a sample (sample=").dec(summary.sample_bytes).add(")");
  line.add(": ").add(directory);
  char room[256];
  Text kinds(room, sizeof room);
  put_kinds(kinds, summary);
  const std::uint64_t without_file = summary.without_file;
  if (kinds.size() != 0 || without_file != 0) line.add(" (").add(kinds.data(), kinds.size());
  if (without_file != 0) {
    if (kinds.size() != 0) line.add("; ");
    if (without_file == summary.blocks) {
      line.add("no files");
    } else {
      line.plural(without_file, " has no file", " have no file");
      if (summary.lost_without_file != 0) line.add(", ").dec(summary.lost_without_file).add(" of them lost");
    }
    line.add(": leakdir report ").add(directory).add(", leakdir recover ").add(directory);
  }
  if (kinds.size() != 0 || without_file != 0) line.add(")");
  line.say();
}

}  // namespace leakdir::messages
