// SPDX-License-Identifier: BSL-1.0
#include "rights.hh"

#include <fcntl.h>
#include <linux/capability.h>
#include <sys/auxv.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <unistd.h>

#include "shared/text.hh"
#include "sys.hh"

namespace leakdir {
namespace {

bool has_capabilities() {
  __user_cap_header_struct header = {_LINUX_CAPABILITY_VERSION_3, 0};
  __user_cap_data_struct data[_LINUX_CAPABILITY_U32S_3] = {};
  if (sys::call(SYS_capget, reinterpret_cast<long>(&header), reinterpret_cast<long>(data)) != 0) return true;
  return (data[0].permitted | data[1].permitted) != 0;
}

// AT_SECURE alone is also set where a security module changes the domain, as it does for each service of some systems:
// that gives the caller nothing.
bool has_more_than_caller() {
  if (caller_is_trusted() || ::getauxval(AT_UID) == 0) return false;
  return ::getauxval(AT_UID) != ::getauxval(AT_EUID) || ::getauxval(AT_GID) != ::getauxval(AT_EGID) ||
         has_capabilities();
}

// The rest of the line that starts with `key`, in a text of /proc.
struct Value {
  const char* at;

  Value(const char* text, const char* key) : at("") {
    for (const char* line = text; *line != '\0';) {
      std::size_t same = 0;
      while (key[same] != '\0' && key[same] == line[same]) ++same;
      if (key[same] == '\0') {
        at = line + same;
        return;
      }
      while (*line != '\n' && *line != '\0') ++line;
      if (*line == '\n') ++line;
    }
  }
  bool operator==(const Value& other) const {
    std::size_t i = 0;
    while (at[i] == other.at[i] && at[i] != '\n' && at[i] != '\0') ++i;
    return at[i] == other.at[i];
  }
};

constexpr const char* kRights[] = {
    "Uid:", "Gid:", "Groups:", "CapPrm:", "CapEff:", "NoNewPrivs:", "Seccomp:", "Seccomp_filters:"};

// What /proc says of a thread; `room` is on the helper's own stack, as a user may have many groups.
constexpr std::size_t kStatusBytes = 8192;
bool read_status(int tid, char (&room)[kStatusBytes]) {
  char path[64];
  Text(path, sizeof path).put("/proc/self/task/").dec(static_cast<std::uint64_t>(tid)).put("/status").c_str();
  return sys::read_file(path, room, sizeof room) > 0;
}

}  // namespace

bool caller_is_trusted() { return ::getauxval(AT_SECURE) == 0; }

bool files_would_be_callers() { return has_more_than_caller() && sys::effective_user() == ::getauxval(AT_UID); }

bool caller_may_write_to(int directory, const char* path) {
  return sys::call(SYS_faccessat, directory, reinterpret_cast<long>(path), W_OK | X_OK) == 0;
}

bool is_ours_or_roots(std::uint32_t user) { return user == 0 || user == sys::effective_user(); }

bool is_firmly_there(int folder) {
  constexpr unsigned kMostLevels = 64;
  char path[3 * kMostLevels + 4];
  Text up(path, sizeof path);
  up.put('.');
  sys::FileStatus below, at;
  if (sys::stat_at(folder, up.c_str(), &below, 0) != 0 || !is_ours_or_roots(below.user)) return false;
  for (unsigned i = 0; i < kMostLevels; ++i, below = at) {
    up.put("/..");
    if (sys::stat_at(folder, up.c_str(), &at, 0) != 0 || !is_ours_or_roots(at.user)) return false;
    if (at.inode == below.inode && at.device == below.device) return true;
    // Where others may write, a sticky directory still keeps them from what is not theirs.
    if ((at.mode & (S_IWGRP | S_IWOTH)) != 0 && (at.mode & S_ISVTX) == 0) return false;
  }
  return false;
}

bool has_rights_of_first_thread() {
  char own[kStatusBytes], first[kStatusBytes];
  if (!read_status(sys::pid(), first) || !read_status(sys::tid(), own)) return true;
  for (const char* key : kRights) {
    if (!(Value(own, key) == Value(first, key))) return false;
  }
  return true;
}

bool first_thread_is_filtered() {
  char first[kStatusBytes];
  if (!read_status(sys::pid(), first)) return false;
  const char* mode = Value(first, "Seccomp:").at;
  while (*mode == ' ' || *mode == '\t') ++mode;
  return *mode >= '1' && *mode <= '9';
}

}  // namespace leakdir
