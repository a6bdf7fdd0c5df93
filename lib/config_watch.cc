// SPDX-License-Identifier: BSL-1.0
#include "config_watch.hh"

#include <fcntl.h>

#include "history.hh"
#include "ledger_file.hh"
#include "options.hh"
#include "process.hh"
#include "report.hh"
#include "sys.hh"
#include "text.hh"

namespace leakdir {
namespace {

char path[4096];
struct Look {
  std::int64_t seconds, nanoseconds;
  std::uint64_t size, inode;
  bool operator==(const Look& other) const {
    return seconds == other.seconds && nanoseconds == other.nanoseconds && size == other.size && inode == other.inode;
  }
};
Look last = {};

Look look_at_file() {
  sys::FileStatus status;
  if (sys::stat_at(AT_FDCWD, path, &status, 0) != 0) return {};
  return {status.modified_seconds, status.modified_nanoseconds, status.bytes, status.inode};
}

Options reread;  // too large for the helper's habits of stack use

}  // namespace

void set_watched_config(const char* config_path) {
  Text(path, sizeof path).put(config_path).c_str();
  if (path[0] != '\0') last = look_at_file();
}

void watch_config() {
  if (path[0] == '\0') return;
  const Look now = look_at_file();
  if (now == last) return;
  last = now;
  char text[4096];
  if (sys::read_file(path, text, sizeof text) < 0) return;
  reread = Options();
  parse_option_file(text, path, reread, report::option_error);
  set_recording(reread.recording);
}

void set_recording(bool on) {
  auto expected = static_cast<std::uint32_t>(on ? Phase::kPaused : Phase::kRecording);
  const auto wanted = static_cast<std::uint32_t>(on ? Phase::kRecording : Phase::kPaused);
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
