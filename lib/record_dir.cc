// SPDX-License-Identifier: BSL-1.0
#include "record_dir.hh"

#include <errno.h>
#include <fcntl.h>
#include <sys/file.h>
#include <sys/syscall.h>

#include "earlier_run.hh"
#include "ledger_file.hh"
#include "owner.hh"
#include "record.hh"
#include "report.hh"
#include "sys.hh"
#include "text.hh"

namespace leakdir {
namespace {

constexpr std::size_t kPathBytes = 4096;

char base_path[kPathBytes];        // the directory of the options, absolute
char own_path[kPathBytes + 16];    // ours: the same, or <pid>/ in it
char shown_path[kPathBytes + 16];  // as the user wrote it
char ledger_path[kPathBytes + 32];
std::uint64_t own_device = 0, own_inode = 0;

// Makes every missing directory of the path.
int make_path(char* path) {
  for (char* c = path + 1;; ++c) {
    if (*c != '/' && *c != '\0') continue;
    const char separator = *c;
    *c = '\0';
    const int error = sys::make_dir_at(AT_FDCWD, path, kRecordDirMode);
    if (error == 0) {  // whatever the umask is
      const int made = sys::open_at(AT_FDCWD, path, O_RDONLY | O_DIRECTORY | O_NOFOLLOW);
      if (made >= 0) sys::change_mode(made, kRecordDirMode);
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

// Claims `folder`, known as own_path, and makes the ledger in it.
bool make_ledger(int folder) {
  sys::FileStatus status;
  if (sys::stat_descriptor(folder, &status) != 0) return false;
  own_device = status.device;
  own_inode = status.inode;
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
  if (!find_live_owner(folder, owner_pid)) {
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
  const int error = sys::make_absolute(shown_path, base_path, sizeof base_path);
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
  // That of a program which started this one is no surprise.
  if (owner != 0 && !is_ancestor(owner)) report::directory_in_use(base_path, owner, shown.c_str());
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
  sys::FileStatus status;
  const int error = sys::stat_descriptor(folder, &status);
  if (error == 0 && status.device == own_device && status.inode == own_inode) return folder;
  sys::close(folder);
  return error != 0 ? error : -ESTALE;
}

}  // namespace leakdir
