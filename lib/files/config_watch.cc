// SPDX-License-Identifier: BSL-1.0
#include "config_watch.hh"

#include <errno.h>
#include <fcntl.h>
#include <sys/stat.h>

#include "ledger/ledger_file.hh"
#include "ledger/recent_frees.hh"
#include "shared/options.hh"
#include "shared/text.hh"
#include "system/base.hh"
#include "system/messages.hh"
#include "system/process.hh"
#include "system/rights.hh"
#include "system/sys.hh"

namespace leakdir {
namespace {

const char* path = "";
bool path_is_named = false;
struct FileState {
  std::int64_t seconds, nanoseconds;
  std::uint64_t size, inode;
  bool operator==(const FileState& other) const {
    return seconds == other.seconds && nanoseconds == other.nanoseconds && size == other.size && inode == other.inode;
  }
};
FileState last = {};

FileState file_state() {
  sys::FileStatus status;
  if (sys::stat_at(AT_FDCWD, path, &status, 0) != 0) return {};
  return {status.modified_seconds, status.modified_nanoseconds, status.bytes, status.inode};
}

Options reread;  // too large for the helper's stack

}  // namespace

long read_config(const char* file, bool is_named, char* into, std::size_t count) {
  if (!is_named) {
    sys::FileStatus link, status;
    int error = sys::stat_at(AT_FDCWD, file, &link, AT_SYMLINK_NOFOLLOW);
    if (error == 0) error = sys::stat_at(AT_FDCWD, file, &status, 0);
    if (error != 0) return error;
    if (!S_ISREG(status.mode) || !is_ours_or_roots(link.user) || !is_ours_or_roots(status.user)) return -EPERM;
  }
  return sys::read_file(file, into, count);
}

void set_watched_config(const char* config_path, bool is_named) {
  path_is_named = is_named;
  path = config_path;
  if (path[0] != '\0') last = file_state();
}

void watch_config() {
  if (path[0] == '\0') return;
  const FileState now = file_state();
  if (now == last) return;
  last = now;
  char text[4096];
  if (read_config(path, path_is_named, text, sizeof text) < 0) return;
  reread = Options();
  parse_option_file(text, path, reread, messages::option_error);
  set_recording(reread.recording);
}

void set_recording(bool on) {
  auto expected = static_cast<std::uint32_t>(on ? Phase::kPaused : recording_phase);
  const auto wanted = static_cast<std::uint32_t>(on ? recording_phase : Phase::kPaused);
  ledger::Header* header = ledger_file.header();
  if (header == nullptr) return;
  if (on) {
    forget_all_frees();  // blocks came and went unseen meanwhile
  } else {
    some_blocks_are_unknown();
  }
  if (!process->phase.compare_exchange_strong(expected, wanted)) return;
  header->recording = on ? 1 : 0;
  if (!on) __atomic_fetch_add(&header->pauses, 1, __ATOMIC_RELAXED);
}

}  // namespace leakdir
