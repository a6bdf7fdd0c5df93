// SPDX-License-Identifier: BSL-1.0
#include "earlier_run.hh"

#include <errno.h>
#include <fcntl.h>
#include <sys/stat.h>

#include <cstddef>

#include "ledger/owner.hh"
#include "run_folder.hh"
#include "shared/ledger.hh"
#include "shared/record.hh"
#include "shared/text.hh"
#include "system/sys.hh"

namespace leakdir {
namespace {

constexpr char kPrevious[] = "previous";

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
  if (sys::read_at(file, &header, sizeof header, 0) == static_cast<long>(sizeof header) && is_ledger(header) &&
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
  return is_record_name(name) || is_same_text(name, ledger::kFileName) || is_left_behind(folder, name) ||
         is_lost_dir(folder, name);
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
