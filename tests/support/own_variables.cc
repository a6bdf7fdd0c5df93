// SPDX-License-Identifier: BSL-1.0
#include "own_variables.hh"

#include <algorithm>
#include <cinttypes>
#include <cstdio>
#include <fstream>
#include <map>

#include "run_program.hh"
#include "shared/ledger.hh"

namespace leakdir_test {

std::vector<Stretch> own_memory_of(pid_t pid, const std::string& dir) {
  leakdir::ledger::Header header = {};
  std::ifstream(dir + "/.ledger", std::ios::binary).read(reinterpret_cast<char*>(&header), sizeof header);
  std::vector<Stretch> own(leakdir::ledger::kMostOwnMemory);
  static_assert(sizeof(Stretch) == sizeof(leakdir::ledger::OwnMemory));
  std::ifstream memory("/proc/" + std::to_string(pid) + "/mem", std::ios::binary);
  memory.seekg(static_cast<std::streamoff>(header.own_memory));
  memory.read(reinterpret_cast<char*>(own.data()), static_cast<std::streamsize>(own.size() * sizeof(Stretch)));
  if (!memory) return {};
  own.erase(std::remove_if(own.begin(), own.end(), [](const Stretch& one) { return one.start >= one.end; }), own.end());
  return own;
}

std::vector<Stretch> variables_of_ours(pid_t pid) {
  std::ifstream maps("/proc/" + std::to_string(pid) + "/maps");
  std::vector<Stretch> writable, variables;
  std::map<std::string, std::uint64_t> base;  // by file
  for (std::string line; std::getline(maps, line);) {
    std::uint64_t start = 0, end = 0;
    char flags[5] = "", file[4096] = "";
    std::sscanf(line.c_str(), "%" SCNx64 "-%" SCNx64 " %4s %*s %*s %*s %4095s", &start, &end, flags, file);
    if (flags[1] == 'w') writable.push_back({start, end});
    if (file[0] == '/') base.emplace(file, start);
  }
  for (const auto& [file, start] : base) {
    const Outcome header = run({{"readelf", "-hW", file}, "", {}, "", 60});
    const Outcome symbols = run({{"readelf", "-sW", file}, "", {}, "", 60});
    const bool has_fixed_place = header.out.find(" EXEC ") != std::string::npos;
    for (const std::string& line : lines_of(symbols.out)) {
      std::uint64_t value = 0;
      std::int64_t size = 0;
      char name[256] = "";
      if (std::sscanf(line.c_str(), "%*s %" SCNx64 " %" SCNi64 " OBJECT %*s %*s %*s %255s", &value, &size, name) != 3 ||
          std::string(name).rfind("_ZN7leakdir", 0) != 0) {
        continue;
      }
      const std::uint64_t at = value + (has_fixed_place ? 0 : start);
      if (std::any_of(writable.begin(), writable.end(), [&](const Stretch& w) { return at >= w.start && at < w.end; }))
        variables.push_back({at, at + static_cast<std::uint64_t>(size)});
    }
  }
  return variables;
}

}  // namespace leakdir_test
