// SPDX-License-Identifier: BSL-1.0

#include "record_folder.hh"

#include <dirent.h>
#include <fcntl.h>
#include <fmt/format.h>
#include <unistd.h>

#include <algorithm>
#include <cerrno>
#include <cstring>
#include <memory>

#include "base/error.hh"
#include "load_records.hh"
#include "parse_record.hh"
#include "record.hh"

namespace leakdir::tool {

namespace {

bool is_record_of(const std::string& text, const std::string& name) {
  static constexpr std::string_view kStart = "[+0x";
  // The process may have been killed, or the disk full, before the text was whole.
  if (text.find('\n') == std::string::npos) return text.compare(0, kStart.size(), kStart.substr(0, text.size())) == 0;
  auto record = parse_record(text);
  return record && record_name(record->address, record->is_bad_free ? kBadFreeSuffix : kRecordSuffix) == name;
}

// Of all that is in the directory, but for itself and the one above.
std::vector<std::string> names_in(int descriptor, const std::string& path) {
  std::unique_ptr<DIR, int (*)(DIR*)> entries(fdopendir(dup(descriptor)), closedir);
  if (!entries) throw Error(fmt::format("cannot read {}: {}", path, std::strerror(errno)));
  rewinddir(entries.get());  // a duplicated descriptor begins where the last reader ended
  std::vector<std::string> names;
  while (const dirent* entry = readdir(entries.get())) {
    const std::string_view name = entry->d_name;
    if (name != "." && name != "..") names.emplace_back(name);
  }
  std::sort(names.begin(), names.end());
  return names;
}

}  // namespace

std::string record_name(std::uint64_t address, const char* suffix) {
  char buffer[kMaxRecordName + 1];
  Text name(buffer, sizeof buffer);
  put_record_name(name, address, suffix);
  return name.c_str();
}

RecordFolder::RecordFolder(const std::string& path)
    : RecordFolder(path, open(path.c_str(), O_RDONLY | O_DIRECTORY | O_CLOEXEC)) {}

RecordFolder::RecordFolder(std::string path, int descriptor) : path_(std::move(path)), descriptor_(descriptor) {
  if (descriptor_ < 0) fail("open", path_);
  if (fstat(descriptor_, &status_) != 0) status_ = {};
}

RecordFolder::RecordFolder(RecordFolder&& other) noexcept
    : path_(std::move(other.path_)), descriptor_(other.descriptor_), status_(other.status_) {
  other.descriptor_ = -1;
}

RecordFolder::~RecordFolder() {
  if (descriptor_ >= 0) close(descriptor_);
}

void RecordFolder::fail(const char* what, const std::string& path) {
  throw Error(fmt::format("cannot {} {}: {}", what, path, std::strerror(errno)));
}

std::vector<std::string> RecordFolder::records(const char* suffix) const {
  std::vector<std::string> names = names_in(descriptor_, path_);
  names.erase(
      std::remove_if(names.begin(), names.end(), [&](const auto& name) { return !is_record_name(name, suffix); }),
      names.end());
  return names;
}

FoundRecord RecordFolder::look_at(const std::string& name) const {
  FoundRecord found;
  struct stat status;
  if (fstatat(descriptor_, name.c_str(), &status, AT_SYMLINK_NOFOLLOW) != 0) return found;
  found.is_there = true;
  if (!S_ISREG(status.st_mode) || status.st_size > static_cast<off_t>(kMostText)) return found;
  int file = openat(descriptor_, name.c_str(), O_RDONLY | O_NOFOLLOW | O_NONBLOCK | O_CLOEXEC);
  if (file < 0) return found;
  found.text.resize(static_cast<std::size_t>(status.st_size));
  ssize_t got = read(file, found.text.data(), found.text.size());
  close(file);
  found.text.resize(got < 0 ? 0 : static_cast<std::size_t>(got));
  found.is_ours = got >= 0 && is_record_of(found.text, name);
  return found;
}

void RecordFolder::remove(const std::string& name) const {
  if (unlinkat(descriptor_, name.c_str(), 0) != 0 && errno != ENOENT) fail("remove", path_ + "/" + name);
}

// What root makes belongs to the owner of the directory.
bool RecordFolder::belong_to_owner(int file) const {
  return geteuid() != 0 || status_.st_uid == 0 || fchown(file, status_.st_uid, status_.st_gid) == 0;
}

void RecordFolder::write(const std::string& name, const std::string& text) const {
  const std::string whole_name = path_ + "/" + name;
  int file = openat(descriptor_, name.c_str(), O_WRONLY | O_CREAT | O_EXCL | O_NOFOLLOW | O_CLOEXEC, 0600);
  if (file < 0) fail("write", whole_name);
  // The umask may have taken away more than it should.
  bool is_done = fchmod(file, 0600) == 0 && belong_to_owner(file);
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

std::optional<RecordFolder> RecordFolder::inner(const std::string& name, bool* is_foreign) const {
  const std::string path = path_ + "/" + name;
  const int descriptor = openat(descriptor_, name.c_str(), O_RDONLY | O_DIRECTORY | O_NOFOLLOW | O_CLOEXEC);
  *is_foreign = descriptor < 0 && (errno == ENOTDIR || errno == ELOOP);
  if (descriptor < 0 && errno != ENOENT && !*is_foreign) fail("open", path);
  if (descriptor < 0) return std::nullopt;
  RecordFolder folder(path, descriptor);
  for (const auto& there : names_in(descriptor, path)) {
    if (is_record_name(there, kRecordSuffix) || is_record_name(there, kBadFreeSuffix)) continue;
    *is_foreign = true;
    return std::nullopt;
  }
  return folder;
}

RecordFolder RecordFolder::make_inner(const std::string& name) const {
  const std::string path = path_ + "/" + name;
  const bool is_new = mkdirat(descriptor_, name.c_str(), 0700) == 0;
  if (!is_new && errno != EEXIST) fail("make", path);
  const int descriptor = openat(descriptor_, name.c_str(), O_RDONLY | O_DIRECTORY | O_NOFOLLOW | O_CLOEXEC);
  if (descriptor < 0) fail("open", path);
  RecordFolder folder(path, descriptor);
  if (is_new && (fchmod(descriptor, 0700) != 0 || !belong_to_owner(descriptor))) fail("make", path);
  return folder;
}

void RecordFolder::remove_inner(const std::string& name) const {
  const bool is_gone = unlinkat(descriptor_, name.c_str(), AT_REMOVEDIR) == 0;
  if (!is_gone && errno != ENOENT && errno != ENOTEMPTY && errno != EEXIST && errno != ENOTDIR)
    fail("remove", path_ + "/" + name);
}

void RecordFolder::put_into(const RecordFolder& other, const std::string& name, const std::string& text) const {
  if (linkat(descriptor_, name.c_str(), other.descriptor_, name.c_str(), 0) == 0) return;
  const bool has_no_links = errno == EPERM || errno == EOPNOTSUPP || errno == ENOSYS || errno == EMLINK;
  if (!has_no_links) fail("write", other.path_ + "/" + name);
  other.write(name, text);
}

}  // namespace leakdir::tool
