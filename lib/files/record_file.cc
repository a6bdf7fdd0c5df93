// SPDX-License-Identifier: BSL-1.0
#include "record_file.hh"

#include <errno.h>
#include <fcntl.h>

#include "record_dir.hh"
#include "shared/record.hh"
#include "shared/text.hh"
#include "system/sys.hh"

namespace leakdir {
namespace {

// The name that `folder` needs: without the directory where there is a descriptor.
struct RecordPath {
  char text[512];
  bool serves;  // it is whole, and leads to the directory

  RecordPath(RecordFolder folder, std::uint64_t address, const char* suffix) {
    Text path(text, sizeof text);
    if (folder.descriptor == RecordFolder::kNone) path.put(record_dir()).put('/');
    put_record_name(path, address, suffix);
    serves = !path.full() && (folder.descriptor != RecordFolder::kNone || record_dir_is_firm());
    path.c_str();
  }
};

int open_record(RecordFolder folder, const RecordPath& path) {
  constexpr int kFlags = O_WRONLY | O_CREAT | O_EXCL | O_NOFOLLOW;
  if (folder.descriptor != RecordFolder::kNone)
    return sys::open_at(folder.descriptor, path.text, kFlags, kRecordFileMode);
  return sys::open_no_links(path.text, kFlags, kRecordFileMode);
}

// The program's umask may have taken away what the owner needs, and may do so from one file to the next. (Asking is
// cheap; setting the mode each time is not.)
void mend_mode(int file) {
  sys::FileStatus status;
  if (sys::stat_descriptor(file, &status) == 0 && (status.mode & 07777) != kRecordFileMode)
    sys::change_mode(file, kRecordFileMode);
}

int unlink_record(RecordFolder folder, const RecordPath& path) {
  return sys::unlink_at(folder.descriptor != RecordFolder::kNone ? folder.descriptor : AT_FDCWD, path.text);
}

// A path that is too long for a small stack, or that another user may make lead elsewhere, is walked from a descriptor
// for this one call.
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
  if (!path.serves) {
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

int rewrite_record(RecordFolder folder, std::uint64_t address, const char* suffix, const char* text,
                   std::size_t bytes) {
  const RecordPath path(folder, address, suffix);
  if (!path.serves || folder.descriptor == RecordFolder::kNone) return -EBADF;
  const int file = sys::open_at(folder.descriptor, path.text, O_WRONLY | O_NOFOLLOW);
  if (file < 0) return file;
  const int error = sys::write_all(file, text, bytes);
  sys::close(file);
  return error;
}

int remove_record(RecordFolder folder, std::uint64_t address, const char* suffix) {
  const RecordPath path(folder, address, suffix);
  if (!path.serves) {
    return in_opened_folder([&](RecordFolder opened) { return remove_record(opened, address, suffix); });
  }
  return unlink_record(folder, path);
}

}  // namespace leakdir
