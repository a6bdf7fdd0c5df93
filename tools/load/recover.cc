// SPDX-License-Identifier: BSL-1.0
//
// The texts of the records first, then which files are there, then what is written and what is removed.

#include "recover.hh"

#include <dirent.h>
#include <fcntl.h>
#include <fmt/format.h>
#include <sys/stat.h>
#include <unistd.h>

#include <algorithm>
#include <cerrno>
#include <cstring>
#include <memory>
#include <unordered_map>

#include "base/error.hh"
#include "load_records.hh"
#include "parse_record.hh"
#include "record.hh"

namespace leakdir::tool {

namespace {

// ---- Texts ------------------------------------------------------------------------------------------------------

constexpr std::size_t kMaxText = 1 << 20;  // more than 128 frames of the longest paths need

// Nodes of a chain are the snapshot's plus 1: there, 0 means "none".
std::uint32_t next_frame(const void* context, std::uint32_t node, FrameView* out) {
  const auto& snapshot = *static_cast<const Snapshot*>(context);
  const StackNode& at = snapshot.nodes[node - 1];
  const Frame& frame = snapshot.frames[at.frame];
  const bool has_module = !frame.is_place && frame.module != kNone && !snapshot.modules[frame.module].path.empty();
  out->return_address = frame.pc;
  out->path = has_module ? snapshot.modules[frame.module].path.c_str() : nullptr;
  out->offset = offset_of(snapshot, frame);
  out->module = frame.module;
  out->is_entered = frame.is_exact;
  out->is_signal_return = false;
  out->is_without_table = at.parent != kNone && snapshot.frames[snapshot.nodes[at.parent].frame].by_frame_pointer;
  return at.parent == kNone ? 0 : at.parent + 1;
}

// Null: not known.
const char* reach_text(const Block& block) {
  return block.reach == ledger::Reach::kUnknown ? nullptr : ledger::name_of(block.reach);
}

std::uint32_t chain_node(std::uint32_t stack) { return stack == kNone ? 0 : stack + 1; }

RecordOrigin origin_of(const Snapshot& snapshot, std::uint16_t thread, std::int64_t time_ns) {
  RecordOrigin origin{};
  origin.tid = snapshot.threads[thread].tid;
  origin.thread_name = snapshot.threads[thread].name.c_str();
  origin.realtime_ns = static_cast<std::uint64_t>(time_ns);
  origin.program = snapshot.program.c_str();
  origin.build_id = reinterpret_cast<const std::uint8_t*>(snapshot.program_build_id.data());
  origin.build_id_bytes = snapshot.program_build_id.size();
  return origin;
}

template <class Put>
std::string make_text(Put put) {
  static std::vector<char> buffer(kMaxText);
  Text text(buffer.data(), buffer.size());
  put(text);
  return {text.data(), text.size()};
}

std::string name_for(std::uint64_t address, const char* suffix) {
  char buffer[kMaxRecordName + 1];
  Text name(buffer, sizeof buffer);
  put_record_name(name, address, suffix);
  return name.c_str();
}

// ---- Files ------------------------------------------------------------------------------------------------------

// What is found under a record's name.
struct Found {
  bool is_there = false;
  bool is_ours = false;  // a regular file with the text of such a record, or the beginning of one
  std::string text;
};

bool is_record_of(const std::string& text, const std::string& name) {
  static constexpr std::string_view kStart = "[+0x";
  // The process may have been killed, or the disk full, before the text was whole.
  if (text.find('\n') == std::string::npos) return text.compare(0, kStart.size(), kStart.substr(0, text.size())) == 0;
  auto record = parse_record(text);
  return record && name_for(record->address, record->is_bad_free ? kBadFreeSuffix : kRecordSuffix) == name;
}

class Directory {
 public:
  explicit Directory(const std::string& path)
      : path_(path), descriptor_(open(path.c_str(), O_RDONLY | O_DIRECTORY | O_CLOEXEC)) {
    if (descriptor_ < 0) fail("open", path);
    if (fstat(descriptor_, &status_) != 0) status_ = {};
  }
  ~Directory() { close(descriptor_); }
  Directory(const Directory&) = delete;
  Directory& operator=(const Directory&) = delete;

