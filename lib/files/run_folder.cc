// SPDX-License-Identifier: BSL-1.0
#include "run_folder.hh"

#include "shared/record.hh"
#include "shared/text.hh"

namespace leakdir {
namespace {

constexpr char kOlder[] = "previous";

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

}  // namespace

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

long read_beginning(int folder, const char* name, void* into, std::size_t bytes) {
  const int file = sys::open_at(folder, name, O_RDONLY | O_NOFOLLOW | O_NONBLOCK | O_NOCTTY);
  if (file < 0) return file;
  const long got = sys::read_at(file, into, bytes, 0);
  sys::close(file);
  return got;
}

bool is_ledger(const ledger::Header& header) {
  if (header.magic[0] != ledger::kMagic[0] && header.magic[0] != '\0') return false;
  for (unsigned i = 1; i < sizeof ledger::kMagic; ++i) {
    if (header.magic[i] != ledger::kMagic[i]) return false;
  }
  return ledger::is_known_version(header.version);
}

bool read_header(int folder, ledger::Header* into) {
  if (read_beginning(folder, ledger::kFileName, into, sizeof *into) != static_cast<long>(sizeof *into)) return false;
  return is_ledger(*into);
}

bool is_lost_dir(int folder, const char* name) {
  if (!is_same_text(name, kLostDir)) return false;
  const int lost = sys::open_at(folder, name, O_RDONLY | O_DIRECTORY | O_NOFOLLOW);
  if (lost < 0) return false;
  bool has_others = false;
  for_each_name(lost, [&](const char* there) {
    const bool is_itself = is_same_text(there, ".") || is_same_text(there, "..");
    has_others = has_others || (!is_itself && !is_record_name(there));
    return false;
  });
  sys::close(lost);
  return !has_others;
}

void remove_run(int folder) {
  if (is_lost_dir(folder, kLostDir)) {
    const int lost = sys::open_at(folder, kLostDir, O_RDONLY | O_DIRECTORY | O_NOFOLLOW);
    for_each_name(lost, [&](const char* name) { return is_record_name(name) && sys::unlink_at(lost, name) == 0; });
    sys::close(lost);
    sys::unlink_at(folder, kLostDir, AT_REMOVEDIR);
  }
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
    const int older = sys::open_at(child, kOlder, O_RDONLY | O_DIRECTORY | O_NOFOLLOW);
    if (older >= 0) {
      remove_run(older);
      sys::close(older);
      sys::unlink_at(child, kOlder, AT_REMOVEDIR);
    }
  }
  sys::close(child);
  sys::unlink_at(folder, name, AT_REMOVEDIR);
}

}  // namespace leakdir
