// SPDX-License-Identifier: BSL-1.0
#include "earlier_run.hh"

#include <errno.h>
#include <fcntl.h>
#include <sys/stat.h>

#include <cstddef>

#include "ledger/owner.hh"
#include "shared/ledger.hh"
#include "shared/record.hh"
#include "shared/text.hh"
#include "system/sys.hh"

namespace leakdir {
namespace {

constexpr char kPrevious[] = "previous";

bool ends_with(const char* name, const char* suffix) {
  std::size_t n = 0, s = 0;
  while (name[n] != '\0') ++n;
  while (suffix[s] != '\0') ++s;
  if (s > n) return false;
  for (std::size_t i = 0; i < s; ++i) {
    if (name[n - s + i] != suffix[i]) return false;
  }
  return true;
}

// What leakdir itself makes in a directory. Everything else in it is somebody's and is left alone.
bool is_record_name(const char* name) {
  return name[0] == '0' && name[1] == 'x' && (ends_with(name, kRecordSuffix) || ends_with(name, kBadFreeSuffix));
}

bool is_process_name(const char* name) {
  if (*name == '\0') return false;
  for (; *name != '\0'; ++name) {
    if (*name < '0' || *name > '9') return false;
  }
  return true;
}

// The beginning of a file in `folder`, never through a link; as read() answers.
long read_beginning(int folder, const char* name, void* into, std::size_t bytes) {
  const int file = sys::open_at(folder, name, O_RDONLY | O_NOFOLLOW | O_NONBLOCK | O_NOCTTY);
  if (file < 0) return file;
  const long got = sys::read_at(file, into, bytes, 0);
  sys::close(file);
  return got;
}

bool is_known(const ledger::Header& header) {
  if (header.magic[0] != ledger::kMagic[0] && header.magic[0] != '\0') return false;
  for (unsigned i = 1; i < sizeof ledger::kMagic; ++i) {
    if (header.magic[i] != ledger::kMagic[i]) return false;
  }
  return header.version == ledger::kVersion;
}

// The ledger's header in `folder`, as soon as its owner is known; false if there is no ledger or it is none of ours.
bool read_header(int folder, ledger::Header* into) {
  if (read_beginning(folder, ledger::kFileName, into, sizeof *into) != static_cast<long>(sizeof *into)) return false;
  return is_known(*into);
}

// A program with trace/leakdir_trace.c alone has no ledger: it leaves its pid, and its start time, in a file.
bool find_live_writer(int folder, int* pid) {
  char text[64] = "";
  return read_beginning(folder, ".owner", text, sizeof text - 1) > 0 && writer_is_alive(text, pid);
}

}  // namespace

bool find_live_owner(int folder, int* pid) {
  ledger::Header header;
  if (!read_header(folder, &header) || !owner_is_alive(header)) return find_live_writer(folder, pid);
  *pid = static_cast<int>(header.pid);
  return true;
}

// What is written to is what was read, and not what somebody may have put there since.
void say_that_it_went_on(int folder) {
  const int file = sys::open_at(folder, ledger::kFileName, O_RDWR | O_NOFOLLOW | O_NONBLOCK | O_NOCTTY);
  if (file < 0) return;
  ledger::Header header;
  if (sys::read_at(file, &header, sizeof header, 0) == static_cast<long>(sizeof header) && is_known(header) &&
      owner_was_this_process(header)) {
    header.exit_realtime_ns = sys::realtime_ns();
    header.state = static_cast<std::uint32_t>(ledger::ProcessState::kWentOn);
    sys::write_at(file, &header.exit_realtime_ns, sizeof header.exit_realtime_ns,
                  offsetof(ledger::Header, exit_realtime_ns));
    sys::write_at(file, &header.state, sizeof header.state, offsetof(ledger::Header, state));
  }
  sys::close(file);
}

namespace {

// Directory entries as the kernel lists them (getdents64).
struct Entry {
  std::uint64_t inode;
  std::int64_t offset;
  std::uint16_t bytes;
  std::uint8_t type;
  char name[1];
};

// Calls visit(name) for every name in `folder`, until a whole round has visited nothing that it acted on.
template <typename Visit>
void for_each_name(int folder, Visit visit) {
  alignas(8) char buffer[1024];
  constexpr unsigned kRounds = 4;  // names may be listed late while others are renamed away
  for (unsigned round = 0; round < kRounds; ++round) {
    bool acted = false;
    const int listing = sys::open_at(folder, ".", O_RDONLY | O_DIRECTORY);
    if (listing < 0) return;
    for (long got; (got = sys::list(listing, buffer, sizeof buffer)) > 0;) {
      for (long at = 0; at < got;) {
        const auto* entry = reinterpret_cast<const Entry*>(buffer + at);
        at += entry->bytes;
        if (visit(entry->name)) acted = true;
      }
    }
    sys::close(listing);
    if (!acted) return;
  }
}

// What a process left in `folder`: its record files and its ledger.
void remove_run(int folder) {
  for_each_name(folder, [&](const char* name) {
    return (is_record_name(name) || is_same_text(name, ledger::kFileName)) && sys::unlink_at(folder, name) == 0;
  });
}

void remove_process_dir(int folder, const char* name) {
  const int child = sys::open_at(folder, name, O_RDONLY | O_DIRECTORY | O_NOFOLLOW);
  if (child < 0) return;
  ledger::Header header;
  if (read_header(child, &header)) {
    remove_run(child);
    const int older = sys::open_at(child, kPrevious, O_RDONLY | O_DIRECTORY | O_NOFOLLOW);
    if (older >= 0) {
      remove_run(older);
      sys::close(older);
      sys::unlink_at(child, kPrevious, AT_REMOVEDIR);
    }
  }
  sys::close(child);
  sys::unlink_at(folder, name, AT_REMOVEDIR);
}

// True when DIR/<pid>/ was left by a process that is gone.
bool is_left_behind(int folder, const char* name) {
  if (!is_process_name(name)) return false;
  const int child = sys::open_at(folder, name, O_RDONLY | O_DIRECTORY | O_NOFOLLOW);
  if (child < 0) return false;
  ledger::Header header;
  const bool left = read_header(child, &header) && !owner_is_alive(header);
  sys::close(child);
  return left;
}

bool is_of_earlier_run(int folder, const char* name) {
  return is_record_name(name) || is_same_text(name, ledger::kFileName) || is_left_behind(folder, name);
}

// A link of that name is taken away, not followed; a file gets another name.
void make_way_for_previous(int folder) {
  sys::FileStatus status;
  if (sys::stat_at(folder, kPrevious, &status, AT_SYMLINK_NOFOLLOW) != 0 || S_ISDIR(status.mode)) return;
  if (S_ISLNK(status.mode)) {
    sys::unlink_at(folder, kPrevious);
  } else {
    sys::rename_at(folder, kPrevious, folder, "previous.kept");
  }
}

}  // namespace

bool move_to_previous(int folder) {
  bool something = false;
  for_each_name(folder, [&](const char* name) {
    something = something || is_of_earlier_run(folder, name);
    return false;
  });
  if (!something) return true;
  make_way_for_previous(folder);
  const int made = sys::make_dir_at(folder, kPrevious, kRecordDirMode);
  if (made != 0 && made != -EEXIST) return false;
  const int previous = sys::open_at(folder, kPrevious, O_RDONLY | O_DIRECTORY | O_NOFOLLOW);
  if (previous < 0) return false;
  remove_run(previous);
  for_each_name(previous, [&](const char* name) {
    if (!is_process_name(name)) return false;
    remove_process_dir(previous, name);
    return false;
  });
  for_each_name(folder, [&](const char* name) {
    return is_of_earlier_run(folder, name) && sys::rename_at(folder, name, previous, name) == 0;
  });
  sys::close(previous);
  return true;
}

}  // namespace leakdir