  std::vector<std::string> records(const char* suffix) const {
    std::unique_ptr<DIR, int (*)(DIR*)> entries(fdopendir(dup(descriptor_)), closedir);
    if (!entries) fail("read", path_);
    rewinddir(entries.get());  // a duplicated descriptor begins where the last reader ended
    std::vector<std::string> names;
    while (const dirent* entry = readdir(entries.get()))
      if (is_record_name(entry->d_name, suffix)) names.emplace_back(entry->d_name);
    std::sort(names.begin(), names.end());
    return names;
  }

  Found look_at(const std::string& name) const {
    Found found;
    struct stat status;
    if (fstatat(descriptor_, name.c_str(), &status, AT_SYMLINK_NOFOLLOW) != 0) return found;
    found.is_there = true;
    if (!S_ISREG(status.st_mode) || status.st_size > static_cast<off_t>(kMaxText)) return found;
    int file = openat(descriptor_, name.c_str(), O_RDONLY | O_NOFOLLOW | O_NONBLOCK | O_CLOEXEC);
    if (file < 0) return found;
    found.text.resize(static_cast<std::size_t>(status.st_size));
    ssize_t got = read(file, found.text.data(), found.text.size());
    close(file);
    found.text.resize(got < 0 ? 0 : static_cast<std::size_t>(got));
    found.is_ours = got >= 0 && is_record_of(found.text, name);
    return found;
  }

  void remove(const std::string& name) const {
    if (unlinkat(descriptor_, name.c_str(), 0) != 0 && errno != ENOENT) fail("remove", path_ + "/" + name);
  }

  void write(const std::string& name, const std::string& text) const {
    const std::string whole_name = path_ + "/" + name;
    int file = openat(descriptor_, name.c_str(), O_WRONLY | O_CREAT | O_EXCL | O_NOFOLLOW | O_CLOEXEC, 0600);
    if (file < 0) fail("write", whole_name);
    // The umask may have taken away more than it should, and what root recovers belongs to the owner of the directory.
    bool is_done = fchmod(file, 0600) == 0;
    if (geteuid() == 0 && status_.st_uid != 0 && fchown(file, status_.st_uid, status_.st_gid) != 0) is_done = false;
    for (std::size_t done = 0; is_done && done < text.size();) {
      ssize_t wrote = ::write(file, text.data() + done, text.size() - done);
      if (wrote > 0)
        done += static_cast<std::size_t>(wrote);
      else if (wrote == 0 || errno != EINTR)
        is_done = false;
    }
    int error = errno;
    if (close(file) != 0 && is_done) {
      is_done = false;
      error = errno;
    }
    if (is_done) return;
    unlinkat(descriptor_, name.c_str(), 0);
    errno = error;
    fail("write", whole_name);
  }

 private:
  [[noreturn]] static void fail(const char* what, const std::string& path) {
    throw Error(fmt::format("cannot {} {}: {}", what, path, std::strerror(errno)));
  }

  std::string path_;
  int descriptor_;
  struct stat status_;
};

class Recovery {
 public:
  Recovery(const Snapshot& snapshot, const std::string& path) : snapshot_(snapshot), path_(path), directory_(path) {}

  Recovered run(std::uint64_t max_files, OtherRecords others) {
    std::vector<const Block*> wanted;
    for (const auto& block : snapshot_.blocks)
      if (gets_record(snapshot_, block)) wanted.push_back(&block);
    // The oldest come first: if there are too many for max_files, they are the likeliest to be leaks.
    std::sort(wanted.begin(), wanted.end(), [](const Block* a, const Block* b) { return a->sequence < b->sequence; });
    std::unordered_map<std::string, const Block*> block_of;
    for (const Block* block : wanted) block_of[name_for(block->address, kRecordSuffix)] = block;

    if (others == OtherRecords::kRefused) {
      refuse_others(kRecordSuffix, [&](const std::string& name) {
        const auto block = block_of.find(name);
        return block != block_of.end() ? record_text(snapshot_, *block->second) : "";
      });
      refuse_others(kBadFreeSuffix, [&](const std::string& name) {
        for (const auto& bad_free : snapshot_.bad_frees)
          if (name_for(bad_free.address, kBadFreeSuffix) == name) return bad_free_text(snapshot_, bad_free);
        return std::string();
      });
    }
    remove_stale(block_of);
    std::uint64_t files = 0;
    for (const Block* block : wanted) {
      if (files >= max_files) {
        ++result_.over_limit;
        continue;
      }
      files += put(name_for(block->address, kRecordSuffix), record_text(snapshot_, *block), block);
    }
    for (const auto& bad_free : snapshot_.bad_frees)
      put(name_for(bad_free.address, kBadFreeSuffix), bad_free_text(snapshot_, bad_free), nullptr);
    return std::move(result_);
  }

