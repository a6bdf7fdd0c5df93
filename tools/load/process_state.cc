// SPDX-License-Identifier: BSL-1.0
//
// Read from the proc file system: stat, maps, the boot id.

#include "process_state.hh"

#include <fmt/format.h>
#include <sys/stat.h>

#include <cctype>
#include <cstring>
#include <filesystem>
#include <fstream>
#include <iterator>
#include <optional>
#include <sstream>

namespace leakdir::tool {

namespace {

std::optional<std::string> read_all(const std::string& path) {
  std::ifstream file(path, std::ios::binary);
  if (!file) return std::nullopt;
  std::string text{std::istreambuf_iterator<char>(file), {}};
  if (file.bad()) return std::nullopt;
  return text;
}

bool is_zero(const std::uint8_t (&bytes)[16]) {
  static constexpr std::uint8_t kZeros[16] = {};
  return std::memcmp(bytes, kZeros, sizeof kZeros) == 0;
}

std::string directory_of(const ledger::Header& header, const std::string& proc) {
  return fmt::format("{}/{}", proc, header.pid);
}

// Whether there is a process of that pid and start time in this boot, whatever program it runs by now.
bool is_alive(const ledger::Header& header, const std::string& proc) {
  if (header.state != static_cast<std::uint32_t>(ledger::ProcessState::kRunning) || header.pid == 0) return false;
  if (!is_of_this_boot(header, proc)) return false;
  auto stat = read_all(directory_of(header, proc) + "/stat");
  if (!stat) return false;
  // Field 2, the name in parentheses, may hold spaces and parentheses itself: count from the last one.
  auto name_end = stat->rfind(')');
  if (name_end == std::string::npos) return false;
  std::istringstream fields(stat->substr(name_end + 1));
  std::string state, field;
  fields >> state;
  std::uint64_t threads = 0, start_time = 0;
  for (int number = 4; number < 20; ++number) fields >> field;
  if (!(fields >> threads >> field >> start_time)) return false;
  // Dead, and not yet waited for. The state is that of the first thread, which may end before the others.
  if ((state == "Z" || state == "X") && threads <= 1) return false;
  if (header.start_time == 0 && header.started_by != 0) return start_time <= header.started_by;
  return header.start_time == 0 || start_time == header.start_time;
}

enum class Same { kYes, kNo, kUnknown };

Same is_same_file(const std::string& one, const std::string& other) {
  struct stat status, wanted;
  if (stat(one.c_str(), &status) != 0 || lstat(other.c_str(), &wanted) != 0) return Same::kUnknown;
  return status.st_dev == wanted.st_dev && status.st_ino == wanted.st_ino ? Same::kYes : Same::kNo;
}

// Whether the process has the ledger in its memory, as it has until an exec. Where we may not look into the process, or
// cannot tell one ledger from another, it gets the benefit of the doubt.
bool has_mapped(const std::string& directory, const std::string& ledger) {
  const std::string name = std::string("/") + ledger::kFileName;
  auto maps = read_all(directory + "/maps");
  if (!maps || maps->empty()) return true;
  std::istringstream lines(*maps);
  for (std::string line; std::getline(lines, line);) {
    const std::size_t path_at = line.find('/');
    if (path_at == std::string::npos || line.find(name, path_at) == std::string::npos) continue;
    if (ledger.empty()) return true;
    const std::string path = line.substr(path_at);
    Same same = is_same_file(path, ledger);
    if (same != Same::kYes) same = is_same_file(directory + "/root" + path, ledger);  // of another mount namespace
    if (same != Same::kNo) return true;
  }
  return false;
}

}  // namespace

// The id's text form is hexadecimal digits with dashes between them.
bool is_of_this_boot(const ledger::Header& header, const std::string& proc) {
  if (is_zero(header.boot_id)) return true;
  auto text = read_all(proc + "/sys/kernel/random/boot_id");
  if (!text) return true;
  std::string digits, wanted;
  for (char c : *text)
    if (std::isxdigit(static_cast<unsigned char>(c))) digits += c;
  for (std::uint8_t byte : header.boot_id) wanted += fmt::format("{:02x}", byte);
  return digits == wanted;
}

bool is_running(const ledger::Header& header, const std::string& ledger, const std::string& proc) {
  return is_alive(header, proc) && has_mapped(directory_of(header, proc), ledger);
}

std::string went_on_as(const ledger::Header& header, const std::string& ledger, const std::string& proc) {
  const std::string directory = directory_of(header, proc);
  if (!is_alive(header, proc) || has_mapped(directory, ledger)) return "";
  std::error_code error;
  const std::filesystem::path program = std::filesystem::read_symlink(directory + "/exe", error);
  return error ? std::string("another program") : program.string();
}

}  // namespace leakdir::tool
