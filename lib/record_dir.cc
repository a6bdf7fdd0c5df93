// SPDX-License-Identifier: BSL-1.0
#include "record_dir.hh"

#include <errno.h>
#include <fcntl.h>
#include <sys/file.h>
#include <sys/syscall.h>

#include "ledger_file.hh"
#include "owner.hh"
#include "record.hh"
#include "report.hh"
#include "sys.hh"
#include "text.hh"

namespace leakdir {
namespace {

constexpr std::size_t kPathBytes = 4096;
constexpr unsigned kDirMode = 0700;
constexpr char kPrevious[] = "previous";

char base_path[kPathBytes];                      // the directory of the options, absolute
char own_path[kPathBytes + 16];                  // ours: the same, or <pid>/ in it
char shown_path[kPathBytes + 16];                // as the user wrote it
char ledger_path[kPathBytes + 32];
std::uint64_t own_device = 0, own_inode = 0;

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

bool is_same(const char* a, const char* b) {
  while (*a != '\0' && *a == *b) ++a, ++b;
  return *a == *b;
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

// The ledger's header in `folder`; false if there is no ledger or it is none of ours.
bool read_header(int folder, ledger::Header* into) {
  const int file = sys::open_at(folder, ledger::kFileName, O_RDONLY | O_NOFOLLOW | O_NONBLOCK | O_NOCTTY);
  if (file < 0) return false;
  const long got = sys::read_at(file, into, sizeof *into, 0);
  sys::close(file);
  if (got != static_cast<long>(sizeof *into)) return false;
  for (unsigned i = 0; i < sizeof ledger::kMagic; ++i) {
    if (into->magic[i] != ledger::kMagic[i]) return false;
  }
  return into->version == ledger::kVersion;
}

bool has_live_owner(int folder, int* pid) {
  ledger::Header header;
  if (!read_header(folder, &header) || !owner_is_alive(header)) return false;
  *pid = static_cast<int>(header.pid);
  return true;
}

// Directory entries as the kernel lists them (getdents64).
struct Entry {
  std::uint64_t inode;
  std::int64_t offset;
  std::uint16_t bytes;
  std::uint8_t type;
  char name[1];
};

// Calls visit(name) for every name in `folder`, until a whole pass has visited nothing that it acted on.
template <typename Visit>
void for_each_name(int folder, Visit visit) {
  alignas(8) char buffer[1024];
  constexpr unsigned kPasses = 4;  // names may be listed late while others are renamed away
  for (unsigned pass = 0; pass < kPasses; ++pass) {
    bool acted = false;
    const int listing = sys::open_at(folder, ".", O_RDONLY | O_DIRECTORY);
    if (listing < 0) return;
    for (long got; (got = sys::list(listing, buffer, sizeof buffer)) > 0;) {
      for (long at = 0; at < got;) {
        const Entry* entry = reinterpret_cast<const Entry*>(buffer + at);
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
    return (is_record_name(name) || is_same(name, ledger::kFileName)) && sys::unlink_at(folder, name) == 0;
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
  return is_record_name(name) || is_same(name, ledger::kFileName) || is_left_behind(folder, name);
}

// A link in its place is taken away, not followed; a file gets another name.
void make_way_for_previous(int folder) {
  struct stat status;
  if (sys::stat_at(folder, kPrevious, &status, AT_SYMLINK_NOFOLLOW) != 0 || S_ISDIR(status.st_mode)) return;
  if (S_ISLNK(status.st_mode)) {
    sys::unlink_at(folder, kPrevious);
  } else {
    sys::rename_at(folder, kPrevious, folder, "previous.kept");
  }
}

// One generation is kept. False when previous/ cannot be had.
bool move_to_previous(int folder) {
  bool something = false;
  for_each_name(folder, [&](const char* name) {
    something = something || is_of_earlier_run(folder, name);
    return false;
  });
  if (!something) return true;
  make_way_for_previous(folder);
  const int made = sys::make_dir_at(folder, kPrevious, kDirMode);
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

// Makes every missing directory of the path.
int make_path(char* path) {
  for (char* c = path + 1;; ++c) {
    if (*c != '/' && *c != '\0') continue;
    const char separator = *c;
    *c = '\0';
    const int error = sys::make_dir_at(AT_FDCWD, path, kDirMode);
    if (error == 0) {  // whatever the umask is
      const int made = sys::open_at(AT_FDCWD, path, O_RDONLY | O_DIRECTORY | O_NOFOLLOW);
      if (made >= 0) sys::change_mode(made, kDirMode);
      if (made >= 0) sys::close(made);
    }
    *c = separator;
    if (separator == '\0') return error == -EEXIST ? 0 : error;
  }
}

// Another process that starts in the same directory waits for us; it never waits long.
void lock_for_a_moment(int folder) {
  constexpr unsigned kTries = 200;
  for (unsigned i = 0; i < kTries && sys::lock(folder, LOCK_EX | LOCK_NB) == -EWOULDBLOCK; ++i) {
    std::uint32_t never = 0;
    sys::wait_on(&never, 0, 5000000);
  }
}

void expand(const char* pattern, const char* program, Text& into) {
  const char* name = program;
  for (const char* c = program; *c != '\0'; ++c) {
    if (*c == '/') name = c + 1;
  }
  for (; *pattern != '\0'; ++pattern) {
    if (pattern[0] == '%' && pattern[1] == 'p') {
      into.dec(static_cast<std::uint64_t>(sys::pid()));
      ++pattern;
    } else if (pattern[0] == '%' && pattern[1] == 'e') {
      into.put(name);
      ++pattern;
    } else {
      into.put(*pattern);
    }
  }
}

int make_absolute(const char* path, char* into, std::size_t room) {
  Text text(into, room);
  if (path[0] != '/') {
    if (sys::call(SYS_getcwd, reinterpret_cast<long>(into), static_cast<long>(room)) < 0) return -ENOENT;
    std::size_t bytes = 0;
    while (into[bytes] != '\0') ++bytes;
    text = Text(into + bytes, room - bytes);
    if (bytes > 1) text.put('/');
    while (path[0] == '.' && path[1] == '/') path += 2;
  }
  text.put(path);
  if (text.full()) return -ENAMETOOLONG;
  text.c_str();
  return 0;
}

// Claims `folder`, known as own_path, and makes the ledger in it.
bool make_ledger(int folder) {
  struct stat status;
  if (sys::stat_descriptor(folder, &status) != 0) return false;
  own_device = status.st_dev;
  own_inode = status.st_ino;
  // The path without any link in it, so that opening a record may refuse links altogether.
  char link[40];
  Text(link, sizeof link).put("/proc/self/fd/").dec(static_cast<std::uint64_t>(folder)).c_str();
  static char resolved[kPathBytes];  // one claim at a time, perhaps on a small stack
  const long length = sys::read_link_at(AT_FDCWD, link, resolved, sizeof resolved);
  if (length > 0 && resolved[0] == '/' && length < static_cast<long>(sizeof resolved) - 1) {
    Text(own_path, sizeof own_path).put(resolved).c_str();
  }
  Text(ledger_path, sizeof ledger_path).put(own_path).put('/').put(ledger::kFileName).c_str();
  ledger_file.set_path(ledger_path);
  bool shared = true;
  const int error = ledger_file.create(own_path, ledger::kFileName, shared);
  if (error != 0) report::cannot_make_ledger(own_path, error);
  return error == 0;
}

enum class Claim { kDone, kFailed, kTaken };

// Opens the directory own_path, clears it for this run and makes the ledger.
Claim claim(int* owner_pid) {
  int error = make_path(own_path);
  const int folder = error != 0 ? error : sys::open_at(AT_FDCWD, own_path, O_RDONLY | O_DIRECTORY | O_NOFOLLOW);
  if (folder < 0) {
    report::cannot_make_directory(own_path, folder);
    return Claim::kFailed;
  }
  lock_for_a_moment(folder);
  Claim outcome = Claim::kTaken;
  if (!has_live_owner(folder, owner_pid)) {
    *owner_pid = 0;
    if (move_to_previous(folder)) outcome = make_ledger(folder) ? Claim::kDone : Claim::kFailed;
  }
  sys::close(folder);
  return outcome;
}

bool claim_below_base() {
  const auto pid = static_cast<std::uint64_t>(sys::pid());
  Text(own_path, sizeof own_path).put(base_path).put('/').dec(pid).c_str();
  int owner = 0;
  const Claim outcome = claim(&owner);
  if (outcome == Claim::kTaken) report::cannot_use_directory(own_path, -EEXIST);
  return outcome == Claim::kDone;
}

}  // namespace

bool claim_record_dir(const Options& options, const char* program) {
  Text shown(shown_path, sizeof shown_path);
  expand(options.dir, program, shown);
  shown.c_str();
  const int error = make_absolute(shown_path, base_path, sizeof base_path);
  if (error != 0) {
    report::cannot_make_directory(shown_path, error);
    return false;
  }
  Text(own_path, sizeof own_path).put(base_path).c_str();
  int owner = 0;
  const Claim outcome = claim(&owner);
  if (outcome != Claim::kTaken) return outcome == Claim::kDone;
  shown.put('/').dec(static_cast<std::uint64_t>(sys::pid()));
  if (!claim_below_base()) return false;
  if (owner != 0) report::directory_in_use(base_path, owner, shown.c_str());
  shown.c_str();
  return true;
}

bool claim_child_dir() {
  // shown_path may name the parent's own DIR/<pid>/: the child's stands beside it.
  Text(shown_path, sizeof shown_path).put(base_path).put('/').dec(static_cast<std::uint64_t>(sys::pid())).c_str();
  return claim_below_base();
}

const char* record_dir() { return own_path; }
const char* record_dir_shown() { return shown_path; }

int open_record_dir() {
  const int folder = sys::open_at(AT_FDCWD, own_path, O_RDONLY | O_DIRECTORY | O_NOFOLLOW);
  if (folder < 0) return folder;
  struct stat status;
  const int error = sys::stat_descriptor(folder, &status);
  if (error == 0 && status.st_dev == own_device && status.st_ino == own_inode) return folder;
  sys::close(folder);
  return error != 0 ? error : -ESTALE;
}

namespace {

// The name that `folder` needs: without the directory where there is a descriptor.
struct RecordPath {
  char text[512];
  bool fits;

  RecordPath(RecordFolder folder, std::uint64_t address, const char* suffix) {
    Text path(text, sizeof text);
    if (folder.descriptor == RecordFolder::kNone) path.put(own_path).put('/');
    put_record_name(path, address, suffix);
    fits = !path.full();
    path.c_str();
  }
};

int open_record(RecordFolder folder, const RecordPath& path) {
  constexpr int kFlags = O_WRONLY | O_CREAT | O_EXCL | O_NOFOLLOW;
  if (folder.descriptor != RecordFolder::kNone) return sys::open_at(folder.descriptor, path.text, kFlags, 0600);
  return sys::open_no_links(path.text, kFlags, 0600);
}

// The program's umask may have taken away what the owner needs. (Asking is cheap; setting the mode each time is not.)
void mend_mode(int file) {
  struct stat status;
  if (sys::stat_descriptor(file, &status) == 0 && (status.st_mode & 07777) != 0600) sys::change_mode(file, 0600);
}

int unlink_record(RecordFolder folder, const RecordPath& path) {
  return sys::unlink_at(folder.descriptor != RecordFolder::kNone ? folder.descriptor : AT_FDCWD, path.text);
}

// A path that is too long for a small stack is walked from a descriptor for this one call.
template <typename Do>
int in_opened_folder(Do what) {
  const int folder = open_record_dir();
  if (folder < 0) return folder;
  const int result = what(RecordFolder{folder});
  sys::close(folder);
  return result;
}

}  // namespace

int create_record(RecordFolder folder, std::uint64_t address, const char* suffix, const char* text, std::size_t bytes) {
  const RecordPath path(folder, address, suffix);
  if (!path.fits) {
    return in_opened_folder([&](RecordFolder opened) { return create_record(opened, address, suffix, text, bytes); });
  }
  int file = open_record(folder, path);
  if (file == -EEXIST) {  // of a block that was here before, or planted: either way not ours to write through
    unlink_record(folder, path);
    file = open_record(folder, path);
  }
  if (file < 0) return file;
  mend_mode(file);
  const int error = sys::write_all(file, text, bytes);
  sys::close(file);
  if (error != 0) unlink_record(folder, path);  // a record is whole or it is not there
  return error;
}

int remove_record(RecordFolder folder, std::uint64_t address, const char* suffix) {
  const RecordPath path(folder, address, suffix);
  if (!path.fits) {
    return in_opened_folder([&](RecordFolder opened) { return remove_record(opened, address, suffix); });
  }
  return unlink_record(folder, path);
}

}  // namespace leakdir