 private:
  // A file that is there already counts when it holds what would be written, or the beginning of that: addresses and
  // sequence numbers are often the same in the next run.
  template <class TextFor>
  void refuse_others(const char* suffix, TextFor text_for) const {
    for (const auto& name : directory_.records(suffix)) {
      const Found found = directory_.look_at(name);
      if (!found.is_ours || text_for(name).compare(0, found.text.size(), found.text) == 0) continue;
      throw Error(fmt::format("{} has records of another run, {} for one: they would be lost", path_, name));
    }
  }

  void remove_stale(const std::unordered_map<std::string, const Block*>& block_of) {
    for (const auto& name : directory_.records(kRecordSuffix)) {
      if (block_of.count(name) != 0) continue;
      if (directory_.look_at(name).is_ours) {
        directory_.remove(name);
        ++result_.removed;
      } else {
        warn(name);
      }
    }
  }

  // Whether the record is this block's, with all that is known of it.
  static bool is_of(const ParsedRecord& record, const Block& block) {
    if (record.sequence != block.sequence) return false;
    return block.reach == ledger::Reach::kUnknown || record.reach == reach_text(block);
  }

  // Whether the file is there now. A record of a block with another sequence number is that of an earlier block at the
  // same address; one that was written before somebody looked does not say whether it is lost. For bad frees (no
  // `block`) one record per address is enough.
  bool put(const std::string& name, const std::string& text, const Block* block) {
    const Found found = directory_.look_at(name);
    if (found.is_there && !found.is_ours) {
      warn(name);
      return false;
    }
    if (found.is_there) {
      const bool is_beginning = found.text.size() < text.size() && text.compare(0, found.text.size(), found.text) == 0;
      const auto record = parse_record(found.text);
      if (!is_beginning && record && (block == nullptr || is_of(*record, *block))) {
        ++result_.kept;
        return true;
      }
      directory_.remove(name);
    }
    directory_.write(name, text);
    ++result_.written;
    return true;
  }

  void warn(const std::string& name) {
    result_.warnings.push_back(fmt::format("{}/{} is not a record of leakdir's: left alone", path_, name));
  }

  const Snapshot& snapshot_;
  std::string path_;
  Directory directory_;
  Recovered result_;
};

}  // namespace

std::string record_text(const Snapshot& snapshot, const Block& block) {
  RecordView view{};
  view.origin = origin_of(snapshot, block.thread, block.time_ns);
  view.address = block.address;
  view.size_bytes = block.size;
  view.call = ledger::kCallNames[block.call];
  view.sequence = block.sequence;
  std::uint32_t stack = block.stack;
  if (stack != kNone && snapshot.frames[snapshot.nodes[stack].frame].is_place) {
    const Frame& place = snapshot.frames[snapshot.nodes[stack].frame];
    view.file = snapshot.places[place.module].c_str();
    view.line = static_cast<std::uint32_t>(place.pc);
    stack = snapshot.nodes[stack].parent;
  }
  view.stack = chain_node(stack);
  view.early = (block.flags & ledger::kFlagEarly) != 0;
  view.inherited = (block.flags & ledger::kFlagInherited) != 0;
  view.truncated = (block.flags & ledger::kFlagTruncated) != 0;
  view.reach = reach_text(block);
  view.sample_bytes = block.sample_bytes;
  return make_text([&](Text& text) { put_record(text, view, {next_frame, &snapshot}); });
}

std::string bad_free_text(const Snapshot& snapshot, const BadFree& bad_free) {
  BadFreeView view{};
  view.origin = origin_of(snapshot, bad_free.thread, bad_free.time_ns);
  view.address = bad_free.address;
  view.kind = ledger::kBadFreeNames[bad_free.kind];
  view.block = bad_free.block;
  view.block_bytes = bad_free.block_bytes;
  view.free_stack = chain_node(bad_free.free_stack);
  view.first_free_stack = chain_node(bad_free.first_free_stack);
  view.allocation_stack = chain_node(bad_free.allocation_stack);
  return make_text([&](Text& text) { put_bad_free(text, view, {next_frame, &snapshot}); });
}

Recovered recover_records(const Snapshot& snapshot, const std::string& directory, std::uint64_t max_files,
                          OtherRecords others) {
  return Recovery(snapshot, directory).run(max_files, others);
}

}  // namespace leakdir::tool
