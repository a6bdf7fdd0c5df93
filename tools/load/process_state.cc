// SPDX-License-Identifier: BSL-1.0
//
// Read from the proc file system: stat, maps, the boot id.

#include "process_state.hh"

#include <fmt/format.h>

#include <cctype>
#include <cstring>
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

bool is_running(const ledger::Header& header, const std::string& proc) {
  if (header.state != static_cast<std::uint32_t>(ledger::ProcessState::kRunning) || header.pid == 0) return false;
  if (!is_of_this_boot(header, proc)) return false;
  const std::string directory = fmt::format("{}/{}", proc, header.pid);
  auto stat = read_all(directory + "/stat");
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
  if (header.start_time != 0 && start_time != header.start_time) return false;
  // After an exec the pid and its start time are the same, but the ledger is not mapped any more. Where we may not look
  // into the process, it gets the benefit of the doubt.
  auto maps = read_all(directory + "/maps");
  return !maps || maps->empty() || maps->find(std::string("/") + ledger::kFileName) != std::string::npos;
}

}  // namespace leakdir::tool
