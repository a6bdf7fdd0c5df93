// SPDX-License-Identifier: BSL-1.0
#include "record_dir.hh"

#include <errno.h>
#include <fcntl.h>
#include <sys/file.h>
#include <sys/syscall.h>

#include "earlier_run.hh"
#include "ledger/ledger_file.hh"
#include "ledger/owner.hh"
#include "shared/record.hh"
#include "shared/text.hh"
#include "system/base.hh"
#include "system/messages.hh"
#include "system/rights.hh"
#include "system/sys.hh"

namespace leakdir {
namespace {

constexpr std::size_t kPathBytes = 4096;

LEAKDIR_LARGE char base_path[kPathBytes];  // the directory of the options, absolute
// Ours: the same, or <pid>/ in it. Behind its end lies the ledger's: a child writes to one page for both.
constexpr std::size_t kOwnPathBytes = kPathBytes + 16;
LEAKDIR_LARGE char own_path[kOwnPathBytes + kPathBytes + 32];
LEAKDIR_LARGE char shown_path[kPathBytes + 16];  // as the user wrote it
const char* shown = shown_path;                  // in a child: as own_path

// Which directory it is, whatever its path is by now.
struct FolderId {
  std::uint64_t device, inode;
};
FolderId own_id = {};
FolderId root_id = {};  // of the process that started: a child may live in another
// Where a caller could have put something else there: the directory in which that of the options must lie, and that of
// the options, in which those of other processes must lie. Else zeros.
FolderId working_id = {}, base_id = {};
bool is_firm = true;            // own_path cannot be made to lead elsewhere by another user
unsigned user_then = 0;         // when that was found
bool base_is_resolved = false;  // base_path has no link in it

bool is_folder(const sys::FileStatus& status, const FolderId& id) {
  return status.device == id.device && status.inode == id.inode;
}

FolderId id_of(const sys::FileStatus& status) { return {status.device, status.inode}; }

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

// Another process that starts in the same directory waits for us; it never waits long. False: it holds the lock still.
bool lock_for_a_moment(int folder) {
  constexpr unsigned kTries = 200;
  for (unsigned i = 0; i < kTries; ++i) {
    if (sys::lock(folder, LOCK_EX | LOCK_NB) != -EWOULDBLOCK) return true;
    sys::sleep_for(5000000);
  }
  return false;
}

void expand(const char* pattern, const char* program, Text& into) {
  for (; *pattern != '\0'; ++pattern) {
    if (pattern[0] == '%' && pattern[1] == 'p') {
      into.dec(static_cast<std::uint64_t>(sys::pid()));
      ++pattern;
    } else if (pattern[0] == '%' && pattern[1] == 'e') {
      into.put(last_part(program));
      ++pattern;
    } else if (pattern[0] == '%' && pattern[1] == '%') {
      into.put('%');
      ++pattern;
    } else {
      into.put(*pattern);
    }
  }
}

// Makes the ledger in `folder`, known as own_path.
bool make_ledger(int folder, bool is_child) {
  char* ledger_path = own_path;
  while (*ledger_path != '\0') ++ledger_path;
  const std::size_t room = sizeof own_path - static_cast<std::size_t>(++ledger_path - own_path);
  ledger_file.set_path(Text(ledger_path, room).put(own_path).put('/').put(ledger::kFileName).c_str());
  bool shared = true;
  const int error = ledger_file.create(folder, own_path, ledger::kFileName, shared);
  if (error != 0) messages::cannot_make_ledger(own_path, error);
  if (error == 0) announce_owner(*ledger_file.header(), is_child);
  return error == 0;
}

// What own_path leads to, and for how long.
void know_path(int folder) {
  is_firm = is_firmly_there(folder);
  user_then = sys::effective_user();
  // The path without any link in it, so that opening a record may refuse links altogether.
  char link[40];
  Text(link, sizeof link).put("/proc/self/fd/").dec(static_cast<std::uint64_t>(folder)).c_str();
  LEAKDIR_LARGE static char resolved[kPathBytes];  // one claim at a time, perhaps on a small stack
  const long length = sys::read_link_at(AT_FDCWD, link, resolved, sizeof resolved);
  if (length > 0 && resolved[0] == '/' && length < static_cast<long>(sizeof resolved) - 1) {
    Text(own_path, kOwnPathBytes).put(resolved).c_str();
  }
}

// A program with more rights than its caller makes nothing where the caller could not, though he chose the working
// directory: "./mem" must be in it, and not only seem so.
bool is_callers_to_choose(const char* directory) {
  if (directory[0] == '/' || caller_is_trusted()) return true;
  if (directory[0] == '.' && directory[1] == '/') directory += 2;
  for (const char* c = directory; *c != '\0'; ++c) {
    if (*c == '/') return false;
  }
  sys::FileStatus status;
  if (!caller_may_write_to(AT_FDCWD, ".") || sys::stat_at(AT_FDCWD, ".", &status, 0) != 0) return false;
  working_id = id_of(status);
  return true;
}

bool is_in(int folder, const FolderId& above) {
  sys::FileStatus status;
  return above.inode == 0 || (sys::stat_at(folder, "..", &status, 0) == 0 && is_folder(status, above));
}

enum class Claim { kDone, kFailed, kTaken };

// Opens the directory own_path, clears it for this run and makes the ledger.
Claim claim(const FolderId& above, int* owner_pid) {
  int error = make_path(own_path);
  const int folder = error != 0 ? error : sys::open_at(AT_FDCWD, own_path, O_RDONLY | O_DIRECTORY | O_NOFOLLOW);
  if (folder < 0) {
    messages::cannot_make_directory(own_path, folder);
    return Claim::kFailed;
  }
  sys::FileStatus status;
  error = is_in(folder, above) ? sys::stat_descriptor(folder, &status) : -EACCES;
  if (error != 0) {
    sys::close(folder);
    messages::cannot_use_directory(own_path, error);
    return Claim::kFailed;
  }
  own_id = id_of(status);
  Claim outcome = Claim::kTaken;
  if (lock_for_a_moment(folder) && !find_live_owner(folder, owner_pid)) {
    *owner_pid = 0;
    say_that_it_went_on(folder);
    if (move_to_previous(folder)) {
      know_path(folder);
      outcome = make_ledger(folder, false) ? Claim::kDone : Claim::kFailed;
    }
  }
  sys::close(folder);
  return outcome;
}

// For a forked child, the usual case: DIR/<pid>/ was not there, so nobody else can have it, and what is known of DIR
// holds for it.
Claim claim_new_dir() {
  if (!base_is_resolved || user_then != sys::effective_user()) return Claim::kTaken;
  if (sys::make_dir_at(AT_FDCWD, own_path, kRecordDirMode) != 0) return Claim::kTaken;
  const int folder = sys::open_at(AT_FDCWD, own_path, O_RDONLY | O_DIRECTORY | O_NOFOLLOW);
  if (folder < 0) return Claim::kTaken;
  sys::FileStatus status;
  Claim outcome = Claim::kTaken;
  if (is_in(folder, base_id) && sys::stat_descriptor(folder, &status) == 0) {
    if ((status.mode & 07777) != kRecordDirMode) sys::change_mode(folder, kRecordDirMode);  // whatever the umask is
    own_id = id_of(status);
    outcome = make_ledger(folder, true) ? Claim::kDone : Claim::kFailed;
  }
  sys::close(folder);
  return outcome;
}

bool claim_below_base() {
  const auto pid = static_cast<std::uint64_t>(sys::pid());
  Text(own_path, kOwnPathBytes).put(base_path).put('/').dec(pid).c_str();
  int owner = 0;
  const Claim outcome = claim(base_id, &owner);
  if (outcome == Claim::kTaken) messages::cannot_use_directory(own_path, -EEXIST);
  return outcome == Claim::kDone;
}

}  // namespace

bool claim_record_dir(const Options& options, const char* program) {
  sys::FileStatus root;
  if (sys::stat_at(AT_FDCWD, "/", &root, 0) == 0) root_id = id_of(root);
  Text shown(shown_path, sizeof shown_path);
  expand(options.dir, program, shown);
  shown.c_str();
  const int error = sys::make_absolute(shown_path, base_path, sizeof base_path);
  if (error != 0) {
    messages::cannot_make_directory(shown_path, error);
    return false;
  }
  if (!is_callers_to_choose(shown_path)) {
    messages::cannot_use_directory(base_path, -EACCES);
    return false;
  }
  Text(own_path, kOwnPathBytes).put(base_path).c_str();
  int owner = 0;
  const Claim outcome = claim(working_id, &owner);
  if (working_id.inode != 0) base_id = own_id;
  if (outcome != Claim::kTaken) {
    Text(base_path, sizeof base_path).put(own_path).c_str();
    base_is_resolved = outcome == Claim::kDone;
    return outcome == Claim::kDone;
  }
  shown.put('/').dec(static_cast<std::uint64_t>(sys::pid()));
  if (!claim_below_base()) return false;
  // That of a program which started this one is no surprise.
  if (owner != 0 && !is_ancestor(owner)) messages::directory_in_use(base_path, owner, shown.c_str());
  shown.c_str();
  return true;
}

bool claim_child_dir() {
  // The parent's own may be a DIR/<pid>/: the child's stands beside it.
  Text(own_path, kOwnPathBytes).put(base_path).put('/').dec(static_cast<std::uint64_t>(sys::pid())).c_str();
  shown = own_path;
  const Claim outcome = claim_new_dir();
  return outcome == Claim::kTaken ? claim_below_base() : outcome == Claim::kDone;
}

const char* base_dir() { return base_path; }

bool remove_child_dir(int folder) {
  char name[24];
  Text(name, sizeof name).put("../").dec(static_cast<std::uint64_t>(sys::pid())).c_str();
  sys::unlink_at(folder, ledger::kFileName);
  return sys::unlink_at(folder, name, AT_REMOVEDIR) == 0;
}

bool root_is_another() {
  sys::FileStatus status;
  return sys::stat_at(AT_FDCWD, "/", &status, 0) == 0 && root_id.inode != 0 && !is_folder(status, root_id);
}

const char* record_dir() { return own_path; }
const char* record_dir_shown() { return shown; }
bool record_dir_is_firm() { return is_firm; }

int open_record_dir() {
  const int folder = sys::open_at(AT_FDCWD, own_path, O_RDONLY | O_DIRECTORY | O_NOFOLLOW);
  if (folder < 0) return folder;
  sys::FileStatus status;
  const int error = sys::stat_descriptor(folder, &status);
  if (error == 0 && is_folder(status, own_id)) return folder;
  sys::close(folder);
  return error != 0 ? error : -ESTALE;
}

}  // namespace leakdir
